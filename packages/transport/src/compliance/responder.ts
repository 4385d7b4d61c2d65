import { isTransportError, TransportError } from '../errors.ts';
import { type Channel, type HostBus, type Packet, PacketKind, type PageRange } from '../transport.ts';
import { bytesOfSeed, isOfSeed, isWhole, PacketDigest, packetsOfSeed } from './data.ts';

/** `echo` sends back what comes, `reverse` answers in batches; `skim` takes payloads unread. */
type Mode = 'sink' | 'skim' | 'echo' | 'reverse' | 'throw';

/** What the suite asks of the host's end, as JSON in packets on the global channel. */
export type Request =
  /** What to do with packets on channel 2 and above: see {@link Mode}. */
  | { readonly op: 'mode'; readonly mode: Mode }
  | { readonly op: 'digest' }
  | { readonly op: 'send'; readonly seed: number; readonly count: number; readonly maxBytes: number }
  | { readonly op: 'send-window'; readonly seed: number; readonly steps: number }
  | { readonly op: 'write-window'; readonly offset: number; readonly length: number; readonly seed: number }
  | { readonly op: 'check-window'; readonly offset: number; readonly length: number; readonly seed: number }
  | { readonly op: 'store-u64'; readonly offset: number; readonly low: number; readonly high: number }
  | { readonly op: 'check-memory'; readonly address: number; readonly length: number; readonly seed: number }
  | { readonly op: 'fetch-memory'; readonly address: number; readonly length: number; readonly seed: number }
  | { readonly op: 'write-memory'; readonly address: number; readonly length: number; readonly seed: number }
  | { readonly op: 'out-of-range'; readonly address: number; readonly length: number }
  | { readonly op: 'gpadl'; readonly id: number }
  | { readonly op: 'hold-teardown' }
  | { readonly op: 'release-teardown' }
  | { readonly op: 'pci-writes' }
  | { readonly op: 'offer' }
  | { readonly op: 'rescind'; readonly channel: number }
  | { readonly op: 'close-channel'; readonly channel: number; readonly packets: number }
  | { readonly op: 'abort-channel'; readonly channel: number }
  | { readonly op: 'close-bus' }
  | { readonly op: 'abort-bus' }
  | { readonly op: 'statistics' };

/** What happened at the host's end; complete when the bus has ended. */
export interface HostReport {
  /** Calls of the bus's `onClose`; must be one. */
  readonly busCloses: readonly (string | null)[];
  /** Calls of channels' `onClose`, in order: channel and error code, null for an orderly close. */
  readonly channelCloses: readonly { readonly channel: number; readonly code: string | null }[];
  readonly opens: readonly number[];
  /** Packets that came on channels other than the global one. */
  readonly packets: number;
}

/** What `echo` sends back does not lie at the beginning of its array. */
const ECHO_OFFSET = 3;

/** Offsets in the device window that the responder uses for its ordered steps. */
export const WINDOW_FENCE_OFFSET = 4096;
export const WINDOW_DATA_OFFSET = 64 * 1024;
/** Bytes of each step's slot in the window. */
export const WINDOW_SLOT_BYTES = 4096;

export const GLOBAL_CLASS = guid(0xc0);
export const GPU_CLASS = guid(0x4a);
/** A write to this configuration offset shows at {@link PCI_ECHO_OFFSET} inverted. */
export const PCI_WRITE_OFFSET = 0xd0;
export const PCI_ECHO_OFFSET = 0xe0;

export function guid(first: number): Uint8Array {
  return Uint8Array.from({ length: 16 }, (_, i) => (first + i * 7) & 0xff);
}

function codeOf(error: Error | null): string | null {
  if (error === null) return null;
  return isTransportError(error) ? error.code : error.name;
}

/**
 * Serves the host's end of one bus for the compliance suite: wherever that end lives, in another thread, process or
 * machine. Call it with a bus that has not been started.
 *
 * @returns resolves with what was seen when the bus has ended.
 */
export function serveCompliance(host: HostBus): Promise<HostReport> {
  return new Responder(host).report;
}

class Responder {
  readonly report: Promise<HostReport>;
  readonly #host: HostBus;
  readonly #channels = new Map<number, Channel>();
  readonly #digest = new PacketDigest();
  readonly #held: { readonly idLow: number; readonly idHigh: number; readonly payload: Uint8Array }[] = [];
  readonly #pciWrites: { readonly offset: number; readonly value: number }[] = [];
  readonly #opens: number[] = [];
  readonly #channelCloses: { readonly channel: number; readonly code: string | null }[] = [];
  readonly #busCloses: (string | null)[] = [];
  #mode: Mode = 'sink';
  #teardown: Promise<void> | null = null;
  #releaseTeardown: () => void = () => {};

