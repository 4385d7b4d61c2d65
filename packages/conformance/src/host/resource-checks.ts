import { demand, hex32, NotApplicable } from '../failure.ts';
import { Status } from '../statuses.ts';
import * as adapterWire from '../wire/adapter-commands.ts';
import * as wire from '../wire/memory-commands.ts';
import { longs, words } from '../wire/message.ts';
import { Group } from './group.ts';
import { stage } from './memory-checks.ts';
import { ALLOCATION_FLAG, pageList, systemMemory } from './samples-memory.ts';

/** Budgets, lists of allocations, resources, pieces of page lists: sections 4.8, 4.9, 5.4, 7.7, 7.8. */

const memory = new Group('MEMORY');
const GRANULE = 65_536n;
/** Type of a standard allocation. */
const CROSS_ADAPTER = 2;

memory.must(
  20,
  '7.7, 4.4',
  'Budget and usage count; a reservation is what was set, and refused above what is available or for no group',
  async (kit) => {
    const { scene, device, queue, fence, allocation, adapter } = await stage(kit);
    const info = async (memory_segment_group = 0) =>
      (await scene.call(adapterWire.queryVideoMemoryInfo, { adapter, memory_segment_group })).ok();
    const pin = { paging_queue: queue, alloc_count: 1 };
    const list = [words([allocation])];
    for (let count = 0; count < 2; count += 1) {
      await scene.untilPaged(device, fence, (await scene.call(wire.makeResident, pin, list)).ok(true));
    }
    // Asked for twice, it counts until it is let go of twice.
    (await scene.call(wire.evict, { device, alloc_count: 1 }, list)).ok();
    const groups = [await info(0), await info(1)];
    for (const name of ['budget', 'current_usage']) {
      const sum = groups.reduce((total, reply) => total + reply.long(name), 0n);
      demand(sum > 0n, `a ${name} while something is resident`, '0 in both groups', groups[0]?.evidence());
    }
    const reserve = (reservation: bigint, memory_segment_group = 0) =>
      scene.call(adapterWire.changeVideoMemoryReservation, { memory_segment_group, reservation });
    const available = (await info()).long('available_for_reservation');
    (await reserve(available + 1n)).failsWith(Status.invalidParameter, 'one byte more than is available');
    (await reserve(0n, 7)).fails('memory segment group 7');
    (await scene.call(adapterWire.queryVideoMemoryInfo, { adapter, memory_segment_group: 7 })).fails(
      'memory segment group 7',
    );
    const wanted = available < GRANULE ? available : GRANULE;
    (await reserve(wanted)).ok();
    const after = await info();
    const got = after.long('current_reservation');
    demand(got === wanted, `a reservation of ${wanted} bytes`, `${got}`, after.evidence());
    (await reserve(0n)).ok();
  },
);

memory.must(
  21,
  '3.3, 8.3',
  'A list with one bad handle is refused as a whole: the others are as they were',
  async (kit) => {
    const { scene, device, allocation } = await stage(kit);
    const list = words([allocation, 0xeaf3_7bc0]);
    const twice = words([allocation, allocation]);
    (await scene.call(wire.destroyAllocation, { device, alloc_count: 2 }, [list])).fails('an unknown handle');
    (await scene.call(wire.destroyAllocation, { device, alloc_count: 2 }, [twice])).fails('a handle twice');
    const one = [words([allocation])];
    const head = { device, allocation_count: 1 };
    (await scene.call(wire.setAllocationPriority, head, [...one, words([0x50000000])])).ok();
    const priorities = [list, words([0xc8000000, 0xc8000000])];
    (await scene.call(wire.setAllocationPriority, { device, allocation_count: 2 }, priorities)).fails(
      'an unknown handle',
    );
    const reply = (await scene.call(wire.getAllocationPriority, head, one)).ok();
    const got = reply.number('priorities');
    demand(got === 0x50000000, '0x50000000, the priority that it had', hex32(got), reply.evidence());
    (await scene.call(wire.destroyAllocation, { device, alloc_count: 1 }, one)).ok();
  },
);

