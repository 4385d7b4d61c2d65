import { memorySizes } from '../memory-sizes.ts';
import { DEFAULT_MAX_QUEUED_BYTES } from '../queue-limits.ts';
import { type AllocateRegion, allocatePlainRegion, fileOf } from '../region.ts';
import { queueMicrotask, runNextTurn } from '../timers.ts';
import type { GuestBus, HostBus } from '../transport.ts';
import type { BusLink, GuestMessage, HostMessage } from './control.ts';
import { VmbusGuest } from './guest-bus.ts';
import { VmbusHost } from './host-bus.ts';
import { MappedWindow } from './mapped-window.ts';

/** Guest-physical address of the mock guest's RAM: above 4 GiB, so that an address cut to 32 bits shows. */
export const GUEST_RAM_ADDRESS = 0x1_0000_0000;

export interface InProcessBusOptions {
  /** Guest RAM, bytes, rings included; rounded up to pages. Committed by the system as it is touched. Default 256 MiB. */
  readonly guestMemoryBytes?: number;
  /** Device window, MiB. Default 64. */
  readonly windowMegabytes?: number;
  /** What the host logs as its peer. */
  readonly peerName?: string;
  /** Most bytes that may wait outside one ring before `send` refuses with `limit`. Default 64 MiB. */
  readonly maxQueuedBytes?: number;
  /** Where guest RAM and device window come from, so that another process can map them. */
  readonly allocateRegion?: AllocateRegion;
}

/**
 * Delivers messages to one end, in order, never inside the call that posted them.
 * What was posted before a close still arrives: the other end may have to hear it.
 */
class Mailbox<Message> {
  #messages: Message[] = [];
  #scheduled = false;
  readonly #deliver: (message: Message) => void;

  constructor(deliver: (message: Message) => void) {
    this.#deliver = deliver;
  }

  post(message: Message): void {
    this.#messages.push(message);
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      const messages = this.#messages;
      this.#messages = [];
      for (const entry of messages) this.#deliver(entry);
    });
  }
}

/**
 * A bus within one thread: Hyper-V's rings over one block of guest RAM, control messages and doorbells as calls.
 * Both ends get packets in a microtask, or in a later turn when they have kept each other busy for long.
 */
export function createInProcessBus(options: InProcessBusOptions = {}): { guest: GuestBus; host: HostBus } {
  const { ramBytes, windowBytes } = memorySizes(options);
  const allocate = options.allocateRegion ?? allocatePlainRegion;
  const ramRegion = allocate(ramBytes);
  const windowRegion = allocate(windowBytes);
  const ram = {
    bytes: ramRegion.bytes.subarray(0, ramBytes),
    baseAddress: GUEST_RAM_ADDRESS,
    file: fileOf(ramRegion),
  };
  const window = new MappedWindow(windowRegion.bytes.subarray(0, windowBytes), fileOf(windowRegion));
  let openEnds = 2;
  const closeEnd = () => {
    openEnds -= 1;
    if (openEnds > 0) return;
    // Whoever is told of the end by `onClose` may still clean up in that memory.
    runNextTurn(() => {
      ramRegion.free();
      windowRegion.free();
    });
  };
  const toGuest = new Mailbox<HostMessage>((message) => guest.receive(message));
  const toHost = new Mailbox<GuestMessage>((message) => host.receive(message));
  const guestLink: BusLink<GuestMessage> = {
    post: (message) => toHost.post(message),
    doorbell: (channel) => host.doorbell(channel),
    close: closeEnd,
  };
  const hostLink: BusLink<HostMessage> = {
    post: (message) => toGuest.post(message),
    doorbell: (channel) => guest.doorbell(channel),
    close: closeEnd,
  };
  const shared = {
    transport: 'in-process',
    threads: 'one',
    maxQueuedBytes: options.maxQueuedBytes ?? DEFAULT_MAX_QUEUED_BYTES,
    ram,
    window,
  } as const;
  const guest = new VmbusGuest({ ...shared, link: guestLink });
  const host = new VmbusHost({ ...shared, link: hostLink, peerName: options.peerName ?? 'in-process guest' });
  return { guest, host };
}
