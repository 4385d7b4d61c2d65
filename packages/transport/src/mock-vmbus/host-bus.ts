import { systemClock } from '../clock.ts';
import { type PeerReason, reasonOf, TransportError } from '../errors.ts';
import { GpadlTable } from '../gpadl.ts';
import { checkOffer } from '../offer.ts';
import { checkPciOffset, HostPciFunction } from '../pci.ts';
import {
  type Channel,
  type ChannelOffer,
  type HostBus,
  type HostGuestMemory,
  type HostOfferOptions,
  type HostWindow,
  MAX_HOST_PACKET_BYTES,
  PAGE_BYTES,
  type PageRange,
} from '../transport.ts';
import { BusEnd, type EndOptions } from './bus-end.ts';
import type { BusLink, GuestMessage, HostMessage } from './control.ts';
import { type GuestRam, MappedHostMemory, ramContains, ramView } from './guest-ram.ts';
import type { MappedWindow } from './mapped-window.ts';
import { createRingMemory } from './ring-memory.ts';

export interface VmbusHostOptions extends EndOptions {
  readonly peerName: string;
  readonly ram: GuestRam;
  readonly window: MappedWindow;
  readonly link: BusLink<HostMessage>;
}

interface Offered {
  readonly offer: ChannelOffer;
  readonly pci: HostPciFunction | null;
  /** GPADL of the rings while the channel is open, else 0. */
  ringGpadl: number;
}

/**
 * The host's end of a mock VMBus. A VMM makes one from its guest's RAM, the bytes behind the IO space, and a
 * {@link BusLink} over its own VMBus channel messages, PCI emulation and doorbells.
 */
export class VmbusHost extends BusEnd implements HostBus {
  readonly peerName: string;
  readonly memory: HostGuestMemory;
  readonly window: HostWindow;
  onChannelOpen: ((channel: Channel) => void) | null = null;
  onGpadlTeardown: ((id: number) => Promise<void> | void) | null = null;
  readonly #ram: GuestRam;
  readonly #link: BusLink<HostMessage>;
  readonly #offered = new Map<number, Offered>();
  readonly #gpadls = new GpadlTable();
  #nextIndex = 1;
  #started = false;

