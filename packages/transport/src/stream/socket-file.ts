import {
  type BigIntStats,
  chmodSync,
  lstatSync,
  readdirSync,
  readFileSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { createConnection, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread } from 'node:worker_threads';
import { isTransportError, TransportError } from '../errors.ts';
import { outliveFailedAccepts } from '../failed-accepts.ts';

/** How long a killed host may take to be gone for good once its connections are, milliseconds. */
const DYING_TIMEOUT_MS = 1000;
/** A socket of this age may just have been born, and be about to be listened on, milliseconds. */
const YOUNG_MS = 1000;
const BIRTH_MS = 50;

/**
 * Listens on a Unix socket for this user only (mode 0600). The file of a listener that is gone is replaced; one that
 * somebody listens on, and a file that is no socket, are left alone. Node removes the file at once when the server is
 * told to close: another host may have the name from then on, while this one still says farewell.
 *
 * @throws TransportError `listen-failed`.
 */
export async function listenOnSocketFile(
  server: Server,
  path: string,
  onRefused?: (error: Error, peer: string) => void,
): Promise<void> {
  await removeStale(path);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      // Between the file's birth and a change of its mode anyone could connect: it must be born with the right one. That is
      // within the call: nothing else may come to see this mask, another listener least of all, which would restore it.
      const restoreMask = maskForUserOnly(path);
      try {
        server.listen(path, () => {
          server.off('error', reject);
          resolve();
        });
      } finally {
        restoreMask();
      }
    });
  } catch (error) {
    if (isTransportError(error)) throw error;
    throw listenError(path, error as NodeJS.ErrnoException);
  }
  outliveFailedAccepts(server, onRefused);
  try {
    chmodSync(path, 0o600);
  } catch (error) {
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    throw new TransportError('listen-failed', `cannot listen on ${path}: somebody has removed it`, {
      cause: error,
    });
  }
}

function look(path: string): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false });
}

/** Whether a file is still the one that was found. Many a file system gives the number of one that is gone to the next. */
function isStill(path: string, found: BigIntStats): boolean {
  const now = look(path);
  return now !== undefined && now.ino === found.ino && now.dev === found.dev && now.ctimeNs === found.ctimeNs;
}

/** As {@link probe}: between its birth and its listening, a moment, nobody listens on a living host's socket either. */
async function probeGrown(path: string, found: BigIntStats): Promise<string> {
  const code = await probe(path);
  const isYoung = Math.abs(Date.now() - Number(found.ctimeMs)) < YOUNG_MS;
  if (code !== 'ECONNREFUSED' || !isYoung) return code;
  await sleep(BIRTH_MS);
  return await probe(path);
}

/**
 * Sees to it that what is made at `path` is for this user only. A worker may not change the process's mask: the folder
 * must keep others out then.
 *
 * @returns undoes it.
 * @throws TransportError `listen-failed`.
 */
function maskForUserOnly(path: string): () => void {
  if (isMainThread) {
    const mask = process.umask(0o177);
    return () => process.umask(mask);
  }
  const folder = dirname(path);
  const mode = lstatSync(folder, { throwIfNoEntry: false })?.mode ?? 0;
  if ((mode & 0o077) !== 0) {
    throw new TransportError(
      'listen-failed',
      `cannot listen on ${path} from a worker thread: other users reach ${folder}; take a folder of mode 0700`,
    );
  }
  return () => {};
}

/**
 * Removes the socket of a host that was killed and could not do it itself. One that somebody listens on, one that took
 * its place meanwhile, and any other file are left alone. Never fails.
 */
export async function removeDeadSocket(path: string): Promise<void> {
  try {
    const found = look(path);
    if (found?.isSocket() !== true) return;
    const code = await probe(path, DYING_TIMEOUT_MS);
    // Let in, or cut off while being let in, by one that is still dying: the system closes what it had one by one.
    if (code !== '' && code !== 'ECONNRESET' && code !== 'ECONNREFUSED') return;
    if ((await probeGrown(path, found)) === 'ECONNREFUSED' && isStill(path, found)) unlinkSync(path);
  } catch {
    // Somebody else has removed it, or may.
  }
}

/**
 * Removes the sockets in a folder whose hosts were killed together with their guests: nobody has looked after them.
 * Those that the system lists have somebody behind them and are not disturbed. Linux; never fails.
 */
export async function removeForgottenSockets(folder: string): Promise<void> {
  try {
    const listed = readFileSync('/proc/net/unix', 'latin1');
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      // Not listed are also those of another network's processes, whom a connection reaches.
      if (name.endsWith('.sock') && !listed.includes(` ${path}\n`)) await removeDeadSocket(path);
    }
  } catch {
    // There is no such list, or no such folder any more.
  }
}

/** Whether there is something at a path that is no socket. */
export function isOtherFile(path: string): boolean {
  try {
    return !statSync(path).isSocket();
  } catch {
    return false;
  }
}

/**
 * Connects for a moment, or until the other side ends the connection, at most `stayMs`.
 *
 * @returns the code of the system's error; empty when somebody listens there.
 */
async function probe(path: string, stayMs = 0): Promise<string> {
  return await new Promise<string>((resolve) => {
    const socket = createConnection(path);
    let isConnected = false;
    socket.once('connect', () => {
      isConnected = true;
      if (stayMs === 0) socket.destroy();
      else socket.setTimeout(stayMs, () => socket.destroy());
    });
    socket.resume();
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (!isConnected) resolve(error.code ?? 'error');
    });
    socket.once('close', () => resolve(''));
  });
}

async function removeStale(path: string): Promise<void> {
  const found = lookAt(path);
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new TransportError('listen-failed', `cannot listen on ${path}: a file that is no socket is there`);
  }
  const code = await probeGrown(path, found);
  if (code === 'ECONNREFUSED') {
    // Whoever else replaces it at the same moment may have been first.
    if (isStill(path, found)) unlinkSync(path);
  } else if (code !== 'ENOENT') {
    throw new TransportError(
      'listen-failed',
      `cannot listen on ${path}: ${code === '' ? 'somebody listens there already' : `it cannot be used (${code})`}`,
    );
  }
}

/** @throws TransportError `listen-failed` where the way there is none. */
function lookAt(path: string): BigIntStats | undefined {
  try {
    return look(path);
  } catch (error) {
    throw listenError(path, error as NodeJS.ErrnoException);
  }
}

function listenError(path: string, error: NodeJS.ErrnoException): TransportError {
  const hints: Readonly<Record<string, string>> = {
    EADDRINUSE: 'somebody listens there already',
    // libuv says so as well where there is no such folder.
    EACCES: isMissing(dirname(path)) ? 'there is no such folder' : 'this user may not make files there',
    ENOENT: 'there is no such folder',
    ENOTDIR: 'a part of its way is no folder',
    ELOOP: 'a link on its way leads in a circle',
  };
  const hint = hints[error.code ?? ''] ?? error.message;
  return new TransportError('listen-failed', `cannot listen on ${path}: ${hint}`, { cause: error });
}

function isMissing(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) === undefined;
  } catch {
    return false;
  }
}
