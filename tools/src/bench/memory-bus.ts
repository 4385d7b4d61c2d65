import {
  type Channel,
  GLOBAL_CHANNEL_INDEX,
  type GuestBus,
  type GuestMemoryBlock,
  type HostBus,
  PACKET_FLAG_COMPLETION_REQUESTED,
  PacketKind,
} from '@dxgwire/transport';
import { answerBare, askBare, BARE_BYTES, type BareMode, bareWords } from './bare-words.ts';
import { Answers, PAYLOAD_BYTES } from './bus-echo.ts';
import { PolledChannel, type PolledMode, type Sleeper } from './memory-polled.ts';
import type { Comparison, Figure } from './report.ts';
import { sample, type Way } from './sampling.ts';
import { answerStraight, askStraight, STRAIGHT_BYTES } from './straight-rings.ts';

/**
 * First byte of a packet: answer it with itself; or answer bare words, or straight code's rings, at the address in bytes 8 to 15; or
 * keep the thread and look at the ring, asleep in between or not, until told to stop.
 */
const Order = { echo: 0, bareSpin: 1, bareWait: 2, spin: 3, sleep: 4, stop: 5, straight: 6 } as const;

const BLOCK_BYTES = 1 << 20;
const BLOCKS = 8;

/** Guest RAM that the cases need, with the rings. */
export const MEMORY_BUS_BYTES = 16 << 20;

/** The host's side of the cases below. */
export function serveMemoryBus(bus: HostBus & Partial<Sleeper>): void {
  bus.onChannelOpen = (channel) => {
    const polled = new PolledChannel(channel, bus);
    channel.onPacket = ({ idLow, idHigh, flags, bytes, view, offset, length }) => {
      const order = bytes[offset];
      if (order === Order.bareSpin || order === Order.bareWait) {
        const memory = bus.memory.view(Number(view.getBigUint64(offset + 8, true)), BARE_BYTES);
        answerBare(bareWords(memory), order === Order.bareSpin ? 'spin' : 'wait');
      } else if (order === Order.straight) {
        answerStraight(bus.memory.view(Number(view.getBigUint64(offset + 8, true)), STRAIGHT_BYTES));
      } else if (order === Order.spin || order === Order.sleep) {
        polled.serve(order === Order.spin ? 'spin' : 'sleep');
      } else if (order === Order.stop) {
        polled.stop();
      } else if ((flags & PACKET_FLAG_COMPLETION_REQUESTED) !== 0) {
        channel.send(PacketKind.completion, idLow, idHigh, 0, bytes, offset, length);
      }
    };
  };
  bus.offer({ classGuid: new Uint8Array(16), instanceGuid: new Uint8Array(16), mmioMegabytes: 1 });
  bus.start();
}

/** The guest's side of a bus whose memory both sides see. */
export class MemoryBus {
  readonly #bus: GuestBus & Partial<Sleeper>;
  readonly #channel: Channel;
  readonly #answers = new Answers();
  readonly #payload = new Uint8Array(PAYLOAD_BYTES);
  readonly #bare: GuestMemoryBlock;
  readonly #straight: GuestMemoryBlock;
  readonly #blocks: GuestMemoryBlock;
  readonly #source = new Uint8Array(BLOCK_BYTES).fill(7);
  #drained: (() => void) | null = null;

  private constructor(bus: GuestBus & Partial<Sleeper>, channel: Channel) {
    this.#bus = bus;
    this.#channel = channel;
    this.#bare = bus.memory.allocate(BARE_BYTES);
    this.#straight = bus.memory.allocate(STRAIGHT_BYTES);
    this.#blocks = bus.memory.allocate(BLOCKS * BLOCK_BYTES);
    channel.onPacket = this.#answers.arrived;
    channel.onDrain = () => this.#drained?.();
    this.#answers.next = this.#ask;
  }

