import {
  type BusStatistics,
  type Channel,
  type HostBus,
  type HostGuestMemory,
  type HostOfferOptions,
  type HostWindow,
  PacketKind,
  type PageRange,
  TransportError,
} from '@dxgwire/transport';
import type { CaptureRecord } from '@dxgwire/transport/capture';
import type { ContentTape } from './content-tape.ts';
import type { RecordedAnswers } from './recorded-answers.ts';
import { ReplayMemory } from './replay-memory.ts';

const MEBIBYTE = 1 << 20;
/** Completions of nothing: the id that a packet without one has. */
const TWO_TO_32 = 4_294_967_296;

/** A packet that the host sent, kept. */
export interface SentPacket {
  readonly channel: number;
  readonly kind: number;
  readonly id: number;
  readonly bytes: Uint8Array;
}

/** What the host does, as it does it. */
export interface HostWatcher {
  packet(packet: SentPacket): void;
  memoryPublished(address: number, length: number): void;
  windowPublished(offset: number, length: number): void;
  windowStored(offset: number): void;
  fetched(): void;
}

type PciSpace = NonNullable<HostOfferOptions['pci']>;

/** What a capture of a host's own end holds beside what the guest did. */
export interface HostsEnd {
  readonly answers: RecordedAnswers;
  readonly tape: ContentTape;
}

/** The host's end of a bus whose guest is a capture: what the guest did is fed, what the host does is watched. */
export class ReplayBus implements HostBus {
  readonly transport = 'replay';
  readonly peerName = 'replay';
  readonly statistics: BusStatistics = {
    packetsSent: 0,
    packetsReceived: 0,
    bytesSent: 0,
    bytesReceived: 0,
    memoryBytesSent: 0,
    memoryBytesReceived: 0,
  };
  readonly memory: HostGuestMemory;
  readonly window: HostWindow;
  readonly guestMemory = new ReplayMemory();
  onChannelOpen: ((channel: Channel) => void) | null = null;
  onGpadlTeardown: ((id: number) => Promise<void> | void) | null = null;
  onClose: ((error: Error | null) => void) | null = null;
  readonly #watcher: HostWatcher;
  readonly #hostsEnd: HostsEnd | null;
  readonly #gpadls = new Map<number, readonly PageRange[]>();
  readonly #channels = new Map<number, ReplayChannel>();
  readonly #pci = new Map<number, PciSpace>();
  readonly #fetches: (() => void)[] = [];
  #offers = 0;
  #isClosed = false;
  #error: Error | null = null;

