import { demand, hex32, hex64 } from '../failure.ts';
import { Status } from '../statuses.ts';
import * as wire from '../wire/memory-commands.ts';
import { words } from '../wire/message.ts';
import { Group } from './group.ts';
import type { HostKit } from './kit.ts';
import { ALLOCATION_FLAG, pageList, systemMemory } from './samples-memory.ts';
import type { Scene } from './scene.ts';

/** Allocations, locks, system memory, residency, GPU addresses: sections 5, 7.6 to 7.8, 7.10, 7.12. */

const memory = new Group('MEMORY');
const GRANULE = 65_536n;
/** Flag of MakeResident. */
const MUST_SUCCEED = 2;

export interface Stage {
  readonly scene: Scene;
  readonly device: number;
  readonly queue: number;
  readonly fence: number;
  readonly fenceAddress: bigint;
  readonly allocation: number;
  readonly adapter: number;
}

/** An allocation, its device and a paging queue. */
export async function stage(kit: HostKit, lengthBytes = 65_536): Promise<Stage> {
  const scene = await kit.scene();
  const device = await scene.device();
  const { queue, fence, address: fenceAddress } = await scene.pagingQueue(device);
  const allocation = await scene.allocation(device, lengthBytes);
  return {
    scene,
    device,
    queue,
    fence,
    fenceAddress,
    allocation,
    adapter: scene.guest.gpus[0]?.adapterHandle ?? 0,
  };
}

function makeResident(
  { scene, queue }: Stage,
  allocations: readonly number[],
  flags = 0,
): ReturnType<Scene['call']> {
  const fields = { paging_queue: queue, alloc_count: allocations.length, flags };
  return scene.call(wire.makeResident, fields, [words(allocations)]);
}

function evict({ scene, device }: Stage, allocations: readonly number[]): ReturnType<Scene['call']> {
  return scene.call(wire.evict, { device, alloc_count: allocations.length }, [words(allocations)]);
}

async function residency({ scene, device, allocation }: Stage): Promise<number> {
  const reply = await scene.call(wire.queryAllocationResidency, { device, allocation_count: 1 }, [
    words([allocation]),
  ]);
  return reply.ok().number('residency_status');
}

memory.must(1, '7.6', "A paging queue's fence begins at 0", async (kit) => {
  const { scene, fenceAddress } = await stage(kit);
  demand(scene.guest.fenceAt(fenceAddress) === 0n, '0', hex64(scene.guest.fenceAt(fenceAddress)));
});

memory.must(
  2,
  '7.6, 7.7',
  'MakeResident ends: at once, or when the paging fence reaches the value given',
  async (kit) => {
    const at = await stage(kit);
    const reply = (await makeResident(at, [at.allocation])).ok(true);
    await at.scene.untilPaged(at.device, at.fence, reply);
    const list = words([at.allocation, await at.scene.allocation(at.device)]);
    const head = { device: at.device, allocation_count: 2 };
    const found = (await at.scene.call(wire.queryAllocationResidency, head, [list])).ok();
    const states = [found.number('residency_status'), found.number('residency_status', 0, 4)].join(', ');
    demand(
      states === '1, 3' || states === '2, 3',
      'a resident allocation (1 or 2), then one that is not (3)',
      states,
      found.evidence(),
    );
  },
);

memory.must(
  3,
  '7.7',
  'Residency is counted: evicted once after two calls it stays, after two it goes below no zero',
  async (kit) => {
    const at = await stage(kit);
    for (let count = 0; count < 2; count += 1) {
      await at.scene.untilPaged(at.device, at.fence, (await makeResident(at, [at.allocation])).ok(true));
    }
    (await evict(at, [at.allocation])).ok();
    const first = await residency(at);
    for (let count = 0; count < 3; count += 1) (await evict(at, [at.allocation])).ok();
    await at.scene.untilPaged(at.device, at.fence, (await makeResident(at, [at.allocation])).ok(true));
    const last = await residency(at);
    demand(
      first !== 3 && last !== 3,
      'resident after one of two, and after one more call: nothing is owed for evictions of nothing',
      `${first}, then ${last} (3: not resident)`,
    );
  },
);

