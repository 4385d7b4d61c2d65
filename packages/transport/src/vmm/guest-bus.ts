import { createBusStatistics } from '../bus-statistics.ts';
import { EndNotice } from '../end-notice.ts';
import { TransportError } from '../errors.ts';
import { checkGpadl } from '../gpadl.ts';
import { RING_PAGES } from '../mock-vmbus/control.ts';
import { MappedWindow } from '../mock-vmbus/mapped-window.ts';
import { RingChannel } from '../mock-vmbus/ring-channel.ts';
import { checkPciOffset } from '../pci.ts';
import { Pending } from '../pending.ts';
import { DEFAULT_MAX_QUEUED_BYTES } from '../queue-limits.ts';
import { queueMicrotask } from '../timers.ts';
import {
  type BusStatistics,
  type Channel,
  type ChannelOffer,
  type GuestBus,
  type GuestMemoryBlock,
  type GuestWindow,
  MAX_PACKET_BYTES,
  PAGE_BYTES,
  type PageRange,
  type PciFunction,
} from '../transport.ts';
import type { PciIdentity, VmmGuestCalls, VmmGuestControl } from './calls.ts';
import { VmmGuestMemory } from './guest-memory.ts';
import { type GuestRamBlock, GuestRamMap } from './guest-ram.ts';
import { framesOfRanges } from './page-lists.ts';
import { layRings } from './ring-pages.ts';

export interface VmmGuestBusOptions {
  /** The machine's RAM. All of it is the guest's to use; what is in it is overwritten as it is allocated. */
  readonly guestRam: readonly GuestRamBlock[];
  /** The device window as it appears in the machine. */
  readonly window: Uint8Array;
  readonly calls: VmmGuestCalls;
  /** Whether ring pages lie together, as Linux allocates them, or apart. Default `together`. */
  readonly ringPages?: 'together' | 'apart';
}

/** The guest's end: a {@link GuestBus} for the driver, a {@link VmmGuestControl} for the VMM. */
export interface VmmGuestBus extends GuestBus, VmmGuestControl {}

/** Linux numbers its GPADLs from here (drivers/hv/connection.c). */
const FIRST_GPADL = 0xe1e10;

interface Slot {
  readonly channel: RingChannel;
  readonly blocks: readonly GuestMemoryBlock[];
  gpadl: number | null;
  isRescinded: boolean;
}

/** The RAM and the calls of a machine are all that this side shares with the host. */
class VmmGuest implements VmmGuestBus {
  readonly transport = 'vmm';
  readonly memory: VmmGuestMemory;
  readonly window: GuestWindow;
  readonly statistics: BusStatistics = createBusStatistics();
  onOffer: ((offer: ChannelOffer) => void) | null = null;
  onPciFunction: ((pciFunction: PciFunction) => void) | null = null;
  onRescind: ((channelIndex: number) => void) | null = null;
  readonly #notice = new EndNotice(queueMicrotask);
  readonly #calls: VmmGuestCalls;
  readonly #ram: GuestRamMap;
  readonly #scatters: boolean;
  readonly #offers = new Map<number, ChannelOffer>();
  readonly #pciFunctions = new Map<number, PciFunction>();
  readonly #slots = new Map<number, Slot>();
  readonly #opening = new Pending<void>();
  readonly #creating = new Pending<void>();
  readonly #tearing = new Pending<void>();
  readonly #unloading = new Pending<void>();
  /** Ring pages on their way back to the free ones. */
  readonly #releasing = new Set<Promise<void>>();
  readonly #gpadls = new Set<number>();
  #nextGpadl = FIRST_GPADL;
  #state: 'open' | 'closing' | 'closed' = 'open';
  readonly #closed: Promise<void>;
  #resolveClosed: () => void = () => {};

