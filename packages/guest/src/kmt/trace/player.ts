import {
  type BusStatistics,
  type Channel,
  type ChannelOffer,
  type GuestBus,
  type GuestMemory,
  type GuestMemoryBlock,
  type GuestWindow,
  PACKET_FLAG_COMPLETION_REQUESTED,
  type Packet,
  PacketKind,
  type PageRange,
  type PciFunction,
} from '@dxgwire/transport';
import { TraceComparer, type TraceDifference } from './compare.ts';
import { fromHex, guestPackets, packetOf, type TraceLine, type TracePacket } from './lines.ts';

const PAGE_BYTES = 4096;
const MEBIBYTE = 1_048_576;
/** Where the trace's guest had placed the IO space. */
const TRACE_IO_SPACE_BASE = 0x1000000000n;
const SET_IO_SPACE_REGION = 'SetIoSpaceRegion';
const CREATE_DEVICE = 'CreateDevice';
const EXTENDED_HEADER_BYTES = 16;
/** Offset of the start address in SetIoSpaceRegion, from the command header. */
const IO_SPACE_START_OFFSET = 24;

/**
 * A bus whose host is a trace: it offers what the trace's host offered, compares each packet of the guest with the
 * trace, and answers with the trace's packets. Values that the guest picked (cookies, the device-state pointer) are put
 * into those answers in place of the recorded ones.
 */
export class TracePlayer implements GuestBus {
  readonly transport = 'trace';
  readonly offers: ChannelOffer[] = [];
  readonly pciFunctions: PciFunction[] = [];
  readonly memory: PlayedMemory;
  readonly window: PlayedWindow;
  readonly statistics: BusStatistics = {
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
  /** GPADLs that exist now. */
  readonly gpadls = new Map<number, readonly PageRange[]>();
  readonly comparer: TraceComparer;
  private readonly lines: readonly TraceLine[];
  private readonly channels = new Map<number, PlayedChannel>();
  /** Line behind the last guest packet that was played. */
  private position = 0;
  private delivery: Promise<void> = Promise.resolve();
  private lastGpadl = 0;
  private ioSpaceBase = TRACE_IO_SPACE_BASE;
  private deviceStateToken: Uint8Array | null = null;

  constructor(lines: readonly TraceLine[]) {
    this.lines = lines;
    this.comparer = new TraceComparer(guestPackets(lines));
    this.memory = new PlayedMemory();
    let megabytes = 0;
    for (const line of lines) {
      if (line.name === 'Offer') megabytes += this.addOffer(line);
      if (line.name === 'PciFunction') this.addFunction(line);
    }
    this.window = new PlayedWindow(megabytes * MEBIBYTE);
  }

  /** Differences so far. */
  get differences(): readonly TraceDifference[] {
    return this.comparer.differences;
  }

  /** Resolves when every packet of the host that is due has been delivered. */
  async settled(): Promise<void> {
    let last: Promise<void> | null = null;
    while (last !== this.delivery) {
      last = this.delivery;
      await last;
    }
  }

  async open(channelIndex: number): Promise<Channel> {
    const channel = new PlayedChannel(this, channelIndex);
    this.channels.set(channelIndex, channel);
    return channel;
  }

  async createGpadl(ranges: readonly PageRange[]): Promise<number> {
    this.lastGpadl += 1;
    this.gpadls.set(this.lastGpadl, ranges);
    return this.lastGpadl;
  }

  async teardownGpadl(id: number): Promise<void> {
    if (!this.gpadls.delete(id)) throw new RangeError(`there is no GPADL ${id}`);
  }

  async close(): Promise<void> {
    this.onClose?.(null);
  }

  abort(error: Error): void {
    this.onClose?.(error);
  }

  /** A packet of the guest: compared, then answered as in the trace. */
  play(channel: number, id: number, bytes: Uint8Array): void {
    const expected = this.comparer.upcoming;
    this.statistics.packetsSent += 1;
    this.statistics.bytesSent += bytes.length;
    this.comparer.compare({ channel, id, bytes });
    if (expected === null) return;
    this.learn(expected, bytes);
    while (this.lines[this.position]?.seq !== expected.seq) this.position += 1;
    this.position += 1;
    const answers: TracePacket[] = [];
    for (let index = this.position; index < this.lines.length; index += 1) {
      const packet = packetOf(this.lines[index]!);
      if (packet?.isFromGuest === true) break;
      if (packet !== null) answers.push(packet);
    }
    this.delivery = this.delivery.then(() => {
      for (const answer of answers) this.deliver(answer, expected, id);
    });
  }

  /** Notes what the guest picked and later answers must contain. */
  private learn(expected: TracePacket, bytes: Uint8Array): void {
    const header = expected.bytes.length - bytes.length === 0 && bytes[0] === EXTENDED_HEADER_BYTES;
    const start = (header ? EXTENDED_HEADER_BYTES : 0) + IO_SPACE_START_OFFSET;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (expected.name === SET_IO_SPACE_REGION) this.ioSpaceBase = view.getBigUint64(start, true);
    const [pointer] = expected.opaque;
    if (expected.name === CREATE_DEVICE && pointer !== undefined) {
      this.deviceStateToken = bytes.slice(pointer[0], pointer[0] + pointer[1]);
    }
  }

  private deliver(answer: TracePacket, request: TracePacket, id: number): void {
    const bytes = answer.bytes.slice();
    for (const [offset, length] of answer.opaque) {
      if (this.deviceStateToken?.length === length) bytes.set(this.deviceStateToken, offset);
    }
    for (const [offset, length, kind] of answer.cookies) this.replaceCookie(bytes, offset, length, kind);
    this.statistics.packetsReceived += 1;
    this.statistics.bytesReceived += bytes.length;
    // Answers carry the request's id; the recorded one may differ when a packet before was missing.
    const isAnswer = answer.isCompletion && answer.id === request.id && answer.channel === request.channel;
    this.channels.get(answer.channel)?.deliver(answer.isCompletion, isAnswer ? id : answer.id, bytes);
  }

  private replaceCookie(bytes: Uint8Array, offset: number, length: number, kind: string): void {
    const view = new DataView(bytes.buffer);
    if (length !== 8) return;
    const recorded = view.getBigUint64(offset, true);
    if (kind === 'mmio-address' && recorded !== 0n) {
      view.setBigUint64(offset, recorded - TRACE_IO_SPACE_BASE + this.ioSpaceBase, true);
    } else if (kind !== 'mmio-address') {
      const actual = this.comparer.actualCookie(kind, `0x${recorded.toString(16).padStart(16, '0')}`);
      if (actual !== undefined) view.setBigUint64(offset, BigInt(actual), true);
    }
  }

  private addOffer(line: TraceLine): number {
    const match = /type ([0-9a-f]{32}) instance ([0-9a-f]{32}) mmio_mb (\d+)/.exec(line.detail ?? '');
    if (match === null) throw new SyntaxError(`trace line ${line.seq}: not an offer: ${line.detail ?? ''}`);
    const mmioMegabytes = Number(match[3]);
    const [classGuid, instanceGuid] = [fromHex(match[1] ?? ''), fromHex(match[2] ?? '')];
    this.offers.push({ index: line.channel ?? 0, classGuid, instanceGuid, mmioMegabytes });
    return mmioMegabytes;
  }

  private addFunction(line: TraceLine): void {
    const match = /function (\d+) vendor 0x([0-9a-f]+) device 0x([0-9a-f]+)/.exec(line.detail ?? '');
    if (match === null)
      throw new SyntaxError(`trace line ${line.seq}: not a PCI function: ${line.detail ?? ''}`);
    const config = new Map<number, number>();
    for (const other of this.lines) {
      const read = /function (\d+) offset (\d+) -> 0x([0-9a-f]+)/.exec(other.detail ?? '');
      if (other.name !== 'PciRead' || read === null || read[1] !== match[1]) continue;
      config.set(Number(read[2]), Number.parseInt(read[3] ?? '0', 16));
    }
    this.pciFunctions.push({
      channelIndex: 2 + Number(match[1]),
      vendorId: Number.parseInt(match[2] ?? '0', 16),
      deviceId: Number.parseInt(match[3] ?? '0', 16),
      readConfig32: (offset) => config.get(offset) ?? 0,
      writeConfig32: () => undefined,
    });
  }
}

class PlayedChannel implements Channel {
  readonly index: number;
  isOpen = true;
  onPacket: Channel['onPacket'] = null;
  onDrain: Channel['onDrain'] = null;
  onClose: Channel['onClose'] = null;
  private readonly player: TracePlayer;

