import type { Clock } from '../clock.ts';
import { FIRST_ATTEMPT_MS, FIRST_REDIAL_MS, LAST_ATTEMPT_MS, LAST_REDIAL_MS } from './limits.ts';
import type { LinkMedium } from './medium.ts';

/** Makes a new connection after a pause; rejects when that fails or when `signal` says that it is not wanted. */
export type Redial = (delayMs: number, signal: AbortSignal) => Promise<LinkMedium>;

/** The longest pause is such a part of the lease. */
const LEASE_PART = 1 / 4;

/** What a redialer tells of. */
export interface RedialerTarget {
  /** Takes the new connection into use: asks the host to go on over it. */
  connected(medium: LinkMedium): void;
  /** The host has not answered over the new connection: gives it up and calls {@link Redialer.start}. */
  unanswered(): void;
}

/** Tries to connect again until that works or nobody wants it: at once at first, then ever less often. */
export class Redialer {
  readonly #clock: Clock;
  readonly #redial: Redial;
  readonly #target: RedialerTarget;
  #delayMs = 0;
  #attemptMs = FIRST_ATTEMPT_MS;
  #attempt: AbortController | null = null;
  #hasSucceeded = false;
  #cancelTimer: (() => void) | null = null;
  #isStopped = false;

  /** How long the host waits for this guest, milliseconds: pauses are short beside it. */
  leaseMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, redial: Redial, target: RedialerTarget) {
    this.#clock = clock;
    this.#redial = redial;
    this.#target = target;
  }

  /**
   * The connection is gone; without effect while an attempt is under way.
   *
   * @param wasInVain - It had been made anew and nothing got on over it: pauses go on growing, or what breaks each
   * connection at once would keep both sides busy for ever.
   */
  start(wasInVain = false): void {
    if (this.#attempt !== null || this.#isStopped) return;
    if (this.#hasSucceeded) {
      this.#hasSucceeded = false;
      this.#attemptMs = FIRST_ATTEMPT_MS;
      if (!wasInVain) this.#delayMs = 0;
    }
    const attempt = new AbortController();
    this.#attempt = attempt;
    const delayMs = this.#delayMs;
    const longestMs = Math.min(LAST_REDIAL_MS, this.leaseMs * LEASE_PART);
    this.#delayMs = Math.min(longestMs, Math.max(FIRST_REDIAL_MS, delayMs * 2));
    this.#limit(delayMs);
    this.#redial(delayMs, attempt.signal).then(
      (medium) => {
        this.#attempt = null;
        if (this.#isStopped) medium.drop();
        else this.#target.connected(medium);
      },
      () => {
        this.#attempt = null;
        this.start();
      },
    );
  }

  /** From now on until {@link succeeded} the host has so long to be reached and to answer. */
  #limit(delayMs: number): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#clock.setTimer(() => {
      this.#cancelTimer = null;
      if (this.#attempt !== null) this.#attempt.abort();
      else this.#target.unanswered();
    }, delayMs + this.#attemptMs);
    this.#attemptMs = Math.min(LAST_ATTEMPT_MS, this.#attemptMs * 2);
  }

  /** The session goes on. */
  succeeded(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#hasSucceeded = true;
  }

  /** Nobody wants a connection any more. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#attempt?.abort();
  }
}
