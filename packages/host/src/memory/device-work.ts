import type { PageWalk } from '../backends/contract.ts';

/** A mark behind the GPU work that was queued at some moment. */
export interface WorkSnapshot {
  readonly done: boolean;
  /** Called once, when all that work has ended. At once if it has. */
  onDone(callback: () => void): void;
}

/** What memory management has to know about a device's GPU work. The scheduler's device implements it. */
export interface DeviceWork {
  /** A mark behind all work queued or running now; null when there is none. */
  snapshot(): WorkSnapshot | null;
  /** A mark behind the work that is running now; null when there is none. */
  runningSnapshot(): WorkSnapshot | null;
  /**
   * A mark behind the queued work that can go on by itself: a queue counts until it stands at a wait that is not
   * satisfied and runs nothing. Null when there is none.
   */
  ableSnapshot(): WorkSnapshot | null;
  /** Starts nothing new of this device until as many `release` calls. */
  hold(): void;
  release(): void;
}

/** What the scheduler has to know about a process' memory. The GPU address space implements it. */
export interface PageWalker {
  walk(address: bigint, lengthBytes: number, access: 'read' | 'write'): PageWalk;
}

/** Something that a queue performs when it reaches it, such as an update of GPU virtual addresses. */
export interface QueuedOperation {
  /** Memory of the host that it holds while it is queued, bytes. */
  readonly heldBytes: number;
  execute(): void;
  /** It will never be performed: its queue was given up. */
  drop(): void;
}
