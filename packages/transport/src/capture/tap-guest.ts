import { EndNotice } from '../end-notice.ts';
import { queueMicrotask } from '../timers.ts';
import {
  type BusStatistics,
  type Channel,
  type ChannelOffer,
  Codec,
  type GuestBus,
  type GuestMemory,
  type GuestMemoryBlock,
  type GuestWindow,
  isPolledEnd,
  type PageRange,
  type PciFunction,
} from '../transport.ts';
import { type CaptureRecorder, captureCodec, type TapOptions } from './recorder.ts';
import { TappedChannel } from './tapped-channel.ts';

/** A bus that does what the guest's end does and records it, what there was already included. */
export function tapGuestBus(bus: GuestBus, recorder: CaptureRecorder, options: TapOptions = {}): GuestBus {
  recorder.begin({ link: bus.transport, side: 'guest', codec: options.codec ?? captureCodec(bus.codec) });
  return new TappedGuestBus(bus, recorder, options);
}

class TappedGuestBus implements GuestBus {
  readonly memory: GuestMemory;
  readonly window: GuestWindow;
  readonly statistics: Readonly<BusStatistics>;
  onOffer: ((offer: ChannelOffer) => void) | null = null;
  onPciFunction: ((pciFunction: PciFunction) => void) | null = null;
  onRescind: ((channelIndex: number) => void) | null = null;
  onInterruption: ((isInterrupted: boolean) => void) | null = null;
  readonly receiveNow?: (timeoutMs: number) => boolean;
  readonly #inner: GuestBus;
  readonly #recorder: CaptureRecorder;
  /** What was handed out for each function of the inner bus. */
  readonly #tappedPci = new WeakMap<PciFunction, PciFunction>();
  readonly #gpadls = new Set<number>();
  readonly #notice = new EndNotice(queueMicrotask);

  constructor(inner: GuestBus, recorder: CaptureRecorder, options: TapOptions) {
    this.#inner = inner;
    this.#recorder = recorder;
    this.statistics = inner.statistics;
    this.memory = tapMemory(inner.memory, recorder);
    this.window = tapWindow(inner.window, recorder);
    if (inner.receiveNow !== undefined)
      this.receiveNow = (timeoutMs) => inner.receiveNow?.(timeoutMs) === true;
    else if (isPolledEnd(inner))
      this.receiveNow = (timeoutMs) => inner.poll() > 0 || (inner.sleep(timeoutMs) && inner.poll() > 0);
    for (const offer of inner.offers) this.#noteOffer(offer);
    inner.onOffer = (offer) => {
      this.#noteOffer(offer);
      this.onOffer?.(offer);
    };
    inner.onPciFunction = (pci) => this.onPciFunction?.(this.#tapPci(pci));
    inner.onRescind = (index) => {
      recorder.note('rescind', index);
      this.onRescind?.(index);
    };
    inner.onInterruption = (isInterrupted) => {
      recorder.note('interruption', isInterrupted);
      this.onInterruption?.(isInterrupted);
    };
    inner.onClose = (error) => {
      recorder.note('busClose', error === null ? null : error.message);
      this.#notice.tell(error);
      options.onEnd?.();
    };
  }

  get onClose(): ((error: Error | null) => void) | null {
    return this.#notice.handler;
  }

  set onClose(handler: ((error: Error | null) => void) | null) {
    this.#notice.handler = handler;
  }

  get codec(): string {
    return this.#inner.codec ?? Codec.packed;
  }

  get transport(): string {
    return this.#inner.transport;
  }

  get offers(): readonly ChannelOffer[] {
    return this.#inner.offers;
  }

  get pciFunctions(): readonly PciFunction[] {
    return this.#inner.pciFunctions.map((pci) => this.#tapPci(pci));
  }

  async open(channelIndex: number): Promise<Channel> {
    return new TappedChannel(await this.#inner.open(channelIndex), this.#recorder, 'g2h');
  }

  async createGpadl(ranges: readonly PageRange[]): Promise<number> {
    const id = await this.#inner.createGpadl(ranges);
    this.#gpadls.add(id);
    this.#recorder.note(
      'gpadlCreate',
      id,
      ranges.map(({ address, length }) => [address, length]),
    );
    return id;
  }

  teardownGpadl(id: number): Promise<void> {
    // One that does not exist is refused, and nothing happens.
    if (this.#gpadls.delete(id)) this.#recorder.note('gpadlTeardown', id);
    return this.#inner.teardownGpadl(id);
  }

  ref(): void {
    this.#inner.ref?.();
  }

  unref(): void {
    this.#inner.unref?.();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  abort(error: Error): void {
    this.#inner.abort(error);
  }

  #tapPci(inner: PciFunction): PciFunction {
    let tapped = this.#tappedPci.get(inner);
    if (tapped === undefined) {
      tapped = tapPci(inner, this.#recorder);
      this.#tappedPci.set(inner, tapped);
    }
    return tapped;
  }

  #noteOffer({ classGuid, index, instanceGuid, mmioMegabytes }: ChannelOffer): void {
    this.#recorder.note('offer', index, classGuid, instanceGuid, mmioMegabytes);
  }
}

function tapPci(inner: PciFunction, recorder: CaptureRecorder): PciFunction {
  return {
    channelIndex: inner.channelIndex,
    vendorId: inner.vendorId,
    deviceId: inner.deviceId,
    readConfig32: (offset) => inner.readConfig32(offset),
    writeConfig32(offset, value) {
      // A write that is refused has not happened.
      inner.writeConfig32(offset, value);
      recorder.note('pciWrite', inner.channelIndex, offset, value);
    },
  };
}

/** The inner block of each block that was handed out: `free` wants its own. */
function tapMemory(inner: GuestMemory, recorder: CaptureRecorder): GuestMemory {
  const blocks = new WeakMap<GuestMemoryBlock, GuestMemoryBlock>();
  return {
    kind: inner.kind,
    allocate(lengthBytes) {
      const block = inner.allocate(lengthBytes);
      const tapped: GuestMemoryBlock = {
        address: block.address,
        length: block.length,
        get bytes() {
          return block.bytes;
        },
        flush(offset, length) {
          block.flush(offset, length);
          const view = () => block.bytes.subarray(offset, offset + length);
          recorder.publish('memoryPublish', 'g2h', block.address + offset, length, view);
        },
        write(offset, source) {
          block.write(offset, source);
          recorder.publish('memoryPublish', 'g2h', block.address + offset, source.length, () => source);
        },
        ...(block.lend === undefined ? {} : { lend: block.lend.bind(block) }),
      };
      blocks.set(tapped, block);
      return tapped;
    },
    free: (block) => inner.free(blocks.get(block) ?? block),
  };
}

function tapWindow(inner: GuestWindow, recorder: CaptureRecorder): GuestWindow {
  return {
    kind: inner.kind,
    // The length may be known only once the welcome has come.
    get lengthBytes() {
      return inner.lengthBytes;
    },
    view: (offset, length) => inner.view(offset, length),
    flush(offset, length) {
      inner.flush(offset, length);
      recorder.publish('windowPublish', 'g2h', offset, length, () => inner.view(offset, length));
    },
    loadU64: (offset) => inner.loadU64(offset),
  };
}