  /**
   * @param kind whether the host shares the guest's memory or has a copy.
   * @param answersFetches whether the guest's memory is always up to date.
   * @param hostsEnd where that end was recorded: then its questions are answered as they were.
   */
  constructor(
    windowMegabytes: number,
    kind: 'mapped' | 'mirrored',
    watcher: HostWatcher,
    answersFetches: boolean,
    hostsEnd: HostsEnd | null,
  ) {
    this.#watcher = watcher;
    this.#hostsEnd = hostsEnd;
    const { guestMemory } = this;
    for (const { address, length } of hostsEnd?.answers.extents ?? []) guestMemory.add(address, length);
    const view = (address: number, length: number): Uint8Array => {
      const bytes = guestMemory.find(address, length);
      if (bytes === null) {
        throw new TransportError('out-of-range', `${length} bytes at ${address} are no guest memory`);
      }
      return bytes;
    };
    this.memory = {
      kind,
      gpadl: (id) => this.#gpadls.get(id) ?? this.#askedGpadl(id),
      contains: (address, length) =>
        hostsEnd?.answers.isGuests(address, length) ?? guestMemory.find(address, length) !== null,
      view,
      noteRead: (address, length) => hostsEnd?.tape.read('memory', address, view(address, length)),
      fetch: (address, length) => {
        view(address, length);
        if (answersFetches) return Promise.resolve();
        watcher.fetched();
        return new Promise((resolve) => this.#fetches.push(resolve));
      },
      publish: (address, length) => watcher.memoryPublished(address, length),
      shareable: () => null,
    };
    const bytes = new Uint8Array(windowMegabytes * MEBIBYTE);
    const words = new DataView(bytes.buffer);
    this.window = {
      kind,
      lengthBytes: bytes.length,
      bytes,
      publish: (offset, length) => watcher.windowPublished(offset, length),
      noteRead: (offset, length) =>
        hostsEnd?.tape.read('window', offset, bytes.subarray(offset, offset + length)),
      storeU64(offset, low, high) {
        words.setUint32(offset, low, true);
        words.setUint32(offset + 4, high, true);
        watcher.windowStored(offset);
      },
      shareable: () => null,
    };
  }

  /** Fetches of the host that wait for their bytes. */
  get fetches(): number {
    return this.#fetches.length;
  }

  /** Why the host ended the link, when it did. */
  get error(): Error | null {
    return this.#error;
  }

  offer({ classGuid, instanceGuid, mmioMegabytes, pci }: HostOfferOptions): ReturnType<HostBus['offer']> {
    this.#offers += 1;
    if (pci !== undefined) this.#pci.set(this.#offers, pci);
    return { index: this.#offers, classGuid, instanceGuid, mmioMegabytes };
  }

  start(): void {}

  rescind(channelIndex: number): void {
    this.#channels.get(channelIndex)?.end(null);
    this.#channels.delete(channelIndex);
  }

  async close(): Promise<void> {
    this.#end(null);
  }

  abort(error: Error): void {
    this.#error = error;
    this.#end(error);
  }

  /** Does what the guest did. @throws TransportError for memory that cannot be. */
  feed(record: CaptureRecord): void {
    switch (record.kind) {
      case 'packet': {
        const { bytes, channel, flags, idHigh, idLow, packetKind } = record;
        this.#channels.get(channel)?.receive(packetKind, idLow, idHigh, flags, bytes);
        break;
      }
      case 'channelOpen': {
        const channel = new ReplayChannel(record.channel, this.#watcher);
        this.#channels.set(record.channel, channel);
        this.onChannelOpen?.(channel);
        break;
      }
      case 'channelClose':
        this.#channels.get(record.channel)?.end(null);
        this.#channels.delete(record.channel);
        break;
      case 'pciWrite':
        this.#pci.get(record.channel)?.onWrite(record.offset, record.value);
        break;
      case 'gpadlCreate':
        // At a host's own end the host has asked for it by now.
        if (this.#hostsEnd !== null) break;
        this.#gpadls.set(
          record.id,
          record.ranges.map(([address, length]) => ({ address, length })),
        );
        break;
      case 'gpadlTeardown': {
        const { id } = record;
        const isHostsEnd = this.#hostsEnd !== null;
        // There the host asks for the next list of this number only when it has let go of this one.
        if (isHostsEnd) this.#gpadls.delete(id);
        const gone = () => !isHostsEnd && this.#gpadls.delete(id);
        void Promise.resolve(this.onGpadlTeardown?.(id)).then(gone, gone);
        break;
      }
      case 'memoryBlock':
        this.guestMemory.add(record.address, record.length);
        break;
      case 'memoryBlockFree':
        this.guestMemory.remove(record.address);
        break;
      case 'memoryPublish':
        if (record.bytes !== null) this.memory.view(record.offset, record.length).set(record.bytes);
        break;
      case 'windowPublish':
        if (record.bytes !== null && record.offset + record.length <= this.window.lengthBytes) {
          this.window.bytes.set(record.bytes, record.offset);
        }
        break;
      case 'memoryAnswered':
        this.#fetches.shift()?.();
        break;
      case 'busClose':
        this.#end(null);
    }
  }

  #askedGpadl(id: number): readonly PageRange[] | null {
    const ranges = this.#hostsEnd?.answers.gpadl(id) ?? null;
    if (ranges !== null) this.#gpadls.set(id, ranges);
    return ranges;
  }

  #end(error: Error | null): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const channel of this.#channels.values()) channel.end(error);
    for (const resolve of this.#fetches.splice(0)) resolve();
    this.onClose?.(error);
  }
}

class ReplayChannel implements Channel {
  readonly index: number;
  isOpen = true;
  onPacket: Channel['onPacket'] = null;
  onDrain: Channel['onDrain'] = null;
  onClose: Channel['onClose'] = null;
  readonly #watcher: HostWatcher;

  constructor(index: number, watcher: HostWatcher) {
    this.index = index;
    this.#watcher = watcher;
  }

  receive(kind: number, idLow: number, idHigh: number, flags: number, source: Uint8Array): void {
    if (!this.isOpen) return;
    const bytes = source.slice();
    const view = new DataView(bytes.buffer);
    this.onPacket?.({
      kind: kind === PacketKind.completion ? PacketKind.completion : PacketKind.inBand,
      idLow,
      idHigh,
      flags,
      bytes,
      view,
      offset: 0,
      length: bytes.length,
    });
  }

  send(...[kind, idLow, idHigh, , bytes, offset, length]: Parameters<Channel['send']>): boolean {
    if (!this.isOpen) throw new TransportError('closed', 'the channel is closed');
    const id = idHigh * TWO_TO_32 + idLow;
    this.#watcher.packet({ channel: this.index, kind, id, bytes: bytes.slice(offset, offset + length) });
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