  constructor(host: HostBus) {
    this.#host = host;
    this.report = new Promise((resolve) => {
      host.onClose = (error) => {
        this.#busCloses.push(codeOf(error));
        // A little later, so that a second call would be seen.
        setTimeout(() => {
          resolve(this.#seen());
        }, 0);
      };
    });
    host.onChannelOpen = (channel) => this.#opened(channel);
    host.onGpadlTeardown = () => this.#teardown ?? undefined;
    const mmioMegabytes = host.window.lengthBytes / 1_048_576;
    host.offer({ classGuid: GLOBAL_CLASS, instanceGuid: guid(1), mmioMegabytes });
    this.#offerGpu(2);
    host.start();
  }

  #seen(): HostReport {
    return {
      opens: [...this.#opens],
      channelCloses: [...this.#channelCloses],
      busCloses: [...this.#busCloses],
      packets: this.#digest.count,
    };
  }

  #offerGpu(number: number): number {
    const config = bytesOfSeed(number, 256);
    const view = new DataView(config.buffer);
    const offer = this.#host.offer({
      classGuid: GPU_CLASS,
      instanceGuid: guid(number),
      mmioMegabytes: 0,
      pci: {
        vendorId: 0x1414,
        deviceId: 0x008e,
        config,
        onWrite: (offset, value) => {
          this.#pciWrites.push({ offset, value });
          if (offset === PCI_WRITE_OFFSET) view.setUint32(PCI_ECHO_OFFSET, ~value, true);
        },
      },
    });
    return offer.index;
  }

