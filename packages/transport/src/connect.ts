import { TransportError } from './errors.ts';
import { connectSharedMemory } from './shared-memory/guest.ts';
import { shownUrl } from './shown-url.ts';
import { connectStream } from './stream/connect.ts';
import type { GuestBus } from './transport.ts';
import { connectWebSocket, type NodeWebSocketConnectOptions } from './websocket/node.ts';

/** Options of {@link connect}. Those that a scheme has no use for are ignored. */
export type ConnectOptions = NodeWebSocketConnectOptions;

type Connect = (url: string, options: ConnectOptions) => Promise<GuestBus>;

/** The one place where URL schemes become transports on a guest's side. */
const CONNECT_BY_SCHEME: Readonly<Record<string, Connect>> = {
  ws: connectWebSocket,
  wss: connectWebSocket,
  http: connectWebSocket,
  https: connectWebSocket,
  unix: connectStream,
  tcp: connectStream,
  stdio: connectStream,
  device: connectStream,
  shm: connectSharedMemory,
};

/** Schemes that {@link connect} knows. */
export const CONNECT_SCHEMES: readonly string[] = Object.keys(CONNECT_BY_SCHEME);

/**
 * Connects to a host by URL, such as `ws://127.0.0.1:8774`.
 *
 * @throws TransportError `bad-url` for an unknown scheme; else as the transport says.
 */
export async function connect(url: string, options: ConnectOptions = {}): Promise<GuestBus> {
  return await byScheme(url, CONNECT_BY_SCHEME, 'ws://127.0.0.1:8774')(url, options);
}

/** The entry of a table of schemes for a URL. @throws TransportError `bad-url` that names the schemes known. */
export function byScheme<Value>(url: string, table: Readonly<Record<string, Value>>, example: string): Value {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase() ?? '';
  const value = Object.hasOwn(table, scheme) ? table[scheme] : undefined;
  if (value !== undefined) return value;
  const known = Object.keys(table)
    .map((name) => `${name}:`)
    .join(', ');
  const shown = shownUrl(url);
  const what = scheme === '' ? `'${shown}' has no scheme` : `unknown scheme '${scheme}:' in '${shown}'`;
  throw new TransportError('bad-url', `${what}; known are ${known}. Example: ${example}`);
}
