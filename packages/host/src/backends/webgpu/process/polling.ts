/** Polls without a rest for this long after something happened, milliseconds. */
const BUSY_MS = 0.2;

/** Length of one rest, milliseconds. */
const REST_MS = 0.05;

/**
 * Dawn for Node has no thread of its own that waits: while a promise is pending it polls from `setImmediate`, round
 * after round, and takes a whole core from a software device. This gives the core back: when nothing has happened
 * for a while, each round sleeps a little first.
 */
export class DawnPolling {
  private lastEventMs = performance.now();
  private readonly sleeper = new Int32Array(new SharedArrayBuffer(4));

  /** Puts itself between Dawn and `setImmediate`; Dawn looks the function up each time. */
  install(): void {
    const schedule = globalThis.setImmediate;
    const resting = (callback: (...values: unknown[]) => void, ...values: unknown[]): NodeJS.Immediate =>
      schedule(() => {
        if (performance.now() - this.lastEventMs > BUSY_MS) Atomics.wait(this.sleeper, 0, 0, REST_MS);
        callback(...values);
      });
    globalThis.setImmediate = Object.assign(resting, schedule) as typeof setImmediate;
  }

  /** Something came in or was answered: more is likely to follow soon. */
  noteEvent(): void {
    this.lastEventMs = performance.now();
  }
}
