export interface SubmitCommandArgs {
  /** GPU virtual address. */
  readonly commandBuffer?: bigint;
  /** Bytes. */
  readonly commandLength?: number;
  readonly flags?: number;
  readonly presentHistoryToken?: bigint;
  /** 1 to 64 contexts, the first one the submitting context. */
  readonly broadcastContext: ArrayLike<number>;
  readonly privDrvData?: Uint8Array;
  /** At most 16 allocations. */
  readonly writtenPrimaries?: ArrayLike<number>;
  /** At most 1024 handles. */
  readonly historyBufferArray?: ArrayLike<number>;
}

export interface SubmitCommandToHwQueueArgs {
  readonly hwqueue: number;
  /** What the queue's progress fence becomes when this submission is done. */
  readonly hwqueueProgressFenceId: bigint;
  /** GPU virtual address. */
  readonly commandBuffer?: bigint;
  /** Bytes. */
  readonly commandLength?: number;
  readonly privDrvData?: Uint8Array;
  readonly writtenPrimaries?: ArrayLike<number>;
}

export interface SubmitSignalSyncObjectsToHwQueueArgs {
  readonly flags?: number;
  /** 1 to 64 queues. */
  readonly hwqueues: ArrayLike<number>;
  /** 1 to 32 objects. */
  readonly objects: ArrayLike<number>;
  readonly fenceValues?: ArrayLike<bigint>;
}

export interface SubmitWaitForSyncObjectsToHwQueueArgs {
  readonly hwqueue: number;
  /** 1 to 32 objects. */
  readonly objects: ArrayLike<number>;
  readonly fenceValues: ArrayLike<bigint>;
}
