import { Buffer } from 'node:buffer';
import { Socket } from 'node:net';
import type { Duplex, Readable, Writable } from 'node:stream';
import { isTransportError, TransportError } from '../errors.ts';
import { freeBuffer } from '../free-buffer.ts';
import type { LinkEnd, LinkMedium, OutputChunk } from '../link/medium.ts';
import { LoopLookout } from '../loop-lookout.ts';
import { receiveFrom } from '../receive-now.ts';
import { clearTimeout, setTimeout } from '../timers.ts';

/** Bytes given to the stream and not yet gone after which no more is given. */
const MAX_STREAM_BYTES = 1024 * 1024;
/** Runs of frames up to this long are written as copies, bytes. */
const SHORT_BYTES = 2048;
/** How long a peer may take to read the farewell and to end its side before the stream is cut, milliseconds. */
export const FAREWELL_TIMEOUT_MS = 2000;

/** The same where the peer is taken for dead, milliseconds. */
const LAST_WORD_TIMEOUT_MS = 250;

/** Both directions of a connection: one stream, or one for each. */
export type StreamPair = Duplex | { readonly readable: Readable; readonly writable: Writable };

/** A link over streams of Node: sockets, pipes, character devices, or any duplex. */
export class StreamMedium implements LinkMedium {
  readonly #readable: Readable;
  readonly #writable: Writable;
  readonly #errorOf: (error: Error) => TransportError;
  /** Whether written bytes are gone, by copy, when the write is done: a stream in JavaScript may pass them on. */
  readonly #copiesOnWrite: boolean;
  /** Where the other side is another process. */
  #lookout: LoopLookout | null = null;
  #session: LinkEnd | null = null;
  #unsentBytes = 0;
  #error: TransportError | null = null;
  #hasEnded = false;
  #isEnding = false;
  /** Bytes that came before there was a session. */
  #early: Uint8Array[] = [];
  #timer: ReturnType<typeof setTimeout> | null = null;

