import type { Clock } from '../clock.ts';

const LEAST_DELAY_MS = 0.001;

interface Timer {
  readonly atMs: number;
  /** Timers of one moment fire in the order in which they were set. */
  readonly order: number;
  readonly callback: () => void;
  /** Place in the heap, -1 when it is no longer there. */
  place: number;
}

/** Lets everything that promises have put off run, and what that puts off. */
const drainPromises: () => Promise<void> = createDrain();

function createDrain(): () => Promise<void> {
  const { process: node } = globalThis as { process?: { nextTick?: (callback: () => void) => void } };
  const tick = node?.nextTick;
  // Node calls a tick when no promise has anything left to do.
  if (tick !== undefined) return () => new Promise((resolve) => tick(resolve));
  return async () => {
    for (let i = 0; i < 20; i += 1) await Promise.resolve();
  };
}

/**
 * A clock that a test or a simulation turns. Nothing happens by itself: {@link VirtualClock.settle} runs what was put off
 * to the end of the turn, {@link VirtualClock.advance} moves time and calls the timers that come due, in order.
 */
export class VirtualClock implements Clock {
  #nowMs = 0;
  #deferred: (() => void)[] = [];
  readonly #heap: Timer[] = [];
  #order = 0;
  /** Callbacks that have been run. */
  eventCount = 0;

  now(): number {
    return this.#nowMs;
  }

  /** Timers that are set. */
  get timerCount(): number {
    return this.#heap.length;
  }

  /** When the next timer comes due, milliseconds, or null. */
  get nextTimerMs(): number | null {
    return this.#heap[0]?.atMs ?? null;
  }

  setTimer(callback: () => void, delayMs: number): () => void {
    const timer: Timer = {
      // A delay that rounding would lose passes some time all the same, or who waits for it would wait in a circle.
      atMs: this.#nowMs + (delayMs > 0 ? Math.max(LEAST_DELAY_MS, delayMs) : 0),
      order: this.#order,
      callback,
      place: this.#heap.length,
    };
    this.#order += 1;
    this.#heap.push(timer);
    this.#rise(timer);
    return () => this.#remove(timer);
  }

  defer(callback: () => void): void {
    this.#deferred.push(callback);
  }

  #isBefore(a: Timer, b: Timer): boolean {
    return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
  }

  #put(timer: Timer, place: number): void {
    this.#heap[place] = timer;
    timer.place = place;
  }

  #rise(timer: Timer): void {
    let place = timer.place;
    while (place > 0) {
      const above = this.#heap[(place - 1) >>> 1]!;
      if (!this.#isBefore(timer, above)) break;
      this.#put(above, place);
      place = (place - 1) >>> 1;
    }
    this.#put(timer, place);
  }

  #sink(timer: Timer): void {
    let place = timer.place;
    for (;;) {
      let below = place * 2 + 1;
      if (below >= this.#heap.length) break;
      if (below + 1 < this.#heap.length && this.#isBefore(this.#heap[below + 1]!, this.#heap[below]!))
        below += 1;
      const smaller = this.#heap[below]!;
      if (!this.#isBefore(smaller, timer)) break;
      this.#put(smaller, place);
      place = below;
    }
    this.#put(timer, place);
  }

  #remove(timer: Timer): void {
    const { place } = timer;
    if (place < 0) return;
    timer.place = -1;
    const last = this.#heap.pop()!;
    if (last === timer) return;
    this.#put(last, place);
    this.#rise(last);
    this.#sink(last);
  }

  /** Runs all that was deferred, and what that defers, with promises given their turns between. */
  async settle(): Promise<void> {
    for (;;) {
      const deferred = this.#deferred;
      if (deferred.length > 0) {
        this.#deferred = [];
        this.eventCount += deferred.length;
        for (const callback of deferred) callback();
      }
      await drainPromises();
      if (this.#deferred.length === 0) return;
    }
  }

  /** Moves time on, and calls what comes due meanwhile. */
  async advance(byMs: number): Promise<void> {
    const endMs = this.#nowMs + byMs;
    await this.settle();
    while (this.#heap.length > 0 && this.#heap[0]!.atMs <= endMs) await this.#fire();
    this.#nowMs = endMs;
  }

  /**
   * Moves time to the next timer, calls it and runs what follows. Call {@link settle} before the first step.
   * @returns null when no timer is set.
   */
  step(): Promise<void> | null {
    return this.#heap.length === 0 ? null : this.#fire();
  }

  #fire(): Promise<void> {
    const timer = this.#heap[0]!;
    this.#remove(timer);
    this.#nowMs = Math.max(this.#nowMs, timer.atMs);
    this.eventCount += 1;
    timer.callback();
    return this.settle();
  }

  /** Moves time without running anything, as when a program computes for long. */
  jump(byMs: number): void {
    this.#nowMs += byMs;
  }
}
