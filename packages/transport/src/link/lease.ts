import type { Clock } from '../clock.ts';
import { TransportError } from '../errors.ts';

/** How long a session without a connection waits for the next one. */
export class Lease {
  readonly #clock: Clock;
  readonly #expired: (error: TransportError) => void;
  #cancel: (() => void) | null = null;
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

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }
}