  constructor(options: VmbusHostOptions) {
    super(options);
    this.peerName = options.peerName;
    this.#ram = options.ram;
    this.memory = new MappedHostMemory(options.ram, this.#gpadls);
    this.window = options.window;
    this.#link = options.link;
  }

  offer(options: HostOfferOptions): ChannelOffer {
    this.requireOpen();
    const index = this.#nextIndex;
    checkOffer(options, index, this.window.lengthBytes);
    this.#nextIndex += 1;
    const offer: ChannelOffer = {
      index,
      classGuid: options.classGuid.slice(),
      instanceGuid: options.instanceGuid.slice(),
      mmioMegabytes: options.mmioMegabytes,
    };
    const pci = options.pci === undefined ? null : new HostPciFunction(options.pci);
    const offered: Offered = { offer, pci, ringGpadl: 0 };
    this.#offered.set(index, offered);
    if (this.#started) this.#postOffer(offered);
    return offer;
  }

  start(): void {
    this.requireOpen();
    if (this.#started) return;
    this.#started = true;
    for (const offered of this.#offered.values()) this.#postOffer(offered);
  }

  #postOffer({ offer, pci }: Offered): void {
    if (pci === null) {
      this.#link.post({ type: 'offer', offer, pci });
      return;
    }
    const { vendorId, deviceId } = pci;
    this.#link.post({ type: 'offer', offer, pci: { vendorId, deviceId, config: pci.take() } });
  }

  rescind(channelIndex: number): void {
    this.requireOpen();
    if (!this.#offered.delete(channelIndex)) {
      throw new TransportError('out-of-range', `channel ${channelIndex} is not offered`);
    }
    const gone = () => {
      if (this.#started && !this.isClosed) this.#link.post({ type: 'rescind', channel: channelIndex });
    };
    const channel = this.openChannel(channelIndex);
    if (channel === null) {
      gone();
      return;
    }
    // A guest that keeps its ring full does not keep its channel by it.
    const { closeTimeoutMs } = this.options;
    const cancel =
      closeTimeoutMs === undefined
        ? () => {}
        : systemClock.setTimer(() => channel.endInOrder(), closeTimeoutMs);
    channel.close().then(() => {
      cancel();
      gone();
    });
  }

  /** Takes one control message of the guest. Never throws: what cannot be ends the bus. */
  receive(message: GuestMessage): void {
    if (this.isClosed) return;
    try {
      this.#dispatch(message);
    } catch (error) {
      this.abort(error as Error);
    }
  }

  #dispatch(message: GuestMessage): void {
    switch (message.type) {
      case 'open':
        this.#open(message.channel, message.gpadl, message.downstreamPageOffset);
        break;
      case 'close':
        this.receiveClose(message.channel, message.reason);
        break;
      case 'gpadl':
        this.#createGpadl(message.gpadl, message.ranges);
        break;
      case 'gpadl-teardown':
        this.#teardownGpadl(message.gpadl);
        break;
      case 'pci-write':
        this.#writePci(message.channel, message.offset, message.value);
        break;
      case 'end':
        this.receiveEnd(message.reason);
        break;
      default:
        throw new TransportError('bad-frame', `unknown control message ${JSON.stringify(message)}`);
    }
  }

  #open(index: number, gpadl: number, downstreamPageOffset: number): void {
    const reason = this.#tryOpen(index, gpadl, downstreamPageOffset);
    this.#link.post({ type: 'opened', channel: index, reason });
  }

  #tryOpen(index: number, gpadl: number, downstreamPageOffset: number): PeerReason | null {
    const offered = this.#offered.get(index);
    if (offered === undefined) return { code: 'out-of-range', message: `channel ${index} is not offered` };
    if (this.hasChannel(index)) return { code: 'out-of-range', message: `channel ${index} is open already` };
    if (this.onChannelOpen === null) return { code: 'refused', message: 'nobody serves channels' };
    try {
      const bytes = this.#ringBytes(gpadl);
      const split = downstreamPageOffset * PAGE_BYTES;
      if (!(split > 0 && split < bytes.length)) {
        throw new TransportError(
          'bad-ring',
          `page ${downstreamPageOffset} is outside the rings' GPADL ${gpadl}`,
        );
      }
      const channel = this.addChannel(
        {
          index,
          outbound: createRingMemory(bytes.subarray(split), this.options.threads),
          inbound: createRingMemory(bytes.subarray(0, split), this.options.threads),
          maxSendBytes: MAX_HOST_PACKET_BYTES,
        },
        () => {
          offered.ringGpadl = 0;
        },
      );
      offered.ringGpadl = gpadl;
      this.onChannelOpen(channel);
      if (channel.isOpen) return null;
      throw new TransportError('refused', `the host closed channel ${index} at once`);
    } catch (error) {
      this.dropChannel(index, error as Error);
      return reasonOf(error as Error);
    }
  }

  /** The rings' bytes: their pages must follow one another, as Linux allocates them. */
  #ringBytes(gpadl: number): Uint8Array {
    const ranges = this.#gpadls.get(gpadl);
    const first = ranges?.[0];
    if (ranges === null || first === undefined) {
      throw new TransportError('bad-ring', `the rings' GPADL ${gpadl} does not exist`);
    }
    let end = first.address;
    for (const { address, length } of ranges) {
      if (address !== end)
        throw new TransportError('unsupported', 'rings with scattered pages are not supported');
      end += length;
    }
    return ramView(this.#ram, first.address, end - first.address);
  }

  #createGpadl(id: number, ranges: readonly PageRange[]): void {
    let reason: PeerReason | null = null;
    try {
      this.#gpadls.add(id, ranges, (address, length) => ramContains(this.#ram, address, length));
    } catch (error) {
      reason = reasonOf(error as Error);
    }
    this.#link.post({ type: 'gpadl-created', gpadl: id, reason });
  }

  #teardownGpadl(id: number): void {
    for (const { offer, ringGpadl } of this.#offered.values()) {
      if (ringGpadl !== id) continue;
      const error = new TransportError('bad-ring', `the guest took the rings of channel ${offer.index} away`);
      this.openChannel(offer.index)?.abort(error);
    }
    const gone = () => {
      this.#gpadls.delete(id);
      if (!this.isClosed) this.#link.post({ type: 'gpadl-torn-down', gpadl: id });
    };
    const released = this.onGpadlTeardown?.(id);
    if (released === undefined) gone();
    else released.then(gone, gone);
  }

  #writePci(channel: number, offset: number, value: number): void {
    checkPciOffset(offset);
    const config = this.#offered.get(channel)?.pci?.write(offset, value) ?? null;
    if (config !== null) this.#link.post({ type: 'pci-config', channel, config });
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

  protected override settlePending(_error: TransportError): void {
    this.#gpadls.clear();
    this.#offered.clear();
  }

  protected override release(): void {
    this.#link.close();
  }
}
