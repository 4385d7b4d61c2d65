import { TransportError } from '../errors.ts';
import { memorySizes } from '../memory-sizes.ts';
import { DEFAULT_MAX_QUEUED_BYTES } from '../queue-limits.ts';
import type { GuestBus, HostBus, PolledEnd } from '../transport.ts';
import type { BusEnd } from './bus-end.ts';
import type { BusLink, GuestMessage, HostMessage } from './control.ts';
import { VmbusGuest } from './guest-bus.ts';
import { VmbusHost } from './host-bus.ts';
import { GUEST_RAM_ADDRESS } from './in-process.ts';
import { MappedWindow } from './mapped-window.ts';

export type { PolledEnd } from '../transport.ts';

export interface SharedBusOptions {
  /** Guest RAM, bytes, rings included; rounded up to pages. Default 256 MiB. */
  readonly guestMemoryBytes?: number;
  /** Device window, MiB. Default 64. */
  readonly windowMegabytes?: number;
  /** What the host logs as its peer. */
  readonly peerName?: string;
  /** Most bytes that may wait outside one ring before `send` refuses with `limit`. Default 64 MiB. */
  readonly maxQueuedBytes?: number;
  /**
   * How the ends wake each other: `wait-async` needs `Atomics.waitAsync`, `message-port` works everywhere. Default:
   * the first where both ends have it.
   */
  readonly doorbell?: 'wait-async' | 'message-port';
  /** How long an end looks on by itself at most before it sleeps, while packets come that fast, microseconds. Default 200. */
  readonly spinMicroseconds?: number;
  /** How long an orderly close waits for the other thread, milliseconds. Default 5000. */
  readonly closeTimeoutMs?: number;
}

/**
 * One end of a bus, to be posted to the thread that is to have it:
 * `worker.postMessage(descriptor, [descriptor.port])`. Attach it there, once.
 */
export interface SharedBusDescriptor<Side extends 'guest' | 'host'> {
  readonly side: Side;
  readonly ram: SharedArrayBuffer;
  readonly window: SharedArrayBuffer;
  /** Words that are rung: for the guest and for the host each a counter, and whether its thread is blocked. */
  readonly bells: SharedArrayBuffer;
  readonly port: MessagePort;
  readonly peerName: string;
  readonly maxQueuedBytes: number;
  readonly doorbell: 'wait-async' | 'message-port';
  readonly spinMicroseconds: number;
  readonly closeTimeoutMs: number;
}

/** Words of an end's bell, on cache lines of their own. */
const BELL_WORDS = 32;
const GUEST_BELL = 0;
const HOST_BELL = BELL_WORDS;
/** From an end's counter to the word on which its thread sleeps when it blocks: 1 while it does. */
const BLOCKED = 16;
const DEFAULT_SPIN_MICROSECONDS = 200;
const DEFAULT_CLOSE_TIMEOUT_MS = 5000;

type WaitAsync = (
  words: Int32Array,
  index: number,
  value: number,
) => { readonly async: boolean; readonly value: Promise<string> | string };

/** ES2024; in Node since 16, in browsers since about 2024. */
function findWaitAsync(): WaitAsync | null {
  const found = (Atomics as { waitAsync?: WaitAsync }).waitAsync;
  return typeof found === 'function' ? found : null;
}

/**
 * A bus between two threads: the rings, guest RAM and device window in shared memory, control messages over a
 * message port, doorbells by `Atomics.notify`.
 */
export function createSharedBus(options: SharedBusOptions = {}): {
  guest: SharedBusDescriptor<'guest'>;
  host: SharedBusDescriptor<'host'>;
} {
  const { ramBytes, windowBytes } = memorySizes(options);
  const { port1, port2 } = new MessageChannel();
  const shared = {
    ram: new SharedArrayBuffer(ramBytes),
    window: new SharedArrayBuffer(windowBytes),
    bells: new SharedArrayBuffer(2 * BELL_WORDS * 4),
    peerName: options.peerName ?? 'guest on another thread',
    maxQueuedBytes: options.maxQueuedBytes ?? DEFAULT_MAX_QUEUED_BYTES,
    doorbell: options.doorbell ?? (findWaitAsync() === null ? 'message-port' : 'wait-async'),
    spinMicroseconds: options.spinMicroseconds ?? DEFAULT_SPIN_MICROSECONDS,
    closeTimeoutMs: options.closeTimeoutMs ?? DEFAULT_CLOSE_TIMEOUT_MS,
  } as const;
  return { guest: { side: 'guest', port: port1, ...shared }, host: { side: 'host', port: port2, ...shared } };
}

/** What travels on the port: control messages, and a ring of the bell where there is no other way. */
type PortMessage<Message> = Message | { readonly type: 'bell' };

/** Joins one end of a bus to its port and its bell. */
class PortLink<Sent, Received extends { readonly type: string }> implements BusLink<Sent> {
  readonly #port: MessagePort;
  readonly #bells: Int32Array;
  readonly #mine: number;
  readonly #theirs: number;
  readonly #waitAsync: WaitAsync | null;
  #end: (BusEnd & { receive(message: Received): void }) | null = null;
  #isClosed = false;
  #seen = 0;

  constructor(descriptor: SharedBusDescriptor<'guest' | 'host'>) {
    this.#port = descriptor.port;
    this.#bells = new Int32Array(descriptor.bells);
    this.#mine = descriptor.side === 'guest' ? GUEST_BELL : HOST_BELL;
    this.#theirs = descriptor.side === 'guest' ? HOST_BELL : GUEST_BELL;
    this.#waitAsync = descriptor.doorbell === 'wait-async' ? findWaitAsync() : null;
    if (descriptor.doorbell === 'wait-async' && this.#waitAsync === null) {
      throw new TransportError(
        'unsupported',
        "this thread has no Atomics.waitAsync; use doorbell 'message-port'",
      );
    }
  }

