import type { KmtEvent } from '../event.ts';
import type { FenceView, KmtResult } from './common.ts';

/** struct d3dddi_synchronizationobjectinfo2: the alternative that `type` names is used. */
export interface SynchronizationObjectInfo2 {
  /** 1 mutex, 2 semaphore, 3 fence, 4 CPU notification, 5 monitored fence, 6 periodic monitored fence. */
  readonly type: number;
  /** Bit 0 shared, 1 NT security sharing, 2 cross adapter, 3 top of pipeline, 4 no signal, 5 no wait ... */
  readonly flags?: number;
  readonly mutex?: { readonly initialState: number };
  readonly semaphore?: { readonly maxCount: number; readonly initialCount: number };
  readonly fence?: { readonly fenceValue: bigint };
  readonly cpuNotification?: { readonly event: KmtEvent };
  readonly monitoredFence?: { readonly initialFenceValue?: bigint; readonly engineAffinity?: number };
  readonly periodicMonitoredFence?: {
    readonly adapter?: number;
    readonly vidpnTargetId?: number;
    readonly time?: bigint;
    readonly engineAffinity?: number;
  };
}

export interface CreateSynchronizationObject2Args {
  readonly device: number;
  readonly info: SynchronizationObjectInfo2;
}
export interface CreateSynchronizationObject2Result extends KmtResult {
  readonly syncObject: number;
  /** The global handle of a shared object, else 0. */
  readonly sharedHandle: number;
  /** For monitored and periodic monitored fences. */
  readonly fenceView: FenceView | null;
  readonly fenceGpuVirtualAddress: bigint;
}

export interface DestroySynchronizationObjectArgs {
  readonly syncObject: number;
}

export interface SignalSynchronizationObject2Args {
  readonly context: number;
  /** At most 32; may be empty. */
  readonly objectArray?: ArrayLike<number>;
  /** Bit 0 signal at submission, 1 enqueue CPU event, 2 allow fence rewind. */
  readonly flags?: number;
  /** Further contexts, at most 63. */
  readonly contexts?: ArrayLike<number>;
  readonly fenceValue?: bigint;
  /** With flag bit 1. */
  readonly cpuEventHandle?: KmtEvent;
}

export interface WaitForSynchronizationObject2Args {
  readonly context: number;
  /** 1 to 32. */
  readonly objectArray: ArrayLike<number>;
  readonly fenceValue?: bigint;
}

export interface SignalSynchronizationObjectFromCpuArgs {
  readonly device: number;
  /** 1 to 32. */
  readonly objects: ArrayLike<number>;
  /** One for each object. */
  readonly fenceValues?: ArrayLike<bigint>;
  readonly flags?: number;
}

export interface SignalSynchronizationObjectFromGpuArgs {
  readonly context: number;
  readonly objects: ArrayLike<number>;
  readonly monitoredFenceValues?: ArrayLike<bigint>;
}

export interface SignalSynchronizationObjectFromGpu2Args {
  readonly objects?: ArrayLike<number>;
  readonly flags?: number;
  readonly contexts: ArrayLike<number>;
  readonly monitoredFenceValues?: ArrayLike<bigint>;
  /** With flag bit 1; then no objects. */
  readonly cpuEventHandle?: KmtEvent;
}

export interface WaitForSynchronizationObjectFromCpuArgs {
  readonly device: number;
  readonly objects: ArrayLike<number>;
  /** One for each object. */
  readonly fenceValues: ArrayLike<bigint>;
  /** Bit 0: wait for any of them. */
  readonly flags?: number;
  /** Signalled when the wait is over; null or left out: the call itself waits. */
  readonly asyncEvent?: KmtEvent | null;
  /** Ends a wait inside the call, as a signal to the thread does: `ret` is then -512 (ERESTARTSYS). */
  readonly interrupt?: AbortSignal;
}

export interface WaitForSynchronizationObjectFromGpuArgs {
  readonly context: number;
  /** 1 to 32. */
  readonly objects: ArrayLike<number>;
  /** One for each object, when the first one is a monitored fence. */
  readonly monitoredFenceValues?: ArrayLike<bigint>;
  /** For all objects, when the first one is not. */
  readonly fenceValue?: bigint;
}
