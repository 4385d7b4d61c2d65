import {
  GLOBAL_CHANNEL_INDEX,
  type GuestBus,
  type HostBus,
  PACKET_FLAG_COMPLETION_REQUESTED,
  type Packet,
  PacketKind,
} from '@dxgwire/transport';

/** Bytes of payload in the bus suite. */
export const PAYLOAD_BYTES = 64;

/** Bytes of one bulk transfer in the bus suite. */
export const BULK_BYTES = 64 << 20;

/** A host that offers one channel and completes what asks for it, with the packet's own bytes. */
export function echoHost(bus: HostBus): void {
  bus.onChannelOpen = (channel) => {
    channel.onPacket = ({ kind, idLow, idHigh, flags, bytes, offset, length }) => {
      if (kind !== PacketKind.inBand || (flags & PACKET_FLAG_COMPLETION_REQUESTED) === 0) return;
      channel.send(PacketKind.completion, idLow, idHigh, 0, bytes, offset, length);
    };
  };
  bus.offer({ classGuid: new Uint8Array(16), instanceGuid: new Uint8Array(16), mmioMegabytes: 1 });
  bus.start();
}

/** What the bus suite does with a medium, whatever it is. */
export interface Endpoint {
  /** One packet there and its answer back, `count` times one after the other. */
  roundTrips(count: number): Promise<void>;
  /** `count` packets one way; resolves when the other side has answered the last one. */
  stream(count: number): Promise<void>;
  /** {@link BULK_BYTES} of data one way, `count` times; resolves when the other side has all of it. */
  bulk(count: number): Promise<void>;
  close(): Promise<void>;
}

/** Waits for answers without a promise for each. */
export class Answers {
  #left = 0;
  #done: () => void = () => {};
  /** Called for each answer before the last. */
  next: () => void = () => {};

  /** Resolves when `count` answers were there. */
  expect(count: number): Promise<void> {
    this.#left = count;
    return new Promise((resolve) => {
      this.#done = resolve;
    });
  }

  readonly arrived = (): void => {
    this.#left -= 1;
    if (this.#left === 0) this.#done();
    else this.next();
  };
}

/** Our own bus as an endpoint. */
export async function busEndpoint(bus: GuestBus, close: () => Promise<void>): Promise<Endpoint> {
  if (bus.offers.length === 0) {
    await new Promise<void>((resolve) => {
      bus.onOffer = () => resolve();
    });
  }
  const channel = await bus.open(GLOBAL_CHANNEL_INDEX);
  const answers = new Answers();
  let drained: (() => void) | null = null;
  channel.onPacket = (packet: Packet) => {
    if (packet.kind === PacketKind.completion) answers.arrived();
  };
  channel.onDrain = () => drained?.();
  const payload = new Uint8Array(PAYLOAD_BYTES);
  const send = (flags: number) => channel.send(PacketKind.inBand, 1, 0, flags, payload, 0, PAYLOAD_BYTES);
  answers.next = () => send(PACKET_FLAG_COMPLETION_REQUESTED);
  const block = bus.memory.allocate(BULK_BYTES);
  const source = new Uint8Array(BULK_BYTES).fill(7);
  return {
    async roundTrips(count) {
      const all = answers.expect(count);
      send(PACKET_FLAG_COMPLETION_REQUESTED);
      await all;
    },
    async stream(count) {
      const last = answers.expect(1);
      for (let i = 1; i < count; i++) {
        if (send(0)) continue;
        await new Promise<void>((resolve) => {
          drained = resolve;
        });
        drained = null;
      }
      send(PACKET_FLAG_COMPLETION_REQUESTED);
      await last;
    },
    async bulk(count) {
      for (let i = 0; i < count; i++) {
        // Pushed where memory is mirrored, copied into what both sides see where it is mapped.
        block.write(0, source);
        const answer = answers.expect(1);
        send(PACKET_FLAG_COMPLETION_REQUESTED);
        await answer;
      }
    },
    close,
  };
}
