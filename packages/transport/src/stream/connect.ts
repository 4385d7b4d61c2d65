import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { createConnection, type Socket } from 'node:net';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../clock.ts';
import { isTransportError, TransportError } from '../errors.ts';
import { GuestLink } from '../link/guest-link.ts';
import { ownProcess } from '../process-identity.ts';
import { DEFAULT_MAX_QUEUED_BYTES } from '../queue-limits.ts';
import type { GuestBus } from '../transport.ts';
import { parseStreamUrl, type StreamAddress, streamUrl } from './address.ts';
import { connectOverDevice } from './device.ts';
import { isOtherFile, removeDeadSocket } from './socket-file.ts';
import { StreamMedium, type StreamPair, streamError } from './stream-medium.ts';

/** Options of a guest's end over a stream. */
export interface StreamConnectOptions {
  /** Proof that this guest may use the host. Also taken from `?token=` of a URL. */
  readonly token?: string;
  /** What the host logs this guest as. Default: `guest` and the process's number. */
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
  /** False: the bus ends with its connection. By default it survives a broken TCP connection where the host agrees. */
  readonly resume?: boolean;
}

const DEFAULT_CONNECT_TIMEOUT_MS = 30_000;
/** What ends a child that is of no use. */
const OUR_SIGNAL = 'SIGTERM';
/** What one read of a socket can bring. Larger is not faster: the kernel gives no more at a time. */
const READ_BYTES = 256 * 1024;

/**
 * Connects to a host by `unix:PATH`, `tcp:HOST:PORT`, or `stdio:`: the host is then whoever started this process and
 * holds the other ends of its standard input and output. `stdio:COMMAND` has the system's shell start a command that
 * is a host on its own standard input and output, such as `ssh machine dxgwire host --listen stdio:`; it ends with the link.
 * `device:PATH` opens a character device, such as a virtual machine's virtio-serial port, with a host at its other end.
 *
 * @throws TransportError `bad-url`; `connect-failed`; `refused` or `version-mismatch` with the host's reason;
 * `time-out`.
 */
export async function connectStream(url: string, options: StreamConnectOptions = {}): Promise<GuestBus> {
  const { address, token } = parseStreamUrl(url);
  const given = { ...options, token: options.token ?? token };
  if (address.kind === 'stdio') {
    return await join(
      new StreamMedium({ readable: process.stdin, writable: process.stdout }, streamError, 'own'),
      given,
      'stdio',
    );
  }
  if (address.kind === 'command') return await connectToCommand(address.command, given);
  if (address.kind === 'device') {
    const timeoutMs = options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS;
    return await connectOverDevice(
      address.path,
      timeoutMs,
      async (medium, { timeoutMs: connectTimeoutMs, number }) =>
        await join(medium, { ...given, connectTimeoutMs, attempt: number }, 'device'),
    );
  }
  const { medium } = dial(address);
  const redial = address.kind === 'tcp' && options.resume !== false ? redialTo(address) : undefined;
  return await join(medium, given, address.kind, redial, (error) => {
    // Perhaps the host was killed, and left its socket behind. One that refuses is alive.
    const isLost =
      isTransportError(error) && (error.code === 'peer-closed' || error.code === 'connect-failed');
    if (address.kind === 'unix' && isLost) void removeDeadSocket(address.path);
  });
}

/**
 * Makes the guest's end of a bus over a stream that is connected, or being connected, to a host's end.
 *
 * @throws TransportError as {@link connectStream}.
 */
export async function connectOverStream(
  streams: StreamPair,
  options: StreamConnectOptions = {},
): Promise<GuestBus> {
  return await join(new StreamMedium(streams, streamError), options, 'stream');
}

/**
 * Starts a program whose standard input and output are a host's end (`dxgwire host --listen stdio:`), and connects to
 * it. What it writes to standard error is this process's. The program ends when its standard input does.
 *
 * @throws TransportError as {@link connectStream}; `connect-failed` when it cannot be started.
 */
export async function connectToChild(
  command: string,
  args: readonly string[],
  options: StreamConnectOptions & { readonly spawn?: SpawnOptions } = {},
): Promise<{ readonly guest: GuestBus; readonly child: ChildProcess }> {
  const child = spawn(command, [...args], { ...options.spawn, stdio: ['pipe', 'pipe', 'inherit'] });
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null)
    throw new TransportError('connect-failed', `'${command}' has no pipes`);
  const medium = new StreamMedium({ readable: stdout, writable: stdin }, streamError, 'own');
  const failed = new Promise<never>((_resolve, reject) => {
    child.once('error', (error) =>
      reject(
        new TransportError('connect-failed', `cannot start '${command}': ${error.message}`, { cause: error }),
      ),
    );
  });
  failed.catch(() => {});
  try {
    return { guest: await Promise.race([join(medium, options, 'stdio'), failed]), child };
  } catch (error) {
    child.kill(OUR_SIGNAL);
    throw await endOf(child, command, error);
  }
}

