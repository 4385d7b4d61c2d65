import { LookTrials } from './look-trials.ts';
import { Lookout } from './mock-vmbus/lookout.ts';
import { now, runNextTurn } from './timers.ts';

/** Most that one look may last. */
const LIMIT_MICROSECONDS = 200;

/**
 * Keeps Node's event loop from sleeping for a moment while an answer may come over a socket: where cores are free, to be woken costs
 * more than the answer does. A loop that has something to do in its next turn asks the system what has come and does not wait. As
 * with rings, only while answers come so soon, as a rule, and ever less often in vain; and only where it has been tried
 * and found better.
 */
export class LoopLookout {
  readonly #lookout = new Lookout(LIMIT_MICROSECONDS);
  readonly #trials = new LookTrials();
  readonly #now: () => number;
  readonly #runNextTurn: (callback: () => void) => void;
  #endMs = 0;
  #isScheduled = false;

  /** Clock and turns, for tests. */
  constructor(clock: () => number = now, runTurn: (callback: () => void) => void = runNextTurn) {
    this.#now = clock;
    this.#runNextTurn = runTurn;
  }

  /** Something went out that may be answered. */
  spoke(): void {
    if (this.#endMs !== 0 || !this.#trials.looks) return;
    this.#endMs = this.#lookout.begin(this.#now());
    if (this.#endMs === 0 || this.#isScheduled) return;
    this.#isScheduled = true;
    this.#runNextTurn(this.#look);
  }

  /** Something has come. */
  heard(lengthBytes: number): void {
    const nowMs = this.#now();
    this.#trials.arrived(nowMs, lengthBytes);
    if (this.#endMs === 0) {
      this.#lookout.arrived(nowMs);
      return;
    }
    this.#endMs = 0;
    this.#lookout.succeeded(nowMs);
  }

  /** Nothing is to come any more. */
  stop(): void {
    this.#endMs = 0;
  }

  readonly #look = (): void => {
    if (this.#endMs !== 0 && this.#now() >= this.#endMs) {
      this.#endMs = 0;
      this.#lookout.failed();
    }
    if (this.#endMs === 0) this.#isScheduled = false;
    else this.#runNextTurn(this.#look);
  };
}
