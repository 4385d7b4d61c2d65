import { createServer, type Socket } from 'node:net';
import { TransportError } from '../errors.ts';
import {
  DEFAULT_MAX_GUESTS,
  FURTHER_CONNECTIONS,
  fullHost,
  HostLinks,
  type LinkHostSettings,
} from '../link/host-links.ts';
import { DEFAULT_HANDSHAKE_TIMEOUT_MS, DEFAULT_HEARTBEAT_MS, silenceOf } from '../link/limits.ts';
import { memorySizes } from '../memory-sizes.ts';
import type { GuestMessage, HostMessage } from '../mock-vmbus/control.ts';
import { VmbusHost, type VmbusHostOptions } from '../mock-vmbus/host-bus.ts';
import { GUEST_RAM_ADDRESS } from '../mock-vmbus/in-process.ts';
import { MappedWindow } from '../mock-vmbus/mapped-window.ts';
import { DEFAULT_MAX_QUEUED_BYTES } from '../queue-limits.ts';
import { encodePath } from '../stream/address.ts';
import { listenOnSocketFile, removeForgottenSockets } from '../stream/socket-file.ts';
import { clearTimeout, MOST_TIMER_MS, setTimeout } from '../timers.ts';
import type { PolledEnd } from '../transport.ts';
import { parseSharedMemoryUrl } from './address.ts';
import { createMemoryFile, type MemoryFile } from './memory-file.ts';
import { checkFromGuest, type FromHost, type HelloMessage } from './messages.ts';
import { checkMappable, nativeMemory } from './native.ts';
import { DEFAULT_CLOSE_TIMEOUT_MS, DEFAULT_SPIN_MICROSECONDS, PROTOCOL_VERSION } from './settings.ts';
import { SocketLink } from './socket-link.ts';

/**
 * What is the same for every guest of a listener. `guestMemoryBytes` is the size of each guest's RAM, committed by the
 * system as it is touched; `allocateRegion` is of no use here, and there is nothing to resume.
 */
export interface SharedMemorySettings extends LinkHostSettings {
  /** How long this end looks on by itself before it sleeps, microseconds. Default 200; 0 on a machine with one core. */
  readonly spinMicroseconds?: number;
  /** How long an orderly close waits for a guest, milliseconds. Default 5000. */
  readonly closeTimeoutMs?: number;
}

/** Something that lets guests in over shared memory. */
export interface SharedMemoryListener {
  /** What a guest connects to; without a token. */
  readonly url: string;
  readonly port: 0;
  /** Stops listening and closes every bus that it let in. */
  close(): Promise<void>;
}

const DEFAULT_GUEST_MEMORY_BYTES = 1024 * 1_048_576;

/**
 * Listens for guests of this machine and this user on `shm:NAME`.
 *
 * @throws TransportError `unsupported` where there is no such memory; `bad-url`; `out-of-range`; `listen-failed`.
 */
export async function listenSharedMemory(
  url: string,
  settings: SharedMemorySettings,
): Promise<SharedMemoryListener> {
  nativeMemory();
  checkMappable(sizesOf(settings).ramBytes);
  const { path, folder, token } = parseSharedMemoryUrl(url, true);
  const given = token !== '' && settings.token === undefined ? { ...settings, token } : settings;
  const guests = new Set<Entering>();
  const judge = new HostLinks('shared-memory', given, false);
  const most = given.maxGuests ?? DEFAULT_MAX_GUESTS;
  const server = createServer((socket) => {
    if (guests.size >= most + FURTHER_CONNECTIONS) {
      const what = `${guests.size} processes are there or wait to say hello: no further one is taken`;
      given.onRefused?.(new TransportError('limit', what), 'a local process');
      socket.on('error', () => {});
      socket.destroy();
      return;
    }
    const letIn = () => [...guests].filter(({ isLetIn }) => isLetIn).length;
    const fullness = () => (letIn() < most ? null : fullHost(most));
    const guest: Entering = new Entering(socket, given, judge, fullness, () => guests.delete(guest));
    guests.add(guest);
  });
  await listenOnSocketFile(server, path, given.onRefused);
  if (folder !== null) void removeForgottenSockets(folder);
  return {
    // A name stands for itself.
    url: folder === null ? `shm:${encodePath(path)}` : url.replace(/\?.*/s, ''),
    port: 0,
    async close() {
      const stopped = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      await Promise.all([...guests].map((guest) => guest.close()));
      await stopped;
    },
  };
}

function sizesOf({ guestMemoryBytes = DEFAULT_GUEST_MEMORY_BYTES, windowMegabytes }: SharedMemorySettings) {
  return memorySizes({ guestMemoryBytes, ...(windowMegabytes === undefined ? {} : { windowMegabytes }) });
}

/** Tells the guest when it has started: a guest has the first offers when it has its bus. */
class SharedMemoryHost extends VmbusHost implements PolledEnd {
  readonly #onStart: () => void;
  readonly #socket: SocketLink<FromHost>;
  #hasStarted = false;

  constructor(options: VmbusHostOptions, socket: SocketLink<FromHost>, onStart: () => void) {
    super(options);
    this.#socket = socket;
    this.#onStart = onStart;
  }

