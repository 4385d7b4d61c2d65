import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { createSecureContext } from 'node:tls';
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws';
import { TransportError } from '../errors.ts';
import { outliveFailedAccepts } from '../failed-accepts.ts';
import { HostLinks, type LinkHostSettings } from '../link/host-links.ts';
import { DEFAULT_HANDSHAKE_TIMEOUT_MS } from '../link/limits.ts';
import { listenError } from '../listen-error.ts';
import { MOST_TIMER_MS } from '../timers.ts';
import { tokenOfQuery } from '../url-token.ts';
import {
  isLoopbackHost,
  MAX_MESSAGE_BYTES,
  SUBPROTOCOL,
  subprotocolToToken,
  urlOfRequest,
} from './address.ts';
import { ChunkKeeper } from './chunk-keeper.ts';
import { compressionOptions, isCompressed } from './compression.ts';
import { socketError } from './connect.ts';
import { protectFromOthers, refuseUpgrade, serveWithoutUpgrade } from './upgrade.ts';
import { FAREWELL_TIMEOUT_MS, WsMedium } from './ws-medium.ts';

/** What is the same for every guest of a WebSocket listener. */
export interface HostLinkSettings extends LinkHostSettings {
  /**
   * Whether a page of this origin may connect. By default any page may where guests need a token, else only pages
   * of this machine. Programs that are not pages have no origin and are not asked about.
   */
  readonly isOriginAllowed?: (origin: string, request: IncomingMessage) => boolean;
  /**
   * Compresses messages (`permessage-deflate`) of guests that offer it, as pages do: for slow lines. It takes several times as
   * long as to send them, and some 300 KiB for each such guest. Default: false.
   */
  readonly compression?: boolean;
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

/** Something that lets guests in. */
export interface Listener {
  /** What a guest connects to; without a token. */
  readonly url: string;
  readonly port: number;
  /** Settles when the only guest that can come has gone; left out where further guests may come. */
  readonly ended?: Promise<void>;
  /** Listening no longer keeps this process alive. Where it is left out, it does. */
  unref?(): void;
  /** Stops listening and closes every link that it let in. */
  close(): Promise<void>;
}

/** A WebSocket endpoint on someone's HTTP server. */
export interface Attachment {
  /** Lets no more guests in and closes every link. The server itself goes on. */
  close(): Promise<void>;
}

/** The paths of our listeners for upgrade requests (null: any), to tell them from those of others. */
const pathOfListener = new WeakMap<object, string | null>();

/** Lets guests in on the upgrade requests of a server, on one path (null: any). */
class Endpoint implements Attachment {
  readonly #server: Server;
  readonly #path: string | null;
  readonly #settings: HostLinkSettings;
  readonly #sockets: WebSocketServer;
  readonly #links: HostLinks;
  /** Connections that hear, or may hear, why they were refused: no server counts them among its own any more. */
  readonly #refused = new Set<Duplex>();

  constructor(server: Server, path: string | null, settings: HostLinkSettings) {
    this.#server = server;
    this.#path = path;
    this.#settings = settings;
    this.#links = new HostLinks('websocket', settings, true);
    const options: ServerOptions & { closeTimeout: number } = {
      noServer: true,
      perMessageDeflate: compressionOptions(settings.compression),
      maxPayload: MAX_MESSAGE_BYTES,
      clientTracking: false,
      closeTimeout: FAREWELL_TIMEOUT_MS,
      handleProtocols: (protocols) => (protocols.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
    };
    this.#sockets = new WebSocketServer(options);
    pathOfListener.set(this.#onUpgrade, path);
    // Before others, who may answer whatever is not their own.
    server.prependListener('upgrade', this.#onUpgrade);
  }

  readonly #onUpgrade = (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') {
      if (this.#isFirstOfOurs()) serveWithoutUpgrade(this.#server, request, stream);
      return;
    }
    const url = urlOfRequest(request.url);
    if (url === null) {
      this.#refuse(stream, 400, 'the request names no path');
      return;
    }
    if (this.#path !== null && url.pathname !== this.#path) {
      if (this.#isNobodys(url.pathname)) this.#refuse(stream, 404, `no host at ${url.pathname}`);
      return;
    }
    const origin = request.headers.origin;
    if (origin !== undefined && !this.#isOriginAllowed(origin, request)) {
      const reason = `pages of ${origin} may not use this host`;
      this.#refuse(stream, 403, reason);
      this.#settings.onRefused?.(new TransportError('refused', reason), peerOf(request));
      return;
    }
    if (this.#links.isFull) {
      this.#refuse(stream, 503, 'too many guests wait to be let in');
      this.#links.turnedAway(peerOf(request));
      return;
    }
    const protect = protectFromOthers(stream);
    this.#sockets.handleUpgrade(request, stream, head, (socket) =>
      this.#connected(socket, request, url, stream),
    );
    protect();
  };

  #refuse(stream: Duplex, status: number, reason: string): void {
    this.#refused.add(stream);
    stream.once('close', () => this.#refused.delete(stream));
    refuseUpgrade(stream, status, reason);
  }

  /** Whether it falls to this endpoint to say that nobody wants a path: it is the first of several, and all are ours. */
  #isNobodys(path: string): boolean {
    if (!this.#isFirstOfOurs()) return false;
    return this.#server.listeners('upgrade').every((listener) => {
      const theirs = pathOfListener.get(listener);
      return theirs !== null && theirs !== path;
    });
  }

  /** Whether nobody but endpoints of ours hears of upgrades, and this is the first of them. */
  #isFirstOfOurs(): boolean {
    const listeners = this.#server.listeners('upgrade');
    return listeners[0] === this.#onUpgrade && listeners.every((listener) => pathOfListener.has(listener));
  }

