import { EndNotice } from '../end-notice.ts';
import { TransportError } from '../errors.ts';
import { PacketQueue } from '../packet-queue.ts';
import {
  type BusStatistics,
  type Channel,
  PACKET_FLAG_COMPLETION_REQUESTED,
  type Packet,
  PacketKind,
} from '../transport.ts';
import { runNextTurn } from '../turn.ts';
import { Lookout } from './lookout.ts';
import { RingConsumer } from './ring-consumer.ts';
import type { RingMemory } from './ring-memory.ts';
import { largestPayload, packetSpace, RingProducer } from './ring-producer.ts';

/** Packets delivered in one go before other work of this thread gets a chance. */
const PACKETS_PER_SERVICE = 512;
/** Consecutive services by microtask before one is put off to the next turn, so that timers and input run. */
const SERVICES_PER_TURN = 64;
/** Packets of one turn are published together, but the other side need not wait for more than this. */
const PUBLISH_BYTES = 64 * 1024;
/** Space is given back together, too; this part of a ring at a time. */
const RELEASE_PART = 8;
/** Longest look for room in a ring that the other side is emptying, microseconds. */
const ROOM_LOOK_MICROSECONDS = 50;

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
  readonly #maxSendBytes: number;
  #onPacket: ((packet: Packet) => void) | null = null;
  #state: State = 'open';
  /** The other side has closed in order; what it sent before is still to be delivered. */
  #peerClosed = false;
  #flushScheduled = false;
  #serviceScheduled = false;
  #servicesInTurn = 0;
  #refused = false;
  /** Packets are being delivered: what handlers send is published when they are through. */
  #isServing = false;
  /** Completions that this side waits for, and that it owes. */
  #awaited = 0;
  #owed = 0;
  /** In-band packets have come: this side is one that others ask. */
  #isAsked = false;
  readonly #answers: Lookout;
  readonly #requests: Lookout;
  readonly #room: Lookout;
  #cancelRetry: (() => void) | null = null;
  readonly #closed: Promise<void>;
  #resolveClosed: () => void = () => {};

  constructor(options: RingChannelOptions) {
    this.index = options.index;
    this.#options = options;
    this.#producer = new RingProducer(options.outbound);
    this.#consumer = new RingConsumer(options.inbound);
    this.#statistics = options.statistics;
    this.#releaseBytes = this.#consumer.sizeBytes / RELEASE_PART;
    // No packet may fill the ring: full looks like empty.
    this.#maxSendBytes = Math.min(options.maxSendBytes, largestPayload(this.#producer.sizeBytes));
    const { spinMicroseconds } = options;
    this.#answers = new Lookout(spinMicroseconds);
    this.#requests = new Lookout(spinMicroseconds);
    this.#room = new Lookout(Math.min(spinMicroseconds, ROOM_LOOK_MICROSECONDS));
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
    if (!(offset >= 0 && length >= 0 && length <= this.#maxSendBytes && offset + length <= bytes.length)) {
      this.#refuse(bytes, offset, length);
    }
    if (!this.#flushScheduled && !this.#isServing) {
      this.#flushScheduled = true;
      queueMicrotask(this.#flushNow);
    }
    if (this.#queue.count === 0) {
      try {
        if (this.#producer.tryWrite(kind, idLow, idHigh, flags, bytes, offset, length)) {
          this.#sent(kind, flags, length);
          if (this.#producer.unpublishedBytes >= PUBLISH_BYTES) this.#publish();
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

  #refuse(bytes: Uint8Array, offset: number, length: number): never {
    const limit = this.#options.maxSendBytes;
    if (length > limit) {
      throw new TransportError('too-large', `a packet of ${length} bytes exceeds the limit of ${limit}`);
    }
    if (length > this.#maxSendBytes) {
      throw new TransportError(
        'too-large',
        `a packet of ${length} bytes can never fit a ring of ${this.#producer.sizeBytes}`,
      );
    }
    throw new TransportError(
      'out-of-range',
      `a payload at ${offset}, ${length} bytes long, is outside its array of ${bytes.length}`,
    );
  }

  /** A packet lies in the ring. */
  #sent(kind: PacketKind, flags: number, length: number): void {
    this.#statistics.packetsSent += 1;
    this.#statistics.bytesSent += packetSpace(length);
    if ((flags & PACKET_FLAG_COMPLETION_REQUESTED) !== 0) this.#awaited += 1;
    if (kind === PacketKind.completion && this.#owed > 0) this.#owed -= 1;
  }

  readonly #flushNow = (): void => {
    this.#flushScheduled = false;
    this.flush();
    // Whoever waits for an answer looks out for it.
    if (this.#awaited > 0 && this.#answers.pays) this.doorbell();
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
        this.#sent(queue.headKind, queue.headFlags, length);
        queue.shift();
        continue;
      }
      this.#publish();
      // Wait for half the ring where there is that much to send: fewer wake-ups, larger batches.
      const half = (producer.sizeBytes >>> 1) & ~7;
      const wanted = Math.max(packetSpace(length), Math.min(queue.lengthBytes, half) & ~7);
      if (this.#looksForRoom(wanted)) continue;
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

  /** A ring that the other side is emptying has room sooner than a doorbell would come. */
  #looksForRoom(spaceBytes: number): boolean {
    if (this.#isServing || !this.#room.pays) return false;
    this.#producer.wantedBytes = spaceBytes;
    return this.#room.watch(this.#producer);
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
    this.#isServing = true;
    try {
      if (this.#queue.count > 0) this.#pump();
      this.#drain();
      this.#pushOut();
    } catch (error) {
      this.abort(error as Error);
    } finally {
      this.#isServing = false;
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
    consumer.mask();
    for (;;) {
      while (budget > 0 && this.#isDraining && consumer.next()) {
        budget -= 1;
        this.#deliver(consumer.packet);
        if (consumer.unreleasedBytes >= this.#releaseBytes) this.#release();
      }
      if (this.#state === 'closed') return;
      this.#pushOut();
      if (budget === 0) {
        this.#release();
        // Stay masked: this side comes back by itself.
        this.doorbell();
        return;
      }
      const lookout = this.#lookout();
      if (lookout?.glance(consumer) === true) continue;
      this.#release();
      if (lookout?.watch(consumer) === true) continue;
      consumer.unmask();
      if (!this.#isDraining || !consumer.hasData()) break;
      consumer.mask();
    }
    if (this.#peerClosed && this.#isDraining) this.#end(null);
  }

  /**
   * Who looks on: a side that waits for answers, and one that is asked and owes none. Others have something to do on
   * their thread first, such as to ask again, or to find the answer.
   */
  #lookout(): Lookout | null {
    if (this.#awaited > 0) return this.#answers;
    return this.#isAsked && this.#owed === 0 ? this.#requests : null;
  }

  /** Shows what handlers have sent. */
  #pushOut(): void {
    if (this.#queue.count > 0) this.#pump();
    else this.#publish();
  }

  #deliver(packet: Packet): void {
    if (this.#state !== 'open') return;
    this.#statistics.packetsReceived += 1;
    this.#statistics.bytesReceived += packetSpace(packet.length);
    if (packet.kind === PacketKind.completion) {
      if (this.#awaited > 0) this.#awaited -= 1;
      this.#answers.arrived();
    } else {
      this.#isAsked = true;
      if ((packet.flags & PACKET_FLAG_COMPLETION_REQUESTED) !== 0) this.#owed += 1;
      this.#requests.arrived();
    }
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
