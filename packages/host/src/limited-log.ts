import type { Log } from './log.ts';
import type { HostClock } from './scheduler/index.ts';

/** Lines that may come at once. */
const BURST_LINES = 200;
/** Lines a second afterwards. */
const LINES_PER_S = 10;

/** How many lines one guest may still cause. */
class Allowance {
  readonly #clock: HostClock;
  #left = BURST_LINES;
  #sinceMs: number;
  /** Lines that were not written. */
  leftOut = 0;

  constructor(clock: HostClock) {
    this.#clock = clock;
    this.#sinceMs = clock.nowMs();
  }

  /** @returns whether a line may be written now. */
  take(): boolean {
    const now = this.#clock.nowMs();
    this.#left = Math.min(BURST_LINES, this.#left + ((now - this.#sinceMs) / 1000) * LINES_PER_S);
    this.#sinceMs = now;
    if (this.#left < 1) {
      this.leftOut += 1;
      return false;
    }
    this.#left -= 1;
    return true;
  }
}

class LimitedLog implements Log {
  readonly #log: Log;
  readonly #allowance: Allowance;

  constructor(log: Log, allowance: Allowance) {
    this.#log = log;
    this.#allowance = allowance;
  }

  debug(object: object, message: string): void {
    this.#log.debug(object, message);
  }

  info(object: object, message: string): void {
    if (this.#mayWrite()) this.#log.info(object, message);
  }

  warn(object: object, message: string): void {
    if (this.#mayWrite()) this.#log.warn(object, message);
  }

  error(object: object, message: string): void {
    if (this.#mayWrite()) this.#log.error(object, message);
  }

  child(bindings: object): Log {
    return new LimitedLog(this.#log.child(bindings), this.#allowance);
  }

  #mayWrite(): boolean {
    const allowance = this.#allowance;
    if (!allowance.take()) return false;
    if (allowance.leftOut > 0) {
      this.#log.warn({ lines: allowance.leftOut }, 'lines were left out: this guest causes too many');
      allowance.leftOut = 0;
    }
    return true;
  }
}

/**
 * A log for what one guest does, which cannot be filled by it: 200 lines at once and 10 a second afterwards, all children
 * together; then one line says how many were left out. `debug` lines are not counted: who asks for them wants all.
 */
export function createLimitedLog(log: Log, clock: HostClock): Log {
  return new LimitedLog(log, new Allowance(clock));
}
