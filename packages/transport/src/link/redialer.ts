import { FIRST_REDIAL_MS, LAST_REDIAL_MS } from './limits.ts';
import type { LinkMedium } from './medium.ts';

/** Makes a new connection after a pause; rejects when that fails or when `signal` says that it is not wanted. */
export type Redial = (delayMs: number, signal: AbortSignal) => Promise<LinkMedium>;

/** Tries to connect again until that works or nobody wants it: at once at first, then ever less often. */
export class Redialer {
  readonly #redial: Redial;
  readonly #connected: (medium: LinkMedium) => void;
  #delayMs = 0;
  #attempt: AbortController | null = null;
  #isStopped = false;

  /** @param connected - Takes the new connection into use. */
  constructor(redial: Redial, connected: (medium: LinkMedium) => void) {
    this.#redial = redial;
    this.#connected = connected;
  }

  /** The connection is gone; without effect while an attempt is under way. */
  start(): void {
    if (this.#attempt !== null || this.#isStopped) return;
    const attempt = new AbortController();
    this.#attempt = attempt;
    const delayMs = this.#delayMs;
    this.#delayMs = Math.min(LAST_REDIAL_MS, Math.max(FIRST_REDIAL_MS, delayMs * 2));
    this.#redial(delayMs, attempt.signal).then(
      (medium) => {
        this.#attempt = null;
        if (this.#isStopped) medium.drop();
        else this.#connected(medium);
      },
      () => {
        this.#attempt = null;
        this.start();
      },
    );
  }

  /** The session goes on: the next loss is met at once again. */
  succeeded(): void {
    this.#delayMs = 0;
  }

  /** Nobody wants a connection any more. */
  stop(): void {
    this.#isStopped = true;
    this.#attempt?.abort();
  }
}
