/** What all D3DKMT calls share: results, 64-bit ids, and views of the host's memory. */

/** A locally unique id, two 32-bit halves (struct winluid: `a` is the low half). */
export interface Luid {
  readonly low: number;
  readonly high: number;
}

/** Why calls of a driver cannot go on. */
export type KmtLoss =
  | 'channel-rescinded'
  | 'channel-closed'
  | 'channel-failed'
  | 'bus-closed'
  | 'bus-failed'
  | 'driver-removed'
  | 'process-closed';

/**
 * What every call gives back. A failing command is data: nothing is thrown.
 * The out fields beside `ret` hold zero, null or an empty list unless the driver would have written them.
 */
export interface KmtResult {
  /** 0, a positive NTSTATUS (0x103 pending), or minus a Linux errno: what the driver's ioctl returns. */
  readonly ret: number;
  /** Present when the call ended because its link did, with `ret` -ENODEV. */
  readonly lost?: KmtLoss;
}

/** The CPU's view of a fence page: a 64-bit value that the host publishes. */
export interface FenceView {
  /** Offset of the page in the device window, bytes. */
  readonly offset: number;
  /** The value that the host published last. */
  value(): bigint;
}

/** A locked allocation, as the guest's CPU sees it. */
export interface LockedView {
  /** The bytes of the whole allocation. Valid until the last unlock. */
  readonly data: Uint8Array;
  /** Tells the host about bytes changed through `data`: offset and length in bytes. Call it before the unlock. */
  flush(offset: number, length: number): void;
}