  attach(end: BusEnd & { receive(message: Received): void }): void {
    this.#end = end;
    this.#port.onmessage = (event: MessageEvent) => {
      const message = event.data as PortMessage<Received>;
      if (message?.type === 'bell') this.#rung();
      else end.receive(message as Received);
    };
    this.#port.addEventListener('close', () => {
      end.peerVanished(new TransportError('peer-closed', 'the thread at the other end is gone'));
    });
    if (this.#waitAsync !== null) this.#listen();
  }

  /** Waits for the next ring, as long as the bus is open. */
  readonly #listen = (): void => {
    const wait = this.#waitAsync;
    while (!this.#isClosed && wait !== null) {
      this.#rung();
      const result = wait(this.#bells, this.#mine, this.#seen);
      if (typeof result.value === 'string') continue;
      result.value.then(this.#listen);
      return;
    }
  };

  #rung(): void {
    const count = Atomics.load(this.#bells, this.#mine);
    if (count === this.#seen) return;
    this.#seen = count;
    this.#end?.doorbellAll();
  }

  /** Node only: a port has no say in a page's life. */
  setReferenced(isReferenced: boolean): void {
    const port = this.#port as MessagePort & { ref?: () => void; unref?: () => void };
    if (isReferenced) port.ref?.();
    else port.unref?.();
  }

  post(message: Sent): void {
    if (this.#isClosed) return;
    this.#port.postMessage(message);
    // Counted as a ring: a thread that is about to block must not, or it would never come to its event loop.
    Atomics.add(this.#bells, this.#theirs, 1);
    this.#wakeBlocked();
  }

  doorbell(_channel: number): void {
    if (this.#isClosed) return;
    Atomics.add(this.#bells, this.#theirs, 1);
    if (this.#wakeBlocked()) return;
    if (this.#waitAsync !== null) Atomics.notify(this.#bells, this.#theirs);
    else this.#port.postMessage({ type: 'bell' });
  }

  /** A thread that blocks is woken directly, past its event loop. */
  #wakeBlocked(): boolean {
    const word = this.#theirs + BLOCKED;
    if (Atomics.load(this.#bells, word) === 0 || Atomics.exchange(this.#bells, word, 0) === 0) return false;
    Atomics.notify(this.#bells, word);
    return true;
  }

  /** Blocks this thread until the other side rings or posts. @returns false when the time was over first. */
  block(timeoutMs: number): boolean {
    const bells = this.#bells;
    const word = this.#mine + BLOCKED;
    Atomics.store(bells, word, 1);
    // The other side counts before it looks at the word, so that one of the two sees the other.
    const isRung = Atomics.load(bells, this.#mine) !== this.#seen;
    const isInTime = isRung || Atomics.wait(bells, word, 1, timeoutMs) !== 'timed-out';
    Atomics.store(bells, word, 0);
    // Should nobody poll now, the event loop serves the channels.
    this.#rung();
    return isInTime;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // Ends the wait of this side; nothing of it stays behind.
    Atomics.notify(this.#bells, this.#mine);
    this.#port.close();
  }
}

function sharedParts(descriptor: SharedBusDescriptor<'guest' | 'host'>) {
  return {
    transport: 'worker',
    threads: 'many',
    maxQueuedBytes: descriptor.maxQueuedBytes,
    spinMicroseconds: descriptor.spinMicroseconds,
    closeTimeoutMs: descriptor.closeTimeoutMs,
    ram: { bytes: new Uint8Array(descriptor.ram), baseAddress: GUEST_RAM_ADDRESS, file: null },
    window: new MappedWindow(new Uint8Array(descriptor.window), null),
  } as const;
}

/** A guest whose port keeps its thread alive, until told otherwise. */
class WorkerGuest extends VmbusGuest implements PolledEnd {
  readonly #port: PortLink<GuestMessage, HostMessage>;

  constructor(descriptor: SharedBusDescriptor<'guest'>, link: PortLink<GuestMessage, HostMessage>) {
    super({ ...sharedParts(descriptor), link });
    this.#port = link;
  }

  ref(): void {
    this.#port.setReferenced(true);
  }

  unref(): void {
    this.#port.setReferenced(false);
  }

  sleep(timeoutMs: number): boolean {
    return this.isClosed || this.prepareToSleep() || this.#port.block(timeoutMs);
  }
}

class WorkerHost extends VmbusHost implements PolledEnd {
  readonly #port: PortLink<HostMessage, GuestMessage>;

  constructor(descriptor: SharedBusDescriptor<'host'>, link: PortLink<HostMessage, GuestMessage>) {
    super({ ...sharedParts(descriptor), link, peerName: descriptor.peerName });
    this.#port = link;
  }

  sleep(timeoutMs: number): boolean {
    return this.isClosed || this.prepareToSleep() || this.#port.block(timeoutMs);
  }
}

/** Makes the guest's end of a shared bus on this thread. Once for a descriptor. */
export function attachGuestBus(descriptor: SharedBusDescriptor<'guest'>): GuestBus & PolledEnd {
  const link = new PortLink<GuestMessage, HostMessage>(descriptor);
  const guest = new WorkerGuest(descriptor, link);
  link.attach(guest);
  return guest;
}

/** Makes the host's end of a shared bus on this thread. Once for a descriptor. */
export function attachHostBus(descriptor: SharedBusDescriptor<'host'>): HostBus & PolledEnd {
  const link = new PortLink<HostMessage, GuestMessage>(descriptor);
  const host = new WorkerHost(descriptor, link);
  link.attach(host);
  return host;
}