memory.must(
  4,
  '7.7',
  'MakeResident is all or nothing: with one bad handle, or must_succeed by itself, nothing becomes resident',
  async (kit) => {
    const at = await stage(kit);
    (await makeResident(at, [at.allocation, 0xeaf3_7bc0])).fails('an unknown handle in the list');
    (await makeResident(at, [at.allocation], MUST_SUCCEED)).fails('must_succeed without cant_trim_further');
    const state = await residency(at);
    demand(state === 3, 'not resident (3)', String(state));
  },
);

memory.must(
  5,
  '4.9',
  'Empty lists, and more than 10,240 allocations, are refused; so many are not',
  async (kit) => {
    const at = await stage(kit);
    (await makeResident(at, [])).failsWith(Status.invalidParameter, 'no allocation');
    const many = new Array<number>(10_241).fill(at.allocation);
    (await makeResident(at, many)).failsWith(Status.invalidParameter, '10,241 allocations');
    (await evict(at, [])).fails('no allocation');
    // Many, and the same again and again: each counts.
    const most = many.slice(1);
    (await makeResident(at, most)).ok(true);
    (await evict(at, most)).ok();
  },
);

memory.must(
  6,
  '5.3',
  'A second Lock2 gives the same address; Unlock2 without a lock succeeds',
  async (kit) => {
    const { scene, device, allocation } = await stage(kit);
    (await scene.call(wire.unlock2, { device, allocation })).ok();
    const first = (await scene.call(wire.lock2, { device, allocation })).ok();
    const second = (await scene.call(wire.lock2, { device, allocation })).ok();
    const [a, b] = [first.long('cpu_visible_buffer_offset'), second.long('cpu_visible_buffer_offset')];
    demand(a === b, `the address ${hex64(a)} again`, hex64(b), second.evidence());
    (await scene.call(wire.unlock2, { device, allocation })).ok();
  },
);

memory.must(
  7,
  '5.1, observation 23',
  'A locked allocation lies in the IO space as a whole, and not over another',
  async (kit) => {
    const { scene, device, allocation } = await stage(kit);
    const other = await scene.allocation(device, 65_536);
    const found: bigint[] = [];
    for (const each of [allocation, other]) {
      const reply = (await scene.call(wire.lock2, { device, allocation: each })).ok();
      const address = reply.long('cpu_visible_buffer_offset');
      scene.guest.windowOffset(address, 65_536, 'a locked allocation', reply.evidence());
      found.push(address);
    }
    const [a = 0n, b = 0n] = found;
    demand(
      a + GRANULE <= b || b + GRANULE <= a,
      'two places that do not overlap',
      `${hex64(a)} and ${hex64(b)}`,
    );
  },
);

memory.must(8, '5.3', 'An allocation that is locked can be destroyed', async (kit) => {
  const { scene, device, allocation } = await stage(kit);
  (await scene.call(wire.lock2, { device, allocation })).ok();
  (await scene.call(wire.destroyAllocation, { device, alloc_count: 1 }, [words([allocation])])).ok();
  (await scene.call(wire.lock2, { device, allocation })).fails('a destroyed allocation');
});

memory.must(
  9,
  '4.8, observation 26',
  'Several allocations are named in their order, each with its private data',
  async (kit) => {
    const scene = await kit.scene();
    const device = await scene.device();
    const made = (await scene.createAllocations(device, [4096, 8192, 65_536])).ok().isPadded();
    const sizes = [0, 1, 2].map((index) => made.long('allocation_size', 0, 72 * index));
    demand(
      sizes[0]! < sizes[1]! && sizes[1]! < sizes[2]!,
      'sizes as asked for',
      sizes.join(', '),
      made.evidence(),
    );
    const names = new Set([0, 1, 2].map((index) => made.number('allocation', 0, 72 * index)));
    demand(names.size === 3 && !names.has(0), 'three handles', [...names].join(', '), made.evidence());
    const given = [0, 1, 2].map((index) => made.number('priv_drv_data_size', 0, 72 * index));
    const asked = [4096, 8192, 65_536].map((size) => scene.profile.allocationData(size).length);
    const isWithin = given.every((size, index) => size <= (asked[index] ?? 0));
    demand(isWithin, `private data of at most ${asked.join(', ')} bytes`, given.join(', '), made.evidence());
  },
);