memory.must(
  22,
  '4.8, 4.9, 7.8',
  'A resource stands for its allocations, those added to it later among them',
  async (kit) => {
    const { scene, device, queue, fence } = await stage(kit);
    const flags = ALLOCATION_FLAG.resource;
    const made = (await scene.createAllocations(device, [4096, 4096], { flags })).ok();
    const [resource, first] = [made.number('resource'), made.number('allocation')];
    const added = (await scene.createAllocations(device, [4096], { resource })).ok().number('allocation');
    (await scene.call(wire.setAllocationPriority, { device, resource }, [words([0xa0000000])])).ok();
    const one = words([added]);
    const head = { device, allocation_count: 1 };
    for (const [fields, tail] of [
      [head, [one]],
      [{ device, resource }, []],
    ] as const) {
      const priority = (await scene.call(wire.getAllocationPriority, fields, tail)).ok();
      const got = priority.number('priorities');
      demand(got === 0xa0000000, '0xa0000000, as its resource', hex32(got), priority.evidence());
    }
    (await scene.call(wire.getAllocationPriority, { ...head, resource }, [one])).fails(
      'a resource and a list',
    );
    const elsewhere = { device: await scene.device(), resource };
    (await scene.call(wire.getAllocationPriority, elsewhere)).fails('a resource of another device');
    // The least resident of its members: the one in the middle has never been asked for.
    const ends = words([first, added]);
    const pin = { paging_queue: queue, alloc_count: 2 };
    await scene.untilPaged(device, fence, (await scene.call(wire.makeResident, pin, [ends])).ok(true));
    const residency = (await scene.call(wire.queryAllocationResidency, { device, resource })).ok();
    const state = residency.number('residency_status');
    demand(
      state === 3,
      'a resource that is not resident as a whole (3)',
      String(state),
      residency.evidence(),
    );
    const list = [words([resource])];
    const named = { device, allocation_count: 1, resources: true };
    (await scene.call(wire.offerAllocations, { ...named, priority: 2 }, list)).ok();
    const reclaim = { ...named, paging_queue: queue, write_results: true };
    await scene.untilPaged(
      device,
      fence,
      (await scene.call(wire.reclaimAllocations, reclaim, list)).ok(true),
    );
    (await scene.call(wire.offerAllocations, { ...named, priority: 2 }, [one])).fails(
      'an allocation as a resource',
    );
    (await scene.call(wire.destroyAllocation, { device, resource, alloc_count: 1 }, [one])).fails(
      'a resource and a list',
    );
    (await scene.call(wire.destroyAllocation, { device, resource })).ok();
    (await scene.call(wire.lock2, { device, allocation: added })).fails('a member that was added');
  },
);

memory.must(
  23,
  '5.4',
  'Memory of the guest comes in pieces that do not overlap, and once: then neither more nor a GPADL is taken',
  async (kit) => {
    const scene = await kit.scene();
    const { device, allocation, address, size } = await systemMemory(scene, 8192);
    demand(size === 8192n, 'an allocation of the 8192 bytes that it is to be over', `${size}`);
    const gpadl = await scene.guest.shareMemory(address, 8192);
    const store = () => scene.call(wire.setExistingSysMemStore, { device, allocation, gpadl });
    const frame = address / 4096;
    const piece = (offset: number) =>
      scene.call(
        wire.setExistingSysMemPages,
        { device, allocation, num_pages: 1, alloc_offset_in_pages: offset },
        [pageList([frame + offset])],
      );
    const first = await piece(0);
    if (first.status === 0) {
      (await piece(0)).fails('the first page again');
      (await piece(1)).ok();
      (await piece(1)).fails('the last page again');
    } else {
      // A host without map_guest_memory.
      (await store()).ok();
    }
    (await store()).fails('an allocation that has its pages');
  },
);

memory.must(
  26,
  '4.8',
  'A standard allocation is as large as its description says; one of no whole pages is refused',
  async (kit) => {
    const scene = await kit.scene();
    const device = await scene.device();
    const create = (lengthBytes: bigint, type: number) =>
      scene.createAllocations(
        device,
        [0],
        { flags: ALLOCATION_FLAG.shared | ALLOCATION_FLAG.standard },
        longs([BigInt(type), lengthBytes, 0n]),
      );
    const made = await create(12_288n, CROSS_ADAPTER);
    if (made.status !== 0) throw new NotApplicable('this host makes no cross-adapter allocations');
    const got = made.long('allocation_size');
    demand(got === 12_288n, '12288 bytes', `${got}`, made.evidence());
    (await create(0n, CROSS_ADAPTER)).fails('a size of 0');
    (await create(5000n, CROSS_ADAPTER)).fails('a size of no whole pages');
    (await create(4096n, 9)).fails('type 9');
  },
);

memory.must(27, '4.9, 3.5, 7.6', 'DestroyPagingQueue ends a queue and its fence', async (kit) => {
  const { scene, device, queue, fence, allocation } = await stage(kit);
  await scene.call(wire.destroyPagingQueue, { paging_queue: queue });
  const pin = { paging_queue: queue, alloc_count: 1 };
  (await scene.call(wire.makeResident, pin, [words([allocation])])).fails('a queue that was destroyed');
  (await scene.wait(device, scene.guest.event(), [fence], [0n])).fails('the fence of a destroyed queue');
});

export const resourceRequirements = memory.requirements;
