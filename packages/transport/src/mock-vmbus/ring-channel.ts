import { EndNotice } from '../end-notice.ts';
import { TransportError } from '../errors.ts';
import { PacketQueue } from '../packet-queue.ts';
import { now, queueMicrotask, runNextTurn } from '../timers.ts';
import type { BusStatistics, Channel, Packet, PacketKind } from '../transport.ts';
import { Lookout } from './lookout.ts';
import { Patience } from './patience.ts';
import { refuseBacklog, refusePayload } from './refusals.ts';
import type { RingChannelOptions } from './ring-channel-options.ts';
import { RingConsumer } from './ring-consumer.ts';
import { largestPayload, packetSpace, RingProducer } from './ring-producer.ts';

/** Packets delivered in one go before other work of this thread gets a chance. */
const PACKETS_PER_SERVICE = 512;
/** Consecutive services by microtask before one is put off to the next turn, so that timers and input run. */
const SERVICES_PER_TURN = 64;
/** Packets of one turn are published together, but the other side need not wait for more than this. */
const PUBLISH_BYTES = 64 * 1024;
/**
 * Where the other side looks by itself, it begins with so much while this one goes on: some sixteen commands. With half of it there is
 * nothing more to gain. One that sleeps is woken once, for all of them.
 */
const EARLY_BYTES = 2 * 1024;
/** Space is given back together, too; this part of a ring at a time. */
const RELEASE_PART = 8;
/** Looks in vain, one after the other, after which {@link RingChannel.poll} gives back the space of what it took. */
const VAIN_POLLS_BEFORE_RELEASE = 64;
/** Longest look for room in a ring that the other side is emptying, microseconds. */
const ROOM_LOOK_MICROSECONDS = 50;

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
  /** With so much unpublished it is asked whether the other side should have it. */
  #publishAt = EARLY_BYTES;
  /** Packets are being delivered: what handlers send is published when they are through. */
  #isServing = false;
  /** The mask is up because {@link poll} looks; a microtask lowers it when the thread is free again. */
  #isPolled = false;
  #vainPolls = 0;
  readonly #patience: Patience;
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
    this.#patience = new Patience(spinMicroseconds);
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

  /** A method, since TypeScript does not see that a call in between may change the state. */
  #isClosed(): boolean {
    return this.#state === 'closed';
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
      refusePayload(bytes, offset, length, this.#options.maxSendBytes, this.#producer.sizeBytes);
    }
    if (!this.#flushScheduled && !this.#isServing) {
      this.#flushScheduled = true;
      queueMicrotask(this.#flushNow);
    }
    if (this.#queue.count === 0) {
      try {
        if (this.#producer.tryWrite(kind, idLow, idHigh, flags, bytes, offset, length)) {
          this.#sent(kind, flags, length);
          if (this.#producer.unpublishedBytes >= this.#publishAt) this.#publishEarly();
          return true;
        }
      } catch (error) {
        this.abort(error as Error);
        return true;
      }
    }
    const queued = this.#queue.lengthBytes;
    if (queued + length > this.#options.maxQueuedBytes) {
      refuseBacklog(this.index, queued, length, this.#options.maxQueuedBytes);
    }
    this.#queue.push(kind, idLow, idHigh, flags, bytes, offset, length);
    this.#refused = true;
    return false;
  }

  /** A packet lies in the ring. */
  #sent(kind: PacketKind, flags: number, length: number): void {
    this.#statistics.packetsSent += 1;
    this.#statistics.bytesSent += packetSpace(length);
    this.#patience.sent(kind, flags);
  }

  readonly #flushNow = (): void => {
    this.#flushScheduled = false;
    this.flush();
    // Whoever waits for an answer looks out for it.
    if (this.#patience.looksForAnswers()) this.doorbell();
  };

  get hasMore(): boolean {
    return this.#consumer.hasKnownData;
  }

  flush(): void {
    if (this.#state === 'closed') return;
    try {
      this.#publish();
      if (this.#queue.count > 0) this.#pump();
    } catch (error) {
      this.abort(error as Error);
    }
  }

  /** Does not wait for the end of the turn where the other side is awake to take it. */
  #publishEarly(): void {
    const { unpublishedBytes } = this.#producer;
    if (unpublishedBytes >= PUBLISH_BYTES || this.#producer.isWatched()) this.#publish();
    else this.#publishAt = unpublishedBytes + EARLY_BYTES;
  }

  /**
   * Who is signalled, or given a packet, may end the channel within that call, and its rings are touched no more from then on: look
   * whether it {@link #isClosed} before going on.
   */
  #publish(): void {
    this.#publishAt = EARLY_BYTES;
    if (!this.#isClosed() && this.#producer.hasUnpublished && this.#producer.publish())
      this.#options.signal();
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
        if (this.#room.isWaiting) this.#room.arrived();
        this.#sent(queue.headKind, queue.headFlags, length);
        queue.shift();
        continue;
      }
      this.#publish();
      if (this.#isClosed()) return;
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
    if (this.#isClosed()) return;
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
    if (this.#isServing) return false;
    if (!this.#room.pays) {
      // How long it takes is measured also where nobody looks: it may pay again.
      if (!this.#room.isWaiting) this.#room.begin(now());
      return false;
    }
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
    this.#isPolled = false;
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

  /** See {@link Channel.poll}. */
  poll(): number {
    const consumer = this.#consumer;
    if (this.#isServing || this.#state !== 'open' || this.#onPacket === null) return 0;
    try {
      if (!this.#isPolled) this.#beginPolling();
      if (consumer.hasData()) return this.#takePolled();
      this.#polledInVain();
    } catch (error) {
      this.abort(error as Error);
    }
    return 0;
  }

  #takePolled(): number {
    const consumer = this.#consumer;
    let taken = 0;
    this.#vainPolls = 0;
    this.#isServing = true;
    try {
      while (taken < PACKETS_PER_SERVICE && this.#isDraining() && consumer.next()) {
        taken += 1;
        this.#deliver(consumer.packet);
        if (consumer.unreleasedBytes >= this.#releaseBytes) this.#release();
        // Answers to all that is known to have come leave before the next look at the other side's words.
        if (!consumer.hasKnownData) break;
      }
      if (this.#isDraining()) this.#pushOut();
    } finally {
      this.#isServing = false;
    }
    return taken;
  }

  /** While this side looks by itself nobody need ring; once its thread is free again, somebody must. */
  #beginPolling(): void {
    this.#isPolled = true;
    this.#consumer.mask();
    // It drains, lowers the mask and looks once more.
    this.doorbell();
  }

  #polledInVain(): void {
    if (this.#producer.hasUnpublished || this.#queue.count > 0) {
      this.#isServing = true;
      try {
        this.#pushOut();
      } finally {
        this.#isServing = false;
      }
    }
    this.#vainPolls += 1;
    if (this.#vainPolls === VAIN_POLLS_BEFORE_RELEASE) this.#release();
  }

  /**
   * Before the thread of a side that polls goes to sleep: gives all space back and asks for signals.
   *
   * @returns true when there is something to do: do not sleep.
   */
  prepareToSleep(): boolean {
    if (this.#state !== 'open' || this.#isServing) return false;
    try {
      this.#pushOut();
      this.#release();
      if (this.#isClosed()) return false;
      this.#consumer.unmask();
      this.#isPolled = false;
      return this.#onPacket !== null && this.#consumer.hasData();
    } catch (error) {
      this.abort(error as Error);
      return false;
    }
  }

  /**
   * While this side closes it still empties the ring, or two sides that close at once wait for each other. No getter: V8 looks a
   * private one up by a call of its runtime, each time.
   */
  #isDraining(): boolean {
    return this.#state === 'closing' || (this.#state === 'open' && this.#onPacket !== null);
  }

  /** Takes packets with the interrupt mask up, then looks once more after lowering it (vmbus-ring.md §7). */
  #drain(): void {
    const consumer = this.#consumer;
    if (this.#peerClosed && !this.#isClosed()) consumer.finish();
    if (!this.#isDraining()) {
      if (this.#peerClosed && !this.#isClosed() && !consumer.hasData()) this.#end(null);
      return;
    }
    let budget = PACKETS_PER_SERVICE;
    consumer.mask();
    for (;;) {
      while (budget > 0 && this.#isDraining() && consumer.next()) {
        budget -= 1;
        this.#deliver(consumer.packet);
        if (consumer.unreleasedBytes >= this.#releaseBytes) this.#release();
        // Answers to all that is known to have come leave before the next look at the other side's words.
        if (!consumer.hasKnownData) this.#pushOut();
      }
      this.#pushOut();
      if (this.#isClosed()) return;
      if (budget === 0) {
        this.#release();
        // Stay masked: this side comes back by itself.
        this.doorbell();
        return;
      }
      const lookout = this.#patience.lookout();
      if (lookout?.glance(consumer) === true) continue;
      this.#release();
      if (this.#isClosed()) return;
      if (lookout?.watch(consumer) === true) continue;
      consumer.unmask();
      if (!this.#isDraining() || !consumer.hasData()) break;
      consumer.mask();
    }
    if (this.#peerClosed && this.#isDraining()) this.#end(null);
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
    this.#patience.received(packet.kind, packet.flags);
    this.#onPacket?.(packet);
  }

  #release(): void {
    if (!this.#isClosed() && this.#consumer.release()) this.#options.signal();
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
