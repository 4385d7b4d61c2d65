import type { SyncObjectInstance } from '../scheduler/sync-object.ts';
import type { DeviceMemory } from './device-memory.ts';

/** Work of one residency call that is not done yet. */
export class PagingOperation {
  readonly device: DeviceMemory;
  /** Allocations that have still to come in. */
  remaining = 0;
  /** One of them could not be had after all. */
  failed = false;
  readonly #onDone: (operation: PagingOperation) => void;

  constructor(device: DeviceMemory, onDone: (operation: PagingOperation) => void) {
    this.device = device;
    this.#onDone = onDone;
  }

  allocationDone(failed: boolean): void {
    if (failed) this.failed = true;
    this.remaining -= 1;
    if (this.remaining === 0) this.#onDone(this);
  }
}

/**
 * A queue of residency operations with a fence that tells how far it has come. Each operation has a fence value of its
 * own, also one that is done at once: clients may wait for it without looking at the status.
 */
export class PagingQueue {
  readonly device: DeviceMemory;
  /** -1, 0, 1. */
  readonly priority: number;
  readonly fence: SyncObjectInstance;
  /** For the caller. */
  owner: object | null = null;
  alive = true;
  /** Fence value of the last operation. */
  #issued = 0;
  #completed = 0;
  /**
   * Runs of values above `#completed` whose operations are done, while an earlier one is not: last value by first, and
   * first by last. There are never more runs than operations under way, however many were done behind one.
   */
  readonly #runEnds = new Map<number, number>();
  readonly #runStarts = new Map<number, number>();

  constructor(device: DeviceMemory, priority: number, fence: SyncObjectInstance) {
    this.device = device;
    this.priority = priority;
    this.fence = fence;
  }

  get pending(): number {
    return this.#issued - this.#completed;
  }

  /** Value of the last operation: the fence has it, or will. */
  get lastValue(): bigint {
    return BigInt(this.#issued);
  }

  /** Whether the fence has a value already. */
  hasReached(value: number): boolean {
    return this.#completed >= value;
  }

  /** @returns the fence value that the operation will bring. */
  issue(): number {
    this.#issued += 1;
    return this.#issued;
  }

  complete(value: number): void {
    const start = this.#runStarts.get(value - 1) ?? value;
    const end = this.#runEnds.get(value + 1) ?? value;
    this.#runStarts.delete(value - 1);
    this.#runEnds.delete(value + 1);
    if (start !== this.#completed + 1) {
      this.#runEnds.set(start, end);
      this.#runStarts.set(end, start);
      return;
    }
    this.#runEnds.delete(start);
    this.#runStarts.delete(end);
    this.#completed = end;
    if (!this.alive) return;
    this.fence.object.signal(end >>> 0, Math.floor(end / 0x100000000), false);
  }
}
