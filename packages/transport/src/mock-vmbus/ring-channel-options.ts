import type { BusStatistics } from '../transport.ts';
import type { RingMemory } from './ring-memory.ts';

/** What a ring channel is made of; see `RingChannel`. */
export interface RingChannelOptions {
  readonly index: number;
  readonly outbound: RingMemory;
  readonly inbound: RingMemory;
  /** Largest payload that the other side can take, bytes. */
  readonly maxSendBytes: number;
  /** Most bytes that may wait outside the ring before `send` refuses. */
  readonly maxQueuedBytes: number;
  readonly statistics: BusStatistics;
  /** Wakes the other side: there is data, or there is room. */
  readonly signal: () => void;
  /**
   * Runs a callback once after some milliseconds, to look again for room should a signal be lost; returns how to
   * cancel. Absent where the other side is known to follow `pending_send_sz`.
   */
  readonly retry?: ((callback: () => void) => () => void) | undefined;
  /**
   * How long this side looks on by itself for an answer or for more before it sleeps, microseconds; it does so only
   * while packets mostly come within that time. 0 where the other side runs on the same thread.
   */
  readonly spinMicroseconds: number;
  /** Called once when this side has ended: after a flush with null, or at once with the error. */
  readonly onEnd: (error: Error | null) => void;
}
