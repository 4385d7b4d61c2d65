import type { HostGuestMemory, HostWindow } from '@dxgwire/transport';
import type { Account } from '../account.ts';
import type { AdapterDescription, BackendAdapter, BackendLog } from '../backends/contract.ts';
import type { WindowAllocator } from './window-allocator.ts';

export interface VideoMemoryLimits {
  /** Regions, and mappings, of one address space. */
  readonly addressRanges: number;
  /** Operations of one paging queue that are not done. */
  readonly pagingOperations: number;
  /** Bytes of all allocations that have contents, in a segment or out. */
  readonly commitBytes: number;
}

export interface VideoMemoryOptions {
  readonly adapter: BackendAdapter;
  readonly description: AdapterDescription;
  readonly windowAllocator: WindowAllocator;
  readonly window: HostWindow;
  readonly guestMemory: HostGuestMemory;
  /** The account of what the guest's page lists hold; default: one of its own, of 2,097,152 ranges. */
  readonly guestPageRanges?: Account;
  /** The account of the regions and mappings in its address spaces; default: one of its own, of 1,048,576. */
  readonly addressRanges?: Account;
  readonly log: BackendLog;
  readonly limits?: Partial<VideoMemoryLimits>;
}

export interface CreateAllocationRequest {
  /** The runtime's own name for it (private_runtime_resource_handle), two u32. */
  readonly runtimeHandleLow: number;
  readonly runtimeHandleHigh: number;
  /** The backend may change it in place. */
  readonly privateData: Uint8Array;
  readonly resourcePrivateData: Uint8Array;
  readonly standardLengthBytes: number;
  readonly existingSystemMemory: boolean;
  /** Guest pages that commands must not write. */
  readonly readOnly: boolean;
}

/** Bytes, all below 2^53. */
export interface VideoMemoryInfo {
  /** What the process can have resident: MakeResident grants so much. */
  readonly budget: number;
  readonly currentUsage: number;
  readonly currentReservation: number;
  readonly availableForReservation: number;
}

/** Measured use of a segment, bytes. */
export interface SegmentStatistics {
  readonly id: number;
  /** 0 local, 1 non-local. */
  readonly group: number;
  readonly lengthBytes: number;
  /** Promised to allocations: wanted, or still in use by the GPU. */
  readonly committedBytes: number;
  readonly residentBytes: number;
  /** Contents that left the segment and are saved in system memory. */
  readonly evictedBytes: number;
  readonly allocationsCommitted: number;
  readonly allocationsResident: number;
}

export interface PagingResult {
  status: number;
  pagingFenceValue: bigint;
}

export interface MakeResidentResult extends PagingResult {
  numBytesToTrim: bigint;
}

/** What UpdateAllocationProperty asks for. */
export interface PropertyRequest {
  /** Bit i: the segment with id i + 1. */
  readonly supportedSegmentSet: number;
  /** Five groups of 6 bits: segment id in the low 5, 0 for none. */
  readonly preferredSegment: number;
  /** Bit 0: access by physical address. */
  readonly flags: number;
  /** Which of these to set: bit 0 access, bit 1 supported segments, bit 2 preferred segments. */
  readonly propertyMask: number;
}
