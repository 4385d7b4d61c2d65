import { vgpu, word } from './command.ts';
import { roundUp8 } from './layout.ts';

/** Allocations, residency, GPU addresses: sections 4.8 to 4.10 and 5 of the description. */

const STATUS = { reply: 'status@0 status', demand: 4 } as const;
const RESULT_WORDS = (request: DataView, at: number, countAt: number): number =>
  roundUp8(4 + 4 * Math.max(word(request, at, countAt), 1));

/** Bytes of one element of CreateAllocation's request and reply. */
export const ALLOCATION_INFO_BYTES = 12;
export const ALLOCATION_REPLY_BYTES = 72;
export const ALLOCATION_REPLY_HEAD_BYTES = 16;

export const createAllocation = vgpu(4, 'CreateAllocation', {
  section: '4.8',
  bytes: 64,
  request:
    'device@24 h, resource@28 h, private_runtime_data_size@32 u32, priv_drv_data_size@36 u32, alloc_count@40 u32, flags@44 u32, private_runtime_resource_handle@48 u64, make_resident@56 bool',
  reply:
    'flags@0 u32, resource@4 h, global_share@8 h, vgpu_flags@12 u32, allocation@16 h, priv_drv_data_size@20 u32, allocation_flags@24 u32, allocation_size@32 u64, driver_info@40 u8[48]',
  demand: (request, at) => {
    const count = word(request, at, 40);
    let total = ALLOCATION_REPLY_HEAD_BYTES + ALLOCATION_REPLY_BYTES * count;
    for (let index = 0; index < count; index += 1) {
      const entry = 64 + ALLOCATION_INFO_BYTES * index + 4;
      if (at + entry + 4 > request.byteLength) break;
      total += word(request, at, entry);
    }
    return total;
  },
  failure: 'short',
});

export const destroyAllocation = vgpu(5, 'DestroyAllocation', {
  section: '4.8',
  bytes: 40,
  request: 'device@24 h, resource@28 h, alloc_count@32 u32, flags@36 u32',
  ...STATUS,
});

export const ddiGetStandardAllocationDriverData = vgpu(39, 'DdiGetStandardAllocationDriverData', {
  section: '4.8',
  bytes: 64,
  request:
    'alloc_type@24 u32, priv_driver_data_size@28 u32, priv_driver_resource_size@32 u32, physical_adapter_index@36 u32, width@40 u32, height@44 u32, format@48 u32, type@52 u32, flags@56 u32, pitch@60 u32',
  reply:
    'status@0 status, priv_driver_data_size@4 u32, priv_driver_resource_size@8 u32, width@12 u32, height@16 u32, format@20 u32, type@24 u32, flags@28 u32, pitch@32 u32, priv_data@36 u8, resource_priv_data@37 u8',
  demand: (request, at) => roundUp8(36 + word(request, at, 28) + word(request, at, 32)),
});

export const openResource = vgpu(32, 'OpenResource', {
  section: '4.8',
  bytes: 48,
  request:
    'device@24 h, nt_security_sharing@28 bool, global_share@32 h, allocation_count@36 u32, total_priv_drv_data_size@40 u32',
  reply: 'resource@0 h, status@4 status, allocations@8 h',
  demand: (request, at) => roundUp8(8 + 4 * word(request, at, 36)),
});

export const setExistingSysMemStore = vgpu(45, 'SetExistingSysMemStore', {
  section: '5.4',
  bytes: 40,
  request: 'device@24 h, allocation@28 h, gpadl@32 u32',
  ...STATUS,
});

export const setExistingSysMemPages = vgpu(66, 'SetExistingSysMemPages', {
  section: '5.4',
  bytes: 40,
  request: 'device@24 h, allocation@28 h, num_pages@32 u32, alloc_offset_in_pages@36 u32',
  ...STATUS,
});

export const lock2 = vgpu(23, 'Lock2', {
  section: '5.3',
  bytes: 64,
  request:
    'device@24 h, allocation@28 h, flags@32 u32, reserved@36 u32, data@40 ptr, use_legacy_lock@48 bool, legacy_flags@52 u32, priv_drv_data@56 u32',
  reply: 'status@0 status, cpu_visible_buffer_offset@8 u64',
  demand: 16,
});

export const unlock2 = vgpu(24, 'Unlock2', {
  section: '5.3',
  bytes: 40,
  request: 'device@24 h, allocation@28 h, use_legacy_unlock@32 bool',
  ...STATUS,
});

export const invalidateCache = vgpu(67, 'InvalidateCache', {
  section: '4.8',
  bytes: 56,
  request: 'device@24 h, allocation@28 h, offset@32 u64, length@40 u64, reserved@48 u64',
  ...STATUS,
});

export const queryAllocationResidency = vgpu(41, 'QueryAllocationResidency', {
  section: '4.8',
  bytes: 56,
  request:
    'device@24 h, resource@28 h, allocations@32 ptr, allocation_count@40 u32, reserved@44 u32, residency_status@48 ptr',
  reply: 'status@0 status, residency_status@4 u32',
  demand: (request, at) => RESULT_WORDS(request, at, 40),
});

