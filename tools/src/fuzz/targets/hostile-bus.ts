import {
  type Channel,
  type ChannelOffer,
  type GuestBus,
  type GuestMemoryBlock,
  PACKET_FLAG_COMPLETION_REQUESTED,
  PAGE_BYTES,
  type Packet,
  PacketKind,
  type PciFunction,
  TransportError,
} from '@dxgwire/transport';

export const WINDOW_BYTES = 1 << 20;
/** Most guest memory that is handed out, bytes: a real one has an end, too. */
const MAX_MEMORY_BYTES = 16 << 20;

const spareMemory = new Map<number, Uint8Array[]>();

type OnSent = (channel: number, id: number, wantsAnswer: boolean, bytes: Uint8Array) => void;

/** The guest's end of a bus whose other end is the fuzzer. What the host says comes in microtasks, in order. */
export class HostileBus implements GuestBus {
  readonly transport = 'fuzz';
  readonly offers: ChannelOffer[] = [];
  readonly pciFunctions: PciFunction[] = [];
  readonly memory;
  readonly window;
  readonly statistics = {
    packetsSent: 0,
    packetsReceived: 0,
    bytesSent: 0,
    bytesReceived: 0,
    memoryBytesSent: 0,
    memoryBytesReceived: 0,
  };
  onOffer: GuestBus['onOffer'] = null;
  onPciFunction: GuestBus['onPciFunction'] = null;
  onRescind: GuestBus['onRescind'] = null;
  onClose: GuestBus['onClose'] = null;
  readonly blocks = new Set<GuestMemoryBlock>();
  /** What handlers of the guest threw. */
  readonly thrown: unknown[] = [];
  readonly #sent: OnSent;
  readonly #channels = new Map<number, HostileChannel>();
  readonly #configs: DataView[] = [];
  readonly #words: DataView;
  #lastGpadl = 0;
  #nextAddress = PAGE_BYTES;
  #usedBytes = 0;
  readonly #taken = new Map<number, number>();
  #isEnded = false;

  constructor(windowBytes: Uint8Array, sent: OnSent) {
    this.#sent = sent;
    this.#words = new DataView(windowBytes.buffer);
    this.window = {
      kind: 'mapped' as const,
      lengthBytes: windowBytes.length,
      bytes: windowBytes,
      view: (offset: number, length: number) => {
        if (offset < 0 || length < 0 || offset + length > windowBytes.length)
          throw new Error(`a view of the window: ${length} bytes at ${offset}`);
        return windowBytes.subarray(offset, offset + length);
      },
      flush: () => {},
      loadU64: (offset: number) => this.#words.getBigUint64(offset, true),
    };
    this.memory = {
      kind: 'mapped' as const,
      allocate: (lengthBytes: number) => this.#allocate(lengthBytes),
      free: (block: GuestMemoryBlock) => {
        if (!this.blocks.delete(block)) throw new Error('a block was freed twice');
        this.#usedBytes -= block.length;
      },
    };
  }

  storeU64(offset: number, value: bigint): void {
    this.#words.setBigUint64(offset, value, true);
  }

  #allocate(lengthBytes: number): GuestMemoryBlock {
    const length = Math.ceil(lengthBytes / PAGE_BYTES) * PAGE_BYTES;
    if (this.#usedBytes + length > MAX_MEMORY_BYTES)
      throw new TransportError('no-memory', `${length} bytes beside ${this.#usedBytes}`);
    this.#usedBytes += length;
    const bytes = this.#bytesOf(length);
    const block: GuestMemoryBlock = {
      address: this.#nextAddress,
      length,
      bytes,
      flush: () => {},
      write: (offset, source) => bytes.set(source, offset),
    };
    this.#nextAddress += length;
    this.blocks.add(block);
    return block;
  }

