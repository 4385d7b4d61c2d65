import { errorOfPeer, type PeerReason, TransportError } from '../errors.ts';
import { checkGpadl } from '../gpadl.ts';
import { checkOffered } from '../offer.ts';
import { GuestPciFunction } from '../pci.ts';
import { Pending } from '../pending.ts';
import {
  type Channel,
  type ChannelOffer,
  type GuestBus,
  type GuestMemory,
  type GuestWindow,
  MAX_PACKET_BYTES,
  PAGE_BYTES,
  type PageRange,
  type PciFunction,
} from '../transport.ts';
import { BusEnd, type EndOptions } from './bus-end.ts';
import {
  type BusLink,
  type GuestMessage,
  type HostMessage,
  type PciDescription,
  RING_PAGES,
} from './control.ts';
import { type GuestRam, MappedGuestMemory, ramContains } from './guest-ram.ts';
import type { MappedWindow } from './mapped-window.ts';
import type { RingChannel } from './ring-channel.ts';
import { createRingMemory } from './ring-memory.ts';

export interface VmbusGuestOptions extends EndOptions {
  readonly ram: GuestRam;
  readonly window: MappedWindow;
  readonly link: BusLink<GuestMessage>;
}

/** The guest's end of a mock VMBus: its rings lie in its own RAM, as the Linux driver's do. */
export class VmbusGuest extends BusEnd implements GuestBus {
  readonly memory: GuestMemory;
  readonly window: GuestWindow;
  onOffer: ((offer: ChannelOffer) => void) | null = null;
  onPciFunction: ((pciFunction: PciFunction) => void) | null = null;
  onRescind: ((channelIndex: number) => void) | null = null;
  readonly #ram: GuestRam;
  readonly #link: BusLink<GuestMessage>;
  #offers: ChannelOffer[] = [];
  #highestChannel = 0;
  #pciFunctions: GuestPciFunction[] = [];
  readonly #opening = new Pending<void>();
  readonly #gpadlsCreating = new Pending<void>();
  readonly #gpadlsTearing = new Pending<void>();
  readonly #gpadls = new Set<number>();
  #nextGpadl = 1;

  constructor(options: VmbusGuestOptions) {
    super(options);
    this.#ram = options.ram;
    this.memory = new MappedGuestMemory(options.ram);
    this.window = options.window;
    this.#link = options.link;
  }

  get offers(): readonly ChannelOffer[] {
    return this.#offers;
  }

  get pciFunctions(): readonly PciFunction[] {
    return this.#pciFunctions;
  }

