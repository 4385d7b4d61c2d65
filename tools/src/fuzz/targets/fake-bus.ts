import { FakeGuestMemory, FakeWindow } from '@dxgwire/host/testing';
import {
  type Channel,
  type ChannelOffer,
  type HostBus,
  type HostOfferOptions,
  MAX_PACKET_BYTES,
  type Packet,
  PacketKind,
} from '@dxgwire/transport';

const GUEST_MEMORY_BYTES = 1 << 20;
const WINDOW_BYTES = 1 << 20;

/** One channel without a medium: packets go in by a call, what the host sends is handed over at once. */
export class FakeChannel implements Channel {
  readonly index: number;
  isOpen = true;
  onPacket: ((packet: Packet) => void) | null = null;
  onDrain: (() => void) | null = null;
  onClose: ((error: Error | null) => void) | null = null;
  readonly #sent: OnSent;

  constructor(index: number, sent: OnSent) {
    this.index = index;
    this.#sent = sent;
  }

  send(
    kind: PacketKind,
    idLow: number,
    _idHigh: number,
    _flags: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): boolean {
    this.#sent(kind, idLow, bytes, offset, length);
    return true;
  }

  flush(): void {}

  async close(): Promise<void> {
    this.end(null);
  }

  abort(error: Error): void {
    this.end(error);
  }

  end(error: Error | null): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.onClose?.(error);
  }
}

export type OnSent = (kind: number, id: number, bytes: Uint8Array, offset: number, length: number) => void;

/** The host's end of a bus whose other end is the fuzzer. */
export class FakeHostBus implements HostBus {
  readonly transport = 'fuzz';
  readonly peerName = 'fuzz';
  readonly memory = new FakeGuestMemory(GUEST_MEMORY_BYTES);
  readonly window = new FakeWindow(WINDOW_BYTES);
  readonly statistics = {
    packetsSent: 0,
    packetsReceived: 0,
    bytesSent: 0,
    bytesReceived: 0,
    memoryBytesSent: 0,
    memoryBytesReceived: 0,
  };
  onChannelOpen: ((channel: Channel) => void) | null = null;
  onGpadlTeardown: ((id: number) => Promise<void> | void) | null = null;
  onClose: ((error: Error | null) => void) | null = null;
  readonly offers: HostOfferOptions[] = [];
  readonly channels: FakeChannel[] = [];
  readonly packet: Packet;
  /** Why the host ended the link, once it has. */
  ended: Error | null | undefined;
  readonly #sent: OnSent;

  constructor(sent: OnSent) {
    this.#sent = sent;
    const bytes = new Uint8Array(MAX_PACKET_BYTES);
    const view = new DataView(bytes.buffer);
    this.packet = {
      kind: PacketKind.inBand,
      idLow: 0,
      idHigh: 0,
      flags: 0,
      bytes,
      view,
      offset: 0,
      length: 0,
    };
  }

  offer(options: HostOfferOptions): ChannelOffer {
    this.offers.push(options);
    const { classGuid, instanceGuid, mmioMegabytes } = options;
    return { index: this.offers.length, classGuid, instanceGuid, mmioMegabytes };
  }

  start(): void {
    for (let index = 1; index <= this.offers.length; index += 1) {
      const channel = new FakeChannel(index, this.#sent);
      this.channels.push(channel);
      this.onChannelOpen?.(channel);
    }
  }

  rescind(channelIndex: number): void {
    this.channels[channelIndex - 1]?.end(null);
  }

  /** Hands the packet over, as if it had come on that channel. */
  deliver(channelIndex: number): void {
    const channel = this.channels[channelIndex - 1];
    if (channel?.isOpen === true) channel.onPacket?.(this.packet);
  }

  async close(): Promise<void> {
    this.#end(null);
  }

  abort(error: Error): void {
    this.#end(error);
  }

  /** The guest goes away. */
  hangUp(): void {
    if (this.ended !== undefined) return;
    this.#end(null);
    this.onClose?.(null);
  }

  #end(error: Error | null): void {
    if (this.ended !== undefined) return;
    this.ended = error;
    for (const channel of this.channels) channel.end(error);
  }
}