  #opened(channel: Channel): void {
    this.#opens.push(channel.index);
    this.#channels.set(channel.index, channel);
    channel.onClose = (error) => {
      this.#channelCloses.push({ channel: channel.index, code: codeOf(error) });
    };
    channel.onPacket =
      channel.index === 1
        ? (packet) => this.#control(channel, packet)
        : (packet) => this.#underTest(channel, packet);
  }

  #underTest(channel: Channel, packet: Packet): void {
    const { kind, idLow, idHigh, flags, bytes, offset, length } = packet;
    if (this.#mode === 'throw') throw new TypeError('the handler of the test throws');
    if (!isWhole(packet)) throw new TypeError(`view and bytes of packet ${idLow} are not of the same buffer`);
    this.#digest.add(kind, idLow, idHigh, flags, bytes, offset, this.#mode === 'skim' ? 0 : length);
    if (this.#mode === 'echo') {
      const answer = (flags & 1) !== 0 ? PacketKind.completion : PacketKind.inBand;
      const echo = new Uint8Array(ECHO_OFFSET + length);
      echo.set(bytes.subarray(offset, offset + length), ECHO_OFFSET);
      channel.send(answer, idLow, idHigh, 0, echo, ECHO_OFFSET, length);
    } else if (this.#mode === 'reverse') {
      this.#held.push({ idLow, idHigh, payload: bytes.slice(offset, offset + length) });
      if (this.#held.length === 8) this.#answerHeld(channel);
    }
  }

  /** Answers held requests last first, with in-band packets between. */
  #answerHeld(channel: Channel): void {
    for (const { idLow, idHigh, payload } of this.#held.splice(0).reverse()) {
      channel.send(PacketKind.inBand, 0, 0, 0, payload, 0, 0);
      channel.send(PacketKind.completion, idLow, idHigh, 0, payload, 0, payload.length);
    }
  }

  #control(channel: Channel, packet: Packet): void {
    const { idLow, idHigh } = packet;
    const text = new TextDecoder().decode(packet.bytes.slice(packet.offset, packet.offset + packet.length));
    const request = JSON.parse(text.replace(/\0+$/, '')) as Request;
    const reply = (value: unknown) => {
      if (!channel.isOpen) return;
      const bytes = new TextEncoder().encode(JSON.stringify(value ?? null));
      channel.send(PacketKind.completion, idLow, idHigh, 0, bytes, 0, bytes.length);
    };
    // Whatever can be answered at once is: the suite relies on the order of packets.
    const value = this.#answer(request);
    if (value instanceof Promise) {
      value.then(reply, (error: Error) => reply({ error: codeOf(error), message: error.message }));
    } else {
      reply(value);
    }
  }

  #answer(request: Request): unknown {
    const { memory, window } = this.#host;
    switch (request.op) {
      case 'mode':
        this.#mode = request.mode;
        return null;
      case 'digest':
        return { count: this.#digest.count, value: this.#digest.value };
      case 'send':
        return this.#send(request.seed, request.count, request.maxBytes);
      case 'send-window':
        return this.#sendWindow(request.seed, request.steps);
      case 'write-window':
        window.bytes.set(bytesOfSeed(request.seed, request.length), request.offset);
        window.publish(request.offset, request.length);
        return null;
      case 'check-window':
        return isOfSeed(request.seed, window.bytes.slice(request.offset, request.offset + request.length));
      case 'store-u64':
        window.storeU64(request.offset, request.low, request.high);
        return null;
      case 'check-memory':
        return isOfSeed(request.seed, memory.view(request.address, request.length));
      case 'fetch-memory':
        return memory
          .fetch(request.address, request.length)
          .then(() => isOfSeed(request.seed, memory.view(request.address, request.length)));
      case 'write-memory':
        memory.view(request.address, request.length).set(bytesOfSeed(request.seed, request.length));
        memory.publish(request.address, request.length);
        return null;
      case 'out-of-range':
        return this.#outOfRange(request.address, request.length);
      case 'gpadl':
        return { ranges: memory.gpadl(request.id) as readonly PageRange[] | null };
      default:
        return this.#answerControl(request);
    }
  }

  #answerControl(request: Request): unknown {
    const host = this.#host;
    switch (request.op) {
      case 'hold-teardown':
        this.#teardown = new Promise((resolve) => {
          this.#releaseTeardown = resolve;
        });
        return null;
      case 'release-teardown':
        this.#teardown = null;
        this.#releaseTeardown();
        return null;
      case 'pci-writes':
        return this.#pciWrites;
      case 'offer':
        return this.#offerGpu(100);
      case 'rescind':
        host.rescind(request.channel);
        return null;
      case 'close-channel': {
        const channel = this.#channel(request.channel);
        const payload = new Uint8Array(32);
        for (let i = 0; i < request.packets; i += 1) channel.send(PacketKind.inBand, i, 0, 0, payload, 0, 32);
        return channel.close().then(() => null);
      }
      case 'abort-channel':
        this.#channel(request.channel).abort(new TransportError('limit', 'the test aborts this channel'));
        return null;
      case 'close-bus':
        void host.close();
        return null;
      case 'abort-bus':
        host.abort(new TransportError('limit', 'the test aborts this bus'));
        return null;
      case 'statistics':
        return host.statistics;
      default:
        throw new TypeError(`unknown request ${JSON.stringify(request)}`);
    }
  }

  #channel(index: number): Channel {
    const channel = this.#channels.get(index);
    if (channel === undefined) throw new TypeError(`channel ${index} is not open`);
    return channel;
  }

  #outOfRange(address: number, length: number): unknown {
    const { memory } = this.#host;
    try {
      memory.view(address, length);
      return { contains: memory.contains(address, length), code: null };
    } catch (error) {
      return { contains: memory.contains(address, length), code: codeOf(error as Error) };
    }
  }

  /** Sends generated packets on channel 2, stopping when told to. */
  async #send(seed: number, count: number, maxBytes: number): Promise<{ waits: number }> {
    const channel = this.#channel(2);
    let waits = 0;
    // Made beforehand, so that they are sent faster than any reader takes them, even one with a core of its own.
    const packets = Array.from(packetsOfSeed(seed, count, maxBytes), (packet) => ({
      ...packet,
      bytes: packet.bytes.slice(),
    }));
    for (const { kind, idLow, idHigh, bytes, length } of packets) {
      if (channel.send(kind, idLow, idHigh, 0, bytes, 0, length)) continue;
      waits += 1;
      await new Promise<void>((resolve) => {
        channel.onDrain = resolve;
      });
    }
    return { waits };
  }

  /**
   * Steps that must be seen in order: data in a slot of the window, then a fence value that announces it, then now
   * and then a packet that announces both.
   */
  #sendWindow(seed: number, steps: number): null {
    const { window } = this.#host;
    const channel = this.#channel(2);
    const empty = new Uint8Array(0);
    for (let step = 1; step <= steps; step += 1) {
      const at = WINDOW_DATA_OFFSET + step * WINDOW_SLOT_BYTES;
      window.bytes.set(bytesOfSeed(seed + step, WINDOW_SLOT_BYTES), at);
      window.publish(at, WINDOW_SLOT_BYTES);
      window.storeU64(WINDOW_FENCE_OFFSET, step, 0);
      if (step % 3 === 0 || step === steps) channel.send(PacketKind.inBand, step, 0, 0, empty, 0, 0);
      if (step % 5 === 0) channel.flush();
    }
    return null;
  }
}