memory.must(10, '4.8, 3.5', 'Destroying a resource destroys its allocations', async (kit) => {
  const scene = await kit.scene();
  const device = await scene.device();
  const made = (
    await scene.createAllocations(device, [4096, 4096], { flags: ALLOCATION_FLAG.resource })
  ).ok();
  const resource = made.number('resource');
  (await scene.call(wire.destroyAllocation, { device, resource })).ok();
  (await scene.call(wire.lock2, { device, allocation: made.number('allocation') })).fails('a member of it');
});

memory.must(
  11,
  '4.8',
  'No allocation, more than 1024, and create_shared without create_resource are refused',
  async (kit) => {
    const scene = await kit.scene();
    const device = await scene.device();
    (await scene.createAllocations(device, [])).fails('no allocation');
    (await scene.createAllocations(device, new Array<number>(1025).fill(0))).fails('1025 allocations');
    (await scene.createAllocations(device, [4096], { flags: 0x42 })).fails(
      'create_shared without create_resource',
    );
  },
);

memory.must(
  12,
  '5.4, observation 28',
  'System memory by GPADL is let go of before DestroyAllocation is answered',
  async (kit) => {
    const { guest } = await kit.scene();
    const scene = await kit.scene(guest);
    const { device, allocation, address } = await systemMemory(scene, 8192);
    const gpadl = await guest.shareMemory(address, 8192);
    (await scene.call(wire.setExistingSysMemStore, { device, allocation, gpadl })).ok();
    (await scene.call(wire.destroyAllocation, { device, alloc_count: 1 }, [words([allocation])])).ok();
    let isGone = false;
    guest.takeBack(gpadl).then(
      () => (isGone = true),
      () => {},
    );
    for (let count = 0; count < 50 && !isGone; count += 1) await scene.roundTrip();
    demand(isGone, 'the GPADL torn down', 'no word of it after 50 round trips');
  },
);

memory.must(
  13,
  '5.4, 8.3',
  'Page lists that are no memory of the guest, too long, too short, or name no GPADL are refused',
  async (kit) => {
    const scene = await kit.scene();
    const { device, allocation, address } = await systemMemory(scene, 8192);
    (await scene.call(wire.setExistingSysMemStore, { device, allocation, gpadl: 0x7777 })).fails(
      'an unknown GPADL',
    );
    const pages = (frames: number[], offset = 0) =>
      scene.call(
        wire.setExistingSysMemPages,
        { device, allocation, num_pages: frames.length, alloc_offset_in_pages: offset },
        [pageList(frames)],
      );
    const ioFrame = Number(scene.guest.ioStart >> 12n);
    (await pages([ioFrame, ioFrame + 1])).fails('frames of the IO space');
    const first = address / 4096;
    (await pages([first, ioFrame])).fails('one frame of the IO space');
    (await pages([first, first + 1, first])).fails('more frames than the allocation has pages');
    (await pages([first, first + 1], 1)).fails('frames beyond the allocation');
    (await pages([first, first + 1], 0xffff_fff0)).fails('an offset near 2^32');
    const part = await scene.guest.shareMemory(address, 4096);
    (await scene.call(wire.setExistingSysMemStore, { device, allocation, gpadl: part })).fails(
      'a GPADL shorter than the allocation',
    );
  },
);

memory.must(14, '5.4', 'An ordinary allocation takes no guest pages', async (kit) => {
  const { scene, device, allocation } = await stage(kit);
  const block = scene.guest.allocateMemory(65_536);
  const gpadl = await scene.guest.shareMemory(block.address, 65_536);
  (await scene.call(wire.setExistingSysMemStore, { device, allocation, gpadl })).fails(
    'an ordinary allocation',
  );
});

memory.must(
  15,
  '7.10',
  'GPU addresses are reserved where asked, aligned, once, and can be freed',
  async (kit) => {
    const { scene, adapter } = await stage(kit);
    const base = (await scene.call(wire.reserveGpuVirtualAddress, { adapter, size: GRANULE }))
      .ok()
      .long('virtual_address');
    const fields = { adapter, base_address: base, size: GRANULE };
    (await scene.call(wire.reserveGpuVirtualAddress, fields)).fails('a range that is taken');
    (await scene.call(wire.freeGpuVirtualAddress, fields)).ok();
    const again = (await scene.call(wire.reserveGpuVirtualAddress, fields)).ok().long('virtual_address');
    demand(again === base, hex64(base), hex64(again));
    (await scene.call(wire.reserveGpuVirtualAddress, { adapter, size: 4096n })).fails(
      'a size that is no multiple of 64 KiB',
    );
    (await scene.call(wire.reserveGpuVirtualAddress, { adapter, size: 0n })).fails('a size of 0');
  },
);

