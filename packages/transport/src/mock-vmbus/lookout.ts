import { now } from '../timers.ts';

/** Looks before the first one at the clock: an answer of a side that is awake comes within these. */
const FIRST_LOOKS = 128;
/** Looks between two at the clock. */
const LOOKS_PER_CLOCK = 32;
/** How long looking on lasts: this, and some of what a wait lasts on the average. */
const AT_LEAST_MS = 0.06;
const MEAN_FACTOR = 4;
/** After this many looks in vain in a row no further ones add to the pause: 2^(n-1) looks left out. */
const MAX_VAIN_LOOKS = 7;
/** Weight of the latest wait in the mean that decides whether looking on pays. */
const WAIT_WEIGHT = 0.25;
/** A mean below is none. */
const NO_WAIT_MS = 1e-4;
/** A wait counts as at most this many times what looking on may take: one long pause is soon forgotten. */
const WAIT_LIMIT_FACTOR = 4;

/** What is looked at: whether what is waited for has come. */
export interface Watched {
  isReady(): boolean;
}

/**
 * Decides how long one end looks on by itself before it sleeps: only while what it waits for comes so soon, as a rule,
 * that looking costs less than being woken, and ever less often when it looks in vain, as where the other side has no
 * core to itself.
 */
export class Lookout {
  readonly #limitMs: number;
  #meanMs = 0;
  /** Since when this end waits, by the clock; 0: it does not, or has only glanced. */
  #sinceMs = 0;
  #vainLooks = 0;
  #looksToSkip = 0;

  /** @param limitMicroseconds - Most that one look may last; 0 for none at all. */
  constructor(limitMicroseconds: number) {
    this.#limitMs = limitMicroseconds / 1000;
  }

  /** Whether this end waits, by the clock: what comes is to be told by {@link arrived}. Asked for each packet, so it is short. */
  get isWaiting(): boolean {
    return this.#sinceMs !== 0;
  }

  /** Whether looking on is worth it now. */
  get pays(): boolean {
    return this.#limitMs > 0 && this.#meanMs <= this.#limitMs;
  }

  /** Looks a few times without a look at the clock. @returns true when it has come. */
  glance(watched: Watched): boolean {
    if (this.#looksToSkip > 0 || this.#sinceMs !== 0 || !this.pays) return false;
    for (let i = 0; i < FIRST_LOOKS; i += 1) {
      if (!watched.isReady()) continue;
      if (this.#meanMs !== 0) this.#forget();
      this.#vainLooks = 0;
      return true;
    }
    return false;
  }

  /** What came within a glance was hardly waited for. Never a fraction so small that processors are slow with it. */
  #forget(): void {
    this.#meanMs = this.#meanMs < NO_WAIT_MS ? 0 : this.#meanMs * (1 - WAIT_WEIGHT);
  }

  /** Looks on for as long as seems worth it; what comes later is told by {@link arrived}. @returns true when it has come. */
  watch(watched: Watched): boolean {
    const endMs = this.begin(now());
    if (endMs === 0) return false;
    do {
      for (let i = 0; i < LOOKS_PER_CLOCK; i += 1) {
        if (!watched.isReady()) continue;
        this.succeeded();
        return true;
      }
    } while (now() < endMs);
    this.failed();
    return false;
  }

  /**
   * Begins to wait. Who looks by other means than {@link watch} says how that ended: {@link succeeded} or {@link failed}.
   *
   * @returns until when to look on, by the clock; 0 where that is not worth it.
   */
  begin(nowMs: number): number {
    if (this.#limitMs === 0) return 0;
    if (this.#sinceMs === 0) this.#sinceMs = nowMs;
    if (!this.pays) return 0;
    if (this.#looksToSkip > 0) {
      this.#looksToSkip -= 1;
      return 0;
    }
    return nowMs + Math.min(this.#limitMs, AT_LEAST_MS + this.#meanMs * MEAN_FACTOR);
  }

  /** It came while this end looked on. */
  succeeded(nowMs?: number): void {
    this.#vainLooks = 0;
    this.arrived(nowMs);
  }

  /** This end has looked on in vain. */
  failed(): void {
    this.#vainLooks = Math.min(MAX_VAIN_LOOKS, this.#vainLooks + 1);
    this.#looksToSkip = (1 << this.#vainLooks) >> 1;
  }

  /** What was waited for has come. Cheap when nothing was waited for. */
  arrived(nowMs?: number): void {
    if (this.#sinceMs === 0) return;
    const waitedMs = Math.min(this.#limitMs * WAIT_LIMIT_FACTOR, (nowMs ?? now()) - this.#sinceMs);
    this.#sinceMs = 0;
    this.#meanMs += (waitedMs - this.#meanMs) * WAIT_WEIGHT;
  }
}
