import type { FenceView, KmtResult } from './common.ts';

export interface ShareObjectsArgs {
  /** Exactly one object. */
  readonly objects: ArrayLike<number>;
  readonly desiredAccess?: number;
}
export interface ShareObjectsResult extends KmtResult {
  /** A file descriptor of the guest; give it back with `closeFd`. -1 when the call failed. */
  readonly sharedHandle: number;
}

export interface OpenSyncObjectFromNtHandle2Args {
  readonly ntHandle: number;
  readonly device: number;
  readonly flags?: number;
  readonly monitoredFence?: { readonly engineAffinity?: number };
}
export interface OpenSyncObjectFromNtHandle2Result extends KmtResult {
  readonly syncObject: number;
  readonly fenceView: FenceView | null;
  readonly fenceValueGpuVa: bigint;
}

export interface QueryResourceInfoFromNtHandleArgs {
  readonly device: number;
  readonly ntHandle: number;
}
/** Sizes in bytes. */
export interface QueryResourceInfoFromNtHandleResult extends KmtResult {
  readonly privateRuntimeDataSize: number;
  readonly totalPrivDrvDataSize: number;
  readonly resourcePrivDrvDataSize: number;
  readonly allocationCount: number;
}

export interface OpenResourceFromNtHandleArgs {
  readonly device: number;
  readonly ntHandle: number;
  /** All four must be what `queryResourceInfoFromNtHandle` said. */
  readonly allocationCount: number;
  readonly privateRuntimeDataSize: number;
  readonly resourcePrivDrvDataSize: number;
  readonly totalPrivDrvDataSize: number;
}
export interface OpenedAllocation {
  readonly allocation: number;
  readonly privDrvData: Uint8Array;
}
export interface OpenResourceFromNtHandleResult extends KmtResult {
  readonly resource: number;
  readonly totalPrivDrvDataSize: number;
  readonly openAllocInfo: readonly OpenedAllocation[];
  readonly privateRuntimeData: Uint8Array;
  readonly resourcePrivDrvData: Uint8Array;
}

export interface ShareObjectWithHostArgs {
  readonly deviceHandle: number;
  readonly objectHandle: number;
}
export interface ShareObjectWithHostResult extends KmtResult {
  readonly objectVailNtHandle: bigint;
}

export interface CreateSyncFileArgs {
  readonly device: number;
  readonly monitoredFence: number;
  readonly fenceValue: bigint;
}
export interface CreateSyncFileResult extends KmtResult {
  /** A file descriptor of the guest. -1 when the call failed. */
  readonly syncFileHandle: number;
}

export interface WaitSyncFileArgs {
  readonly syncFileHandle: number;
  readonly context: number;
}

export interface OpenSyncObjectFromSyncFileArgs {
  readonly syncFileHandle: number;
  readonly device: number;
}
export interface OpenSyncObjectFromSyncFileResult extends KmtResult {
  readonly syncobj: number;
  readonly fenceValue: bigint;
  readonly fenceView: FenceView | null;
  readonly fenceValueGpuVa: bigint;
}
