import { systemClock } from '../clock.ts';
import { TransportError } from '../errors.ts';
import { GuestLink } from '../link/guest-link.ts';
import type { LinkMedium, LinkSession } from '../link/session.ts';
import { DEFAULT_MAX_QUEUED_BYTES } from '../queue-limits.ts';
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
  type WebSocketConnectOptions,
} from './address.ts';

export type { WebSocketConnectOptions } from './address.ts';

/** How soon to look again whether a full socket has room: the platform has no event for that. Milliseconds. */
const ROOM_POLL_MS = 4;

/** A link over the platform's own WebSocket. */
class PlatformMedium implements LinkMedium {
  readonly #socket: WebSocket;
  readonly #session: () => LinkSession;
  #cancelPoll: (() => void) | null = null;

  constructor(socket: WebSocket, session: () => LinkSession) {
    this.#socket = socket;
    this.#session = session;
  }

  wake(): void {
    const socket = this.#socket;
    while (socket.readyState === WebSocket.OPEN && socket.bufferedAmount < MAX_SOCKET_BYTES) {
      const chunk = this.#session().takeOutput();
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
    if (socket.readyState === WebSocket.OPEN) {
      for (let chunk = this.#session().takeOutput(); chunk !== null; chunk = this.#session().takeOutput()) {
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
  const socket = new WebSocket(address.url, protocols);
  socket.binaryType = 'arraybuffer';
  const medium = new PlatformMedium(socket, () => link);
  const link: GuestLink = new GuestLink({
    transport: 'websocket',
    medium,
    clock: systemClock,
    maxQueuedBytes: options.maxQueuedBytes ?? DEFAULT_MAX_QUEUED_BYTES,
    name: options.name ?? 'guest',
    token,
    connectTimeoutMs: options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
  });
  let isOpen = false;
  socket.onopen = () => {
    isOpen = true;
    medium.wake();
  };
  socket.onmessage = ({ data }: MessageEvent) => {
    if (data instanceof ArrayBuffer) link.receive(new Uint8Array(data));
    else link.abort(new TransportError('bad-frame', 'a text message; link frames are binary'));
  };
  socket.onclose = ({ code, reason }) => {
    if (isOpen) link.mediumEnded(errorOfCloseCode(code, reason));
    else {
      // The platform tells a page no more than this.
      const hint = 'is the host running, and does it accept this origin?';
      link.mediumEnded(new TransportError('connect-failed', `cannot connect to ${address.url}: ${hint}`));
    }
  };
  return await link.ready;
}
