import { createConnection, type Socket } from 'node:net';
import process from 'node:process';
import { errorOfPeer, TransportError } from '../errors.ts';
import type { GuestMessage, HostMessage } from '../mock-vmbus/control.ts';
import { VmbusGuest, type VmbusGuestOptions } from '../mock-vmbus/guest-bus.ts';
import { GUEST_RAM_ADDRESS } from '../mock-vmbus/in-process.ts';
import { MappedWindow } from '../mock-vmbus/mapped-window.ts';
import { DEFAULT_MAX_QUEUED_BYTES } from '../queue-limits.ts';
import { shownUrl } from '../shown-url.ts';
import { isOtherFile, removeDeadSocket } from '../stream/socket-file.ts';
import { clearTimeout, setTimeout } from '../timers.ts';
import { Codec, type GuestBus, type PolledEnd } from '../transport.ts';
import { parseSharedMemoryUrl } from './address.ts';
import { fileDescriptorOf } from './blocking-socket.ts';
import { type MemoryFile, openMemoryFile } from './memory-file.ts';
import { checkFromHost, type FromGuest, type WelcomeMessage } from './messages.ts';
import { type NativeMemory, nativeMemory } from './native.ts';
import { DEFAULT_CLOSE_TIMEOUT_MS, DEFAULT_SPIN_MICROSECONDS, PROTOCOL_VERSION } from './settings.ts';
import { SocketLink } from './socket-link.ts';

/** Options of a guest's end over shared memory. */
export interface SharedMemoryConnectOptions {
  /** Proof that this guest may use the host. Also taken from `?token=` of the URL. */
  readonly token?: string;
  /** What the host logs this guest as. Default: `guest` and the process's number. */
  readonly name?: string;
  /** How long to wait until the host has let this guest in, milliseconds. Default 30,000. */
  readonly connectTimeoutMs?: number;
  /** Must have `packed`, the only codec of rings. Default: that. */
  readonly codecs?: readonly string[];
  /** Most bytes that may wait outside one ring before `send` refuses with `limit`. Default 64 MiB. */
  readonly maxQueuedBytes?: number;
  /** How long this end looks on by itself before it sleeps, microseconds. Default 200; 0 on a machine with one core. */
  readonly spinMicroseconds?: number;
  /** How long an orderly close waits for the host, milliseconds. Default 5000. */
  readonly closeTimeoutMs?: number;
}

const DEFAULT_CONNECT_TIMEOUT_MS = 30_000;

class SharedMemoryGuest extends VmbusGuest implements PolledEnd {
  readonly #socket: SocketLink<FromGuest>;

  constructor(options: VmbusGuestOptions, socket: SocketLink<FromGuest>) {
    super(options);
    this.#socket = socket;
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }

  sleep(timeoutMs: number): boolean {
    return this.sleepOn(this.#socket, timeoutMs);
  }
}

/**
 * Connects to a host of this machine and this user by `shm:NAME`, and maps the memory that the two share.
 *
 * @throws TransportError `unsupported` where there is no such memory; `bad-url`; `connect-failed`; `refused` or
 * `version-mismatch` with the host's reason; `time-out`.
 */
export async function connectSharedMemory(
  url: string,
  options: SharedMemoryConnectOptions = {},
): Promise<GuestBus & PolledEnd> {
  const codecs = options.codecs ?? [Codec.packed];
  if (!codecs.includes(Codec.packed)) {
    throw new TransportError(
      'unsupported',
      `rings in shared memory carry commands in packed form only, not as ${codecs.join()}; unix: carries any codec`,
    );
  }
  const native = nativeMemory();
  const address = parseSharedMemoryUrl(url, false);
  const socket = await connectSocket(address.path, url);
  checkHostUser(native, socket, url, address.path);
  return await new Promise<GuestBus & PolledEnd>((resolve, reject) => {
    new Joining(socket, address.path, { ...options, token: options.token ?? address.token }, resolve, reject);
  });
}

/** Nothing is said to another user's process, whatever name it has taken: not the token either. @throws TransportError. */
function checkHostUser(native: NativeMemory, socket: Socket, url: string, path: string): void {
  const ours = process.geteuid?.() ?? 0;
  let theirs: number;
  try {
    theirs = native.peerUser(fileDescriptorOf(socket));
  } catch (error) {
    socket.destroy();
    throw connectError(url, path, error as Error);
  }
  if (theirs === ours) return;
  socket.destroy();
  throw new TransportError(
    'connect-failed',
    `cannot connect to ${shownUrl(url)}: its host runs as user ${theirs}, this process as ${ours}; use unix: or tcp:`,
  );
}

/** From the first message until the bus is there; then hands over what comes. */
class Joining {
  readonly #link: SocketLink<FromGuest>;
  readonly #options: SharedMemoryConnectOptions;
  readonly #resolve: (bus: GuestBus & PolledEnd) => void;
  readonly #reject: (error: Error) => void;
  readonly #timer: ReturnType<typeof setTimeout>;
  #guest: SharedMemoryGuest | null = null;

