import { createBusStatistics } from '../bus-statistics.ts';
import { EndNotice } from '../end-notice.ts';
import { TransportError } from '../errors.ts';
import { GpadlTable } from '../gpadl.ts';
import { MappedWindow } from '../mock-vmbus/mapped-window.ts';
import { RingChannel } from '../mock-vmbus/ring-channel.ts';
import type { RingChannelOptions } from '../mock-vmbus/ring-channel-options.ts';
import { checkOffer } from '../offer.ts';
import { PCI_CONFIG_BYTES } from '../pci.ts';
import { DEFAULT_MAX_QUEUED_BYTES } from '../queue-limits.ts';
import { clearTimeout, queueMicrotask, runNextTurn, setTimeout } from '../timers.ts';
import {
  type BusStatistics,
  type Channel,
  type ChannelOffer,
  type HostBus,
  type HostGuestMemory,
  type HostOfferOptions,
  type HostWindow,
  MAX_HOST_PACKET_BYTES,
  type PageRange,
} from '../transport.ts';
import type { VmmHostCalls, VmmHostControl } from './calls.ts';
import { type GuestRamBlock, GuestRamMap } from './guest-ram.ts';
import { VmmHostMemory } from './host-memory.ts';
import { rangesOfFrames } from './page-lists.ts';
import { layRings, RingPages } from './ring-pages.ts';

export interface VmmHostBusOptions {
  /** All RAM of the guest that may hold rings or be shared: one block or several. */
  readonly guestRam: readonly GuestRamBlock[];
  /**
   * The device window: the host memory that the VMM maps into the guest where the guest asks for it (SetIoSpaceRegion).
   * Whole MiB, at a multiple of 8 in its buffer.
   */
  readonly window: Uint8Array;
  /** A file that holds the window's bytes, for backends in other processes, and their place in it. Default: none. */
  readonly windowFile?: { readonly path: string; readonly offset: number } | null;
  readonly calls: VmmHostCalls;
  /** What the host logs as its peer. Default `virtual machine`. */
  readonly peerName?: string;
  /** Most bytes that may wait outside one ring before `send` refuses with `limit`. Default 64 MiB. */
  readonly maxQueuedBytes?: number;
  /**
   * Runs a callback once after some milliseconds and returns how to cancel that: to look again for room in a ring
   * should the guest's signal be lost. Default: `setTimeout` with 10 ms, which keeps no process alive.
   */
  readonly retry?: RingChannelOptions['retry'];
}

/** The host's end of a bus into a virtual machine: a {@link HostBus} for the host, a {@link VmmHostControl} for the VMM. */
export interface VmmHostBus extends HostBus, VmmHostControl {
  /** As {@link Channel.poll}, for all open channels: for a device thread of the VMM's that has nothing else to do. */
  poll(): number;
}

const MEBIBYTE = 1_048_576;
const ALL_ONES = 0xffff_ffff;
const RETRY_MS = 10;
/** Turns that a closed channel gets to deliver what the guest had sent, before its rings must be let go. */
const TURNS_TO_DRAIN = 64;
/** As many looks for room, a second of them, before a guest that is told of a rescind loses what it does not take. */
const RETRIES_TO_FLUSH = 100;

function retryByTimer(callback: () => void): () => void {
  const timer: unknown = setTimeout(callback, RETRY_MS);
  (timer as { unref?: () => void }).unref?.();
  return () => clearTimeout(timer as number);
}

function isPciOffset(offset: number): boolean {
  return Number.isInteger(offset) && offset >= 0 && offset % 4 === 0 && offset < PCI_CONFIG_BYTES;
}

/** A channel that was offered, open or not. */
interface Slot {
  readonly offer: ChannelOffer;
  readonly pci: HostOfferOptions['pci'];
  channel: RingChannel | null;
  /** GPADL of the rings while it is open, else null. */
  ringGpadl: number | null;
  /** The guest closes it, or it was never quite open: the offer stands when it has ended. */
  isClosing: boolean;
  /** The host takes it away as soon as it has ended. */
  isRescinded: boolean;
  ended: Promise<void>;
  resolveEnded: () => void;
}