  #isOriginAllowed(origin: string, request: IncomingMessage): boolean {
    const { isOriginAllowed, token, authenticate } = this.#settings;
    if (isOriginAllowed === undefined && (token !== undefined || authenticate !== undefined)) return true;
    try {
      // Whoever asks `new URL(origin)` for its host name fails at the origin `null`, which anybody may send.
      if (isOriginAllowed !== undefined) return isOriginAllowed(origin, request);
      return isLoopbackHost(new URL(origin).hostname);
    } catch {
      return false;
    }
  }

  #connected(socket: WebSocket, request: IncomingMessage, url: URL, stream: Duplex): void {
    const given = tokensOf(request, url);
    // What is inflated is read at a time of its own.
    const keeper = isCompressed(socket) ? null : new ChunkKeeper(stream);
    const medium = new WsMedium(socket, socketError, 'server', stream, keeper);
    this.#links.connected(medium, peerOf(request), (token) =>
      this.#links.authenticate([token, ...given], request),
    );
  }

  async close(): Promise<void> {
    this.#server.off('upgrade', this.#onUpgrade);
    await this.#links.close();
    for (const stream of this.#refused) stream.destroy();
    this.#sockets.close();
  }
}

function peerOf({ socket }: IncomingMessage): string {
  return `${socket.remoteAddress}:${socket.remotePort}`;
}

/** Tokens that came with the upgrade request; the hello may carry one as well. */
function tokensOf(request: IncomingMessage, url: URL): string[] {
  const bearer = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
  const protocols = (request.headers['sec-websocket-protocol'] ?? '').split(',');
  const subprotocol = protocols
    .map((entry) => subprotocolToToken(entry.trim()))
    .find((entry) => entry !== '');
  return [bearer, subprotocol ?? '', tokenOfQuery(url.search.slice(1))];
}

/**
 * Lets guests in on a server of the caller's, on one path: TLS, other routes and upgrades of other paths stay the
 * caller's. Another listener for `upgrade` may answer at once whatever is not its own, as `new WebSocketServer({ server, path })` of
 * `ws` does: on this path that gets nowhere. One that takes every path, or answers later, has to leave this one alone.
 *
 * @throws TransportError `bad-url` for what is no path; `listen-failed` where guests are let in on it already.
 */
export function attachWebSocket(server: Server, path: string, settings: HostLinkSettings): Attachment {
  const asRequested = path.startsWith('/') ? urlOfRequest(path)?.pathname : undefined;
  if (asRequested === undefined) {
    throw new TransportError('bad-url', `'${path}' is not the path of a URL; expected one such as /gpu`);
  }
  if (server.listeners('upgrade').some((listener) => pathOfListener.get(listener) === asRequested)) {
    throw new TransportError('listen-failed', `guests are let in on ${path} of this server already`);
  }
  return new Endpoint(server, asRequested, settings);
}

/**
 * Listens for guests.
 *
 * @throws TransportError `listen-failed` with what to do about it.
 */
export async function listenWebSocket(options: ListenWebSocketOptions): Promise<Listener> {
  const host = options.host ?? '127.0.0.1';
  const server = createOwnServer(options);
  server.on('request', (_request, response) => {
    response.writeHead(426, { 'content-type': 'text/plain; charset=utf-8', upgrade: 'websocket' });
    response.end('This is a dxgwire host: connect to it with a dxgwire guest, over WebSocket.\n');
  });
  const endpoint = new Endpoint(server, options.path ?? null, options);
  await listen(server, host, options.port ?? DEFAULT_PORT, options.onRefused);
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

/** How often a server looks for connections that have taken too long to say what they want, milliseconds. */
const MOST_CHECK_MS = 1000;

/** A server that waits for a request no longer than a link for a hello. */
function createOwnServer({ tls, ...settings }: ListenWebSocketOptions) {
  const handshakeTimeoutMs = Math.min(
    settings.handshakeTimeoutMs ?? DEFAULT_HANDSHAKE_TIMEOUT_MS,
    MOST_TIMER_MS,
  );
  const patience = {
    headersTimeout: handshakeTimeoutMs,
    requestTimeout: handshakeTimeoutMs,
    connectionsCheckingInterval: Math.max(1, Math.min(MOST_CHECK_MS, handshakeTimeoutMs)),
  };
  if (tls === undefined) return createServer(patience);
  checkCertificate(tls);
  return createSecureServer({ ...patience, ...tls, handshakeTimeout: handshakeTimeoutMs });
}

/** @throws TransportError `listen-failed` for what no guest could be shown: a server without it would turn each away. */
function checkCertificate({ cert, key }: NonNullable<ListenWebSocketOptions['tls']>): void {
  const failed = (what: string, cause?: Error) =>
    new TransportError('listen-failed', `cannot listen with TLS: ${what}`, cause && { cause });
  for (const [name, pem, example] of [
    ['certificate', cert, 'CERTIFICATE'],
    ['key', key, 'PRIVATE KEY'],
  ] as const) {
    if (!new RegExp(`-----BEGIN [A-Z0-9 ]*${example}-----`).test(String(pem ?? ''))) {
      throw failed(
        `the ${name} has no line -----BEGIN ${example}-----. Give what the file holds, not its name`,
      );
    }
  }
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    const isOther = code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH';
    throw failed(
      isOther
        ? 'the key is not that of the certificate'
        : `the certificate or the key cannot be read: ${message}`,
      error as Error,
    );
  }
}

function listen(
  server: Server,
  host: string,
  port: number,
  onRefused: LinkHostSettings['onRefused'],
): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => reject(listenError(`${host}:${port}`, error));
    server.once('error', failed);
    server.listen(port, host, () => {
      server.off('error', failed);
      outliveFailedAccepts(server, onRefused);
      resolve();
    });
  });
}