export const setAllocationPriority = vgpu(59, 'SetAllocationPriority', {
  section: '4.8',
  bytes: 40,
  request: 'device@24 h, resource@28 h, allocation_count@32 u32',
  ...STATUS,
});

export const getAllocationPriority = vgpu(60, 'GetAllocationPriority', {
  section: '4.8',
  bytes: 40,
  request: 'device@24 h, resource@28 h, allocation_count@32 u32',
  reply: 'status@0 status, priorities@4 u32',
  demand: (request, at) => RESULT_WORDS(request, at, 32),
});

export const updateAllocationProperty = vgpu(56, 'UpdateAllocationProperty', {
  section: '4.8',
  bytes: 64,
  request:
    'paging_queue@24 h, allocation@28 h, supported_segment_set@32 u32, preferred_segment@36 u32, flags@40 u32, paging_fence_value@48 u64, property_mask@56 u32',
  reply: 'paging_fence_value@0 u64, status@8 status',
  demand: 16,
});

export const createPagingQueue = vgpu(9, 'CreatePagingQueue', {
  section: '4.9',
  bytes: 56,
  request:
    'device@24 h, priority@28 i32, paging_queue@32 h, sync_object@36 h, fence_cpu_virtual_address@40 ptr, physical_adapter_index@48 u32',
  reply:
    'paging_queue@0 h, sync_object@4 h, fence_storage_physical_address@8 u64, fence_storage_offset@16 u64',
  demand: 24,
  failure: 'short',
});

export const destroyPagingQueue = vgpu(10, 'DestroyPagingQueue', {
  section: '4.9',
  bytes: 32,
  request: 'paging_queue@24 h',
  reply: '',
  demand: 0,
  failure: 'any',
});

export const makeResident = vgpu(11, 'MakeResident', {
  section: '4.9',
  bytes: 40,
  request: 'device@24 h, paging_queue@28 h, flags@32 u32, alloc_count@36 u32',
  reply: 'paging_fence_value@0 u64, num_bytes_to_trim@8 u64, status@16 status',
  demand: 24,
});

export const evict = vgpu(12, 'Evict', {
  section: '4.9',
  bytes: 36,
  request: 'device@24 h, flags@28 u32, alloc_count@32 u32',
  reply: 'num_bytes_to_trim@0 u64',
  demand: 8,
  failure: 'short',
});

export const offerAllocations = vgpu(57, 'OfferAllocations', {
  section: '4.9',
  bytes: 44,
  request: 'device@24 h, allocation_count@28 u32, priority@32 u32, flags@36 u32, resources@40 bool',
  ...STATUS,
});

export const reclaimAllocations = vgpu(58, 'ReclaimAllocations', {
  section: '4.9',
  bytes: 40,
  request:
    'device@24 h, paging_queue@28 h, allocation_count@32 u32, resources@36 bool, write_results@37 bool',
  reply: 'paging_fence_value@0 u64, status@8 status, discarded@12 u32',
  demand: (request, at) => (request.getUint8(at + 37) === 0 ? 16 : roundUp8(12 + 4 * word(request, at, 32))),
});

export const reserveGpuVirtualAddress = vgpu(18, 'ReserveGpuVirtualAddress', {
  section: '4.10',
  bytes: 96,
  request:
    'adapter@24 h, base_address@32 u64, minimum_address@40 u64, maximum_address@48 u64, size@56 u64, reservation_type@64 u32, driver_protection@72 u64, virtual_address@80 u64, paging_fence_value@88 u64',
  reply: 'virtual_address@0 u64, paging_fence_value@8 u64',
  demand: 16,
  failure: 'short',
});

export const mapGpuVirtualAddress = vgpu(17, 'MapGpuVirtualAddress', {
  section: '4.10',
  bytes: 136,
  request:
    'paging_queue@24 h, base_address@32 u64, minimum_address@40 u64, maximum_address@48 u64, allocation@56 h, offset_in_pages@64 u64, size_in_pages@72 u64, protection@80 u64, driver_protection@88 u64, reserved0@96 u64, reserved1@104 u64, virtual_address@112 u64, paging_fence_value@120 u64, device@128 h',
  reply: 'virtual_address@0 u64, paging_fence_value@8 u64, status@16 status',
  demand: 24,
});

export const updateGpuVirtualAddress = vgpu(19, 'UpdateGpuVirtualAddress', {
  section: '4.10',
  bytes: 56,
  request:
    'fence_value@24 u64, device@32 h, context@36 h, fence_object@40 h, num_operations@44 u32, flags@48 u32',
  ...STATUS,
});

export const freeGpuVirtualAddress = vgpu(16, 'FreeGpuVirtualAddress', {
  section: '4.10',
  bytes: 48,
  request: 'adapter@24 h, reserved@28 u32, base_address@32 u64, size@40 u64',
  ...STATUS,
});
