import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { RawData, WebSocket } from 'ws';
import { isTransportError, TransportError } from '../errors.ts';
import { freeBuffer } from '../free-buffer.ts';
import type { LinkEnd, LinkMedium, OutputChunk } from '../link/medium.ts';
import { CLOSE_WITH_ERROR, errorOfCloseCode, MAX_SOCKET_BYTES } from './address.ts';
import type { ChunkKeeper } from './chunk-keeper.ts';

/** How long a peer may take to read the farewell before the socket is cut, milliseconds. */
export const FAREWELL_TIMEOUT_MS = 2000;

const SEND_OPTIONS = { binary: true, compress: false } as const;

/** Messages up to this long are cheaper to copy and to mask than to keep and to write in two pieces, bytes. */
const SHORT_BYTES = 2048;

/** Whether the next message is to be masked, for a client's generator of masks. */
export interface Masking {
  isWanted: boolean;
}

/** A link over a socket of the `ws` package. */
export class WsMedium implements LinkMedium {
  readonly #socket: WebSocket;
  readonly #masking: Masking | null;
  #session: LinkEnd | null = null;
  #unsentBytes = 0;
  #error: TransportError | null = null;
  /** The connection below, of a client once it is made. */
  #connection: Socket | null = null;
  #isReferenced = true;

  #hasEnded = false;

  /**
   * @param errorOf - Words an error of the socket for people.
   * @param keeper - Of the reads that messages are made of, where it is known to be this socket's alone.
   */
  constructor(
    socket: WebSocket,
    errorOf: (error: Error) => TransportError,
    masking: Masking | null = null,
    keeper: ChunkKeeper | null = null,
  ) {
    this.#socket = socket;
    this.#masking = masking;
    socket.binaryType = 'nodebuffer';
    socket.on('message', (data: RawData, isBinary: boolean) => {
      if (isBinary) {
        this.#session?.receive(data as Buffer);
        // Put together by `ws` for this event alone.
        if (socket.listenerCount('message') > 1) return;
        freeBuffer(data as Buffer);
        keeper?.messageTaken();
      } else this.#session?.abort(new TransportError('bad-frame', 'a text message; link frames are binary'));
    });
    socket.on('error', (error: Error) => {
      this.#error ??= errorOf(error);
    });
    socket.on('close', (code: number, reason: Buffer) => {
      this.#error ??= errorOfCloseCode(code, reason.toString());
      this.#hasEnded = true;
      this.#tellEnd();
    });
    socket.once('upgrade', (response: IncomingMessage) => {
      this.#connection = response.socket;
      if (!this.#isReferenced) this.#connection.unref();
    });
  }

  setReferenced(isReferenced: boolean): void {
    this.#isReferenced = isReferenced;
    if (isReferenced) this.#connection?.ref();
    else this.#connection?.unref();
  }

  attach(session: LinkEnd): void {
    this.#session = session;
    if (this.#hasEnded) this.#tellEnd();
    else this.wake();
  }

  #tellEnd(): void {
    this.#session?.mediumEnded(this.#error);
  }

  drop(): void {
    this.#session = null;
    this.#socket.terminate();
  }

  wake(): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    while (this.#session !== null && this.#unsentBytes < MAX_SOCKET_BYTES) {
      const chunk = this.#session.takeOutput(true);
      if (chunk === null) return;
      this.#write(chunk);
    }
  }

  #write(chunk: OutputChunk): void {
    const { bytes, payload } = chunk;
    const length = bytes.length + (payload?.length ?? 0);
    if (this.#masking !== null) this.#masking.isWanted = length <= SHORT_BYTES;
    if (length <= SHORT_BYTES && this.#socket.bufferedAmount < SHORT_BYTES) {
      // A copy costs less than being told when the bytes are gone.
      this.#socket.send(Buffer.from(bytes), SEND_OPTIONS);
      chunk.release();
      return;
    }
    this.#unsentBytes += length;
    // The callback comes when the system has taken the bytes, or with an error: `close` tells about that.
    const gone = () => {
      this.#unsentBytes -= length;
      chunk.release();
      this.wake();
    };
    if (payload === null) {
      this.#socket.send(bytes, SEND_OPTIONS, gone);
      return;
    }
    // Frames may be cut anywhere between messages.
    this.#socket.send(bytes, SEND_OPTIONS);
    this.#socket.send(payload, SEND_OPTIONS, gone);
  }

  end(error: Error | null): void {
    const socket = this.#socket;
    const session = this.#session;
    if (session === null || socket.readyState > socket.OPEN) return;
    if (socket.readyState !== socket.OPEN) {
      socket.terminate();
      return;
    }
    for (let chunk = session.takeOutput(); chunk !== null; chunk = session.takeOutput()) this.#write(chunk);
    if (isTransportError(error) && error.code === 'time-out') {
      // The other side is as good as gone: it would not answer a closing handshake either.
      socket.terminate();
      return;
    }
    socket.close(error === null ? 1000 : CLOSE_WITH_ERROR);
    const timer = setTimeout(() => socket.terminate(), FAREWELL_TIMEOUT_MS);
    timer.unref();
    socket.once('close', () => clearTimeout(timer));
  }
}
