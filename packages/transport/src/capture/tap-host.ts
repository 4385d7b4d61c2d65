import { EndNotice } from '../end-notice.ts';
import { queueMicrotask } from '../timers.ts';
import {
  type BusStatistics,
  type Channel,
  Codec,
  type HostBus,
  type HostGuestMemory,
  type HostWindow,
} from '../transport.ts';
import { type CaptureRecorder, captureCodec, type TapOptions } from './recorder.ts';
import { TappedChannel } from './tapped-channel.ts';

/**
 * A bus that does what the host's end does and records it, the answers to its questions and what it reads of the guest's memory
 * included. A host learns of a page list when it looks it up: it is recorded then.
 */
export function tapHostBus(bus: HostBus, recorder: CaptureRecorder, options: TapOptions = {}): HostBus {
  const codec = options.codec ?? captureCodec(bus.codec);
  recorder.begin({ link: bus.transport, side: 'host', codec, memory: bus.memory.kind });
  return new TappedHostBus(bus, recorder, options);
}

class TappedHostBus implements HostBus {
  readonly memory: HostGuestMemory;
  readonly window: HostWindow;
  readonly statistics: Readonly<BusStatistics>;
  readonly #inner: HostBus;
  readonly #recorder: CaptureRecorder;
  readonly #gpadls = new Set<number>();
  readonly #notice = new EndNotice(queueMicrotask);
  #onChannelOpen: ((channel: Channel) => void) | null = null;
  #onInterruption: ((isInterrupted: boolean) => void) | null = null;
  #onGpadlTeardown: ((id: number) => Promise<void> | void) | null = null;

  constructor(inner: HostBus, recorder: CaptureRecorder, options: TapOptions) {
    this.#inner = inner;
    this.#recorder = recorder;
    this.statistics = inner.statistics;
    this.memory = tapMemory(inner.memory, recorder, this.#gpadls);
    this.window = tapWindow(inner.window, recorder);
    inner.onChannelOpen = (channel) => this.#onChannelOpen?.(new TappedChannel(channel, recorder, 'h2g'));
    inner.onGpadlTeardown = (id) => {
      // The pages of a ring are the channel's own; the host never looks them up.
      if (this.#gpadls.delete(id)) recorder.note('gpadlTeardown', id);
      return this.#onGpadlTeardown?.(id);
    };
    inner.onInterruption = (isInterrupted) => {
      recorder.note('interruption', isInterrupted);
      this.#onInterruption?.(isInterrupted);
    };
    inner.onClose = (error) => {
      recorder.note('busClose', error === null ? null : error.message);
      this.#notice.tell(error);
      options.onEnd?.();
    };
  }

  get transport(): string {
    return this.#inner.transport;
  }

  get codec(): string {
    return this.#inner.codec ?? Codec.packed;
  }

  get peerName(): string {
    return this.#inner.peerName;
  }

  get onChannelOpen(): ((channel: Channel) => void) | null {
    return this.#onChannelOpen;
  }

  set onChannelOpen(handler: ((channel: Channel) => void) | null) {
    this.#onChannelOpen = handler;
  }

  get onGpadlTeardown(): ((id: number) => Promise<void> | void) | null {
    return this.#onGpadlTeardown;
  }

  set onGpadlTeardown(handler: ((id: number) => Promise<void> | void) | null) {
    this.#onGpadlTeardown = handler;
  }

  get onClose(): ((error: Error | null) => void) | null {
    return this.#notice.handler;
  }

  set onClose(handler: ((error: Error | null) => void) | null) {
    this.#notice.handler = handler;
  }

  get onInterruption(): ((isInterrupted: boolean) => void) | null {
    return this.#onInterruption;
  }

  set onInterruption(handler: ((isInterrupted: boolean) => void) | null) {
    this.#onInterruption = handler;
  }

  offer(options: Parameters<HostBus['offer']>[0]): ReturnType<HostBus['offer']> {
    const { pci } = options;
    let index = 0;
    const tapped =
      pci === undefined
        ? options
        : {
            ...options,
            pci: {
              vendorId: pci.vendorId,
              deviceId: pci.deviceId,
              config: pci.config,
              onWrite: (offset: number, value: number) => {
                this.#recorder.note('pciWrite', index, offset, value);
                pci.onWrite(offset, value);
              },
            },
          };
    const offer = this.#inner.offer(tapped);
    index = offer.index;
    this.#recorder.note('offer', index, offer.classGuid, offer.instanceGuid, offer.mmioMegabytes);
    return offer;
  }

  start(): void {
    this.#recorder.note('start');
    this.#inner.start();
  }

  rescind(channelIndex: number): void {
    // What is not offered is refused, and nothing happens.
    this.#inner.rescind(channelIndex);
    this.#recorder.note('rescind', channelIndex);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  abort(error: Error): void {
    this.#inner.abort(error);
  }
}

/** Whether a record can hold it: a question may be of any number. */
function isRange(address: number, length: number): boolean {
  return Number.isSafeInteger(address) && Number.isSafeInteger(length) && address >= 0 && length >= 0;
}

function tapMemory(inner: HostGuestMemory, recorder: CaptureRecorder, seen: Set<number>): HostGuestMemory {
  return {
    kind: inner.kind,
    gpadl(id) {
      const ranges = inner.gpadl(id);
      if (seen.has(id)) return ranges;
      if (ranges !== null) seen.add(id);
      const pairs = ranges?.map(({ address, length }) => [address, length]);
      if (isRange(id, 0)) recorder.note('gpadlCreate', id, pairs ?? []);
      return ranges;
    },
    contains(address, length) {
      const isGuests = inner.contains(address, length);
      if (isRange(address, length)) recorder.note('memoryCheck', address, length, isGuests);
      return isGuests;
    },
    noteRead(address, length) {
      inner.noteRead?.(address, length);
      recorder.publish('memoryContent', 'g2h', address, length, () => inner.view(address, length));
    },
    view: (address, length) => inner.view(address, length),
    fetch(address, length) {
      const fetched = inner.fetch(address, length);
      if (inner.kind === 'mapped' || !isRange(address, length)) return fetched;
      recorder.note('memoryRead', address, length);
      const answered = () => recorder.note('memoryAnswered');
      fetched.then(answered, answered);
      return fetched;
    },
    publish(address, length) {
      inner.publish(address, length);
      recorder.publish('memoryPublish', 'h2g', address, length, () => inner.view(address, length));
    },
    shareable: (address, length) => inner.shareable(address, length),
  };
}

function tapWindow(inner: HostWindow, recorder: CaptureRecorder): HostWindow {
  return {
    kind: inner.kind,
    lengthBytes: inner.lengthBytes,
    // The bytes of a bus may be known only once it has started.
    get bytes() {
      return inner.bytes;
    },
    publish(offset, length) {
      inner.publish(offset, length);
      const view = () => inner.bytes.subarray(offset, offset + length);
      recorder.publish('windowPublish', 'h2g', offset, length, view);
    },
    noteRead(offset, length) {
      inner.noteRead?.(offset, length);
      const view = () => inner.bytes.subarray(offset, offset + length);
      recorder.publish('windowContent', 'g2h', offset, length, view);
    },
    storeU64(offset, low, high) {
      inner.storeU64(offset, low, high);
      recorder.windowStore(offset, low, high);
    },
    shareable: () => inner.shareable(),
  };
}
