import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws';
import { systemClock } from '../clock.ts';
import { TransportError } from '../errors.ts';
import { HostLink } from '../link/host-link.ts';
import { DEFAULT_HANDSHAKE_TIMEOUT_MS, DEFAULT_HEARTBEAT_MS } from '../link/limits.ts';
import { DEFAULT_MAX_QUEUED_BYTES } from '../queue-limits.ts';
import { type AllocateRegion, allocatePlainRegion } from '../region.ts';
import type { HostBus } from '../transport.ts';
import { isLoopbackHost, MAX_MESSAGE_BYTES, SUBPROTOCOL, subprotocolToToken } from './address.ts';
import { socketError } from './connect.ts';
import { FAREWELL_TIMEOUT_MS, WsMedium } from './ws-medium.ts';

const MEBIBYTE = 1_048_576;

/** What is the same for every guest of a listener. */
export interface HostLinkSettings {
  /** A guest has been let in: set handlers, make offers, call `start`. */
  readonly onHostBus: (bus: HostBus) => void;
  /**
   * A link ended before its guest was let in: a wrong token, an old version, or something that is no guest.
   * `peer` is the address at the other end. For logs; the guest was told as well.
   */
  readonly onRefused?: (error: Error, peer: string) => void;
  /** What guests must know; none by default. */
  readonly token?: string;
  /** Decides instead of `token`. The token is empty where the guest gave none. */
  readonly authenticate?: (token: string, request: IncomingMessage) => boolean | Promise<boolean>;
  /**
   * Whether a page of this origin may connect. By default any page may where guests need a token, else only pages
   * of this machine. Programs that are not pages have no origin and are not asked about.
   */
  readonly isOriginAllowed?: (origin: string, request: IncomingMessage) => boolean;
  /** Device window of each guest, MiB. Default 64. */
  readonly windowMegabytes?: number;
  /** Most guest memory mirrored for each guest, bytes. Default 1 GiB. */
  readonly guestMemoryBytes?: number;
  /** Where mirrored guest memory and device windows come from, so that another process can map them. */
  readonly allocateRegion?: AllocateRegion;
  /** How often each side says something at least, milliseconds; silence of twice that ends a link. Default 10,000. */
  readonly heartbeatMs?: number;
  /** How long a guest may take to say hello, milliseconds. Default 10,000. */
  readonly handshakeTimeoutMs?: number;
  /** Most bytes that may wait to be sent to one guest. Default 64 MiB. */
  readonly maxQueuedBytes?: number;
  /** Most guests at a time. Default 256. */
  readonly maxGuests?: number;
  /** What this host calls itself to guests. */
  readonly name?: string;
}

export interface ListenWebSocketOptions extends HostLinkSettings {
  /** Address to listen on. Default 127.0.0.1. */
  readonly host?: string;
  /** Port to listen on; 0 picks a free one. Default {@link DEFAULT_PORT}. */
  readonly port?: number;
  /** Path of the URL. Default: any. */
  readonly path?: string;
  /** Certificate and key, PEM: listens with TLS. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer };
}

/** Port of a host unless told otherwise. */
export const DEFAULT_PORT = 8774;
const DEFAULT_GUEST_MEMORY_BYTES = 1024 * MEBIBYTE;
const DEFAULT_MAX_GUESTS = 256;

/** Something that lets guests in. */
export interface Listener {
  /** What a guest connects to; without a token. */
  readonly url: string;
  readonly port: number;
  /** Stops listening and closes every link that it let in. */
  close(): Promise<void>;
}

/** A WebSocket endpoint on someone's HTTP server. */
export interface Attachment {
  /** Lets no more guests in and closes every link. The server itself goes on. */
  close(): Promise<void>;
}

/** Lets guests in on the upgrade requests of a server, on one path (null: any). */
class Endpoint implements Attachment {
  readonly #server: Server;
  readonly #path: string | null;
  readonly #settings: HostLinkSettings;
  readonly #sockets: WebSocketServer;
  readonly #links = new Set<HostLink>();