  /**
   * @param errorOf - Words an error of the stream for people.
   * @param reading - Who else may hold what is read: `shared`, others may; `own`, nobody, so that its memory is given
   * back at once; `itself`: bytes come by {@link received} and not by the stream's `data` events.
   */
  constructor(
    streams: StreamPair,
    errorOf: (error: Error) => TransportError,
    reading: 'shared' | 'own' | 'itself' = 'shared',
  ) {
    this.#readable =
      'readable' in streams && typeof streams.readable === 'object' ? streams.readable : (streams as Duplex);
    this.#writable =
      'writable' in streams && typeof streams.writable === 'object' ? streams.writable : (streams as Duplex);
    this.#errorOf = errorOf;
    this.#copiesOnWrite = this.#writable instanceof Socket;
    if (this.#copiesOnWrite) this.#lookout = new LoopLookout();
    const failed = (error: Error) => {
      this.#error ??= this.#errorOf(error);
      this.ended();
    };
    const ended = () => this.ended();
    this.#readable.on('error', failed);
    this.#readable.on('end', ended);
    this.#readable.on('close', ended);
    if ((this.#writable as unknown) !== this.#readable) {
      this.#writable.on('error', (error: Error) => {
        this.#error ??= this.#errorOf(error);
        this.#writingEnded();
      });
      this.#writable.on('close', () => this.#writingEnded());
    }
    if (reading === 'itself') return;
    const isOwn = reading === 'own' && this.#readable instanceof Socket;
    this.#readable.on('data', (bytes: Uint8Array) => {
      this.received(bytes);
      if (isOwn) freeBuffer(bytes);
    });
  }

  /** Bytes have come in. They are not kept. */
  received(bytes: Uint8Array): void {
    this.#lookout?.heard(bytes.length);
    if (this.#session !== null) this.#session.receive(bytes);
    else if (!this.#hasEnded && !this.#isEnding) this.#early.push(bytes.slice());
  }

  attach(session: LinkEnd): void {
    this.#session = session;
    const early = this.#early;
    this.#early = [];
    for (const bytes of early) session.receive(bytes);
    if (this.#hasEnded) session.mediumEnded(this.#error);
    else this.wake();
  }

  /** What has come so far was for another link. */
  protected begins(): void {
    this.#early = [];
    this.#session?.beginsHere?.();
  }

  receiveNow(timeoutMs: number): boolean {
    const bytes = receiveFrom(this.#readable, timeoutMs);
    if (bytes !== null) this.received(bytes);
    return bytes !== null;
  }

  setReferenced(isReferenced: boolean): void {
    for (const stream of [this.#readable, this.#writable]) {
      const socket = stream as { ref?: () => void; unref?: () => void };
      if (isReferenced) socket.ref?.();
      else socket.unref?.();
    }
  }

  wake(): void {
    if (this.#hasEnded || this.#isEnding) return;
    let hasWritten = false;
    while (this.#session !== null && this.#unsentBytes < MAX_STREAM_BYTES) {
      const chunk = this.#session.takeOutput(this.#copiesOnWrite);
      if (chunk === null) break;
      this.#write(chunk);
      hasWritten = true;
    }
    if (hasWritten) this.#lookout?.spoke();
  }

  #write(chunk: OutputChunk): void {
    const { bytes, payload } = chunk;
    const length = bytes.length + (payload?.length ?? 0);
    if (length <= SHORT_BYTES && this.#writable.writableLength < SHORT_BYTES) {
      // A copy costs less than being told when the bytes are gone.
      this.#writable.write(Buffer.from(bytes));
      chunk.release();
      return;
    }
    this.#unsentBytes += length;
    // The callback comes when the bytes are gone, or with an error, which 'error' tells about as well.
    const gone = () => {
      this.#unsentBytes -= length;
      chunk.release();
      this.wake();
    };
    if (payload === null) {
      this.#writable.write(this.#copiesOnWrite ? bytes : Buffer.from(bytes), gone);
      return;
    }
    // One call of the system for both.
    this.#writable.cork();
    this.#writable.write(bytes);
    this.#writable.write(payload, gone);
    this.#writable.uncork();
  }

  /** The other side has ended, or the stream has broken. */
  protected ended(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#lookout?.stop();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#destroy();
    this.#session?.mediumEnded(this.#error);
  }

  /** Nobody reads what this side writes. What the other side has said before, its farewell perhaps, is still to be read. */
  #writingEnded(): void {
    if (this.#hasEnded || this.#timer !== null) return;
    this.#isEnding = true;
    this.#timer = setTimeout(() => this.ended(), FAREWELL_TIMEOUT_MS);
    this.#timer.unref();
  }

  #destroy(): void {
    this.#readable.destroy();
    this.#writable.destroy();
  }

  drop(): void {
    this.#session = null;
    this.#hasEnded = true;
    this.#lookout?.stop();
    this.#destroy();
  }

  end(error: Error | null): void {
    const session = this.#session;
    if (this.#hasEnded || session === null) return;
    if (this.#isEnding) {
      this.#destroy();
      return;
    }
    this.#isEnding = true;
    for (let chunk = session.takeOutput(); chunk !== null; chunk = session.takeOutput()) this.#write(chunk);
    // The other side is as good as gone: it would not read a farewell.
    const isGone = isTransportError(error) && error.code === 'time-out';
    if (isGone && this.#readable === (this.#writable as unknown)) {
      this.#destroy();
      return;
    }
    // What still comes is of no interest, but must be read for the end to be seen.
    this.#writable.end();
    // What moves a device's bytes ends with this side, and would take a farewell along that nothing else tells of.
    this.#timer = setTimeout(() => this.#destroy(), isGone ? LAST_WORD_TIMEOUT_MS : FAREWELL_TIMEOUT_MS);
    this.#timer.unref();
  }
}

/** What an error of a stream means once a link is under way. */
export function streamError(error: Error): TransportError {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return new TransportError('peer-closed', `the connection was lost: ${error.message || code}`, {
    cause: error,
  });
}