memory.must(
  16,
  '7.10, 4.8',
  'Mappings and invalidations outside of their allocation, or with no_access over one, are refused',
  async (kit) => {
    const { scene, device, queue, allocation } = await stage(kit);
    const map = (fields: Record<string, bigint | number>) =>
      scene.call(wire.mapGpuVirtualAddress, { paging_queue: queue, ...fields });
    (await map({ allocation, size_in_pages: 17n })).fails('17 of 16 pages');
    (await map({ allocation, size_in_pages: 1n, offset_in_pages: 0xffff_ffff_ffff_ffffn })).fails(
      'an offset near 2^64',
    );
    (await map({ allocation, size_in_pages: 0n })).fails('no pages');
    (await map({ allocation, size_in_pages: 1n, protection: 8n })).fails('no_access with an allocation');
    for (const [offset, length] of [
      [0n, 65_537n],
      [0xffff_ffff_ffff_f000n, 8192n],
    ]) {
      const range = { device, allocation, offset: offset ?? 0n, length: length ?? 0n };
      (await scene.call(wire.invalidateCache, range)).fails(`${length} bytes from ${offset} on`);
    }
  },
);

memory.must(
  17,
  '7.8',
  'Offer and reclaim: success also when not needed, with a paging fence that is reached',
  async (kit) => {
    const at = await stage(kit);
    const { scene, device, queue, allocation } = at;
    const both = [words([allocation, await scene.allocation(device)])];
    const offer = (priority: number) =>
      scene.call(wire.offerAllocations, { device, allocation_count: 2, priority }, both);
    for (const priority of [1, 1, 2, 3, 4]) (await offer(priority)).ok();
    for (let count = 0; count < 2; count += 1) {
      const fields = { device, paging_queue: queue, allocation_count: 2, write_results: true };
      const reply = (await scene.call(wire.reclaimAllocations, fields, both)).ok(true).isPadded();
      await scene.untilFence(
        device,
        at.fence,
        reply.long('paging_fence_value'),
        'the value given is reached',
      );
    }
    for (const priority of [0, 5]) (await offer(priority)).fails(`priority ${priority}`);
  },
);

memory.must(18, '7.11', 'An allocation priority is what was set, each its own', async (kit) => {
  const { scene, device, allocation } = await stage(kit);
  const both = words([allocation, await scene.allocation(device)]);
  const head = { device, allocation_count: 2 };
  (await scene.call(wire.setAllocationPriority, head, [both, words([0xa0000000, 0x50000000])])).ok();
  const reply = (await scene.call(wire.getAllocationPriority, head, [both])).ok();
  const found = [reply.number('priorities'), reply.number('priorities', 0, 4)].map(hex32).join(', ');
  demand(found === '0xa0000000, 0x50000000', '0xa0000000, 0x50000000', found, reply.evidence());
});

memory.must(
  19,
  '4.8',
  'DdiGetStandardAllocationDriverData gives the same sizes twice, then the bytes',
  async (kit) => {
    const scene = await kit.scene();
    const head = { alloc_type: 4, width: 65_536, height: 1, type: 7 };
    const first = (await scene.call(wire.ddiGetStandardAllocationDriverData, head)).ok();
    const sizes = {
      priv_driver_data_size: first.number('priv_driver_data_size'),
      priv_driver_resource_size: first.number('priv_driver_resource_size'),
    };
    const second = (await scene.call(wire.ddiGetStandardAllocationDriverData, { ...head, ...sizes }))
      .ok()
      .isPadded();
    demand(
      second.number('priv_driver_data_size') === sizes.priv_driver_data_size,
      `${sizes.priv_driver_data_size} bytes`,
      `${second.number('priv_driver_data_size')}`,
      second.evidence(),
    );
    const wanted = { ...head, ...sizes, priv_driver_resource_size: sizes.priv_driver_resource_size + 8 };
    (await scene.call(wire.ddiGetStandardAllocationDriverData, wanted)).isPadded();
    second.number('priv_data');
    second.number('resource_priv_data');
  },
);

export const memoryRequirements = memory.requirements;