  override start(): void {
    super.start();
    if (this.#hasStarted) return;
    this.#hasStarted = true;
    this.#onStart();
  }

  sleep(timeoutMs: number): boolean {
    return this.sleepOn(this.#socket, timeoutMs);
  }
}

/** One guest: from its connection until its bus has ended. */
class Entering {
  readonly #link: SocketLink<FromHost>;
  readonly #settings: SharedMemorySettings;
  readonly #judge: HostLinks;
  /** Why there is no room for a further guest, or null where there is. */
  readonly #fullness: () => string | null;
  readonly #onGone: () => void;
  readonly #timer: ReturnType<typeof setTimeout>;
  #stage: 'hello' | 'checking' | 'mapping' | 'open' | 'gone' = 'hello';
  #peerName = '';
  #files: MemoryFile[] = [];
  #host: VmbusHost | null = null;

  constructor(
    socket: Socket,
    settings: SharedMemorySettings,
    judge: HostLinks,
    fullness: () => string | null,
    onGone: () => void,
  ) {
    this.#settings = settings;
    this.#judge = judge;
    this.#fullness = fullness;
    this.#onGone = onGone;
    this.#link = new SocketLink(socket, {
      message: (message) => this.#message(message),
      bell: () => this.#host?.doorbellAll(),
      lost: (error) => {
        if (this.#host !== null) this.#host.peerVanished(error);
        else this.#failed(error);
      },
    });
    const timeoutMs = settings.handshakeTimeoutMs ?? DEFAULT_HANDSHAKE_TIMEOUT_MS;
    this.#timer = setTimeout(
      () => this.#refuse('time-out', `no hello within ${timeoutMs / 1000} s`),
      timeoutMs,
    );
    this.#timer.unref();
  }

  /** Whether this guest has memory already, and counts. */
  get isLetIn(): boolean {
    return this.#stage === 'mapping' || this.#stage === 'open';
  }

  #message(value: unknown): void {
    const message = checkFromGuest(value);
    if (this.#host !== null && message.type !== 'hello' && message.type !== 'mapped') {
      this.#host.receive(message as GuestMessage);
    } else if (message.type === 'hello' && this.#stage === 'hello') {
      this.#hello(message);
    } else if (message.type === 'mapped' && this.#stage === 'mapping') {
      this.#open();
    } else {
      throw new TransportError('bad-frame', `${message.type} is out of place`);
    }
  }

  #hello({ version, token, name }: HelloMessage): void {
    this.#stage = 'checking';
    // It goes into logs: no control characters.
    this.#peerName = name.slice(0, 100).replace(/\p{C}/gu, '?');
    if (version !== PROTOCOL_VERSION) {
      this.#refuse('version-mismatch', `the guest speaks version ${version}, this host ${PROTOCOL_VERSION}`);
      return;
    }
    this.#judge.authenticate([token]).then(
      (isAllowed) => {
        if (this.#stage !== 'checking') return;
        const fullness = isAllowed ? this.#fullness() : null;
        if (fullness !== null) this.#refuse('refused', fullness);
        else if (isAllowed) this.#welcome();
        else this.#refuse('refused', token === '' ? 'a token is needed' : 'the token is not valid');
      },
      (error: Error) => this.#refuse('refused', error.message),
    );
  }

  #welcome(): void {
    try {
      const { ramBytes, windowBytes } = sizesOf(this.#settings);
      this.#files.push(createMemoryFile(ramBytes));
      this.#files.push(createMemoryFile(windowBytes));
    } catch (error) {
      this.#refuse('no-memory', (error as Error).message);
      return;
    }
    this.#stage = 'mapping';
    const [ram, window] = this.#files.map(({ path, inode, lengthBytes }) => ({ path, inode, lengthBytes }));
    const heartbeatMs = Math.min(this.#settings.heartbeatMs ?? DEFAULT_HEARTBEAT_MS, MOST_TIMER_MS);
    this.#link.post({ type: 'welcome', ram: ram!, window: window!, heartbeatMs });
  }

  #open(): void {
    this.#stage = 'open';
    clearTimeout(this.#timer);
    const settings = this.#settings;
    const [ram, window] = this.#files as [MemoryFile, MemoryFile];
    const link = this.#link;
    this.#host = new SharedMemoryHost(
      {
        transport: 'shared-memory',
        peerName: this.#peerName,
        threads: 'many',
        maxQueuedBytes: settings.maxQueuedBytes ?? DEFAULT_MAX_QUEUED_BYTES,
        spinMicroseconds: settings.spinMicroseconds ?? DEFAULT_SPIN_MICROSECONDS,
        closeTimeoutMs: settings.closeTimeoutMs ?? DEFAULT_CLOSE_TIMEOUT_MS,
        ram: { bytes: ram.bytes, baseAddress: GUEST_RAM_ADDRESS, file: { path: ram.path, offset: 0 } },
        window: new MappedWindow(window.bytes, { path: window.path, offset: 0 }),
        link: {
          post: (posted: HostMessage) => link.post(posted),
          doorbell: (channel) => link.doorbell(channel),
          close: () => this.#gone(),
        },
      },
      link,
      () => link.post({ type: 'started' }),
    );
    link.startHeartbeat(settings.heartbeatMs ?? DEFAULT_HEARTBEAT_MS, silenceOf(settings));
    settings.onHostBus(this.#host);
  }

  #refuse(code: string, reason: string): void {
    if (this.#stage === 'gone') return;
    this.#link.post({ type: 'refused', code, reason });
    const known = code === 'version-mismatch' || code === 'time-out' ? code : 'refused';
    this.#failed(new TransportError(known, `the guest was refused: ${reason}`));
  }

  #failed(error: Error): void {
    if (this.#stage === 'gone') return;
    this.#gone();
    this.#settings.onRefused?.(error, 'a local process');
  }

  #gone(): void {
    if (this.#stage === 'gone') return;
    this.#stage = 'gone';
    clearTimeout(this.#timer);
    this.#link.close();
    for (const file of this.#files) file.close();
    this.#files = [];
    this.#onGone();
  }

  async close(): Promise<void> {
    if (this.#host !== null) await this.#host.close();
    else this.#refuse('closed', 'this host has stopped listening');
  }
}
