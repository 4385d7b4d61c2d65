export { AddressSpace } from './address-space.ts';
export {
  type MapRequest,
  ReservationType,
  type ReserveRequest,
  type UpdateOperation,
} from './address-space-types.ts';
export type { Allocation, AllocationInstance } from './allocation.ts';
export type { DeviceMemory } from './device-memory.ts';
export type { DeviceWork, PageWalker, QueuedOperation, WorkSnapshot } from './device-work.ts';
export { GPU_ADDRESS_BITS, RESERVATION_BYTES } from './gpu-address.ts';
export type { LockResult } from './lock.ts';
export type { PagingStatistics } from './pager.ts';
export { ReclaimResult } from './paging-calls.ts';
export type { PagingQueue } from './paging-queue.ts';
export type { ProcessMemory } from './process-memory.ts';
export { SegmentGroup } from './segment.ts';
export { Status } from './status.ts';
export { VideoMemory } from './video-memory.ts';
export type {
  CreateAllocationRequest,
  MakeResidentResult,
  PagingResult,
  PropertyRequest,
  SegmentStatistics,
  VideoMemoryInfo,
  VideoMemoryLimits,
  VideoMemoryOptions,
} from './video-memory-types.ts';
export { WINDOW_GRANULE_BYTES, WindowAllocator, type WindowAllocatorOptions } from './window-allocator.ts';