class VmmHost implements VmmHostBus {
  readonly transport = 'vmm';
  readonly peerName: string;
  readonly memory: HostGuestMemory;
  readonly window: HostWindow;
  readonly statistics: BusStatistics = createBusStatistics();
  onChannelOpen: ((channel: Channel) => void) | null = null;
  onGpadlTeardown: ((id: number) => Promise<void> | void) | null = null;
  readonly #notice = new EndNotice(queueMicrotask);
  readonly #calls: VmmHostCalls;
  readonly #ram: GuestRamMap;
  readonly #rings = new RingPages();
  readonly #gpadls = new GpadlTable();
  readonly #gpadlIds = new Set<number>();
  readonly #teardowns = new Map<number, Promise<void>>();
  readonly #slots = new Map<number, Slot>();
  readonly #maxQueuedBytes: number;
  readonly #retry: NonNullable<RingChannelOptions['retry']>;
  #nextIndex = 1;
  #isStarted = false;
  #isClosed = false;
  /** The VMM knows, and is told nothing more. */
  #isEndedByVmm = false;
  readonly #closed: Promise<void>;
  #resolveClosed: () => void = () => {};

  constructor(options: VmmHostBusOptions) {
    this.peerName = options.peerName ?? 'virtual machine';
    this.#calls = options.calls;
    this.#ram = new GuestRamMap(options.guestRam);
    this.memory = new VmmHostMemory(this.#ram, this.#rings, (id) => this.#findGpadl(id));
    if (options.window.length === 0 || options.window.length % MEBIBYTE !== 0) {
      throw new TransportError(
        'out-of-range',
        `a device window of ${options.window.length} bytes: it is offered in whole MiB`,
      );
    }
    this.window = new MappedWindow(options.window, options.windowFile ?? null);
    this.#maxQueuedBytes = options.maxQueuedBytes ?? DEFAULT_MAX_QUEUED_BYTES;
    this.#retry = options.retry ?? retryByTimer;
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

  offer(options: HostOfferOptions): ChannelOffer {
    this.#requireOpen();
    const index = this.#nextIndex;
    checkOffer(options, index, this.window.lengthBytes);
    this.#nextIndex += 1;
    const offer: ChannelOffer = {
      index,
      classGuid: options.classGuid.slice(),
      instanceGuid: options.instanceGuid.slice(),
      mmioMegabytes: options.mmioMegabytes,
    };
    const slot: Slot = {
      offer,
      pci: options.pci,
      channel: null,
      ringGpadl: null,
      isClosing: false,
      isRescinded: false,
      ended: Promise.resolve(),
      resolveEnded: () => {},
    };
    this.#slots.set(index, slot);
    if (this.#isStarted) this.#announce(slot);
    return offer;
  }

  start(): void {
    this.#requireOpen();
    if (this.#isStarted) return;
    this.#isStarted = true;
    for (const slot of [...this.#slots.values()]) this.#announce(slot);
  }

  #announce(slot: Slot): void {
    const { offer, pci } = slot;
    // An offer before may have made the VMM end the bus, or its guest's doings the host take this one back.
    if (this.#slots.get(offer.index) !== slot) return;
    const identity = pci === undefined ? null : { vendorId: pci.vendorId, deviceId: pci.deviceId };
    this.#calls.offerChannel(offer, identity);
  }

  rescind(channelIndex: number): void {
    this.#requireOpen();
    const slot = this.#slots.get(channelIndex);
    if (slot === undefined) {
      throw new TransportError('out-of-range', `channel ${channelIndex} is not offered`);
    }
    slot.isRescinded = true;
    // What was sent before is flushed; when the channel has ended, the offer goes.
    const { channel } = slot;
    if (channel === null) {
      this.#withdraw(slot, null);
      return;
    }
    void channel.close();
    this.#flushed(slot, channel, RETRIES_TO_FLUSH);
  }

  /** A guest that keeps its ring full does not keep its channel by it. */
  #flushed(slot: Slot, channel: RingChannel, retries: number): void {
    if (slot.channel !== channel) return;
    if (retries === 0) channel.endInOrder();
    else this.#retry(() => this.#flushed(slot, channel, retries - 1));
  }

  /** Takes an offer back, never inside a call of the VMM's or the host's. */
  #withdraw(slot: Slot, error: Error | null): void {
    const { index } = slot.offer;
    if (this.#slots.get(index) !== slot) return;
    this.#slots.delete(index);
    if (this.#isStarted) this.#tellLater((calls) => calls.rescindChannel(index, error));
  }

  #tellLater(tell: (calls: VmmHostCalls) => void): void {
    queueMicrotask(() => {
      if (!this.#isEndedByVmm) tell(this.#calls);
    });
  }

  openChannel(channel: number, ringGpadl: number, downstreamPageOffset: number): TransportError | null {
    try {
      this.#open(channel, ringGpadl, downstreamPageOffset);
      return null;
    } catch (error) {
      return asTransportError(error);
    }
  }

  #open(index: number, gpadl: number, downstreamPageOffset: number): void {
    this.#requireOpen();
    const slot = this.#slots.get(index);
    if (slot === undefined || !this.#isStarted) {
      throw new TransportError('out-of-range', `channel ${index} is not offered`);
    }
    if (slot.channel !== null) throw new TransportError('out-of-range', `channel ${index} is open already`);
    if (this.onChannelOpen === null) throw new TransportError('refused', 'nobody serves channels');
    const ranges = this.#findGpadl(gpadl);
    if (ranges === null) throw new TransportError('bad-ring', `the rings' GPADL ${gpadl} does not exist`);
    const rings = layRings(this.#ram, ranges, downstreamPageOffset, 'host');
    this.#rings.add(index, ranges);
    slot.ringGpadl = gpadl;
    slot.isClosing = true;
    slot.ended = new Promise((resolve) => {
      slot.resolveEnded = resolve;
    });
    const channel = new RingChannel({
      index,
      outbound: rings.downstream,
      inbound: rings.upstream,
      maxSendBytes: MAX_HOST_PACKET_BYTES,
      maxQueuedBytes: this.#maxQueuedBytes,
      statistics: this.statistics,
      spinMicroseconds: 0,
      retry: this.#retry,
      signal: () => this.#calls.ringDoorbell(index),
      onEnd: (error) => this.#channelEnded(slot, error),
    });
    slot.channel = channel;
    try {
      this.onChannelOpen(channel);
    } catch (error) {
      channel.abort(asTransportError(error));
      throw error;
    }
    if (!channel.isOpen) throw new TransportError('refused', `the host closed channel ${index} at once`);
    slot.isClosing = false;
    // The guest may have written before it opened.
    channel.doorbell();
  }

  /** The rings are free from here on: the channel reads and writes nothing any more. */
  #channelEnded(slot: Slot, error: Error | null): void {
    if (slot.channel === null) return;
    slot.channel = null;
    slot.ringGpadl = null;
    this.#rings.remove(slot.offer.index);
    slot.resolveEnded();
    // VMBus knows no other way for a host to close a channel.
    if ((slot.isRescinded || !slot.isClosing) && !this.#isClosed) this.#withdraw(slot, error);
  }

  closeChannel(channel: number): Promise<void> {
    const slot = this.#slots.get(channel);
    if (slot === undefined || slot.channel === null) return Promise.resolve();
    slot.isClosing = true;
    if (slot.channel.onPacket === null) slot.channel.endInOrder();
    else slot.channel.peerClosed(null);
    return slot.ended;
  }

  createGpadl(id: number, frames: ArrayLike<bigint>): TransportError | null {
    try {
      this.#requireOpen();
      const ranges = rangesOfFrames(this.#ram, frames);
      for (const { address, length } of ranges) {
        if (!this.#rings.overlaps(address, length)) continue;
        throw new TransportError(
          'out-of-range',
          `GPADL ${id} has pages of an open channel's rings, at 0x${address.toString(16)}`,
        );
      }
      this.#gpadls.add(id, ranges, (address, length) => this.#ram.contains(address, length));
      this.#gpadlIds.add(id);
      return null;
    } catch (error) {
      return asTransportError(error);
    }
  }

  /** A list that is being torn down serves for nothing new. */
  #findGpadl(id: number): readonly PageRange[] | null {
    return this.#teardowns.has(id) ? null : this.#gpadls.get(id);
  }

  teardownGpadl(id: number): Promise<void> {
    const underWay = this.#teardowns.get(id);
    if (underWay !== undefined) return underWay;
    if (this.#gpadls.get(id) === null) return Promise.resolve();
    const done = this.#teardown(id).then(() => {
      this.#gpadls.delete(id);
      this.#gpadlIds.delete(id);
      this.#teardowns.delete(id);
    });
    this.#teardowns.set(id, done);
    return done;
  }

  async #teardown(id: number): Promise<void> {
    for (const slot of [...this.#slots.values()]) {
      if (slot.ringGpadl !== id) continue;
      if (slot.isClosing) await this.#drained(slot);
      else {
        const taken = `the guest took the rings of channel ${slot.offer.index} away`;
        slot.channel?.abort(new TransportError('bad-ring', taken));
      }
    }
    try {
      await this.onGpadlTeardown?.(id);
    } catch {
      // Whatever kept the pages has given up on them by an error; they are not used either way.
    }
  }

  /** A closed channel delivers what the guest had sent; one that never ends doing so is cut short. */
  async #drained(slot: Slot): Promise<void> {
    const { channel } = slot;
    for (let turn = 0; turn < TURNS_TO_DRAIN && slot.channel === channel; turn += 1) {
      await new Promise<void>((resolve) => {
        runNextTurn(resolve);
      });
    }
    if (slot.channel === channel) channel?.endInOrder();
  }

  poll(): number {
    let taken = 0;
    for (const { channel } of this.#slots.values()) {
      if (channel !== null) taken += channel.poll();
    }
    return taken;
  }

  doorbell(channel: number): void {
    this.#slots.get(channel)?.channel?.doorbell();
  }

  readConfig32(channel: number, offset: number): number {
    const config = this.#slots.get(channel)?.pci?.config;
    if (config === undefined || !isPciOffset(offset)) return ALL_ONES;
    return new DataView(config.buffer, config.byteOffset).getUint32(offset, true);
  }

  writeConfig32(channel: number, offset: number, value: number): void {
    if (isPciOffset(offset)) this.#slots.get(channel)?.pci?.onWrite(offset, value >>> 0);
  }

  async unload(): Promise<void> {
    await Promise.all([...this.#slots.keys()].map((index) => this.closeChannel(index)));
    await Promise.all([...this.#gpadlIds].map((id) => this.teardownGpadl(id)));
  }

  end(error: Error | null): void {
    this.#isEndedByVmm = true;
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#endChannels(error);
    this.#settle(error);
  }

  async close(): Promise<void> {
    this.#endByHost(null);
    await this.#closed;
  }

  abort(error: Error): void {
    this.#endByHost(error);
  }

  /** Rescinds everything. What does not fit the rings any more is lost: a guest that stands still holds nothing up. */
  #endByHost(error: Error | null): void {
    if (this.#isClosed) return;
    for (const { channel } of this.#slots.values()) channel?.flush();
    // A doorbell may have made the VMM end the bus.
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#endChannels(error);
    for (const slot of [...this.#slots.values()]) this.#withdraw(slot, error);
    this.#tellLater((calls) => calls.busEnded?.(error));
    this.#settle(error);
  }

  #endChannels(error: Error | null): void {
    for (const { channel } of [...this.#slots.values()]) {
      if (error === null) channel?.endInOrder();
      else channel?.abort(error);
    }
  }

  #settle(error: Error | null): void {
    this.#slots.clear();
    this.#gpadls.clear();
    this.#gpadlIds.clear();
    queueMicrotask(() => {
      this.#notice.tell(error);
      this.#resolveClosed();
    });
  }

  #requireOpen(): void {
    if (this.#isClosed) throw new TransportError('closed', 'the bus is closed');
  }
}

function asTransportError(error: unknown): TransportError {
  if (error instanceof TransportError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new TransportError('refused', message, { cause: error });
}

/**
 * Makes the host's end of a bus into a virtual machine, for `host.attach(bus)`.
 *
 * @throws TransportError `out-of-range` for RAM or a window that cannot be.
 */
export function createVmmHostBus(options: VmmHostBusOptions): VmmHostBus {
  return new VmmHost(options);
}