  constructor(
    socket: Socket,
    path: string,
    options: SharedMemoryConnectOptions,
    resolve: (bus: GuestBus & PolledEnd) => void,
    reject: (error: Error) => void,
  ) {
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#link = new SocketLink(socket, {
      message: (message) => this.#message(message),
      bell: () => this.#guest?.doorbellAll(),
      lost: (error) => {
        this.#fail(error);
        // Perhaps the host was killed, and left it behind.
        void removeDeadSocket(path);
      },
    });
    const timeoutMs = options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS;
    this.#timer = setTimeout(() => {
      this.#fail(new TransportError('time-out', `the host did not answer within ${timeoutMs / 1000} s`));
    }, timeoutMs);
    const name = options.name ?? `guest ${process.pid}`;
    this.#link.post({ type: 'hello', version: PROTOCOL_VERSION, token: options.token ?? '', name });
  }

  /** Ends it, whatever stage it is at. */
  #fail(error: Error): void {
    clearTimeout(this.#timer);
    this.#reject(error);
    if (this.#guest === null) this.#link.close();
    else this.#guest.abort(error);
  }

  #message(value: unknown): void {
    const message = checkFromHost(value);
    if (message.type === 'refused') {
      // Behind a welcome as well: the host has stopped listening, or has waited long enough.
      const { code, reason } = message;
      this.#fail(errorOfPeer({ code, message: reason }, 'the host refused this guest'));
    } else if (this.#guest !== null) {
      if (message.type === 'started') this.#started(this.#guest);
      else this.#guest.receive(message as HostMessage);
    } else if (message.type === 'welcome') {
      this.#welcome(message);
    } else {
      throw new TransportError('bad-frame', `${message.type} before welcome`);
    }
  }

  #welcome(message: WelcomeMessage): void {
    const files: MemoryFile[] = [];
    let mapped: MappedWindow;
    try {
      files.push(openMemoryFile(message.ram));
      const file = openMemoryFile(message.window);
      files.push(file);
      mapped = new MappedWindow(file.bytes, null);
    } catch (error) {
      for (const file of files) file.close();
      this.#fail(error as Error);
      return;
    }
    const [ram, window] = files as [MemoryFile, MemoryFile];
    const link = this.#link;
    this.#guest = new SharedMemoryGuest(
      {
        transport: 'shared-memory',
        threads: 'many',
        maxQueuedBytes: this.#options.maxQueuedBytes ?? DEFAULT_MAX_QUEUED_BYTES,
        spinMicroseconds: this.#options.spinMicroseconds ?? DEFAULT_SPIN_MICROSECONDS,
        closeTimeoutMs: this.#options.closeTimeoutMs ?? DEFAULT_CLOSE_TIMEOUT_MS,
        ram: {
          bytes: ram.bytes,
          baseAddress: GUEST_RAM_ADDRESS,
          file: null,
          ...(ram.lend === undefined ? {} : { lend: ram.lend }),
        },
        window: mapped,
        link: {
          post: (posted: GuestMessage) => link.post(posted),
          doorbell: (channel) => link.doorbell(channel),
          close: () => {
            link.close();
            clearTimeout(this.#timer);
            // Without effect once the host has started.
            this.#reject(new TransportError('peer-closed', 'the host ended the bus before it started'));
            ram.close();
            window.close();
          },
        },
      },
      link,
    );
    link.startHeartbeat(message.heartbeatMs);
    link.post({ type: 'mapped' });
  }

  #started(guest: SharedMemoryGuest): void {
    clearTimeout(this.#timer);
    this.#resolve(guest);
  }
}

async function connectSocket(path: string, url: string): Promise<Socket> {
  return await new Promise<Socket>((resolve, reject) => {
    const socket = createConnection(path);
    const failed = async (error: NodeJS.ErrnoException) => {
      socket.destroy();
      // A host that was killed could not remove its socket.
      if (error.code === 'ECONNREFUSED') await removeDeadSocket(path);
      reject(connectError(url, path, error));
    };
    socket.once('error', failed);
    socket.once('connect', () => {
      socket.off('error', failed);
      resolve(socket);
    });
  });
}

function connectError(url: string, path: string, error: NodeJS.ErrnoException): TransportError {
  const hints: Readonly<Record<string, string>> = {
    ECONNREFUSED: isOtherFile(path) ? 'that file is no socket' : 'its host is gone',
    ENOENT: 'no host of that name runs here. Start one with dxgwire host --listen',
    ENOTDIR: 'there is no such socket. Is the path right?',
    EACCES: 'its host runs as another user',
  };
  const hint = hints[error.code ?? ''] ?? error.message;
  return new TransportError('connect-failed', `cannot connect to ${shownUrl(url)}: ${hint}`, {
    cause: error,
  });
}