  constructor(options: VmmGuestBusOptions) {
    this.#ram = new GuestRamMap(options.guestRam);
    this.memory = new VmmGuestMemory(this.#ram);
    this.window = new MappedWindow(options.window, null);
    this.#calls = options.calls;
    this.#scatters = options.ringPages === 'apart';
    this.#closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  get onClose(): ((error: Error | null) => void) | null {
    return this.#notice.handler;
  }

  set onClose(handler: ((error: Error | null) => void) | null) {
    this.#notice.handler = handler;
  }

  get offers(): readonly ChannelOffer[] {
    return [...this.#offers.values()];
  }

  get pciFunctions(): readonly PciFunction[] {
    return [...this.#pciFunctions.values()];
  }

  async open(channelIndex: number): Promise<Channel> {
    this.#requireOpen();
    if (!this.#offers.has(channelIndex)) {
      throw new TransportError('out-of-range', `the host does not offer channel ${channelIndex}`);
    }
    if (this.#slots.has(channelIndex)) {
      throw new TransportError('out-of-range', `channel ${channelIndex} is open already`);
    }
    const slot = this.#layChannel(channelIndex);
    try {
      slot.gpadl = await this.createGpadl(slot.blocks);
      const opened = this.#opening.add(channelIndex);
      this.#calls.openChannel(channelIndex, slot.gpadl, RING_PAGES);
      await opened;
    } catch (error) {
      this.#forget(channelIndex, slot);
      slot.channel.abort(error as Error);
      throw error;
    }
    return slot.channel;
  }

  /** Takes pages for both rings, a header and 63 data pages each, and makes this end of the channel. */
  #layChannel(index: number): Slot {
    const count = 2 * RING_PAGES;
    const blocks = this.#scatters
      ? this.memory.allocateScattered(count)
      : [this.memory.allocate(count * PAGE_BYTES)];
    const rings = layRings(this.#ram, blocks, RING_PAGES, 'guest');
    const channel = new RingChannel({
      index,
      outbound: rings.upstream,
      inbound: rings.downstream,
      maxSendBytes: MAX_PACKET_BYTES,
      maxQueuedBytes: DEFAULT_MAX_QUEUED_BYTES,
      statistics: this.statistics,
      spinMicroseconds: 0,
      signal: () => this.#calls.signalChannel(index),
      onEnd: () => this.#channelEnded(index, slot),
    });
    const slot: Slot = { channel, blocks, gpadl: null, isRescinded: false };
    this.#slots.set(index, slot);
    return slot;
  }

  #channelEnded(index: number, slot: Slot): void {
    if (this.#slots.get(index) !== slot) return;
    // Rescinds are told before the channel says that it has closed: the driver knows why then.
    if (slot.isRescinded) this.onRescind?.(index);
    if (this.#state !== 'closed') this.#calls.closeChannel(index);
    this.#forget(index, slot);
  }

  #forget(index: number, slot: Slot): void {
    if (this.#slots.get(index) !== slot) return;
    this.#slots.delete(index);
    const { gpadl } = slot;
    const release = (): void => {
      for (const block of slot.blocks) this.memory.free(block);
    };
    if (gpadl === null || this.#state === 'closed') {
      release();
      return;
    }
    const releasing = this.teardownGpadl(gpadl)
      .then(release, release)
      .finally(() => this.#releasing.delete(releasing));
    this.#releasing.add(releasing);
  }

  async createGpadl(ranges: readonly PageRange[]): Promise<number> {
    this.#requireOpen();
    checkGpadl(ranges, (address, length) => this.#ram.contains(address, length));
    const id = this.#nextGpadl;
    this.#nextGpadl += 1;
    const created = this.#creating.add(id);
    this.#calls.createGpadl(id, framesOfRanges(ranges));
    await created;
    this.#gpadls.add(id);
    return id;
  }

  async teardownGpadl(id: number): Promise<void> {
    if (this.#state === 'closed') throw new TransportError('closed', 'the machine is off');
    if (!this.#gpadls.delete(id)) throw new TransportError('out-of-range', `there is no GPADL ${id}`);
    const torn = this.#tearing.add(id);
    this.#calls.teardownGpadl(id);
    await torn;
  }

  offerChannel(offer: ChannelOffer, pciFunction: PciIdentity | null): void {
    if (this.#state === 'closed') return;
    const { index } = offer;
    this.#offers.set(index, offer);
    if (pciFunction === null) {
      this.onOffer?.(offer);
      return;
    }
    const found = new TrappedPciFunction(index, pciFunction, this.#calls);
    this.#pciFunctions.set(index, found);
    this.onOffer?.(offer);
    this.onPciFunction?.(found);
  }

  rescindChannel(channel: number): void {
    this.#offers.delete(channel);
    this.#pciFunctions.delete(channel);
    const slot = this.#slots.get(channel);
    if (slot === undefined) {
      this.onRescind?.(channel);
      return;
    }
    slot.isRescinded = true;
    // What the host sent before is delivered first; where nobody listens, it does not hold the end up.
    if (slot.channel.onPacket === null) slot.channel.endInOrder();
    else slot.channel.peerClosed(null);
  }

  gpadlCreated(id: number, isCreated: boolean): void {
    if (isCreated) this.#creating.resolve(id, undefined);
    else this.#creating.reject(id, new TransportError('refused', `the host refused GPADL ${id}`));
  }

  gpadlTornDown(id: number): void {
    this.#tearing.resolve(id, undefined);
  }

  channelOpened(channel: number, isOpen: boolean): void {
    if (isOpen) this.#opening.resolve(channel, undefined);
    else this.#opening.reject(channel, new TransportError('refused', `the host refused channel ${channel}`));
  }

  unloaded(): void {
    this.#unloading.resolve(0, undefined);
  }

  interrupt(channel: number): void {
    this.#slots.get(channel)?.channel.doorbell();
  }

  powerOff(): void {
    this.#finish(new TransportError('peer-closed', 'the machine was switched off'));
  }

  async close(): Promise<void> {
    if (this.#state === 'open') {
      this.#state = 'closing';
      await Promise.all([...this.#slots.values()].map(({ channel }) => channel.close()));
      await Promise.all(this.#releasing);
      if (this.#state === 'closing') {
        const unloaded = this.#unloading.add(0);
        this.#calls.unload();
        await unloaded.catch(() => {});
      }
      this.#finish(null);
    }
    await this.#closed;
  }

  abort(error: Error): void {
    if (this.#state === 'closed') return;
    this.#finish(error);
    this.#calls.unload();
  }

  #finish(error: Error | null): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    const settled =
      error instanceof TransportError
        ? error
        : new TransportError('closed', 'the guest has let go of its bus', { cause: error });
    for (const { channel } of [...this.#slots.values()]) {
      if (error === null) channel.endInOrder();
      else channel.abort(error);
    }
    for (const pending of [this.#opening, this.#creating, this.#tearing, this.#unloading]) {
      pending.rejectAll(settled);
    }
    queueMicrotask(() => {
      this.#notice.tell(error);
      this.#resolveClosed();
    });
  }

  #requireOpen(): void {
    if (this.#state !== 'open') throw new TransportError('closed', 'the guest has let go of its bus');
  }
}

/** Every access to its configuration space traps into the VMM. */
class TrappedPciFunction implements PciFunction {
  readonly channelIndex: number;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly #calls: VmmGuestCalls;

  constructor(channelIndex: number, { vendorId, deviceId }: PciIdentity, calls: VmmGuestCalls) {
    this.channelIndex = channelIndex;
    this.vendorId = vendorId;
    this.deviceId = deviceId;
    this.#calls = calls;
  }

  readConfig32(offset: number): number {
    checkPciOffset(offset);
    return this.#calls.readConfig32(this.channelIndex, offset) >>> 0;
  }

  writeConfig32(offset: number, value: number): void {
    checkPciOffset(offset);
    this.#calls.writeConfig32(this.channelIndex, offset, value >>> 0);
  }
}

/**
 * Plays a guest's VMBus driver in a machine that a VMM runs: its rings, page lists and packets are bytes of that
 * machine's RAM, and everything else goes through the VMM's calls. For tests and prototypes; a real guest has its own.
 *
 * @throws TransportError `out-of-range` for RAM or a window that cannot be.
 */
export function createVmmGuestBus(options: VmmGuestBusOptions): VmmGuestBus {
  return new VmmGuest(options);
}
