import { Duplex, type Readable, type Writable } from 'node:stream';
import { type Clock, systemClock } from '../clock.ts';
import { FaultPipe, type PipeReader } from './fault-pipe.ts';
import type { Framing } from './framing.ts';
import type { ConnectionPlan } from './plan.ts';

export interface FaultyStreamOptions {
  readonly plan: ConnectionPlan;
  readonly seed: number;
  /** Whose end of the connection the wrapped stream is: what is written then goes to the other. */
  readonly side: 'guest' | 'host';
  /** Default `link`. */
  readonly framing?: Framing;
  /** Default: the system's. */
  readonly clock?: Clock;
}

/** What a connection that was cut tells its reader. */
export function resetError(): Error {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
}

/** A duplex between its user and a stream, with delay, rate, pieces and faults as planned. */
class FaultyStream extends Duplex {
  readonly #readable: Readable;
  readonly #writable: Writable;
  readonly #outbound: FaultPipe;
  readonly #inbound: FaultPipe;
  #writeDone: (() => void) | null = null;

  constructor(readable: Readable, writable: Writable, options: FaultyStreamOptions) {
    super({ allowHalfOpen: true });
    this.#readable = readable;
    this.#writable = writable;
    const { plan, side } = options;
    const isGuest = side === 'guest';
    this.#outbound = this.#pipe(options, isGuest ? plan.toHost : plan.toGuest, 0, {
      bytes: (bytes) => writable.write(bytes.slice()),
      ended: () => writable.end(),
    });
    this.#inbound = this.#pipe(options, isGuest ? plan.toGuest : plan.toHost, 1, {
      bytes: (bytes) => this.push(bytes.slice()),
      ended: () => this.push(null),
    });
    this.#follow();
  }

  #pipe(options: FaultyStreamOptions, plan: ConnectionPlan['toHost'], salt: number, reader: PipeReader) {
    return new FaultPipe({
      clock: options.clock ?? systemClock,
      seed: options.seed + salt,
      framing: options.framing ?? 'link',
      plan,
      reader,
      onRoom: () => {
        if (salt === 1) this.#readable.resume();
        const done = this.#writeDone;
        this.#writeDone = null;
        done?.();
      },
      onCut: () => this.destroy(resetError()),
      onStall: (forMs) => {
        this.#outbound.stall(forMs);
        this.#inbound.stall(forMs);
      },
    });
  }

  #follow(): void {
    this.#readable.on('data', (bytes: Uint8Array) => {
      this.#inbound.write(bytes);
      if (!this.#inbound.hasRoom) this.#readable.pause();
    });
    this.#readable.on('end', () => this.#inbound.end());
    this.#writable.on('drain', () => this.#outbound.resume());
    for (const stream of new Set([this.#readable, this.#writable])) {
      stream.on('error', (error: Error) => this.destroy(error));
    }
    this.#readable.on('close', () => {
      if (!this.#readable.readableEnded) this.destroy();
    });
  }

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    this.#outbound.write(chunk);
    if (this.#outbound.hasRoom) done();
    else this.#writeDone = done;
  }

  override _final(done: () => void): void {
    this.#outbound.end();
    done();
  }

  override _read(): void {
    this.#inbound.resume();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#outbound.stop();
    this.#inbound.stop();
    this.#readable.destroy();
    this.#writable.destroy();
    done(error);
  }
}

/**
 * Wraps one end of a connection, a socket or the two pipes of a child process say, so that what is written to the result
 * and read from it passes through a {@link ConnectionPlan}. When it is destroyed, or the plan cuts it, so is the stream.
 */
export function faultyStream(
  stream: Duplex | { readonly readable: Readable; readonly writable: Writable },
  options: FaultyStreamOptions,
): Duplex {
  if (stream instanceof Duplex) return new FaultyStream(stream, stream, options);
  return new FaultyStream(stream.readable, stream.writable, options);
}
