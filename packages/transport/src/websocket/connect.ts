import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import type { ClientOptions } from 'ws';
import { WebSocket } from 'ws';
import { systemClock } from '../clock.ts';
import { TransportError } from '../errors.ts';
import { GuestLink } from '../link/guest-link.ts';
import { ownProcess } from '../process-identity.ts';
import { DEFAULT_MAX_QUEUED_BYTES } from '../queue-limits.ts';
import { MOST_TIMER_MS } from '../timers.ts';
import type { GuestBus } from '../transport.ts';
import {
  checkToken,
  DEFAULT_CONNECT_TIMEOUT_MS,
  isLoopbackHost,
  MAX_MESSAGE_BYTES,
  parseWebSocketUrl,
  SUBPROTOCOL,
  tokenToSubprotocol,
  type WebSocketAddress,
  type WebSocketConnectOptions,
} from './address.ts';
import { compressionOptions } from './compression.ts';
import { FAREWELL_TIMEOUT_MS, WsMedium } from './ws-medium.ts';

export interface NodeWebSocketConnectOptions extends WebSocketConnectOptions {
  /** Further headers of the upgrade request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** A certificate authority to trust for `wss:`, PEM. */
  readonly ca?: string | Buffer;
  /** Offers to compress messages, which a host takes up that has been told to. Default: false. */
  readonly compression?: boolean;
}

/**
 * Connects to a host over WebSocket, with the `ws` package.
 *
 * @throws TransportError `bad-url`; `connect-failed`, also for a `ca` that holds no certificate; `refused` or `version-mismatch` with the host's reason;
 * `time-out`.
 */
export async function connectWebSocket(
  url: string,
  options: NodeWebSocketConnectOptions = {},
): Promise<GuestBus> {
  const address = parseWebSocketUrl(url);
  if (options.ca !== undefined) checkAuthority(address, options.ca);
  const token = checkToken(options.token ?? address.token);
  const timeoutMs = options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS;
  const { socket, medium } = dial(address, token, timeoutMs, options);
  const link: GuestLink = new GuestLink({
    transport: 'websocket',
    medium,
    clock: systemClock,
    maxQueuedBytes: options.maxQueuedBytes ?? DEFAULT_MAX_QUEUED_BYTES,
    name: options.name ?? `guest ${process.pid}`,
    token,
    process: ownProcess(),
    connectTimeoutMs: timeoutMs,
    ...(options.codecs === undefined ? {} : { codecs: options.codecs }),
    ...(options.resume === false
      ? {}
      : { redial: (delayMs, signal) => redial(link, address, token, timeoutMs, options, delayMs, signal) }),
  });
  medium.attach(link);
  socket.on('unexpected-response', (request, response) => {
    link.mediumEnded(responseError(address, response.statusCode ?? 0));
    response.resume();
    request.destroy();
  });
  return await link.ready;
}

/** Node passes over what is no certificate, and the host's is then trusted by nobody. @throws TransportError `connect-failed`. */
function checkAuthority(address: WebSocketAddress, ca: string | Buffer): void {
  const failed = (what: string, cause?: unknown) =>
    new TransportError('connect-failed', `cannot connect to ${address.shown}: ${what}`, { cause });
  const certificates = String(ca).match(
    /-----BEGIN [A-Z0-9 ]*CERTIFICATE-----[^-]*(?:-----END [^-]*-----)?/g,
  );
  if (certificates === null)
    throw failed('`ca` has no line -----BEGIN CERTIFICATE-----. Give what the file holds, not its name');
  for (const [index, pem] of certificates.entries()) {
    try {
      new X509Certificate(pem);
    } catch (error) {
      throw failed(`certificate ${index + 1} of \`ca\` cannot be read: ${(error as Error).message}`, error);
    }
  }
}

/** A socket that is being connected, and what carries a link over it. */
function dial(
  address: WebSocketAddress,
  token: string,
  timeoutMs: number,
  options: NodeWebSocketConnectOptions,
): { socket: WebSocket; medium: WsMedium } {
  const socket = openSocket(address, token, timeoutMs, options);
  let isOpen = false;
  const errorOf = (error: Error) => (isOpen ? socketError(error) : connectError(address, error));
  // Masks keep a page's bytes from posing as HTTP to a proxy on the way. On the way to this machine itself there
  // is none, and a mask of zeros saves a copy and a pass over every byte.
  const isLocal = !address.isSecure && isLoopbackHost(address.host);
  const medium = new WsMedium(socket, errorOf, isLocal ? 'local client' : 'client');
  socket.on('open', () => {
    isOpen = true;
    medium.wake();
  });
  return { socket, medium };
}