/** Why there is no link to a child: how it ended by itself says more than what its pipes said. */
async function endOf(child: ChildProcess, command: string, error: unknown): Promise<unknown> {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
    await new Promise((resolve) => child.once('exit', resolve));
  }
  const how = howItEnded(child, isTransportError(error) && error.code === 'peer-closed');
  if (how === null) return error;
  const hint = child.exitCode === 127 ? ' (there is no such command)' : '';
  const message = `'${command}' ${how} before it let this guest in${hint}`;
  return new TransportError('connect-failed', message, { cause: error });
}

/** Null where that says nothing. `isSilent`: no more is known than that its pipes have ended. */
function howItEnded({ exitCode, signalCode }: ChildProcess, isSilent: boolean): string | null {
  if (exitCode !== null && exitCode > 0) return `ended with code ${exitCode}`;
  // A host that refuses a guest ends in order, and what has said what is no frame is ended here.
  if (!isSilent) return null;
  if (exitCode === 0) return 'ended with code 0';
  return signalCode === null || signalCode === OUR_SIGNAL ? null : `was ended by ${signalCode}`;
}

/** A host that a shell starts for this link alone. Its process does not keep this one alive; the link does. */
async function connectToCommand(command: string, options: StreamConnectOptions): Promise<GuestBus> {
  const { guest, child } = await connectToChild(command, [], { ...options, spawn: { shell: true } });
  child.unref();
  return guest;
}

type SocketAddress = Exclude<StreamAddress, { kind: 'stdio' | 'command' | 'device' }>;

type Redial = (link: GuestLink, delayMs: number, signal: AbortSignal) => Promise<StreamMedium>;

async function join(
  medium: StreamMedium,
  options: StreamConnectOptions & { readonly attempt?: number },
  transport: string,
  redial?: Redial,
  onEnded?: (error: Error | null) => void,
): Promise<GuestBus> {
  const link: GuestLink = new GuestLink({
    transport,
    medium,
    clock: systemClock,
    maxQueuedBytes: options.maxQueuedBytes ?? DEFAULT_MAX_QUEUED_BYTES,
    name: options.name ?? `guest ${process.pid}`,
    token: options.token ?? '',
    attempt: options.attempt ?? 0,
    ...(redial === undefined ? {} : { process: ownProcess() }),
    connectTimeoutMs: options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
    ...(options.codecs === undefined ? {} : { codecs: options.codecs }),
    ...(redial === undefined
      ? {}
      : { redial: (delayMs: number, signal: AbortSignal) => redial(link, delayMs, signal) }),
  });
  link.onEnded = onEnded ?? null;
  medium.attach(link);
  return await link.ready;
}

/** A socket that is being connected, and what carries a link over it. */
function dial(address: SocketAddress): { socket: Socket; medium: StreamMedium } {
  let medium: StreamMedium | null = null;
  let isOpen = false;
  // One buffer for all reads: the decoder keeps nothing of it.
  const onread = {
    buffer: new Uint8Array(READ_BYTES),
    callback: (length: number, buffer: Uint8Array) => {
      medium?.received(buffer.subarray(0, length));
      return true;
    },
  };
  const where =
    address.kind === 'unix'
      ? { path: address.path }
      : { host: address.host, port: address.port, noDelay: true };
  const socket = createConnection({ ...where, onread }, () => {
    isOpen = true;
  });
  const errorOf = (error: Error) => (isOpen ? streamError(error) : connectError(address, error));
  medium = new StreamMedium(socket, errorOf, 'itself');
  return { socket, medium };
}

function redialTo(address: SocketAddress): Redial {
  return async (link, delayMs, signal) => {
    await sleep(delayMs, undefined, { signal, ref: link.isReferenced });
    const { socket, medium } = dial(address);
    const stop = () => medium.drop();
    signal.addEventListener('abort', stop, { once: true });
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', () => resolve());
        socket.once('close', () =>
          reject(new TransportError('connect-failed', `no connection to ${streamUrl(address)}`)),
        );
      });
    } finally {
      signal.removeEventListener('abort', stop);
    }
    return medium;
  };
}

const HINTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there. Is the host running (dxgwire host)?',
  ENOENT: 'there is no such socket. Is the host running (dxgwire host), and is the path right?',
  ENOTDIR: 'there is no such socket. Is the path right?',
  EACCES: 'this user may not use that socket; a host makes it for its own user only',
  ENOTSOCK: 'that file is no socket',
  ENOTFOUND: 'the name is not known',
  EAI_AGAIN: 'the name cannot be looked up now',
  EHOSTUNREACH: 'the machine cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'no answer',
};

function connectError(address: StreamAddress, error: Error): TransportError {
  const { code = '' } = error as NodeJS.ErrnoException;
  // Linux refuses a connection to any other file, too.
  const isNone = code === 'ECONNREFUSED' && address.kind === 'unix' && isOtherFile(address.path);
  const hint = HINTS[isNone ? 'ENOTSOCK' : code] ?? (error.message || code);
  return new TransportError('connect-failed', `cannot connect to ${streamUrl(address)}: ${hint}`, {
    cause: error,
  });
}
