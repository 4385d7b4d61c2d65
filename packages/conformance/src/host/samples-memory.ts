import { demand, hex64, inSetUp } from '../failure.ts';
import * as wire from '../wire/memory-commands.ts';
import { longs, words } from '../wire/message.ts';
import { createNtSharedObject } from '../wire/sync-commands.ts';
import type { Reply } from './reply.ts';
import type { Sample } from './samples.ts';
import type { Scene } from './scene.ts';

/** One right use of each command on allocations, residency and GPU addresses. */

const PAGE_BYTES = 4096n;
const GRANULE_BYTES = 65_536n;
export const ALLOCATION_FLAG = { resource: 1, shared: 0x43, systemMemory: 0x20, standard: 0x1_0000 } as const;
const PAGE_LIST_SLOTS = 15_867;

async function onQueue(
  scene: Scene,
): Promise<{ device: number; queue: number; fence: number; allocation: number }> {
  const device = await scene.device();
  const { queue, fence } = await scene.pagingQueue(device);
  return { device, queue, fence, allocation: await scene.allocation(device) };
}

async function pair(scene: Scene): Promise<{ device: number; allocation: number }> {
  const device = await scene.device();
  return { device, allocation: await scene.allocation(device) };
}

/** A page list as the driver sends it: always of full length. */
export function pageList(frames: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(8 * PAGE_LIST_SLOTS);
  bytes.set(longs(frames.map(BigInt)));
  return bytes;
}

/** An allocation over pages of the guest, which it has not been given yet. */
export async function systemMemory(
  scene: Scene,
  lengthBytes: number,
): Promise<{ device: number; allocation: number; address: number; size: bigint }> {
  const device = await scene.device();
  const flags = ALLOCATION_FLAG.systemMemory;
  const created = scene.createAllocations(device, [lengthBytes], { flags }).then((reply) => reply.ok());
  const made = await inSetUp(created);
  const { address } = scene.guest.allocateMemory(lengthBytes);
  return { device, allocation: made.number('allocation'), address, size: made.long('allocation_size') };
}

function examineLong(name: string): (reply: Reply) => void {
  return (reply) => void reply.long(name);
}