  async open(channelIndex: number): Promise<Channel> {
    this.requireOpen();
    if (!this.#offers.some((offer) => offer.index === channelIndex)) {
      throw new TransportError('out-of-range', `the host does not offer channel ${channelIndex}`);
    }
    if (this.hasChannel(channelIndex) || this.#opening.has(channelIndex)) {
      throw new TransportError('out-of-range', `channel ${channelIndex} is open already`);
    }
    const opened = this.#opening.add(channelIndex);
    this.#openRings(channelIndex).catch((error: unknown) => {
      const failure = error instanceof TransportError ? error : new TransportError('closed', String(error));
      this.dropChannel(channelIndex, failure);
      this.#opening.reject(channelIndex, failure);
    });
    await opened;
    const channel = this.openChannel(channelIndex);
    if (channel === null)
      throw new TransportError('peer-closed', `channel ${channelIndex} closed while opening`);
    return channel;
  }

  /** Lays both rings out in guest RAM, describes them by one GPADL and asks the host to open. */
  async #openRings(index: number): Promise<void> {
    const block = this.memory.allocate(2 * RING_PAGES * PAGE_BYTES);
    let gpadl = 0;
    const half = RING_PAGES * PAGE_BYTES;
    const channel: RingChannel = this.addChannel(
      {
        index,
        outbound: createRingMemory(block.bytes.subarray(0, half), this.options.threads),
        inbound: createRingMemory(block.bytes.subarray(half), this.options.threads),
        maxSendBytes: MAX_PACKET_BYTES,
      },
      () => {
        if (gpadl === 0 || this.isClosed) this.memory.free(block);
        else
          this.teardownGpadl(gpadl).then(
            () => this.memory.free(block),
            () => this.memory.free(block),
          );
      },
    );
    gpadl = await this.createGpadl([block]);
    if (!channel.isOpen) throw new TransportError('closed', `channel ${index} was closed while opening`);
    this.#link.post({ type: 'open', channel: index, gpadl, downstreamPageOffset: RING_PAGES });
  }

  async createGpadl(ranges: readonly PageRange[]): Promise<number> {
    this.requireOpen();
    checkGpadl(ranges, (address, length) => ramContains(this.#ram, address, length));
    const id = this.#nextGpadl;
    this.#nextGpadl += 1;
    const created = this.#gpadlsCreating.add(id);
    const plain = ranges.map(({ address, length }) => ({ address, length }));
    this.#link.post({ type: 'gpadl', gpadl: id, ranges: plain });
    await created;
    this.#gpadls.add(id);
    return id;
  }

  async teardownGpadl(id: number): Promise<void> {
    if (this.isClosed) throw new TransportError('closed', 'the bus is closed');
    if (!this.#gpadls.delete(id)) throw new TransportError('out-of-range', `there is no GPADL ${id}`);
    const torn = this.#gpadlsTearing.add(id);
    this.#link.post({ type: 'gpadl-teardown', gpadl: id });
    await torn;
  }

  /** Takes one control message of the host. Never throws: what cannot be ends the bus. */
  receive(message: HostMessage): void {
    if (this.isClosed) return;
    try {
      this.#dispatch(message);
    } catch (error) {
      this.abort(error as Error);
    }
  }

  #dispatch(message: HostMessage): void {
    switch (message.type) {
      case 'offer':
        this.#offered(message.offer, message.pci);
        break;
      case 'rescind':
        this.#rescinded(message.channel);
        break;
      case 'opened':
        this.#opened(message.channel, message.reason);
        break;
      case 'close':
        this.receiveClose(message.channel, message.reason);
        break;
      case 'gpadl-created':
        if (message.reason === null) this.#gpadlsCreating.resolve(message.gpadl);
        else
          this.#gpadlsCreating.reject(message.gpadl, errorOfPeer(message.reason, 'the host refused a GPADL'));
        break;
      case 'gpadl-torn-down':
        this.#gpadlsTearing.resolve(message.gpadl);
        break;
      case 'pci-config':
        this.#pciFunctions.find((entry) => entry.channelIndex === message.channel)?.update(message.config);
        break;
      case 'end':
        this.receiveEnd(message.reason);
        break;
      default:
        throw new TransportError('bad-frame', `unknown control message ${JSON.stringify(message)}`);
    }
  }

  #offered(offer: ChannelOffer, pci: PciDescription | null): void {
    checkOffered(offer, this.#highestChannel, this.#offers.length);
    this.#highestChannel = offer.index;
    this.#offers.push(offer);
    const pciFunction =
      pci === null
        ? null
        : new GuestPciFunction(offer.index, pci, pci.config, (offset, value) =>
            this.#writePci(offer.index, offset, value),
          );
    if (pciFunction !== null) this.#pciFunctions.push(pciFunction);
    this.onOffer?.(offer);
    if (pciFunction !== null) this.onPciFunction?.(pciFunction);
  }

  #writePci(channel: number, offset: number, value: number): void {
    this.requireOpen();
    // What was sent before the write is published before it.
    for (const offer of this.#offers) this.openChannel(offer.index)?.flush();
    this.#link.post({ type: 'pci-write', channel, offset, value });
  }

  #rescinded(channel: number): void {
    this.#offers = this.#offers.filter((offer) => offer.index !== channel);
    this.#pciFunctions = this.#pciFunctions.filter((entry) => entry.channelIndex !== channel);
    this.onRescind?.(channel);
  }

  #opened(channel: number, reason: PeerReason | null): void {
    if (reason === null) {
      this.#opening.resolve(channel);
      return;
    }
    const error = errorOfPeer(reason, `the host refused channel ${channel}`);
    this.dropChannel(channel, error);
    this.#opening.reject(channel, error);
  }

  protected override postClose(channel: number, reason: PeerReason | null): void {
    this.#link.post({ type: 'close', channel, reason });
  }

  protected override postEnd(reason: PeerReason | null): void {
    this.#link.post({ type: 'end', reason });
  }

  protected override signal(channel: number): void {
    this.#link.doorbell(channel);
  }

  protected override settlePending(error: TransportError): void {
    this.#opening.rejectAll(error);
    this.#gpadlsCreating.rejectAll(error);
    this.#gpadlsTearing.rejectAll(error);
  }

  protected override release(): void {
    this.#link.close();
  }
}
