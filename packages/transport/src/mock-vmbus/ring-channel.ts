import { EndNotice } from '../end-notice.ts';
import { TransportError } from '../errors.ts';
import { PacketQueue } from '../packet-queue.ts';
import {
  type BusStatistics,
  type Channel,
  PACKET_FLAG_COMPLETION_REQUESTED,
  type Packet,
  type PacketKind,
} from '../transport.ts';
import { runNextTurn } from '../turn.ts';
import { RingConsumer } from './ring-consumer.ts';
import type { RingMemory } from './ring-memory.ts';
import { packetSpace, RingProducer } from './ring-producer.ts';

/** Packets delivered in one go before other work of this thread gets a chance. */
const PACKETS_PER_SERVICE = 512;
/** Consecutive services by microtask before one is put off to the next turn, so that timers and input run. */
const SERVICES_PER_TURN = 64;
/** How long a look on lasts: this, and some of what waits last on the average. */
const SPIN_AT_LEAST_MS = 0.06;
const SPIN_MEAN_FACTOR = 4;
/** After this many looks in vain in a row no further ones add to the pause: 2^(n-1) looks left out. */
const MAX_VAIN_LOOKS = 7;
/** Looks at the ring between two at the clock. */
const SPINS_PER_LOOK = 32;
/** Weight of the latest wait in the mean that decides whether looking on pays. */
const WAIT_WEIGHT = 0.25;
/** A wait counts as at most this many times what looking on may take: one long pause is soon forgotten. */
const WAIT_LIMIT_FACTOR = 4;

export interface RingChannelOptions {
  readonly index: number;
  readonly outbound: RingMemory;
  readonly inbound: RingMemory;
  /** Largest payload that the other side can take, bytes. */
  readonly maxSendBytes: number;
  /** Most bytes that may wait outside the ring before `send` refuses. */
  readonly maxQueuedBytes: number;
  readonly statistics: BusStatistics;
  /** Wakes the other side: there is data, or there is room. */
  readonly signal: () => void;
  /**
   * Runs a callback once after some milliseconds, to look again for room should a signal be lost; returns how to
   * cancel. Absent where the other side is known to follow `pending_send_sz`.
   */
  readonly retry?: ((callback: () => void) => () => void) | undefined;
  /**
   * How long this side looks on by itself for an answer or for more before it sleeps, microseconds; it does so only
   * while packets mostly come within that time. 0 where the other side runs on the same thread.
   */
  readonly spinMicroseconds: number;
  /** Called once when this side has ended: after a flush with null, or at once with the error. */
  readonly onEnd: (error: Error | null) => void;
}

type State = 'open' | 'closing' | 'closed';

/** One VMBus channel: two rings, a doorbell each way, and a bounded queue for what does not fit. */
export class RingChannel implements Channel {
  readonly index: number;
  onDrain: (() => void) | null = null;
  readonly #notice = new EndNotice(queueMicrotask);
  readonly #options: RingChannelOptions;
  readonly #producer: RingProducer;
  readonly #consumer: RingConsumer;
  readonly #queue = new PacketQueue();
  readonly #statistics: BusStatistics;
  readonly #releaseBytes: number;
  #onPacket: ((packet: Packet) => void) | null = null;
  #state: State = 'open';
  /** The other side has closed in order; what it sent before is still to be delivered. */
  #peerClosed = false;
  #flushScheduled = false;
  #serviceScheduled = false;
  #servicesInTurn = 0;
  #refused = false;
  /** A packet that wants a completion was sent in this turn. */
  #isAwaiting = false;
  /** Mean of how long this side waited for packets, milliseconds, and since when it waits; 0: it does not. */
  #meanWaitMs = 0;
  #waitingSinceMs = 0;
  /** Looks in vain one after the other, and how many are left out for that. */
  #vainLooks = 0;
  #looksToSkip = 0;
  #cancelRetry: (() => void) | null = null;
  readonly #closed: Promise<void>;
  #resolveClosed: () => void = () => {};

  constructor(options: RingChannelOptions) {
    this.index = options.index;
    this.#options = options;
    this.#producer = new RingProducer(options.outbound);
    this.#consumer = new RingConsumer(options.inbound);
    this.#statistics = options.statistics;
    this.#releaseBytes = this.#consumer.sizeBytes >>> 2;
    this.#closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  get onClose(): ((error: Error | null) => void) | null {
    return this.#notice.handler;
  }

  set onClose(handler: ((error: Error | null) => void) | null) {
    this.#notice.handler = handler;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  get onPacket(): ((packet: Packet) => void) | null {
    return this.#onPacket;
  }

  set onPacket(handler: ((packet: Packet) => void) | null) {
    this.#onPacket = handler;
    if (handler !== null) this.doorbell();
  }