export const memorySamples: readonly Sample[] = [
  {
    command: wire.createAllocation,
    async make(scene) {
      const device = await scene.device();
      const data = scene.profile.allocationData(8192);
      const runtime = Uint8Array.of(3, 1, 4);
      return {
        fields: {
          device,
          alloc_count: 1,
          flags: ALLOCATION_FLAG.resource,
          private_runtime_data_size: runtime.length,
          priv_drv_data_size: 2,
          private_runtime_resource_handle: 0xfeed_0000_0001n,
        },
        tail: [words([0, data.length, 0]), runtime, Uint8Array.of(5, 9), data],
        handles: ['device'],
      };
    },
    check(reply, { profile }) {
      const size = reply.long('allocation_size');
      demand(size >= PAGE_BYTES, 'an allocation of at least a page', hex64(size), reply.evidence());
      demand(size % PAGE_BYTES === 0n, 'a size in whole pages', hex64(size), reply.evidence());
      const most = profile.allocationData(8192).length;
      const given = reply.number('priv_drv_data_size');
      demand(given <= most, `at most ${most} bytes of private data returned`, `${given}`, reply.evidence());
      demand(reply.number('resource') !== 0, 'a resource', 'a null handle', reply.evidence());
      for (const name of ['flags', 'global_share', 'vgpu_flags', 'allocation', 'allocation_flags'])
        reply.number(name);
      for (let index = 0; index < 48; index += 1) reply.number('driver_info', index);
    },
  },
  {
    command: wire.destroyAllocation,
    async make(scene) {
      const { device, allocation } = await pair(scene);
      const fields = { device, alloc_count: 1, flags: 1 };
      return { fields, tail: [words([allocation]), words([0, 0])], handles: ['device'], tailHandles: [0] };
    },
  },
  {
    command: wire.ddiGetStandardAllocationDriverData,
    make: async () => ({ fields: { alloc_type: 4, width: 65_536, height: 1, type: 7, pitch: 0 } }),
    check(reply) {
      const size = reply.number('priv_driver_data_size');
      demand(size > 0, 'a size of private data above 0', '0', reply.evidence());
      for (const name of [
        'priv_driver_resource_size',
        'width',
        'height',
        'format',
        'type',
        'flags',
        'pitch',
      ]) {
        reply.number(name);
      }
    },
  },
  {
    command: wire.openResource,
    async make(scene) {
      const device = await scene.device();
      const made = (await scene.createAllocations(device, [4096], { flags: ALLOCATION_FLAG.shared })).ok();
      const shared = await scene.call(createNtSharedObject, { object: made.number('resource') });
      const fields = {
        device,
        nt_security_sharing: true,
        global_share: shared.ok().handle(),
        allocation_count: 1,
      };
      return { fields: { ...fields, total_priv_drv_data_size: 8 }, handles: ['device', 'global_share'] };
    },
    check(reply) {
      const [resource, allocation] = [reply.number('resource'), reply.number('allocations')];
      demand(
        resource !== 0 && allocation !== 0,
        'new handles',
        `${resource}, ${allocation}`,
        reply.evidence(),
      );
    },
  },
  {
    command: wire.setExistingSysMemStore,
    async make(scene) {
      const { device, allocation, address } = await systemMemory(scene, 8192);
      const gpadl = await scene.guest.shareMemory(address, 8192);
      return { fields: { device, allocation, gpadl }, handles: ['device', 'allocation'] };
    },
  },
  {
    command: wire.setExistingSysMemPages,
    optional: 'a host without map_guest_memory takes page lists by GPADL only',
    async make(scene) {
      const { device, allocation, address } = await systemMemory(scene, 8192);
      const first = address / 4096;
      const fields = { device, allocation, num_pages: 2, alloc_offset_in_pages: 0 };
      return { fields, tail: [pageList([first, first + 1])], handles: ['device', 'allocation'] };
    },
  },
  {
    command: wire.lock2,
    make: async (scene) => ({ fields: await pair(scene), handles: ['device', 'allocation'] }),
    check(reply, { guest }) {
      guest.windowOffset(
        reply.long('cpu_visible_buffer_offset'),
        4096,
        'a locked allocation',
        reply.evidence(),
      );
    },
  },
  {
    command: wire.unlock2,
    make: async (scene) => ({ fields: await pair(scene), handles: ['device', 'allocation'] }),
  },
  {
    command: wire.invalidateCache,
    make: async (scene) => ({
      fields: { ...(await pair(scene)), offset: 16n, length: 64n },
      handles: ['device', 'allocation'],
    }),
  },
  {
    command: wire.queryAllocationResidency,
    async make(scene) {
      const { device, allocation } = await pair(scene);
      const fields = { device, allocation_count: 1, allocations: 0xfeedn, residency_status: 0xfeedn };
      return { fields, tail: [words([allocation])], handles: ['device'], tailHandles: [0] };
    },
    check(reply) {
      const state = reply.number('residency_status');
      demand(state === 3, 'a new allocation not resident (3)', String(state), reply.evidence());
    },
  },
  {
    command: wire.setAllocationPriority,
    async make(scene) {
      const { device, allocation } = await pair(scene);
      const tail = [words([allocation]), words([0x78000000])];
      return { fields: { device, allocation_count: 1 }, tail, handles: ['device'], tailHandles: [0] };
    },
  },
  {
    command: wire.getAllocationPriority,
    async make(scene) {
      const { device, allocation } = await pair(scene);
      const tail = [words([allocation]), new Uint8Array(8)];
      return { fields: { device, allocation_count: 1 }, tail, handles: ['device'], tailHandles: [0] };
    },
    check: (reply) => void reply.number('priorities'),
  },
  {
    command: wire.updateAllocationProperty,
    mayBePending: true,
    async make(scene) {
      const { queue, allocation } = await onQueue(scene);
      const fields = { paging_queue: queue, allocation, flags: 0, property_mask: 0, paging_fence_value: 9n };
      return { fields, handles: ['paging_queue', 'allocation'] };
    },
    check: examineLong('paging_fence_value'),
  },
  {
    command: wire.createPagingQueue,
    make: async (scene) => ({
      fields: {
        device: await scene.device(),
        priority: -1,
        paging_queue: 77,
        sync_object: 78,
        fence_cpu_virtual_address: 1n,
      },
      handles: ['device'],
    }),
    check(reply) {
      demand(reply.number('paging_queue') !== 0, 'a queue', 'a null handle', reply.evidence());
      demand(reply.number('sync_object') !== 0, 'a fence', 'a null handle', reply.evidence());
      reply.long('fence_storage_physical_address');
      reply.long('fence_storage_offset');
    },
  },
  {
    command: wire.destroyPagingQueue,
    make: async (scene) => ({
      fields: { paging_queue: (await onQueue(scene)).queue },
      handles: ['paging_queue'],
    }),
  },
  {
    command: wire.makeResident,
    mayBePending: true,
    async make(scene) {
      const { queue, allocation } = await onQueue(scene);
      const fields = { paging_queue: queue, alloc_count: 1, flags: 1 };
      return { fields, tail: [words([allocation])], handles: ['paging_queue'], tailHandles: [0] };
    },
    check(reply) {
      reply.long('paging_fence_value');
      reply.long('num_bytes_to_trim');
    },
  },
  {
    command: wire.evict,
    async make(scene) {
      const { device, allocation } = await pair(scene);
      return {
        fields: { device, alloc_count: 1, flags: 2 },
        tail: [words([allocation])],
        handles: ['device'],
        tailHandles: [0],
      };
    },
    check: examineLong('num_bytes_to_trim'),
  },
  {
    command: wire.offerAllocations,
    async make(scene) {
      const { device, allocation } = await pair(scene);
      const fields = { device, allocation_count: 1, priority: 2, flags: 1 };
      return { fields, tail: [words([allocation])], handles: ['device'], tailHandles: [0] };
    },
  },
  {
    command: wire.reclaimAllocations,
    mayBePending: true,
    async make(scene) {
      const { device, queue, allocation } = await onQueue(scene);
      const fields = { device, paging_queue: queue, allocation_count: 1, write_results: true };
      return { fields, tail: [words([allocation])], handles: ['paging_queue'], tailHandles: [0] };
    },
    check(reply) {
      const result = reply.number('discarded');
      demand(
        result === 0,
        'an allocation that was not offered to be intact (0)',
        String(result),
        reply.evidence(),
      );
      reply.long('paging_fence_value');
    },
  },
  {
    command: wire.reserveGpuVirtualAddress,
    make: async ({ guest }) => ({
      fields: { adapter: guest.gpus[0]?.adapterHandle ?? 0, size: GRANULE_BYTES, driver_protection: 0n },
      handles: ['adapter'],
    }),
    check(reply) {
      const address = reply.long('virtual_address');
      demand(
        address % GRANULE_BYTES === 0n,
        'an address aligned to 64 KiB',
        hex64(address),
        reply.evidence(),
      );
      reply.long('paging_fence_value');
    },
  },
  {
    command: wire.mapGpuVirtualAddress,
    mayBePending: true,
    async make(scene) {
      const { queue, allocation } = await onQueue(scene);
      const fields = { paging_queue: queue, allocation, size_in_pages: 1n, protection: 1n };
      return { fields, handles: ['paging_queue', 'allocation'] };
    },
    check(reply) {
      const address = reply.long('virtual_address');
      demand(address % PAGE_BYTES === 0n, 'an address aligned to pages', hex64(address), reply.evidence());
      reply.long('paging_fence_value');
    },
  },
  {
    command: wire.updateGpuVirtualAddress,
    async make(scene) {
      const device = await scene.device();
      const context = await scene.context(device);
      const fence = await scene.fence(device);
      const place = { adapter: scene.guest.gpus[0]?.adapterHandle ?? 0, size: GRANULE_BYTES };
      const base = (await scene.call(wire.reserveGpuVirtualAddress, place)).ok().long('virtual_address');
      const operation = longs([1n, base, GRANULE_BYTES, 0n, 0n, 0n, 0n, 0n]);
      const fields = {
        device,
        context,
        fence_object: fence.handle,
        num_operations: 1,
        flags: 1,
        fence_value: 0n,
      };
      return { fields: fields, tail: [operation], handles: ['context'] };
    },
  },
  {
    command: wire.freeGpuVirtualAddress,
    async make(scene) {
      const adapter = scene.guest.gpus[0]?.adapterHandle ?? 0;
      const place = { adapter, size: GRANULE_BYTES };
      const base_address = (await scene.call(wire.reserveGpuVirtualAddress, place))
        .ok()
        .long('virtual_address');
      return { fields: { adapter, base_address, size: GRANULE_BYTES }, handles: ['adapter'] };
    },
  },
];
