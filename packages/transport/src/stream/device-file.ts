import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { isatty } from 'node:tty';
import { TransportError } from '../errors.ts';
import { now } from '../timers.ts';

/** More than what a kernel keeps of a device's input, bytes. */
const MAX_STALE_BYTES = 4 * 1024 * 1024;

/**
 * Moves bytes between a device (descriptor 3) and two pipes (0 and 1) until descriptor 4 ends, which it does with the
 * process at its other end, however that ends. Descriptor 5 ends when all bytes for the device are written.
 *
 * Node can wait for sockets, pipes and terminals, but of another device it reads in a thread of its pool that nothing
 * can call back: the device could not be closed, nor the process end, before a byte came.
 */
const PUMPS = `
exec 6<&0 7>&1 </dev/null >/dev/null
cat <&3 >&7 3<&- 4<&- 5>&- 6<&- 7>&- & reader=$!
cat <&6 >&3 3<&- 4<&- 6<&- 7>&- & writer=$!
exec 3<&- 5>&- 6<&- 7>&-
read -r _ <&4
kill $reader $writer
`;

/** Most that is waited for a device that another program has open, milliseconds, and for how long at a time. */
const BUSY_TIMEOUT_MS = 2000;
const BUSY_PAUSE_MS = 20;
const BUSY_STATUS = 75;

/**
 * A terminal may be opened by many, who would take each other's bytes. The lock is of the opening: it goes with the
 * last process that has it, the pumps included. Systems without the command do without.
 */
const PREPARE = `
if command -v flock; then flock -n 3 || exit ${BUSY_STATUS}; fi
stty raw -echo clocal <&3
`;

type OpenError = 'connect-failed' | 'listen-failed';

/** What this process has open, or has not closed altogether. */
const opened = new Set<{ readonly path: string; isClosing(): boolean; readonly closed: Promise<void> }>();

/** An open character device. */
export interface DeviceFile {
  readonly streams: { readonly readable: Socket; readonly writable: Socket };
  /** Waits until the device is closed: both streams have ended, and what moved their bytes is gone. */
  whenClosed(): Promise<void>;
}

/**
 * Opens a character device that carries bytes both ways: a virtio-serial port, a serial line, one end of a
 * pseudo-terminal. A terminal is set to pass all bytes on as they are (`stty raw -echo`), and stays so.
 *
 * The streams end with each other: the device is closed when what was written is gone after an `end`, or at once when
 * the readable is destroyed.
 *
 * @param dropsStale - Whether what came before now is of no interest.
 * @throws TransportError `code` with what to do about it.
 */
export async function openDeviceFile(
  path: string,
  dropsStale: boolean,
  code: OpenError,
): Promise<DeviceFile> {
  // What served it before may still be about to take a byte.
  for (const other of opened) if (other.path === path && other.isClosing()) await other.closed;
  const device = await openWhenFree(path, dropsStale, code);
  let pumps: ChildProcess;
  try {
    // In a group of their own: Ctrl-C at a terminal is for this process, which says farewell first.
    pumps = spawn('sh', ['-c', PUMPS], {
      stdio: ['pipe', 'pipe', 'ignore', device, 'pipe', 'pipe'],
      detached: true,
    });
  } finally {
    closeSync(device);
  }
  const writable = pumps.stdin as Socket;
  const readable = pumps.stdout as Socket;
  const [, , , , control, written] = pumps.stdio as unknown as readonly Socket[] as [
    Socket,
    Socket,
    Socket,
    Socket,
    Socket,
    Socket,
  ];
  const failed = (error: Error) => {
    readable.destroy(
      new TransportError(code, `cannot move bytes of ${path} by sh and cat: ${error.message}`),
    );
  };
  const closed = new Promise<void>((resolve) => {
    pumps.once('error', (error) => {
      failed(error);
      resolve();
    });
    pumps.once('exit', () => resolve());
  });
  for (const socket of [control, written]) {
    socket.on('error', () => {});
    socket.resume();
    socket.unref();
  }
  pumps.unref();
  written.once('end', () => {
    // All is written: nothing that still comes is of interest. A writer that failed leaves the rest to be read.
    if (writable.writableFinished) control.destroy();
  });
  readable.once('close', () => {
    control.destroy();
    written.destroy();
  });
  const entry = { path, closed, isClosing: () => writable.writableEnded || readable.destroyed };
  opened.add(entry);
  void closed.then(() => opened.delete(entry));
  return {
    streams: { readable, writable },
    whenClosed() {
      pumps.ref();
      return closed;
    },
  };
}