  constructor(server: Server, path: string | null, settings: HostLinkSettings) {
    this.#server = server;
    this.#path = path;
    this.#settings = settings;
    const options: ServerOptions & { closeTimeout: number } = {
      noServer: true,
      perMessageDeflate: false,
      maxPayload: MAX_MESSAGE_BYTES,
      clientTracking: false,
      closeTimeout: FAREWELL_TIMEOUT_MS,
      handleProtocols: (protocols) => (protocols.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
    };
    this.#sockets = new WebSocketServer(options);
    server.on('upgrade', this.#onUpgrade);
  }

  readonly #onUpgrade = (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
    const url = new URL(request.url ?? '/', 'ws://localhost');
    if (this.#path !== null && url.pathname !== this.#path) {
      // Another endpoint of the same server may want it.
      if (this.#server.listenerCount('upgrade') === 1)
        refuseUpgrade(stream, 404, `no host at ${url.pathname}`);
      return;
    }
    const origin = request.headers.origin;
    if (origin !== undefined && !this.#isOriginAllowed(origin, request)) {
      refuseUpgrade(stream, 403, `pages of ${origin} may not use this host`);
      return;
    }
    if (this.#links.size >= (this.#settings.maxGuests ?? DEFAULT_MAX_GUESTS)) {
      refuseUpgrade(stream, 503, `this host serves ${this.#links.size} guests already`);
      return;
    }
    this.#sockets.handleUpgrade(request, stream, head, (socket) => this.#connected(socket, request, url));
  };

  #isOriginAllowed(origin: string, request: IncomingMessage): boolean {
    const { isOriginAllowed, token, authenticate } = this.#settings;
    if (isOriginAllowed !== undefined) return isOriginAllowed(origin, request);
    if (token !== undefined || authenticate !== undefined) return true;
    try {
      return isLoopbackHost(new URL(origin).hostname);
    } catch {
      return false;
    }
  }

  #connected(socket: WebSocket, request: IncomingMessage, url: URL): void {
    const settings = this.#settings;
    const medium = new WsMedium(socket);
    const given = tokensOf(request, url);
    let isLetIn = false;
    const link = new HostLink({
      transport: 'websocket',
      medium,
      clock: systemClock,
      maxQueuedBytes: settings.maxQueuedBytes ?? DEFAULT_MAX_QUEUED_BYTES,
      windowMegabytes: settings.windowMegabytes ?? 64,
      guestMemoryBytes: settings.guestMemoryBytes ?? DEFAULT_GUEST_MEMORY_BYTES,
      allocateRegion: settings.allocateRegion ?? allocatePlainRegion,
      heartbeatMs: settings.heartbeatMs ?? DEFAULT_HEARTBEAT_MS,
      handshakeTimeoutMs: settings.handshakeTimeoutMs ?? DEFAULT_HANDSHAKE_TIMEOUT_MS,
      sessionId: randomUUID(),
      hostName: settings.name ?? 'dxgwire host',
      authenticate: (token) => this.#authenticate([token, ...given], request),
      onReady: (bus) => {
        isLetIn = true;
        bus.onClose = null;
        settings.onHostBus(bus);
      },
    });
    const { remoteAddress, remotePort } = request.socket;
    link.onClose = (error) => {
      const reason = error ?? new TransportError('peer-closed', 'the guest went away before its hello');
      if (!isLetIn) settings.onRefused?.(reason, `${remoteAddress}:${remotePort}`);
    };
    this.#links.add(link);
    socket.once('close', () => this.#links.delete(link));
    medium.attach(link, socketError);
  }

  async #authenticate(tokens: readonly string[], request: IncomingMessage): Promise<boolean> {
    const { token, authenticate } = this.#settings;
    if (authenticate !== undefined) {
      return await authenticate(tokens.find((entry) => entry !== '') ?? '', request);
    }
    return token === undefined || tokens.some((entry) => isSameToken(entry, token));
  }

  async close(): Promise<void> {
    this.#server.off('upgrade', this.#onUpgrade);
    await Promise.all([...this.#links].map((link) => link.close()));
    this.#sockets.close();
  }
}

function refuseUpgrade(stream: Duplex, status: number, reason: string): void {
  const text = `${reason}\n`;
  stream.on('error', () => stream.destroy());
  stream.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\nContent-Type: text/plain; ` +
      `charset=utf-8\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
}

/** Tokens that came with the upgrade request; the hello may carry one as well. */
function tokensOf(request: IncomingMessage, url: URL): string[] {
  const bearer = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
  const protocols = (request.headers['sec-websocket-protocol'] ?? '').split(',');
  const subprotocol = protocols
    .map((entry) => subprotocolToToken(entry.trim()))
    .find((entry) => entry !== '');
  return [bearer, subprotocol ?? '', url.searchParams.get('token') ?? ''];
}

/** Compares in a time that tells nothing about where two tokens differ. */
function isSameToken(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

/**
 * Lets guests in on a server of the caller's, on one path: TLS, other routes and upgrades of other paths stay the
 * caller's.
 */
export function attachWebSocket(server: Server, path: string, settings: HostLinkSettings): Attachment {
  return new Endpoint(server, path, settings);
}

/**
 * Listens for guests.
 *
 * @throws TransportError `listen-failed` with what to do about it.
 */
export async function listenWebSocket(options: ListenWebSocketOptions): Promise<Listener> {
  const host = options.host ?? '127.0.0.1';
  const server = options.tls === undefined ? createServer() : createSecureServer({ ...options.tls });
  server.on('request', (_request, response) => {
    response.writeHead(426, { 'content-type': 'text/plain; charset=utf-8', upgrade: 'websocket' });
    response.end('This is a dxgwire host: connect to it with a dxgwire guest, over WebSocket.\n');
  });
  const endpoint = new Endpoint(server, options.path ?? null, options);
  await listen(server, host, options.port ?? DEFAULT_PORT);
  const { port } = server.address() as AddressInfo;
  const scheme = options.tls === undefined ? 'ws' : 'wss';
  const shown = host.includes(':') ? `[${host}]` : host;
  return {
    url: `${scheme}://${shown}:${port}${options.path ?? '/'}`,
    port,
    async close() {
      const stopped = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      await endpoint.close();
      server.closeAllConnections();
      await stopped;
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => reject(listenError(host, port, error));
    server.once('error', failed);
    server.listen(port, host, () => {
      server.off('error', failed);
      resolve();
    });
  });
}

function listenError(host: string, port: number, error: NodeJS.ErrnoException): TransportError {
  const where = `${host}:${port}`;
  const hints: Readonly<Record<string, string>> = {
    EADDRINUSE: 'the port is in use. Stop what uses it, or choose another port (0 picks a free one)',
    EACCES: 'this user may not use that port. Choose one from 1024 on',
    EADDRNOTAVAIL: 'this machine has no such address',
    ENOTFOUND: 'the name is not known',
  };
  const hint = hints[error.code ?? ''] ?? error.message;
  return new TransportError('listen-failed', `cannot listen on ${where}: ${hint}`, { cause: error });
}
