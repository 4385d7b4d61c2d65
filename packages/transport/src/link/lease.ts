import type { Clock } from '../clock.ts';
import { TransportError } from '../errors.ts';
import { LAST_REDIAL_MS } from './limits.ts';

/** How long a session without a connection waits for the next one. */
export class Lease {
  readonly #clock: Clock;
  readonly #expired: (error: TransportError) => void;
  #cancel: (() => void) | null = null;
  /** When the session last went on over a new connection, and how far both streams had got. */
  #wentOn: { readonly arrivedBytes: number; readonly atMs: number } | null = null;
  /** Milliseconds; 0 when the session ends with its connection. */
  lengthMs = 0;

  constructor(clock: Clock, expired: (error: TransportError) => void) {
    this.#clock = clock;
    this.#expired = expired;
  }

  /** From the loss of a connection until the session goes on over another, or ends. */
  get isRunning(): boolean {
    return this.#cancel !== null;
  }

  /** The connection was lost by `error`. */
  start(error: Error): void {
    const lease = `the connection was lost and not made again within ${this.lengthMs / 1000} s`;
    this.#cancel = this.#clock.setTimer(() => {
      const code = error instanceof TransportError ? error.code : 'peer-closed';
      this.#expired(new TransportError(code, `${lease}: ${error.message}`, { cause: error }));
    }, this.lengthMs);
  }

  /** The session goes on over a new connection; so much has arrived of both streams. */
  wentOn(arrivedBytes: number): void {
    this.stop();
    this.#wentOn = { arrivedBytes, atMs: this.#clock.now() };
  }

  /** Whether a new connection has lasted but a moment, and nothing has arrived over it. */
  wasInVain(arrivedBytes: number): boolean {
    if (this.#wentOn === null || this.isRunning) return false;
    const { arrivedBytes: before, atMs } = this.#wentOn;
    return arrivedBytes === before && this.#clock.now() - atMs < LAST_REDIAL_MS;
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }
}