async function redial(
  link: GuestLink,
  address: WebSocketAddress,
  token: string,
  timeoutMs: number,
  options: NodeWebSocketConnectOptions,
  delayMs: number,
  signal: AbortSignal,
): Promise<WsMedium> {
  await setTimeout(delayMs, undefined, { signal, ref: link.isReferenced });
  const { socket, medium } = dial(address, token, timeoutMs, options);
  const given = () => medium.drop();
  signal.addEventListener('abort', given, { once: true });
  await once(socket, 'open', { signal });
  signal.removeEventListener('abort', given);
  return medium;
}

function openSocket(
  address: WebSocketAddress,
  token: string,
  timeoutMs: number,
  options: NodeWebSocketConnectOptions,
): WebSocket {
  const headers: Record<string, string> = { ...options.headers };
  const protocols = [SUBPROTOCOL];
  // A header of the caller's is for somebody on the way; the hello has the token too.
  const isTaken = Object.keys(headers).some((name) => name.toLowerCase() === 'authorization');
  if (token !== '' && !isTaken) {
    // A header takes ASCII only.
    if (/^[\x21-\x7e]*$/.test(token)) headers['authorization'] = `Bearer ${token}`;
    else protocols.push(tokenToSubprotocol(token));
  }
  const client: ClientOptions & { closeTimeout: number } = {
    perMessageDeflate: compressionOptions(options.compression),
    maxPayload: MAX_MESSAGE_BYTES,
    handshakeTimeout: Math.min(timeoutMs, MOST_TIMER_MS),
    closeTimeout: FAREWELL_TIMEOUT_MS,
    headers,
  };
  if (options.ca !== undefined) client.ca = options.ca;
  try {
    return new WebSocket(address.url, protocols, client);
  } catch (error) {
    throw new TransportError(
      'out-of-range',
      `a request to ${address.shown} cannot be made: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

/** What a socket's error after the connection was made means. */
export function socketError(error: Error): TransportError {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') {
    return new TransportError('too-large', `the peer sent a message above ${MAX_MESSAGE_BYTES} bytes`, {
      cause: error,
    });
  }
  if (code.startsWith('WS_ERR')) {
    return new TransportError('bad-frame', `the peer broke the WebSocket protocol: ${error.message}`, {
      cause: error,
    });
  }
  return new TransportError('peer-closed', `the connection was lost: ${error.message || code}`, {
    cause: error,
  });
}

const HINTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there. Is the host running (dxgwire host), and is the port right?',
  ENOTFOUND: 'the name is not known',
  EAI_AGAIN: 'the name cannot be looked up now',
  EHOSTUNREACH: 'the machine cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'no answer',
  ECONNRESET: 'the connection was cut before it was made. Does the host want wss:?',
  EPROTO: 'what listens there does not speak TLS. Does the host want ws:?',
};

/** What is wrong with a certificate that is trusted otherwise, and the way out. */
const CERTIFICATE_HINTS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'The host needs a new one',
  CERT_NOT_YET_VALID: 'Is the clock right, here and where it was made?',
  ERR_TLS_CERT_ALTNAME_INVALID: 'Connect by a name that it has, or give the host a certificate for this one',
};

/** Reasons of TLS for which there is the same way out. */
const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
]);

function connectError(address: WebSocketAddress, error: Error): TransportError {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const certificateHint = CERTIFICATE_HINTS[code];
  let hint = HINTS[code] ?? (error.message || code);
  if (UNTRUSTED.has(code)) {
    hint = `its certificate is not trusted here (${error.message}). Where it is yours, name its file in NODE_EXTRA_CA_CERTS`;
  } else if (certificateHint !== undefined) {
    const what = error.message.replace(/[\s:]+$/, '');
    hint = `its certificate is not good for this (${what}). ${certificateHint}`;
  }
  return new TransportError('connect-failed', `cannot connect to ${address.shown}: ${hint}`, {
    cause: error,
  });
}

function responseError(address: WebSocketAddress, status: number): TransportError {
  if (status === 401 || status === 403) {
    return new TransportError('refused', `${address.shown} refused the connection (HTTP ${status})`);
  }
  return new TransportError(
    'connect-failed',
    `cannot connect to ${address.shown}: the server answered HTTP ${status}. Is that a dxgwire host, and is the path right?`,
  );
}
