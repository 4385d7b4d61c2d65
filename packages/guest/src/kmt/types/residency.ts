import type { FenceView, KmtResult } from './common.ts';

export interface CreatePagingQueueArgs {
  readonly device: number;
  /** -1, 0 or 1. */
  readonly priority?: number;
  readonly physicalAdapterIndex?: number;
}
export interface CreatePagingQueueResult extends KmtResult {
  readonly pagingQueue: number;
  /** The queue's fence; lives as long as the queue. */
  readonly syncObject: number;
  readonly fenceView: FenceView | null;
}

export interface DestroyPagingQueueArgs {
  readonly pagingQueue: number;
}

export interface MakeResidentArgs {
  readonly pagingQueue: number;
  /** 1 to 10,240 handles. */
  readonly allocationList: ArrayLike<number>;
  /** Bit 0 cannot trim further, bit 1 must succeed. */
  readonly flags?: number;
}
/** Both values are written for ret 0 and 0x103 only. */
export interface MakeResidentResult extends KmtResult {
  readonly pagingFenceValue: bigint;
  readonly numBytesToTrim: bigint;
}

export interface EvictArgs {
  readonly device: number;
  /** 1 to 10,240 handles. */
  readonly allocations: ArrayLike<number>;
  /** Bit 0 evict only if necessary, bit 1 not written to. */
  readonly flags?: number;
}
export interface EvictResult extends KmtResult {
  readonly numBytesToTrim: bigint;
}

export interface OfferAllocationsArgs {
  readonly device: number;
  /** Exactly one of `resources` and `allocations` is given: 1 to 10,240 handles. */
  readonly resources?: ArrayLike<number>;
  readonly allocations?: ArrayLike<number>;
  /** 1 low, 2 normal, 3 high, 4 auto. */
  readonly priority: number;
  /** Bit 0 offer immediately, bit 1 allow decommit. */
  readonly flags?: number;
}

export interface ReclaimAllocations2Args {
  readonly pagingQueue: number;
  readonly resources?: ArrayLike<number>;
  readonly allocations?: ArrayLike<number>;
  /** Ask what became of each: 0 intact, 1 discarded, 2 not committed. */
  readonly wantResults?: boolean;
}
export interface ReclaimAllocations2Result extends KmtResult {
  readonly pagingFenceValue: bigint;
  readonly results: Uint32Array | null;
}
