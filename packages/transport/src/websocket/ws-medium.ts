import { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import { isTransportError, TransportError } from '../errors.ts';
import { freeBuffer } from '../free-buffer.ts';
import type { LinkEnd, LinkMedium, OutputChunk } from '../link/medium.ts';
import { LoopLookout } from '../loop-lookout.ts';
import { receiveFrom } from '../receive-now.ts';
import { clearTimeout, setTimeout } from '../timers.ts';
import { CLOSE_WITH_ERROR, errorOfCloseCode, MAX_SOCKET_BYTES } from './address.ts';
import type { ChunkKeeper } from './chunk-keeper.ts';
import { isCompressed, LEAST_COMPRESSED_BYTES } from './compression.ts';
import { headerSize, MOST_HEADER_BYTES, placeHeader } from './message-header.ts';

/** How long a peer may take to read the farewell before the socket is cut, milliseconds. */
export const FAREWELL_TIMEOUT_MS = 2000;

const PLAIN = { binary: true, compress: false } as const;
/** Where both sides have agreed on it; else `ws` takes it for the other. */
const COMPRESSED = { binary: true, compress: true } as const;

/** Messages up to this long are cheaper to copy than to keep until they are gone, bytes. */
const SHORT_BYTES = 2048;

/** How a medium's socket was made. */
export type WsOrigin =
  /** Here, to another machine or with TLS: messages are masked. */
  | 'client'
  /** Here, to this machine: messages have a mask of zeros. */
  | 'local client'
  /** By an upgrade request. */
  | 'server';

/** A link over a socket of the `ws` package. */
export class WsMedium implements LinkMedium {
  readonly #socket: WebSocket;
  readonly #origin: WsOrigin;
  #session: LinkEnd | null = null;
  #unsentBytes = 0;
  #error: TransportError | null = null;
  /** The connection below, of a client once it is made; null where it is no socket of the system's. */
  #connection: Socket | null = null;
  #isReferenced = true;
  #isCompressed: boolean;
  readonly #lookout = new LoopLookout();
  #hasEnded = false;

  /**
   * @param errorOf - Words an error of the socket for people.
   * @param connection - Below the socket, of a server's.
   * @param keeper - Of the reads that messages are made of, where it is known to be this socket's alone.
   */
  constructor(
    socket: WebSocket,
    errorOf: (error: Error) => TransportError,
    origin: WsOrigin,
    connection: Duplex | null = null,
    keeper: ChunkKeeper | null = null,
  ) {
    this.#socket = socket;
    this.#origin = origin;
    if (connection instanceof Socket) this.#connection = connection;
    this.#isCompressed = isCompressed(socket);
    socket.once('open', () => {
      this.#isCompressed = isCompressed(socket);
    });
    socket.binaryType = 'nodebuffer';
    socket.on('message', (data: RawData, isBinary: boolean) => {
      this.#lookout.heard((data as Buffer).length);
      if (isBinary) {
        this.#session?.receive(data as Buffer);
        // Put together by `ws` for this event alone.
        if (socket.listenerCount('message') > 1 || this.#isCompressed) return;
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
      this.#lookout.stop();
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

  receiveNow(timeoutMs: number): boolean {
    const connection = this.#connection;
    if (this.#isCompressed)
      throw new TransportError('closed', 'compressed messages come by the event loop only');
    const bytes = receiveFrom(connection, timeoutMs);
    // `ws` listens there.
    if (bytes !== null) connection?.emit('data', bytes);
    return bytes !== null;
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
    let hasWritten = false;
    while (this.#session !== null && this.#unsentBytes < MAX_SOCKET_BYTES) {
      const chunk = this.#session.takeOutput(true);
      if (chunk === null) break;
      this.#write(chunk);
      hasWritten = true;
    }
    if (hasWritten) this.#lookout.spoke();
  }

  #write(chunk: OutputChunk): void {
    // What `ws` compresses it writes later: it has to write all the rest as well.
    if (this.#connection === null || this.#origin === 'client' || this.#isCompressed) this.#send(chunk);
    else this.#writeThrough(this.#connection, chunk);
  }

  /** Gives a chunk to `ws`. */
  #send(chunk: OutputChunk): void {
    const { bytes, payload } = chunk;
    const length = bytes.length + (payload?.length ?? 0);
    if (length <= SHORT_BYTES && this.#socket.bufferedAmount < SHORT_BYTES) {
      this.#socket.send(Buffer.from(bytes), optionsFor(length));
      chunk.release();
      return;
    }
    const gone = this.#whenGone(chunk, length);
    if (payload === null) {
      this.#socket.send(bytes, optionsFor(length), gone);
      return;
    }
    // Frames may be cut anywhere between messages.
    this.#socket.send(bytes, PLAIN);
    this.#socket.send(payload, COMPRESSED, gone);
  }

  /**
   * Writes a chunk as a message of its own to the connection below: one piece with its header, where `ws` would write two. What
   * `ws` itself has to say goes to the connection at once and whole, so that messages stay whole.
   */
  #writeThrough(connection: Socket, chunk: OutputChunk): void {
    const { bytes, payload, headroomBytes } = chunk;
    const isMasked = this.#origin === 'local client';
    const length = bytes.length + (payload?.length ?? 0);
    const size = headerSize(length, isMasked);
    if (payload === null && length <= SHORT_BYTES && connection.writableLength < SHORT_BYTES) {
      const message = Buffer.allocUnsafe(size + length);
      placeHeader(message, 0, length, isMasked);
      message.set(bytes, size);
      connection.write(message);
      chunk.release();
      return;
    }
    const gone = this.#whenGone(chunk, length);
    const isGathered = headroomBytes < size || payload !== null;
    if (isGathered) connection.cork();
    if (headroomBytes < size) {
      const header = Buffer.allocUnsafe(MOST_HEADER_BYTES);
      placeHeader(header, 0, length, isMasked);
      connection.write(header.subarray(0, size));
      connection.write(bytes, payload === null ? gone : undefined);
    } else {
      const piece = Buffer.from(bytes.buffer, bytes.byteOffset - size, size + bytes.length);
      placeHeader(piece, 0, length, isMasked);
      connection.write(piece, payload === null ? gone : undefined);
    }
    if (payload !== null) connection.write(payload, gone);
    if (isGathered) connection.uncork();
  }

  /** What to do when the system has taken a chunk's bytes, or has failed to: `close` tells about that. */
  #whenGone(chunk: OutputChunk, length: number): () => void {
    this.#unsentBytes += length;
    return () => {
      this.#unsentBytes -= length;
      chunk.release();
      this.wake();
    };
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

/** What is written last, or alone, is short and goes out within the call. */
function optionsFor(length: number): typeof PLAIN | typeof COMPRESSED {
  return length < LEAST_COMPRESSED_BYTES ? PLAIN : COMPRESSED;
}
