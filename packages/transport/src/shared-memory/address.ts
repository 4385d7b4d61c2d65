import { lstatSync, mkdirSync, type Stats } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import process from 'node:process';
import { TransportError } from '../errors.ts';
import { shownUrl } from '../shown-url.ts';
import { checkSocketPath, decodePath } from '../stream/address.ts';
import { tokenOfQuery } from '../url-token.ts';

/** Where two processes find each other. */
export interface SharedMemoryAddress {
  /** Path of the Unix socket. */
  readonly path: string;
  /** The folder that it lies in where that is for such sockets alone, else null. */
  readonly folder: string | null;
  readonly token: string;
}

/**
 * Reads `shm:NAME`: letters, digits, `.`, `_` and `-`; the socket then lies in a folder of this user's. An absolute
 * path names the socket itself.
 *
 * @param isHost - Makes the folder where it is missing.
 * @throws TransportError `bad-url`; `listen-failed` or `connect-failed` when the folder is somebody else's.
 */
export function parseSharedMemoryUrl(text: string, isHost: boolean): SharedMemoryAddress {
  const [, rest = '', query = ''] = /^shm:([^?]*)(?:\?(.*))?$/is.exec(text) ?? [];
  const name = decodePath(rest, text);
  const token = tokenOfQuery(query);
  if (isAbsolute(name)) return { path: checkSocketPath(name, text), folder: null, token };
  if (!/^\w[\w.-]{0,40}$/.test(name)) {
    throw new TransportError('bad-url', `'${shownUrl(text)}': expected a short name, as in shm:gpu`);
  }
  const folder = userFolder(isHost);
  return { path: checkSocketPath(join(folder, `${name}.sock`), text), folder, token };
}

/** A folder that only this user can look into and write to. */
function userFolder(isHost: boolean): string {
  const uid = process.getuid?.() ?? 0;
  const runtime = process.env['XDG_RUNTIME_DIR'];
  const folder =
    runtime !== undefined && isAbsolute(runtime) ? join(runtime, 'dxgwire') : `/tmp/dxgwire-${uid}`;
  const code = isHost ? 'listen-failed' : 'connect-failed';
  if (isHost) {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw new TransportError(code, `cannot make the folder ${folder}: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
  let found: Stats | undefined;
  try {
    found = lstatSync(folder, { throwIfNoEntry: false });
  } catch (error) {
    throw new TransportError(code, `cannot use the folder ${folder}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  if (found === undefined) return folder;
  if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o077) !== 0) {
    throw new TransportError(
      code,
      `${folder} is not a folder of this user alone; name a socket by its path instead`,
    );
  }
  return folder;
}