  send(
    kind: PacketKind,
    idLow: number,
    idHigh: number,
    flags: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): boolean {
    if (this.#state !== 'open') throw new TransportError('closed', `channel ${this.index} is closed`);
    this.#checkPayload(bytes, offset, length);
    if (!this.#flushScheduled) {
      this.#flushScheduled = true;
      queueMicrotask(this.#flushNow);
    }
    if ((flags & PACKET_FLAG_COMPLETION_REQUESTED) !== 0) this.#isAwaiting = true;
    if (this.#queue.count === 0) {
      try {
        if (this.#producer.tryWrite(kind, idLow, idHigh, flags, bytes, offset, length)) {
          this.#count(length);
          return true;
        }
      } catch (error) {
        this.abort(error as Error);
        return true;
      }
    }
    const queued = this.#queue.lengthBytes;
    if (queued + length > this.#options.maxQueuedBytes) {
      throw new TransportError(
        'limit',
        `channel ${this.index} has ${queued} bytes waiting; ${length} more exceed the limit of ` +
          `${this.#options.maxQueuedBytes}. Stop when send returns false`,
      );
    }
    this.#queue.push(kind, idLow, idHigh, flags, bytes, offset, length);
    this.#refused = true;
    return false;
  }

  #checkPayload(bytes: Uint8Array, offset: number, length: number): void {
    const limit = this.#options.maxSendBytes;
    if (length > limit) {
      throw new TransportError('too-large', `a packet of ${length} bytes exceeds the limit of ${limit}`);
    }
    if (packetSpace(length) >= this.#producer.sizeBytes) {
      throw new TransportError(
        'too-large',
        `a packet of ${length} bytes can never fit a ring of ${this.#producer.sizeBytes}`,
      );
    }
    if (!(offset >= 0 && length >= 0 && offset + length <= bytes.length)) {
      throw new TransportError(
        'out-of-range',
        `a payload at ${offset}, ${length} bytes long, is outside its array of ${bytes.length}`,
      );
    }
  }

  #count(length: number): void {
    this.#statistics.packetsSent += 1;
    this.#statistics.bytesSent += packetSpace(length);
  }

  readonly #flushNow = (): void => {
    this.#flushScheduled = false;
    this.flush();
    // Whoever waits for an answer looks out for it.
    if (this.#isAwaiting && this.#looksOn) this.doorbell();
    this.#isAwaiting = false;
  };

  flush(): void {
    if (this.#state === 'closed') return;
    try {
      this.#publish();
      if (this.#queue.count > 0) this.#pump();
    } catch (error) {
      this.abort(error as Error);
    }
  }

  #publish(): void {
    if (this.#producer.hasUnpublished && this.#producer.publish()) this.#options.signal();
  }

  /** Moves what waits outside into the ring as far as it goes, and asks to be told when there is more room. */
  #pump(): void {
    const queue = this.#queue;
    const producer = this.#producer;
    while (queue.count > 0) {
      const length = queue.headLength;
      if (
        producer.tryWrite(
          queue.headKind,
          queue.headIdLow,
          queue.headIdHigh,
          queue.headFlags,
          queue.headBytes,
          queue.headOffset,
          length,
        )
      ) {
        this.#count(length);
        queue.shift();
        continue;
      }
      this.#publish();
      // Wait for half the ring where there is that much to send: fewer wake-ups, larger batches.
      const half = (producer.sizeBytes >>> 1) & ~7;
      const wanted = Math.max(packetSpace(length), Math.min(queue.lengthBytes, half) & ~7);
      if (!producer.armPending(wanted)) {
        this.#armRetry();
        return;
      }
    }
    producer.disarmPending();
    this.#publish();
    this.#cancelRetry?.();
    this.#cancelRetry = null;
    if (this.#state === 'closing') this.#end(null);
    else if (this.#refused) {
      this.#refused = false;
      this.onDrain?.();
    }
  }

  #armRetry(): void {
    if (this.#options.retry === undefined || this.#cancelRetry !== null) return;
    this.#cancelRetry = this.#options.retry(() => {
      this.#cancelRetry = null;
      this.doorbell();
    });
  }

