import { byScheme } from './connect.ts';
import { TransportError } from './errors.ts';
import { parseSharedMemoryUrl } from './shared-memory/address.ts';
import { listenSharedMemory } from './shared-memory/host.ts';
import { shownUrl } from './shown-url.ts';
import { parseStreamUrl } from './stream/address.ts';
import { listenStream } from './stream/listen.ts';
import type { HostBus } from './transport.ts';
import { parseWebSocketUrl } from './websocket/address.ts';
import { DEFAULT_PORT, type HostLinkSettings, type Listener, listenWebSocket } from './websocket/node.ts';

export type { Listener } from './websocket/node.ts';

/** Options of {@link listen}. Those that a scheme has no use for are ignored. */
export interface ListenOptions extends Omit<HostLinkSettings, 'onHostBus'> {
  /** A guest has been let in: set handlers, make offers, call `start`. */
  readonly onBus: (bus: HostBus) => void;
  /** Certificate and key for `wss:`, PEM. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer };
}

/**
 * Checks a URL to listen on before anything is started for it.
 *
 * @throws TransportError `bad-url` with what is wrong; what only shows when it is tried, a port in use, is told by {@link listen}.
 */
export function checkListenUrl(url: string): void {
  byScheme<(url: string) => unknown>(url, CHECK_BY_SCHEME, DEFAULT_LISTEN_URL)(url);
}

type Listen = (url: string, options: ListenOptions) => Promise<Listener>;

/** The one place where URL schemes become transports on a host's side. */
const LISTEN_BY_SCHEME: Readonly<Record<string, Listen>> = {
  ws: listenOnWebSocket,
  wss: listenOnWebSocket,
  unix: listenOnStream,
  tcp: listenOnStream,
  stdio: listenOnStream,
  device: listenOnStream,
  shm: listenOnSharedMemory,
};

const CHECK_BY_SCHEME: Readonly<Record<keyof typeof LISTEN_BY_SCHEME, (url: string) => unknown>> = {
  ws: parseWebSocketUrl,
  wss: parseWebSocketUrl,
  unix: parseStreamUrl,
  tcp: parseStreamUrl,
  stdio: parseStreamUrl,
  device: parseStreamUrl,
  shm: (url) => parseSharedMemoryUrl(url, false),
};

/** Schemes that {@link listen} knows. */
export const LISTEN_SCHEMES: readonly string[] = Object.keys(LISTEN_BY_SCHEME);

/** Where a host listens unless told otherwise. */
export const DEFAULT_LISTEN_URL = `ws://127.0.0.1:${DEFAULT_PORT}`;

/**
 * Listens for guests by URL. A port of 0 picks a free one; {@link Listener.url} says which.
 *
 * @throws TransportError `bad-url`, or `listen-failed` with what to do about it.
 */
export async function listen(url: string, options: ListenOptions): Promise<Listener> {
  return await byScheme(url, LISTEN_BY_SCHEME, DEFAULT_LISTEN_URL)(url, options);
}

async function listenOnStream(url: string, { onBus, ...settings }: ListenOptions): Promise<Listener> {
  return await listenStream(url, { ...settings, onHostBus: onBus });
}

async function listenOnSharedMemory(url: string, { onBus, ...settings }: ListenOptions): Promise<Listener> {
  return await listenSharedMemory(url, { ...settings, onHostBus: onBus });
}

async function listenOnWebSocket(url: string, options: ListenOptions): Promise<Listener> {
  const address = parseWebSocketUrl(url);
  if (address.isSecure && options.tls === undefined) {
    throw new TransportError(
      'bad-url',
      `'${shownUrl(url)}' needs a certificate and a key; without them use ws:`,
    );
  }
  if (!address.isSecure && options.tls !== undefined) {
    throw new TransportError('bad-url', `'${shownUrl(url)}' has no use for a certificate; use wss: with it`);
  }
  const { onBus, ...settings } = options;
  const { hostname, pathname } = new URL(address.url);
  return await listenWebSocket({
    ...settings,
    ...(address.token !== '' && options.token === undefined ? { token: address.token } : {}),
    host: hostname.replace(/^\[|\]$/g, ''),
    port: portOf(url, address.isSecure),
    ...(pathname === '/' ? {} : { path: pathname }),
    onHostBus: onBus,
  });
}

/** The port that a URL names; `URL` itself drops a scheme's default port, which may well be meant. */
function portOf(url: string, isSecure: boolean): number {
  const named = /^[a-z]+:[/\\]*(?:[^/?#@]*@)?(?:\[[^\]]*\]|[^:/?#]*):(\d+)/i.exec(url)?.[1];
  return named === undefined ? (isSecure ? 443 : DEFAULT_PORT) : Number(named);
}
