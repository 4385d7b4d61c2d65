import type { Socket } from 'node:net';
import { systemClock } from '../clock.ts';
import { TransportError } from '../errors.ts';
import { Heartbeat } from '../link/heartbeat.ts';
import type { BusLink } from '../mock-vmbus/control.ts';
import { clearTimeout, setTimeout } from '../timers.ts';
import { BlockingSocket } from './blocking-socket.ts';
import { encodeMessage, Mark, WireDecoder } from './wire.ts';

const BELL = Uint8Array.of(Mark.bell);
const ALIVE = Uint8Array.of(Mark.alive);
/** How long a peer may take to read the last message before the socket is cut, milliseconds. */
const FAREWELL_TIMEOUT_MS = 2000;
/** A peer that lets this much of messages wait is not going to read them. */
const MAX_UNSENT_BYTES = 16 * 1024 * 1024;

/** A thread that blocks says nothing: it comes back after this part of the time between two heartbeats. */
const BLOCK_PART = 0.5;

/** What a link tells its side. */
export interface LinkEvents {
  message(message: unknown): void;
  bell(): void;
  /** The other side is gone, or hangs, or sends what cannot be. Called at most once. */
  lost(error: TransportError): void;
}

/** The socket between two processes that share memory: messages, doorbells, and the news of the other's end. */
export class SocketLink<Message> implements BusLink<Message> {
  readonly #socket: Socket;
  readonly #heartbeat: Heartbeat;
  readonly #decoder: WireDecoder;
  readonly #blocking: BlockingSocket;
  #longestBlockMs = Number.POSITIVE_INFINITY;
  #isClosed = false;
  #hasBellWaiting = false;

  constructor(socket: Socket, events: LinkEvents) {
    this.#socket = socket;
    this.#blocking = new BlockingSocket(socket);
    this.#decoder = new WireDecoder(events.bell, events.message);
    const lost = (error: TransportError) => {
      if (this.#isClosed) return;
      this.#isClosed = true;
      this.#stop();
      socket.destroy();
      events.lost(error);
    };
    this.#heartbeat = new Heartbeat(systemClock, () => this.#write(ALIVE), lost);
    socket.on('data', (bytes: Uint8Array) => {
      if (this.#isClosed) return;
      this.#heartbeat.heard();
      try {
        this.#decoder.push(bytes);
      } catch (error) {
        lost(error as TransportError);
      }
    });
    let cause: Error | undefined;
    socket.on('error', (error) => {
      cause = error;
    });
    socket.on('close', () => {
      const why = cause === undefined ? '' : `: ${cause.message}`;
      lost(new TransportError('peer-closed', `the process at the other end is gone${why}`, { cause }));
    });
  }

  startHeartbeat(intervalMs: number, silenceMs = 0): void {
    if (intervalMs <= 0) return;
    this.#longestBlockMs = intervalMs * BLOCK_PART;
    this.#heartbeat.start(intervalMs, silenceMs);
  }

  post(message: Message): void {
    if (this.#isClosed) return;
    this.#write(encodeMessage(message));
    if (this.#socket.writableLength > MAX_UNSENT_BYTES) {
      this.#socket.destroy(new Error(`it does not read: ${this.#socket.writableLength} bytes wait`));
    }
  }

  /**
   * Never held back because an earlier one is still under way: the other side may have answered that one already. But one
   * that has not left this process will be heard later than now, and is enough: the indices of a side that does not read,
   * and has itself rung for each packet, would make bells without end.
   */
  doorbell(_channel: number): void {
    if (this.#isClosed || this.#hasBellWaiting) return;
    this.#heartbeat.spoke();
    if (this.#socket.writableLength === 0) {
      this.#socket.write(BELL);
      return;
    }
    this.#hasBellWaiting = true;
    this.#socket.write(BELL, () => {
      this.#hasBellWaiting = false;
    });
  }

  /**
   * Blocks this thread until the other side rings, says something or is gone. Bells are taken; all else is left to the event loop, and
   * as long as it lies there nothing blocks.
   *
   * @returns false when the time was over first, which is at the latest when a heartbeat is due soon.
   */
  block(timeoutMs: number): boolean {
    // What has not left yet leaves by the event loop only; and behind a part of a message there are no bells to be told from it.
    if (this.#isClosed || this.#socket.writableLength > 0 || this.#decoder.isWithinMessage) return true;
    if (!this.#blocking.wait(Math.min(timeoutMs, this.#longestBlockMs))) return false;
    this.#blocking.take(Mark.bell);
    return true;
  }

  #write(bytes: Uint8Array): void {
    this.#heartbeat.spoke();
    this.#socket.write(bytes);
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }

  #stop(): void {
    this.#heartbeat.stop();
    this.#decoder.stop();
  }

  /** Nothing is said any more, and nothing heard: what was posted still leaves. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stop();
    this.#socket.end();
    this.#socket.resume();
    const timer = setTimeout(() => this.#socket.destroy(), FAREWELL_TIMEOUT_MS);
    timer.unref();
    this.#socket.once('close', () => clearTimeout(timer));
  }
}