  /** The other side signals: there may be data or room. Never does its work inside the caller. */
  doorbell(): void {
    if (this.#serviceScheduled || this.#state === 'closed') return;
    this.#serviceScheduled = true;
    this.#servicesInTurn += 1;
    if (this.#servicesInTurn < SERVICES_PER_TURN) {
      queueMicrotask(this.#service);
    } else {
      this.#servicesInTurn = 0;
      runNextTurn(this.#service);
    }
  }

  readonly #service = (): void => {
    this.#serviceScheduled = false;
    if (this.#state === 'closed') return;
    try {
      if (this.#queue.count > 0) this.#pump();
      this.#drain();
    } catch (error) {
      this.abort(error as Error);
    }
  };

  /** While this side closes it still empties the ring, or two sides that close at once wait for each other. */
  get #isDraining(): boolean {
    return this.#state === 'closing' || (this.#state === 'open' && this.#onPacket !== null);
  }

  /** Takes packets with the interrupt mask up, then looks once more after lowering it (vmbus-ring.md §7). */
  #drain(): void {
    const consumer = this.#consumer;
    if (!this.#isDraining) {
      if (this.#peerClosed && !consumer.hasData()) this.#end(null);
      return;
    }
    let budget = PACKETS_PER_SERVICE;
    do {
      consumer.mask();
      while (budget > 0 && this.#isDraining && consumer.next()) {
        budget -= 1;
        if (this.#waitingSinceMs !== 0) this.#waited();
        this.#deliver(consumer.packet);
        if (consumer.unreleasedBytes >= this.#releaseBytes) this.#release();
      }
      if (this.#state === 'closed') return;
      this.#release();
      if (budget === 0) {
        // Stay masked: this side comes back by itself.
        this.doorbell();
        return;
      }
      if (this.#spin()) continue;
      consumer.unmask();
    } while (this.#isDraining && consumer.hasData());
    if (this.#peerClosed && this.#isDraining) this.#end(null);
  }

  /** Whether packets come so soon, as a rule, that looking on for them costs less than sleeping and being woken. */
  get #looksOn(): boolean {
    const { spinMicroseconds } = this.#options;
    return spinMicroseconds > 0 && this.#meanWaitMs * 1000 <= spinMicroseconds;
  }

  #waited(): void {
    const limitMs = (this.#options.spinMicroseconds / 1000) * WAIT_LIMIT_FACTOR;
    const waitedMs = Math.min(limitMs, performance.now() - this.#waitingSinceMs);
    this.#waitingSinceMs = 0;
    this.#meanWaitMs += (waitedMs - this.#meanWaitMs) * WAIT_WEIGHT;
  }

  /** Looks on for a moment with the mask up. @returns true when there is more. */
  #spin(): boolean {
    const { spinMicroseconds } = this.#options;
    if (spinMicroseconds === 0) return false;
    // What this side has just queued must not wait for the end of the spin.
    if (this.#flushScheduled) this.#publish();
    const nowMs = performance.now();
    if (this.#waitingSinceMs === 0) this.#waitingSinceMs = nowMs;
    if (!this.#looksOn) return false;
    if (this.#looksToSkip > 0) {
      this.#looksToSkip -= 1;
      return false;
    }
    const lookMs = SPIN_AT_LEAST_MS + this.#meanWaitMs * SPIN_MEAN_FACTOR;
    const endMs = nowMs + Math.min(spinMicroseconds / 1000, lookMs);
    do {
      for (let i = 0; i < SPINS_PER_LOOK; i += 1) {
        if (this.#consumer.hasData()) {
          this.#vainLooks = 0;
          return true;
        }
      }
    } while (performance.now() < endMs);
    // Where the other side has no core to itself, looking on only keeps it from answering.
    this.#vainLooks = Math.min(MAX_VAIN_LOOKS, this.#vainLooks + 1);
    this.#looksToSkip = (1 << this.#vainLooks) >> 1;
    return false;
  }

  #deliver(packet: Packet): void {
    if (this.#state !== 'open') return;
    this.#statistics.packetsReceived += 1;
    this.#statistics.bytesReceived += packetSpace(packet.length);
    this.#onPacket?.(packet);
  }

  #release(): void {
    if (this.#consumer.release()) this.#options.signal();
  }

  /** The other side has ended this channel; with null, what it sent before is delivered first. */
  peerClosed(error: Error | null): void {
    if (this.#state === 'closed') return;
    if (error !== null) {
      this.#end(error);
      return;
    }
    this.#peerClosed = true;
    // Without a handler, what was sent waits for one.
    if (this.#state === 'closing') this.#end(null);
    else this.doorbell();
  }

  /** Ends without waiting for a handler to take what is left. */
  endInOrder(): void {
    this.#end(null);
  }

  async close(): Promise<void> {
    if (this.#state === 'open') {
      this.#state = 'closing';
      this.flush();
      if (this.#queue.count === 0) this.#end(null);
    }
    await this.#closed;
  }

  abort(error: Error): void {
    if (this.#state !== 'closed') this.#end(error);
  }

  #end(error: Error | null): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#queue.clear();
    this.#cancelRetry?.();
    this.#cancelRetry = null;
    this.#options.onEnd(error);
    // Never inside `send`, `abort` or a packet handler: whoever caused the end is still on the stack.
    queueMicrotask(() => {
      this.#notice.tell(error);
      this.#resolveClosed();
    });
  }
}