/**
 * Opens a device that may be about to be given up: by a process that was killed, whose `cat` is not gone yet.
 *
 * @throws TransportError.
 */
async function openWhenFree(path: string, dropsStale: boolean, code: OpenError): Promise<number> {
  const deadline = now() + BUSY_TIMEOUT_MS;
  for (;;) {
    try {
      return open(path, dropsStale, code);
    } catch (error) {
      const { cause } = error as { cause?: NodeJS.ErrnoException };
      if (cause?.code !== 'EBUSY' || now() >= deadline) throw error;
    }
    await sleep(BUSY_PAUSE_MS);
  }
}

function open(path: string, dropsStale: boolean, code: OpenError): number {
  const { O_RDWR, O_NOCTTY, O_NONBLOCK } = constants;
  // A serial line without a carrier is not waited for, and a named pipe neither.
  const first = openOrThrow(path, O_RDWR | O_NOCTTY | O_NONBLOCK, code);
  try {
    if (!fstatSync(first).isCharacterDevice()) {
      throw new TransportError(
        code,
        `${path} is no character device; a Unix socket is reached with unix:PATH`,
      );
    }
    if (isatty(first)) {
      // While the first stands: some take the last one's closing for a hang-up.
      const device = openOrThrow(path, O_RDWR | O_NOCTTY, code);
      try {
        prepareTerminal(path, device, code);
      } catch (error) {
        closeSync(device);
        throw error;
      }
      if (dropsStale) drop(first);
      return device;
    }
    if (dropsStale) drop(first);
  } finally {
    closeSync(first);
  }
  // A virtio-serial port is opened by one at a time.
  return openOrThrow(path, O_RDWR | O_NOCTTY, code);
}

/** Takes a terminal for this process and what it starts, and has it pass bytes on as they are. */
function prepareTerminal(path: string, device: number, code: OpenError): void {
  // Not as its standard input: that is made blocking, for this process too.
  const { status, error } = spawnSync('sh', ['-c', PREPARE], {
    stdio: ['ignore', 'ignore', 'ignore', device],
  });
  if (status === 0) return;
  if (status === BUSY_STATUS) throw openError(path, Object.assign(new Error(), { code: 'EBUSY' }), code);
  const why = error === undefined ? 'stty failed' : error.message;
  throw new TransportError(code, `cannot have ${path} pass bytes on as they are: ${why}`);
}

/** Reads what is there. */
function drop(device: number): void {
  const scratch = new Uint8Array(64 * 1024);
  try {
    for (let dropped = 0; dropped < MAX_STALE_BYTES; ) {
      const length = readSync(device, scratch);
      if (length === 0) return;
      dropped += length;
    }
  } catch {
    // Nothing is there (EAGAIN), or nobody at the other end, which is told when it is used.
  }
}

const HINTS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such device',
  EACCES: 'this user may not use it',
  EPERM: 'this user may not use it',
  EBUSY: 'another program has it open',
  EISDIR: 'that is a folder',
  ENXIO: 'no device is behind that file',
  ENODEV: 'no device is behind that file',
};

function openOrThrow(path: string, flags: number, code: OpenError): number {
  try {
    return openSync(path, flags);
  } catch (error) {
    throw openError(path, error as NodeJS.ErrnoException, code);
  }
}

function openError(path: string, error: NodeJS.ErrnoException, code: OpenError): TransportError {
  const what = HINTS[error.code ?? ''] ?? error.message;
  return new TransportError(code, `cannot open ${path}: ${what}`, { cause: error });
}
