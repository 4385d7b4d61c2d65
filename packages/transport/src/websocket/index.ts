import { systemClock } from '../clock.ts';
import { TransportError } from '../errors.ts';
import { GuestLink } from '../link/guest-link.ts';
import type { LinkEnd, LinkMedium } from '../link/medium.ts';
import { DEFAULT_MAX_QUEUED_BYTES } from '../queue-limits.ts';
import { runNextTurn } from '../timers.ts';
import type { GuestBus } from '../transport.ts';
import {
  CLOSE_WITH_ERROR,
  checkToken,
  DEFAULT_CONNECT_TIMEOUT_MS,
  errorOfCloseCode,
  MAX_SOCKET_BYTES,
  parseWebSocketUrl,
  SUBPROTOCOL,
  tokenToSubprotocol,
  type WebSocketAddress,
  type WebSocketConnectOptions,
} from './address.ts';

export type { WebSocketConnectOptions } from './address.ts';

/** What a close event says of a connection that ended in no order, or was never made (RFC 6455, 7.1.5). */
const CLOSED_WITHOUT_CODE = 1006;
/** How soon to look again whether a full socket has room: the platform has no event for that. Milliseconds. */
const ROOM_POLL_MS = 4;

/** A link over the platform's own WebSocket. */
class PlatformMedium implements LinkMedium {
  readonly #socket: WebSocket;
  #session: LinkEnd | null = null;
  #cancelPoll: (() => void) | null = null;
  #isOpen = false;
  #hasEnded = false;
  #error: TransportError | null = null;

  constructor(address: WebSocketAddress, protocols: string[], onOpen: () => void, onFailed: () => void) {
    const socket = new WebSocket(address.url, protocols);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    socket.onopen = () => {
      this.#isOpen = true;
      this.wake();
      onOpen();
    };
    socket.onmessage = ({ data }: MessageEvent) => {
      if (data instanceof ArrayBuffer) this.#session?.receive(new Uint8Array(data));
      else this.#session?.abort(new TransportError('bad-frame', 'a text message; link frames are binary'));
    };
    // Where no connection was made, Node 22 tells of an error and never of the end.
    socket.onerror = () => {
      if (!this.#isOpen) runNextTurn(() => closed(CLOSED_WITHOUT_CODE, ''));
    };
    const closed = (code: number, reason: string) => {
      if (this.#hasEnded) return;
      this.#hasEnded = true;
      // The platform tells a page no more than this.
      const hint = 'is the host running, and does it accept this origin?';
      this.#error = this.#isOpen
        ? errorOfCloseCode(code, reason)
        : new TransportError('connect-failed', `cannot connect to ${address.shown}: ${hint}`);
      if (!this.#isOpen) onFailed();
      this.#session?.mediumEnded(this.#error);
    };
    socket.onclose = ({ code, reason }) => closed(code, reason);
  }

  attach(session: LinkEnd): void {
    this.#session = session;
    if (this.#hasEnded) session.mediumEnded(this.#error);
    else this.wake();
  }

  drop(): void {
    this.#session = null;
    this.#cancelPoll?.();
    this.#cancelPoll = null;
    this.#socket.close();
  }

  wake(): void {
    const socket = this.#socket;
    const session = this.#session;
    if (session === null) return;
    while (socket.readyState === WebSocket.OPEN && socket.bufferedAmount < MAX_SOCKET_BYTES) {
      const chunk = session.takeOutput();
      if (chunk === null) return;
      // The platform has its own copy when `send` returns.
      socket.send(chunk.bytes as Uint8Array<ArrayBuffer>);
      chunk.release();
    }
    if (socket.readyState !== WebSocket.OPEN || this.#cancelPoll !== null) return;
    this.#cancelPoll = systemClock.setTimer(() => {
      this.#cancelPoll = null;
      this.wake();
    }, ROOM_POLL_MS);
  }

  end(error: Error | null): void {
    this.#cancelPoll?.();
    this.#cancelPoll = null;
    const socket = this.#socket;
    const session = this.#session;
    if (socket.readyState === WebSocket.OPEN && session !== null) {
      for (let chunk = session.takeOutput(); chunk !== null; chunk = session.takeOutput()) {
        socket.send(chunk.bytes as Uint8Array<ArrayBuffer>);
        chunk.release();
      }
    }
    if (socket.readyState <= WebSocket.OPEN) socket.close(error === null ? 1000 : CLOSE_WITH_ERROR);
  }
}

/**
 * Connects to a host with the platform's WebSocket: browsers, and Node from 22 on.
 *
 * @throws TransportError `bad-url`; `connect-failed`; `refused` or `version-mismatch` with the host's reason;
 * `time-out`.
 */
export async function connectWebSocket(
  url: string,
  options: WebSocketConnectOptions = {},
): Promise<GuestBus> {
  const address = parseWebSocketUrl(url);
  if (typeof WebSocket !== 'function') {
    throw new TransportError(
      'unsupported',
      'this platform has no WebSocket; in Node before 22 use @dxgwire/transport/websocket/node',
    );
  }
  const token = checkToken(options.token ?? address.token);
  const protocols = token === '' ? [SUBPROTOCOL] : [SUBPROTOCOL, tokenToSubprotocol(token)];
  const dial = (onOpen: () => void, onFailed: () => void) =>
    new PlatformMedium(address, protocols, onOpen, onFailed);
  const nothing = () => {};
  const medium = dial(nothing, nothing);
  const link: GuestLink = new GuestLink({
    transport: 'websocket',
    medium,
    clock: systemClock,
    maxQueuedBytes: options.maxQueuedBytes ?? DEFAULT_MAX_QUEUED_BYTES,
    name: options.name ?? 'guest',
    token,
    connectTimeoutMs: options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
    ...(options.codecs === undefined ? {} : { codecs: options.codecs }),
    ...(options.resume === false ? {} : { redial: (delayMs, signal) => redial(dial, delayMs, signal) }),
  });
  medium.attach(link);
  return await link.ready;
}

function redial(
  dial: (onOpen: () => void, onFailed: () => void) => PlatformMedium,
  delayMs: number,
  signal: AbortSignal,
): Promise<LinkMedium> {
  return new Promise((resolve, reject) => {
    const cancel = systemClock.setTimer(() => {
      const failed = () => reject(new TransportError('connect-failed', 'the connection was not made again'));
      const medium = dial(() => resolve(medium), failed);
      signal.addEventListener('abort', () => medium.drop(), { once: true });
    }, delayMs);
    signal.addEventListener('abort', () => {
      cancel();
      reject(new TransportError('closed', 'the link has ended'));
    });
  });
}
