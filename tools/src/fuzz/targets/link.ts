import {
  type Channel,
  type HostBus,
  isTransportError,
  PACKET_FLAG_COMPLETION_REQUESTED,
  PAGE_BYTES,
  PacketKind,
} from '@dxgwire/transport';
import { createVirtualLink, FrameDecoder } from '@dxgwire/transport/testing';
import type { FuzzTarget } from '../target.ts';

const GUEST_MEMORY_BYTES = 1 << 20;
const GUID = new Uint8Array(16);

/** What serves the host's end: offers two channels, answers packets, uses the guest's memory. */
function serve(bus: HostBus): void {
  const config = new Uint8Array(256);
  bus.onChannelOpen = (channel) => answer(bus, channel);
  bus.offer({ classGuid: GUID, instanceGuid: GUID, mmioMegabytes: 1 });
  const pci = { vendorId: 0x1414, deviceId: 0x8e, config, onWrite: () => config.fill(1, 200, 204) };
  bus.offer({ classGuid: GUID, instanceGuid: GUID, mmioMegabytes: 0, pci });
  bus.start();
}

function answer(bus: HostBus, channel: Channel): void {
  channel.onPacket = (packet) => {
    const { bytes, flags, idHigh, idLow, length, offset, view } = packet;
    if (offset + length > bytes.length) throw new Error(`a packet of ${length} bytes at ${offset}`);
    if (length >= 8)
      touchMemory(bus, view.getUint32(offset, true) * PAGE_BYTES, view.getUint32(offset + 4, true));
    if ((flags & PACKET_FLAG_COMPLETION_REQUESTED) === 0) return;
    if (channel.isOpen) channel.send(PacketKind.completion, idLow, idHigh, 0, bytes, offset, length);
  };
}

/** What a handler does with a range that a guest names: asks, brings it up to date, changes it. */
function touchMemory(bus: HostBus, address: number, lengthBytes: number): void {
  if (!bus.memory.contains(address, lengthBytes)) return;
  bus.memory.fetch(address, lengthBytes).then(
    () => {
      if (!bus.memory.contains(address, lengthBytes)) return;
      bus.memory.view(address, lengthBytes).fill(7, 0, 16);
      bus.memory.publish(address, Math.min(lengthBytes, 4096));
    },
    (error: unknown) => {
      if (!isTransportError(error)) throw error;
    },
  );
}

const limits = { windowMegabytes: 1, guestMemoryBytes: GUEST_MEMORY_BYTES, maxQueuedBytes: 4 << 20 };

/** What a guest of ours sends in a short session, byte for byte. */
async function recordGuest(): Promise<Uint8Array> {
  const link = createVirtualLink({ onReady: serve, host: limits });
  const parts: Uint8Array[] = [];
  link.toHost.deliver = (bytes) => {
    parts.push(bytes.slice());
    link.host.receive(bytes);
  };
  await link.clock.settle();
  await link.guest.ready;
  const opened = [1, 2].map((index) => link.guest.open(index));
  await link.clock.settle();
  const [global] = await Promise.all(opened);
  const block = link.guest.memory.allocate(2 * PAGE_BYTES);
  block.bytes.fill(9);
  block.flush(0, 100);
  const gpadl = link.guest.createGpadl([{ address: block.address, length: block.length }]);
  link.guest.pciFunctions[0]!.writeConfig32(208, 40);
  const payload = new Uint8Array(64);
  new DataView(payload.buffer).setUint32(0, block.address / PAGE_BYTES, true);
  payload[4] = 64;
  for (let id = 1; id <= 3; id += 1) global!.send(PacketKind.inBand, id, 0, id & 1, payload, 0, 8 * id);
  await link.clock.settle();
  const torn = link.guest.teardownGpadl(await gpadl);
  await link.clock.settle();
  await torn;
  link.guest.memory.free(block);
  const closed = link.guest.close();
  await link.clock.settle();
  await closed;
  return Buffer.concat(parts);
}

/** First byte: how the rest, what a guest sends, is cut into pieces. */
export class LinkTarget implements FuzzTarget {
  readonly name = 'link';
  readonly summary = 'link frames and sessions';
  readonly unit = 'inputs';
  readonly maxInputBytes = 4096;
  readonly #seeds: readonly Uint8Array[];
  #sessions = 0;
  #frames = 0;

  private constructor(guest: Uint8Array) {
    this.#seeds = [0, 1, 7, 24, 64].flatMap((cut) => [
      Uint8Array.of(cut, ...guest),
      Uint8Array.of(cut, ...guest.subarray(0, guest.length >>> 1)),
    ]);
  }

  static async open(): Promise<LinkTarget> {
    return new LinkTarget(await recordGuest());
  }

  seeds(): readonly Uint8Array[] {
    return this.#seeds;
  }

  async run(input: Uint8Array): Promise<void> {
    if (input.length === 0) return;
    const bytes = input.slice(1);
    this.#decode(bytes, input[0]!);
    let isIn = false;
    let ends = 0;
    const link = createVirtualLink({
      onReady: (bus) => {
        isIn = true;
        serve(bus);
      },
      host: limits,
    });
    const { clock, guest, host, toGuest, toHost } = link;
    // The input speaks in the guest's place.
    toHost.deliver = () => {};
    toGuest.deliver = () => {};
    guest.ready.catch(() => {});
    host.onClose = (error) => {
      ends += 1;
      if (error !== null && !isTransportError(error)) throw error;
    };
    const cut = input[0] === 0 ? bytes.length : input[0]!;
    for (let at = 0; at < bytes.length; at += cut) {
      host.receive(bytes.subarray(at, at + cut));
      if (at % (4 * cut) === 0) await clock.settle();
    }
    await clock.settle();
    host.mediumEnded(null);
    guest.mediumEnded(null);
    await clock.settle();
    if (isIn) this.#sessions += 1;
    if (ends !== 1) throw new Error(`the link ended ${ends} times`);
    if (clock.timerCount !== 0) throw new Error(`${clock.timerCount} timers are left`);
  }

  /** The frame decoder alone: whole frames come out, in their limits, and nothing but a bad frame is thrown. */
  #decode(bytes: Uint8Array, cut: number): void {
    const decoder = new FrameDecoder((_channel, _kind, _low, _high, _flags, whole, _view, offset, length) => {
      this.#frames += 1;
      if (offset + length > whole.length) throw new Error(`a frame of ${length} bytes at ${offset}`);
    });
    const step = cut === 0 ? bytes.length : cut;
    try {
      for (let at = 0; at < bytes.length; at += step) decoder.push(bytes.subarray(at, at + step));
    } catch (error) {
      if (!isTransportError(error) || error.code !== 'bad-frame') throw error;
    }
  }

  describe(): string {
    return `${this.#sessions} guests let in, ${this.#frames} frames`;
  }
}
