import type { Clock } from '../clock.ts';
import { TransportError } from '../errors.ts';

/**
 * Finds out that the other side is gone. Each side says something at least once in an interval, if only a ping;
 * a side that hears nothing for two intervals, or for as long as it was told to be patient, gives the other up.
 * Suspicion comes a little earlier and waits for one more turn of the event loop: what lay unread while this side was busy counts as heard.
 */
export class Heartbeat {
  readonly #clock: Clock;
  readonly #ping: (id: number) => void;
  readonly #lost: (error: TransportError) => void;
  #intervalMs = 0;
  #limitMs = 0;
  #heardMs = 0;
  #spokeMs = 0;
  #pings = 0;
  #cancelPing: (() => void) | null = null;
  #cancelWatch: (() => void) | null = null;

  constructor(clock: Clock, ping: (id: number) => void, lost: (error: TransportError) => void) {
    this.#clock = clock;
    this.#ping = ping;
    this.#lost = lost;
  }

  /** @param limitMs - Silence that ends the link, milliseconds; at least two intervals, which is the default. */
  start(intervalMs: number, limitMs = 0): void {
    this.stop();
    this.#intervalMs = intervalMs;
    this.#limitMs = Math.max(limitMs, 2 * intervalMs);
    this.#heardMs = this.#clock.now();
    this.#spokeMs = this.#heardMs;
    this.#schedulePing(intervalMs);
    this.#scheduleWatch();
  }

  stop(): void {
    this.#cancelPing?.();
    this.#cancelWatch?.();
    this.#cancelPing = null;
    this.#cancelWatch = null;
    this.#intervalMs = 0;
  }

  /** The other side was heard. */
  heard(): void {
    if (this.#intervalMs > 0) this.#heardMs = this.#clock.now();
  }

  /** This side has written something. */
  spoke(): void {
    if (this.#intervalMs > 0) this.#spokeMs = this.#clock.now();
  }

  #schedulePing(delayMs: number): void {
    this.#cancelPing = this.#clock.setTimer(() => {
      const idleMs = this.#clock.now() - this.#spokeMs;
      if (idleMs < this.#intervalMs) {
        this.#schedulePing(this.#intervalMs - idleMs);
        return;
      }
      this.#pings += 1;
      this.#ping(this.#pings);
      this.#schedulePing(this.#intervalMs);
    }, delayMs);
  }

  #scheduleWatch(): void {
    const suspectMs = this.#limitMs - this.#intervalMs / 4;
    const silentMs = this.#clock.now() - this.#heardMs;
    this.#cancelWatch = this.#clock.setTimer(
      () => {
        if (this.#clock.now() - this.#heardMs < suspectMs) this.#scheduleWatch();
        else this.#suspect();
      },
      Math.max(0, suspectMs - silentMs),
    );
  }

  #suspect(): void {
    const heardMs = this.#heardMs;
    this.#cancelWatch = this.#clock.setTimer(() => {
      if (this.#heardMs !== heardMs) {
        this.#scheduleWatch();
        return;
      }
      const limitMs = this.#limitMs;
      const silence = limitMs === this.#intervalMs * 2 ? `two heartbeats (${limitMs} ms)` : `${limitMs} ms`;
      this.stop();
      this.#lost(new TransportError('time-out', `nothing heard from the peer for ${silence}`));
    }, this.#intervalMs / 4);
  }
}
