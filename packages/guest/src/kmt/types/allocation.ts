import type { GuestMemoryBlock } from '@dxgwire/transport';
import type { KmtResult, LockedView } from './common.ts';

/** A page-aligned part of a block of guest memory, bytes. */
export interface SysmemRange {
  readonly block: GuestMemoryBlock;
  readonly offset: number;
  readonly length: number;
}

/** struct d3dddi_allocationinfo2, the in fields. */
export interface AllocationInfo2 {
  /** Existing system memory that backs the allocation; several ranges are taken one after the other. */
  readonly sysmem?: SysmemRange | readonly SysmemRange[];
  readonly privDrvData?: Uint8Array;
  readonly vidpnSourceId?: number;
  readonly flags?: number;
}

/** struct d3dkmt_createstandardallocation. */
export interface StandardAllocation {
  /** 1 existing heap, 2 cross adapter. */
  readonly type: number;
  /** Bytes: a multiple of the page size. */
  readonly existingHeapData: { readonly size: bigint };
  readonly flags?: number;
}

export interface CreateAllocationArgs {
  readonly device: number;
  /** An existing resource to extend. */
  readonly resource?: number;
  readonly globalShare?: number;
  readonly privateRuntimeData?: Uint8Array;
  readonly privDrvData?: Uint8Array;
  readonly standardAllocation?: StandardAllocation;
  readonly allocationInfo: readonly AllocationInfo2[];
  readonly flags?: number;
  /** The runtime's own name for the resource; opaque to Windows, a name in submissions for our host. */
  readonly privateRuntimeResourceHandle?: bigint;
  /** Our extension: make the allocations resident at once. Only with a host that has Feature.createResident. */
  readonly makeResident?: boolean;
}
export interface CreatedAllocation {
  readonly allocation: number;
  /** The private data as the host left them. */
  readonly privDrvData: Uint8Array;
  /** Bytes, as the host decided. */
  readonly allocationSize: bigint;
}
export interface CreateAllocationResult extends KmtResult {
  readonly resource: number;
  readonly globalShare: number;
  readonly allocationInfo: readonly CreatedAllocation[];
}

export interface DestroyAllocation2Args {
  readonly device: number;
  /** Exactly one of `resource` and `allocations` is given. */
  readonly resource?: number;
  readonly allocations?: ArrayLike<number>;
  /** Bit 0 assume not in use, bit 1 synchronous destroy. */
  readonly flags?: number;
}

export interface Lock2Args {
  readonly device: number;
  readonly allocation: number;
  readonly flags?: number;
}
/** `data` is null when the call failed; a second lock of an allocation gives the same bytes. */
export interface Lock2Result extends KmtResult, Omit<LockedView, 'data'> {
  readonly data: Uint8Array | null;
}

export interface Unlock2Args {
  readonly device: number;
  readonly allocation: number;
}

export interface SetAllocationPriorityArgs {
  readonly device: number;
  readonly resource?: number;
  readonly allocationList?: ArrayLike<number>;
  /** One for each allocation, or one for the resource. */
  readonly priorities: ArrayLike<number>;
}

export interface GetAllocationPriorityArgs {
  readonly device: number;
  readonly resource?: number;
  readonly allocationList?: ArrayLike<number>;
}
export interface GetAllocationPriorityResult extends KmtResult {
  readonly priorities: Uint32Array;
}

export interface QueryAllocationResidencyArgs {
  readonly device: number;
  readonly resource?: number;
  readonly allocations?: ArrayLike<number>;
}
export interface QueryAllocationResidencyResult extends KmtResult {
  /** One for each allocation, or one for the resource: 1 GPU memory, 2 shared memory, 3 not resident. */
  readonly residencyStatus: Uint32Array;
}

export interface InvalidateCacheArgs {
  readonly device: number;
  readonly allocation: number;
  /** Bytes. */
  readonly offset: bigint;
  readonly length: bigint;
}

export interface UpdateAllocationPropertyArgs {
  readonly pagingQueue: number;
  readonly allocation: number;
  readonly supportedSegmentSet?: number;
  readonly preferredSegment?: number;
  readonly flags?: number;
  /** Which of the others are set: bit 0 accessed physically, 1 supported segments, 2 preferred segment. */
  readonly propertyMaskValue?: number;
}
export interface UpdateAllocationPropertyResult extends KmtResult {
  /** Written for ret 0x103 only. */
  readonly pagingFenceValue: bigint;
}