  static async open(bus: GuestBus & Partial<Sleeper>): Promise<MemoryBus> {
    if (bus.offers.length === 0) {
      await new Promise<void>((resolve) => {
        bus.onOffer = () => resolve();
      });
    }
    return new MemoryBus(bus, await bus.open(GLOBAL_CHANNEL_INDEX));
  }

  async close(): Promise<void> {
    await this.#bus.close();
  }

  #send(flags: number): boolean {
    return this.#channel.send(PacketKind.inBand, 1, 0, flags, this.#payload, 0, PAYLOAD_BYTES);
  }

  readonly #ask = (): void => {
    this.#send(PACKET_FLAG_COMPLETION_REQUESTED);
  };

  /** The bare words over this bus's own memory. */
  bare(name: string, mode: BareMode, pauseMs = 0): Way {
    const order = new Uint8Array(16);
    order[0] = mode === 'spin' ? Order.bareSpin : Order.bareWait;
    new DataView(order.buffer).setBigUint64(8, BigInt(this.#bare.address), true);
    const words = bareWords(this.#bare.bytes);
    return {
      name,
      run: (count) => {
        this.#channel.send(PacketKind.inBand, 0, 0, 0, order, 0, order.length);
        this.#channel.flush();
        return askBare(words, mode, count, pauseMs);
      },
    };
  }

  /** Straight code over rings of its own in this bus's memory. */
  straight(name: string): Way {
    const order = new Uint8Array(16);
    order[0] = Order.straight;
    new DataView(order.buffer).setBigUint64(8, BigInt(this.#straight.address), true);
    return {
      name,
      run: (count) => {
        this.#channel.send(PacketKind.inBand, 0, 0, 0, order, 0, order.length);
        this.#channel.flush();
        return askStraight(this.#straight.bytes, count);
      },
    };
  }

  /** A packet and its completion, one after the other. */
  roundTrip(name: string): Way {
    return {
      name,
      run: async (count) => {
        // The first one wakes whoever sleeps.
        const woken = this.#answers.expect(1);
        this.#ask();
        await woken;
        const all = this.#answers.expect(count);
        const begin = performance.now();
        this.#ask();
        await all;
        return performance.now() - begin;
      },
    };
  }

  /** A packet and its completion, one after the other, with both threads given to the channel. */
  polledRoundTrip(name: string, mode: PolledMode, pauseMs = 0): Way {
    const order = (value: number) => {
      this.#channel.send(PacketKind.inBand, 0, 0, 0, Uint8Array.of(value), 0, 1);
      this.#channel.flush();
    };
    const polled = new PolledChannel(this.#channel, this.#bus);
    return {
      name,
      run: (count) => {
        order(mode === 'spin' ? Order.spin : Order.sleep);
        const elapsed = polled.ask(this.#payload, mode, count, pauseMs);
        order(Order.stop);
        return elapsed;
      },
    };
  }

  /** Packets one way, as fast as the ring takes them. */
  oneWay(name: string): Way {
    return {
      name,
      run: async (count) => {
        const last = this.#answers.expect(1);
        for (let i = 1; i < count; i += 1) {
          if (this.#send(0)) continue;
          await new Promise<void>((resolve) => {
            this.#drained = resolve;
          });
          this.#drained = null;
        }
        this.#ask();
        await last;
        return undefined;
      },
    };
  }

  /** As {@link roundTrip}, with a pause before each in which both sides fall asleep. */
  roundTripAfterPause(name: string): Way {
    return {
      name,
      run: async (count) => {
        let elapsed = 0;
        for (let i = 0; i < count; i += 1) {
          await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
          const answer = this.#answers.expect(1);
          const begin = performance.now();
          this.#ask();
          await answer;
          elapsed += performance.now() - begin;
        }
        return elapsed;
      },
    };
  }

  /** A copy of 1 MiB into memory that the host sees, and a packet that says so; some are under way at a time. */
  blocks(name: string): Way {
    return {
      name,
      run: async (count) => {
        let sent = 0;
        const copyNext = () => {
          if (sent === count) return;
          this.#blocks.write((sent % BLOCKS) * BLOCK_BYTES, this.#source);
          sent += 1;
          this.#ask();
          this.#channel.flush();
        };
        const all = this.#answers.expect(count);
        this.#answers.next = copyNext;
        for (let piece = 0; piece < BLOCKS; piece += 1) copyNext();
        await all;
        this.#answers.next = this.#ask;
        return undefined;
      },
    };
  }
}

/** A copy of 1 MiB within the process, into as many places as {@link MemoryBus.blocks} writes to. */
export function plainCopies(name: string): Way {
  const source = new Uint8Array(BLOCK_BYTES).fill(7);
  const target = new Uint8Array(BLOCKS * BLOCK_BYTES).fill(1);
  return {
    name,
    run: (count) => {
      for (let i = 0; i < count; i += 1) target.set(source, (i % BLOCKS) * BLOCK_BYTES);
      return undefined;
    },
  };
}

/** Longer than any end looks on before it sleeps. */
const PAUSE_MS = 3;

const SHORT = { samples: 15, sampleMs: 60 };

/** Packets a second one way that are demanded of rings between threads. */
const DEMANDED_PER_SECOND = 10e6;

/** Packets one way, by the million a second. */
export async function measureOneWay(medium: string, bus: MemoryBus): Promise<Figure> {
  const [estimate] = await sample([bus.oneWay('bus')], { ...SHORT, maxCount: 1_000_000 });
  return {
    suite: 'memory',
    name: `${medium}: ${PAYLOAD_BYTES} B one way, batched`,
    value: 1e-3 / estimate!.medianMs,
    unit: 'M/s',
    target: { least: DEMANDED_PER_SECOND / 1e6 },
  };
}

/** The cases that hold for threads and for processes alike. */
export async function compareReady(medium: string, bus: MemoryBus): Promise<Comparison[]> {
  return [
    {
      suite: 'memory',
      case: `${medium}, both ready: round trip, ${PAYLOAD_BYTES} B`,
      baseline: 'bare words',
      targets: { bus: { most: 1.5 }, 'bus, polled': { most: 1.5 } },
      estimates: await sample(
        [
          bus.bare('bare words', 'spin'),
          bus.straight('straight code'),
          bus.roundTrip('bus'),
          bus.polledRoundTrip('bus, polled', 'spin'),
        ],
        SHORT,
      ),
    },
    {
      suite: 'memory',
      case: `${medium}: blocks of 1 MiB`,
      baseline: 'plain copy',
      bytes: BLOCK_BYTES,
      // 0.8 x as fast.
      targets: { bus: { most: 1.25 } },
      estimates: await sample([plainCopies('plain copy'), bus.blocks('bus')], SHORT),
    },
  ];
}

/** Where both sleep at each turn, and where both have slept for so long that their caches belong to others. */
export async function compareAsleep(medium: string, bus: MemoryBus): Promise<Comparison[]> {
  const bare = 'Atomics.wait';
  const polled = 'bus, polled';
  const name = `round trip, ${PAYLOAD_BYTES} B`;
  return [
    {
      suite: 'memory',
      case: `${medium}, asleep at each turn: ${name}`,
      baseline: bare,
      targets: { [polled]: { most: 1.3 } },
      estimates: await sample([bus.bare(bare, 'wait'), bus.polledRoundTrip(polled, 'sleep')], SHORT),
    },
    {
      suite: 'memory',
      case: `${medium}, asleep for ${PAUSE_MS} ms: ${name}`,
      baseline: bare,
      targets: { bus: { most: 1.3 }, [polled]: { most: 1.3 } },
      estimates: await sample(
        [
          bus.bare(bare, 'wait', PAUSE_MS),
          bus.roundTripAfterPause('bus'),
          bus.polledRoundTrip(polled, 'sleep', PAUSE_MS),
        ],
        { samples: 15, sampleMs: 1, maxCount: 30 },
      ),
    },
  ];
}