  /** What the guest's handlers throw is noted: a medium would end the link for it, and nobody would know. */
  #soon(call: () => void): void {
    queueMicrotask(() => {
      try {
        call();
      } catch (error) {
        this.thrown.push(error);
      }
    });
  }

  /** As left by the guest before: making a mebibyte anew costs more than all else that a guest does. */
  #bytesOf(length: number): Uint8Array {
    const known = spareMemory.get(length) ?? [];
    spareMemory.set(length, known);
    const index = this.#taken.get(length) ?? 0;
    this.#taken.set(length, index + 1);
    known[index] ??= new Uint8Array(length);
    return known[index];
  }

  offer(offer: ChannelOffer, config?: DataView): void {
    this.offers.push(offer);
    this.onOffer?.(offer);
    if (config === undefined) return;
    this.#configs.push(config);
    const pciFunction: PciFunction = {
      channelIndex: offer.index,
      vendorId: 0x1414,
      deviceId: 0x8e,
      readConfig32: (offset) => config.getUint32(offset, true),
      writeConfig32: () => {},
    };
    this.pciFunctions.push(pciFunction);
    this.onPciFunction?.(pciFunction);
  }

  changeConfig(offset: number, value: number): void {
    for (const config of this.#configs) config.setUint32(offset, value, true);
  }

  async open(channelIndex: number): Promise<Channel> {
    if (this.#isEnded) throw new TransportError('closed', 'the bus is closed');
    const channel = new HostileChannel(channelIndex, this.#sent);
    this.#channels.set(channelIndex, channel);
    return channel;
  }

  deliver(channelIndex: number, kind: PacketKind, id: number, bytes: Uint8Array): void {
    const channel = this.#channels.get(channelIndex);
    if (channel === undefined) return;
    // Packets have whole words of 8 bytes on VMBus, and lie anywhere in a larger array.
    const padded = new Uint8Array(16 + ((bytes.length + 7) & ~7));
    padded.set(bytes, 8);
    const packet: Packet = {
      kind,
      idLow: id >>> 0,
      idHigh: Math.floor(id / 0x1_0000_0000) >>> 0,
      flags: 0,
      bytes: padded,
      view: new DataView(padded.buffer),
      offset: 8,
      length: bytes.length,
    };
    this.#soon(() => channel.deliver(packet));
  }

  /** An in-band packet on the global channel. */
  post(bytes: Uint8Array): void {
    this.deliver(1, PacketKind.inBand, 0, bytes);
  }

  signalEvent(id: bigint): void {
    const view = new DataView(new ArrayBuffer(48));
    view.setUint32(12, 2, true);
    view.setBigUint64(24, id, true);
    this.post(new Uint8Array(view.buffer));
  }

  rescind(channelIndex: number): void {
    this.#soon(() => {
      this.onRescind?.(channelIndex);
      this.#channels.get(channelIndex)?.end(null);
    });
  }

  endChannel(channelIndex: number, error: Error | null): void {
    this.#soon(() => this.#channels.get(channelIndex)?.end(error));
  }

  end(error: Error | null): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#soon(() => {
      for (const channel of this.#channels.values()) channel.end(error);
      this.onClose?.(error);
    });
  }

  async createGpadl(): Promise<number> {
    if (this.#isEnded) throw new TransportError('closed', 'the bus is closed');
    this.#lastGpadl += 1;
    return this.#lastGpadl;
  }

  async teardownGpadl(): Promise<void> {
    if (this.#isEnded) throw new TransportError('closed', 'the bus is closed');
  }

  async close(): Promise<void> {
    this.end(null);
  }

  abort(error: Error): void {
    this.end(error);
  }
}

class HostileChannel implements Channel {
  readonly index: number;
  isOpen = true;
  onPacket: Channel['onPacket'] = null;
  onDrain: Channel['onDrain'] = null;
  onClose: Channel['onClose'] = null;
  readonly #sent: OnSent;

  constructor(index: number, sent: OnSent) {
    this.index = index;
    this.#sent = sent;
  }

  send(
    _kind: PacketKind,
    idLow: number,
    idHigh: number,
    flags: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): boolean {
    if (!this.isOpen) throw new TransportError('closed', `channel ${this.index} is closed`);
    const wantsAnswer = (flags & PACKET_FLAG_COMPLETION_REQUESTED) !== 0;
    this.#sent(this.index, idHigh * 0x1_0000_0000 + idLow, wantsAnswer, bytes.slice(offset, offset + length));
    return true;
  }

  flush(): void {}

  deliver(packet: Packet): void {
    if (this.isOpen) this.onPacket?.(packet);
  }

  end(error: Error | null): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.onClose?.(error);
  }

  async close(): Promise<void> {
    this.end(null);
  }

  abort(error: Error): void {
    this.end(error);
  }
}
