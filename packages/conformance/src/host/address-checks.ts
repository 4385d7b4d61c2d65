import { demand, hex64 } from '../failure.ts';
import * as wire from '../wire/memory-commands.ts';
import { longs, words } from '../wire/message.ts';
import { Group } from './group.ts';
import { stage } from './memory-checks.ts';

/** Places of GPU addresses, and updates on the timeline of a context: section 7.10. */

const memory = new Group('MEMORY');
const GRANULE = 65_536n;
/** Flag of UpdateGpuVirtualAddress. */
const DO_NOT_WAIT = 1;
/** Flag of DestroyAllocation. */
const ASSUME_NOT_IN_USE = 1;

memory.must(
  24,
  '7.10',
  'Where GPU addresses are asked for between bounds or at a place, they are there, or the call fails',
  async (kit) => {
    const { scene, adapter, queue, device, allocation } = await stage(kit);
    const size = 2n * GRANULE;
    const reserve = (fields: Record<string, bigint>) =>
      scene.call(wire.reserveGpuVirtualAddress, { adapter, size, ...fields });
    const base = (await reserve({})).ok().long('virtual_address');
    const map = (fields: Record<string, bigint | number>) =>
      scene.call(wire.mapGpuVirtualAddress, {
        paging_queue: queue,
        allocation,
        size_in_pages: 1n,
        ...fields,
      });
    const mapped = (await map({ base_address: base + 4096n })).ok(true).long('virtual_address');
    (await map({ base_address: base + 5n })).fails('an address that is no multiple of 4096');
    const bounds = { minimum_address: base, maximum_address: base + size };
    (await reserve(bounds)).fails('bounds with nothing free between them');
    (await map(bounds)).fails('bounds with nothing free between them');
    (await scene.call(wire.freeGpuVirtualAddress, { adapter, base_address: base, size })).ok();
    const within = (await reserve(bounds)).ok().long('virtual_address');
    const found = [mapped, within].map(hex64).join(', ');
    const wanted = [base + 4096n, base].map(hex64).join(', ');
    demand(
      found === wanted,
      `${wanted}: where it was asked for, and the only place between the bounds`,
      found,
    );
    // A fence has an address too, which is not for the guest to use.
    const fenceAddress = (await scene.fence(device)).reply.long('fence_gpu_va');
    (await map({ base_address: fenceAddress - (fenceAddress % 4096n) })).fails('the address of a fence');
    // Addresses are a process's own.
    const other = await kit.scene(scene.guest);
    (await other.call(wire.reserveGpuVirtualAddress, { adapter, size, base_address: base })).ok();
  },
);

memory.must(
  25,
  '7.10, 4.10',
  'An update of GPU addresses waits for its fence unless told not to, and then signals one more',
  async (kit) => {
    const { scene, adapter, device, allocation } = await stage(kit);
    const context = await scene.context(device);
    const fence = await scene.fence(device);
    const place = { adapter, size: GRANULE };
    const base = (await scene.call(wire.reserveGpuVirtualAddress, place)).ok().long('virtual_address');
    const update = (operation: readonly bigint[], fields: Record<string, bigint | number>) =>
      scene.call(
        wire.updateGpuVirtualAddress,
        { device, context, fence_object: fence.handle, num_operations: 1, ...fields },
        [longs([...operation, ...new Array<bigint>(8 - operation.length).fill(0n)])],
      );
    const map = [0n, base, 4096n, BigInt(allocation), 0n, 4096n];
    (await update(map, { fence_value: 2n })).ok();
    await scene.roundTrip();
    const early = scene.guest.fenceAt(fence.address);
    demand(early === 0n, '0 in the page of the fence: its value is not reached', hex64(early));
    (await scene.signal(device, [fence.handle], [2n])).ok();
    await scene.untilFence(device, fence.handle, 3n, 'the update is done');
    (await update([1n, base, 4096n], { fence_value: 8n, flags: DO_NOT_WAIT })).ok();
    await scene.untilFence(device, fence.handle, 9n, 'an update that does not wait is done');
    const late = scene.guest.fenceAt(fence.address);
    demand(late === 9n, '9 in the page of the fence', hex64(late));
    (await update([], { flags: DO_NOT_WAIT, num_operations: 0 })).fails('no operation');
    (await update([9n, base, 4096n], { flags: DO_NOT_WAIT })).fails('operation 9');
    (await update([0n, base, 4096n, BigInt(allocation), 65_536n, 4096n], { flags: DO_NOT_WAIT })).fails(
      'memory behind the end of the allocation',
    );
    (await update([0n, base, 4096n, 0xeaf3_7bc0n, 0n, 4096n], { flags: DO_NOT_WAIT })).fails(
      'an unknown allocation',
    );
    (await update(map, { flags: DO_NOT_WAIT, fence_object: 0xeaf3_7bc0 })).fails('an unknown fence');
  },
);

memory.must(28, '7.10', 'Mappings that no reservation was for end with their allocation', async (kit) => {
  const { scene, adapter, device, queue, allocation } = await stage(kit);
  const map = { paging_queue: queue, allocation, size_in_pages: 16n };
  const mapped = (await scene.call(wire.mapGpuVirtualAddress, map)).ok(true);
  const place = { adapter, base_address: mapped.long('virtual_address'), size: GRANULE };
  (await scene.call(wire.reserveGpuVirtualAddress, place)).fails('a range that is mapped');
  const end = { device, alloc_count: 1, flags: ASSUME_NOT_IN_USE };
  (await scene.call(wire.destroyAllocation, end, [words([allocation])])).ok();
  (await scene.call(wire.reserveGpuVirtualAddress, place)).ok();
});

memory.must(
  29,
  '7.10',
  'What is not whole, of no type, or not there is neither reserved nor freed',
  async (kit) => {
    const { scene, adapter } = await stage(kit);
    const reserve = (fields: Record<string, bigint | number>) =>
      scene.call(wire.reserveGpuVirtualAddress, { adapter, size: GRANULE, ...fields });
    const base_address = (await reserve({})).ok().long('virtual_address');
    const free = (fields: Record<string, bigint>) =>
      scene.call(wire.freeGpuVirtualAddress, { adapter, base_address, size: GRANULE, ...fields });
    (await reserve({ reservation_type: 3 })).fails('reservation type 3');
    for (const fields of [{ size: 2n * GRANULE }, { size: 0n }, { base_address: base_address + 5n }])
      (await free(fields)).fails(Object.entries(fields).join().replace(',', ' '));
    (await free({})).ok();
    (await free({})).fails('a range that is free');
    (await reserve({ base_address: base_address + 4096n })).fails('an address that is no multiple of 64 KiB');
  },
);

export const addressRequirements = memory.requirements;
