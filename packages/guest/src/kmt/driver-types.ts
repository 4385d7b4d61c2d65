import type { Luid } from './types/common.ts';

export interface DriverOptions {
  /** Guest-physical address of the IO space (the device window), a multiple of 64 KiB. */
  readonly ioSpaceBase?: bigint;
  /** What CreateDevice sends and SetGuestData must bring back; never an address. Not 0. */
  readonly deviceStateCookie?: bigint;
  /**
   * Whether to repeat defects of the stock driver that show on the wire (default true): a sync file waits for one more
   * than its value after it was signalled, and after a failed ShareObjects the next one asks the host for nothing.
   */
  readonly stockDefects?: boolean;
  /**
   * Whether a thread that has asked the host looks out for the answer before it sleeps, where the medium has memory that both sides see
   * (default true): answers come sooner, and the thread does nothing else meanwhile. False where nobody waits for answers.
   */
  readonly looksForAnswers?: boolean;
}

/** A process's identity when it opens the device. */
export interface OpenDeviceOptions {
  /** Process id (thread group); a number of the driver's own when left out. Opening again shares the process. */
  readonly pid?: number;
  /** Name of the process; 15 bytes of it reach the host. */
  readonly comm?: string;
}

/** An adapter as the driver knows it. */
export interface AdapterSummary {
  readonly luid: Luid;
  readonly vgpuLuid: Luid;
  readonly hostAdapterLuid: Luid;
  readonly description: string;
  readonly instanceId: string;
  readonly isComputeOnly: boolean;
  readonly state: 'waiting' | 'active' | 'stopped';
}

/** Counters since the start, but for those that say "now". */
export interface DriverStatistics {
  readonly messagesSent: number;
  readonly bytesSent: number;
  readonly completionsAwaited: number;
  readonly completionsReceived: number;
  readonly unknownCompletions: number;
  /** Requests not answered yet, now. */
  readonly completionsPending: number;
  /** Events registered now. */
  readonly eventsRegistered: number;
  readonly eventsSignaled: number;
  /** Signals for ids that nobody waited for. */
  readonly eventsUnknown: number;
  /** Packets of the host that the driver does not expect: ignored. */
  readonly unexpectedPackets: number;
  /** Pages of guest memory that back allocations, now. */
  readonly pinnedPages: number;
}

/** Those of the counters that the driver itself keeps. */
export interface DriverCounters {
  eventsSignaled: number;
  eventsUnknown: number;
  unexpectedPackets: number;
  pinnedPages: number;
}