  constructor(player: TracePlayer, index: number) {
    this.player = player;
    this.index = index;
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
    const id = idHigh * 4_294_967_296 + idLow;
    const wantsAnswer = (flags & PACKET_FLAG_COMPLETION_REQUESTED) !== 0;
    this.player.play(this.index, wantsAnswer ? id : 0, bytes.slice(offset, offset + length));
    return true;
  }

  flush(): void {
    // Packets are played as they are sent.
  }

  deliver(isCompletion: boolean, id: number, bytes: Uint8Array): void {
    const packet: Packet = {
      kind: isCompletion ? PacketKind.completion : PacketKind.inBand,
      idLow: id >>> 0,
      idHigh: Math.floor(id / 4_294_967_296),
      flags: 0,
      bytes,
      view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      offset: 0,
      length: bytes.length,
    };
    this.onPacket?.(packet);
    // What a handler keeps of a packet's bytes is not its own: show it.
    bytes.fill(0xee);
  }

  async close(): Promise<void> {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.onClose?.(null);
  }

  abort(error: Error): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.onClose?.(error);
  }
}

/** Guest memory at any page frames that a test asks for. */
class PlayedMemory implements GuestMemory {
  readonly kind = 'mapped';
  private nextAddress = 0x100_0000;

  allocate(lengthBytes: number): GuestMemoryBlock {
    const block = this.allocateAt(this.nextAddress, lengthBytes);
    this.nextAddress += block.length;
    return block;
  }

  /** A block at a guest-physical address. */
  allocateAt(address: number, lengthBytes: number): GuestMemoryBlock {
    const length = Math.ceil(lengthBytes / PAGE_BYTES) * PAGE_BYTES;
    const bytes = new Uint8Array(length);
    return {
      address,
      length,
      bytes,
      flush: () => undefined,
      write: (offset, source) => bytes.set(source, offset),
    };
  }

  free(): void {
    // Nothing is counted.
  }
}

class PlayedWindow implements GuestWindow {
  readonly kind = 'mapped';
  readonly lengthBytes: number;
  private readonly bytes: Uint8Array;
  private readonly words: DataView;

  constructor(lengthBytes: number) {
    this.lengthBytes = lengthBytes;
    this.bytes = new Uint8Array(lengthBytes);
    this.words = new DataView(this.bytes.buffer);
  }

  view(offset: number, length: number): Uint8Array {
    return this.bytes.subarray(offset, offset + length);
  }

  flush(): void {
    // Both sides see the same bytes.
  }

  loadU64(offset: number): bigint {
    return this.words.getBigUint64(offset, true);
  }
}
