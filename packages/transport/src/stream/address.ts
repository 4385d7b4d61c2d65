import { Buffer } from 'node:buffer';
import { TransportError } from '../errors.ts';
import { shownUrl } from '../shown-url.ts';
import { tokenOfQuery } from '../url-token.ts';

/** Longest path of a Unix socket that Linux takes, bytes. */
const MAX_SOCKET_PATH_BYTES = 107;

/** Where a stream leads. */
export type StreamAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'stdio' }
  | { readonly kind: 'command'; readonly command: string }
  | { readonly kind: 'device'; readonly path: string };

/**
 * Reads `unix:PATH`, `tcp:HOST:PORT` (also `tcp://HOST:PORT`, IPv6 in brackets), `stdio:`, `stdio:COMMAND` or `device:PATH`.
 * `?token=` is taken out, so that it is in no log and no error message; a command is taken as it stands.
 * @throws TransportError `bad-url`.
 */
export function parseStreamUrl(text: string): { address: StreamAddress; token: string } {
  const command = /^stdio:(?!\/\/$|\?)\s*(\S.*)$/is.exec(text)?.[1];
  if (command !== undefined) return { address: commandAddress(command, text), token: '' };
  const [, scheme = '', rest = '', query = ''] = /^([a-z]+):([^?]*)(?:\?(.*))?$/is.exec(text) ?? [];
  const token = tokenOfQuery(query);
  switch (scheme.toLowerCase()) {
    case 'unix':
      return { address: unixAddress(rest, text), token };
    case 'tcp':
      return { address: tcpAddress(rest, text), token };
    case 'stdio':
      return { address: { kind: 'stdio' }, token };
    case 'device':
      return { address: deviceAddress(rest, text), token };
    default:
      throw bad(text, 'expected unix:PATH, tcp:HOST:PORT, stdio:, stdio:COMMAND or device:PATH');
  }
}

function bad(text: string, what: string): TransportError {
  return new TransportError('bad-url', `'${shownUrl(text)}': ${what}`);
}

/**
 * What follows the scheme of a URL whose rest is a path: perhaps two slashes, `%` and two digits for a byte.
 * @throws TransportError `bad-url` where `%` leads to nothing.
 */
export function decodePath(rest: string, text: string): string {
  try {
    return decodeURIComponent(rest.startsWith('//') ? rest.slice(2) : rest);
  } catch {
    throw bad(text, 'expected two hexadecimal digits of UTF-8 after each %; % itself is %25');
  }
}

function commandAddress(command: string, text: string): StreamAddress {
  if (command.includes('\0')) throw bad(text, 'a command holds no NUL character');
  return { kind: 'command', command };
}

function unixAddress(rest: string, text: string): StreamAddress {
  const path = decodePath(rest, text);
  if (path === '') throw bad(text, 'expected a path, as in unix:/run/user/1000/gpu.sock');
  // It made a file of that name. Such sockets belong to nobody: any user of the machine could connect, or be the host.
  if (path.startsWith('@'))
    throw bad(
      text,
      `a socket without a file is not supported: expected a path; ./${path} is a file of that name`,
    );
  return { kind: 'unix', path: checkSocketPath(path, text) };
}

/** A path that a Unix socket may have: the system would cut a longer one short. @throws TransportError `bad-url`. */
export function checkSocketPath(path: string, text: string): string {
  if (path.includes('\0')) throw bad(text, 'the path of a Unix socket holds no NUL character');
  const bytes = Buffer.byteLength(path);
  if (bytes <= MAX_SOCKET_PATH_BYTES) return path;
  throw bad(
    text,
    `the path of a Unix socket has at most ${MAX_SOCKET_PATH_BYTES} bytes; ${path} has ${bytes}`,
  );
}

function deviceAddress(rest: string, text: string): StreamAddress {
  const path = decodePath(rest, text);
  if (path === '' || path.includes('\0'))
    throw bad(text, 'expected the path of a character device, as in device:/dev/virtio-ports/dxgwire');
  return { kind: 'device', path };
}

function tcpAddress(rest: string, text: string): StreamAddress {
  const [, bracketed, plain, digits = ''] =
    /^(?:\/\/)?(?:\[([^\]]+)\]|([^:/@]+)):(\d{1,5})\/?$/.exec(rest) ?? [];
  const host = bracketed ?? plain ?? '';
  const port = Number(digits);
  if (host === '' || digits === '' || port > 65_535)
    throw bad(text, 'expected a host and a port, as in tcp:127.0.0.1:8775');
  return { kind: 'tcp', host, port };
}

/** A path as part of a URL, which {@link decodePath} reads back: also fit for a command line without quotes. */
export function encodePath(path: string): string {
  const encoded = path.replace(/[^\w\-./:@+=,~]+/gu, encodeURIComponent).replace(/[!'()*]/g, percentOf);
  return encoded.startsWith('//') ? `//${encoded}` : encoded;
}

/** For the few characters that `encodeURIComponent` leaves as they are and a shell does not. */
function percentOf(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

/** The URL that leads to an address. */
export function streamUrl(address: StreamAddress): string {
  switch (address.kind) {
    case 'unix':
      return `unix:${encodePath(address.path)}`;
    case 'tcp':
      return `tcp:${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
    case 'stdio':
      return 'stdio:';
    case 'command':
      return `stdio:${address.command}`;
    case 'device':
      return `device:${encodePath(address.path)}`;
  }
}
