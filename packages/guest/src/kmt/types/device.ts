import type { FenceView, KmtResult } from './common.ts';

export interface CreateDeviceArgs {
  readonly adapter: number;
  readonly flags?: number;
}
export interface CreateDeviceResult extends KmtResult {
  /** 0 when the host refused: this driver then still returns 0. */
  readonly device: number;
}

export interface DestroyDeviceArgs {
  readonly device: number;
}

export interface GetDeviceStateArgs {
  readonly device: number;
  /** 1 execution, 2 present, 3 reset, 4 present DWM, 5 page fault, 6 present queue. */
  readonly stateType: number;
  /** What the state area holds on entry (it travels): at most 48 bytes. */
  readonly state?: Uint8Array;
}
export interface GetDeviceStateResult extends KmtResult {
  /** The 48 bytes behind `stateType`. */
  readonly state: Uint8Array;
  /** The first dword: for type 1 the execution state (1 active, 2 reset, 3 hung ...). */
  readonly executionState: number;
}

export interface MarkDeviceAsErrorArgs {
  readonly device: number;
  /** D3DKMT_DEVICE_ERROR_REASON: 0x80000000 generic, 0x80000006 driver error. */
  readonly reason: number;
}

export interface CreateContextVirtualArgs {
  readonly device: number;
  readonly nodeOrdinal?: number;
  readonly engineAffinity?: number;
  readonly flags?: number;
  /** At most 131,072 bytes. */
  readonly privDrvData?: Uint8Array;
  readonly clientHint?: number;
}
export interface CreateContextVirtualResult extends KmtResult {
  readonly context: number;
  /** The private data as the host left them. */
  readonly privDrvData: Uint8Array;
}

export interface DestroyContextArgs {
  readonly context: number;
}

export interface CreateHwQueueArgs {
  readonly context: number;
  readonly flags?: number;
  readonly privDrvData?: Uint8Array;
}
export interface CreateHwQueueResult extends KmtResult {
  readonly queue: number;
  readonly queueProgressFence: number;
  readonly queueProgressFenceGpuVa: bigint;
  /** The progress fence's page; null when the call failed. */
  readonly fenceView: FenceView | null;
  readonly privDrvData: Uint8Array;
}

export interface DestroyHwQueueArgs {
  readonly queue: number;
}

export interface SchedulingPriorityArgs {
  readonly context: number;
}
export interface SetSchedulingPriorityArgs extends SchedulingPriorityArgs {
  readonly priority: number;
}
export interface SchedulingPriorityResult extends KmtResult {
  readonly priority: number;
}
