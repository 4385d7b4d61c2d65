import { availableParallelism } from 'node:os';
import { nativeMemory } from '../../../native-memory.ts';
import { Wakefulness } from './wakefulness.ts';

/** Polls without a rest for this long after something happened, milliseconds. */
const BUSY_MS = 0.2;

/** Length of one rest, milliseconds. */
const REST_MS = 0.05;

/**
 * Dawn for Node has no thread of its own that waits: while a promise is pending it polls from `setImmediate`, round
 * after round, and takes a whole core from a software device. This gives the core back: each round lets other threads
 * have it first, and when nothing has happened for a while, sleeps a little.
 */
export class DawnPolling {
  private lastEventMs = performance.now();
  private readonly sleeper = new Int32Array(new SharedArrayBuffer(4));
  private readonly schedule = globalThis.setImmediate;
  private readonly yieldCore = nativeMemory()?.yieldCore ?? (() => {});
  /** Null where no other thread could do anything meanwhile. */
  private readonly wakefulness =
    availableParallelism() === 1
      ? null
      : new Wakefulness({
          nowMs: () => performance.now(),
          nextRound: (callback) => this.schedule(callback),
          yieldCore: this.yieldCore,
        });

  /** Puts itself between Dawn and `setImmediate`; Dawn looks the function up each time. */
  install(): void {
    const { schedule, yieldCore } = this;
    const resting = (callback: (...values: unknown[]) => void, ...values: unknown[]): NodeJS.Immediate =>
      schedule(() => {
        if (performance.now() - this.lastEventMs > BUSY_MS) Atomics.wait(this.sleeper, 0, 0, REST_MS);
        else yieldCore();
        callback(...values);
      });
    globalThis.setImmediate = Object.assign(resting, schedule) as typeof setImmediate;
  }

  /** Something came in: more is likely to follow soon. */
  noteReceived(): void {
    this.lastEventMs = performance.now();
    this.wakefulness?.received();
  }

  /** Something was answered. */
  noteAnswered(): void {
    this.lastEventMs = performance.now();
    this.wakefulness?.answered();
  }
}
