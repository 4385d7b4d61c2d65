import type { HostClock } from './clock.ts';

/** A clock that moves when it is told to: for tests and simulations. */
export class FakeClock implements HostClock {
  #nowMs = 0;
  #timers: { dueMs: number; serial: number; callback: () => void }[] = [];
  #serial = 0;

  nowMs(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    this.#serial += 1;
    const timer = { dueMs: this.#nowMs + Math.max(0, delayMs), serial: this.#serial, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Timers that have not fired. */
  get pendingTimers(): number {
    return this.#timers.length;
  }

  /** Moves time on; timers fire in order, each at its own time. */
  advance(byMs: number): void {
    const endMs = this.#nowMs + byMs;
    for (;;) {
      let next = this.#timers[0];
      for (const timer of this.#timers) {
        if (next === undefined || timer.dueMs < next.dueMs) next = timer;
      }
      if (next === undefined || next.dueMs > endMs) break;
      const due = next;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#nowMs = Math.max(this.#nowMs, due.dueMs);
      due.callback();
    }
    this.#nowMs = endMs;
  }

  /** Moves time on as a busy process sees it: timers that became due meanwhile are late, and fire now. */
  leap(byMs: number): void {
    this.#nowMs += byMs;
    this.advance(0);
  }
}
