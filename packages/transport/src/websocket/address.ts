import { TransportError } from '../errors.ts';
import { shownUrl } from '../shown-url.ts';
import { tokenOfQuery } from '../url-token.ts';

/** Subprotocol of the link. A client that cannot set headers adds one that carries its token. */
export const SUBPROTOCOL = 'dxgwire';
export const TOKEN_SUBPROTOCOL_PREFIX = 'dxgwire.token.';

/** Longest token accepted, characters. */
export const MAX_TOKEN_LENGTH = 1024;

/** Largest WebSocket message that is taken, bytes; our own stay below 272 KiB. */
export const MAX_MESSAGE_BYTES = 1024 * 1024;

/** Bytes given to the socket and not yet gone after which no more is given. */
export const MAX_SOCKET_BYTES = 1024 * 1024;

export interface WebSocketAddress {
  /** `ws:` or `wss:` URL without the token. */
  readonly url: string;
  /** The same for errors and logs. */
  readonly shown: string;
  readonly host: string;
  readonly isSecure: boolean;
  /** From `?token=`, or empty. */
  readonly token: string;
}

/**
 * Reads the URL of a host. `http:` and `https:` stand for `ws:` and `wss:`; `?token=` is taken out, so that it is
 * in no log and no error message.
 * @throws TransportError `bad-url`.
 */
export function parseWebSocketUrl(text: string): WebSocketAddress {
  let url: URL;
  try {
    url = new URL(text);
  } catch (error) {
    throw new TransportError(
      'bad-url',
      `'${shownUrl(text)}' is not a URL; expected one such as ws://127.0.0.1:8774`,
      {
        // The platform's own error quotes the whole of it.
        cause: (error as Error).name,
      },
    );
  }
  const scheme = { 'ws:': 'ws:', 'wss:': 'wss:', 'http:': 'ws:', 'https:': 'wss:' }[url.protocol];
  if (scheme === undefined || url.hostname === '') {
    throw new TransportError('bad-url', `'${shownUrl(text)}' is not a WebSocket URL; expected ws: or wss:`);
  }
  const token = tokenOfQuery(url.search.slice(1));
  url.searchParams.delete('token');
  url.hash = '';
  // The setter of `protocol` refuses to go from http to ws.
  const rest = url.href.slice(url.protocol.length);
  const whole = scheme + rest;
  return { url: whole, shown: shownUrl(whole), host: url.hostname, isSecure: scheme === 'wss:', token };
}

/** The target of an upgrade request as a URL, of which path and query count; null for one that is none. */
export function urlOfRequest(target: string | undefined): URL | null {
  const text = target ?? '/';
  try {
    // A path may begin with two slashes: resolved against a base it would name a machine.
    return new URL(text.startsWith('/') ? `ws://localhost${text}` : text);
  } catch {
    return null;
  }
}

/** True for names and addresses of this machine itself. */
export function isLoopbackHost(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase();
  return (
    name === 'localhost' || name.endsWith('.localhost') || name === '::1' || /^127(\.\d+){3}$/.test(name)
  );
}

/** A token as a subprotocol: base64url, since a subprotocol is a token of HTTP's grammar. */
export function tokenToSubprotocol(token: string): string {
  const text = btoa(String.fromCharCode(...new TextEncoder().encode(token)));
  return TOKEN_SUBPROTOCOL_PREFIX + text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** The reverse of {@link tokenToSubprotocol}; empty for what is none. */
export function subprotocolToToken(subprotocol: string): string {
  if (!subprotocol.startsWith(TOKEN_SUBPROTOCOL_PREFIX)) return '';
  const text = subprotocol.slice(TOKEN_SUBPROTOCOL_PREFIX.length).replaceAll('-', '+').replaceAll('_', '/');
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(text), (char) => char.charCodeAt(0)));
  } catch {
    return '';
  }
}

/** What a WebSocket close code says about how a link ended; null for an ordinary end. */
export function errorOfCloseCode(code: number, reason: string): TransportError | null {
  const text = reason === '' ? '' : `: ${reason}`;
  switch (code) {
    case 1000:
    case 1001:
    case 1005:
    case CLOSE_WITH_ERROR:
      return null;
    case 1006:
      return new TransportError('peer-closed', 'the connection was lost');
    case 1009:
      return new TransportError('too-large', `the peer refused a message as too large${text}`);
    default:
      return new TransportError('peer-closed', `the connection was closed with code ${code}${text}`);
  }
}

/** Close code after a link that ended with an error; the error itself went before, in a link frame. */
export const CLOSE_WITH_ERROR = 4000;

/** Options of both WebSocket clients. */
export interface WebSocketConnectOptions {
  /** Proof that this guest may use the host. Also taken from `?token=` of the URL. */
  readonly token?: string;
  /** What the host logs this guest as. Default: `guest`. */
  readonly name?: string;
  /** How long to wait until the host has let this guest in, milliseconds. Default 30,000. */
  readonly connectTimeoutMs?: number;
  /** Most bytes that may wait to be sent, see `Channel.send`. Default 64 MiB. */
  readonly maxQueuedBytes?: number;
  /**
   * Codecs of commands that this guest speaks, the one it prefers first. Default: `packed` alone. What the host chose
   * is `codec` of the bus.
   */
  readonly codecs?: readonly string[];
  /**
   * False: the bus ends with its connection. By default it survives a broken one where the host agrees: it connects
   * again within the host's lease, and nothing is lost.
   */
  readonly resume?: boolean;
}

export const DEFAULT_CONNECT_TIMEOUT_MS = 30_000;

/** Checks a token before it goes into a header. @throws TransportError `too-large` or `out-of-range`. */
export function checkToken(token: string): string {
  if (token.length > MAX_TOKEN_LENGTH) {
    throw new TransportError('too-large', `a token has at most ${MAX_TOKEN_LENGTH} characters`);
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u0020\u007f]/.test(token)) {
    throw new TransportError('out-of-range', 'a token has no spaces and no control characters');
  }
  return token;
}
