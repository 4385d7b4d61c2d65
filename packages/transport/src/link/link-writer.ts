import type { Clock } from '../clock.ts';
import { TransportError } from '../errors.ts';
import {
  type BusStatistics,
  PACKET_FLAG_ANNOUNCES_NOTHING,
  PACKET_FLAG_COMPLETION_REQUESTED,
  type PacketKind,
} from '../transport.ts';
import { FrameKind } from './frame.ts';
import { Lane } from './lanes.ts';
import { HIGH_WATER_BYTES, LOW_WATER_BYTES } from './limits.ts';
import type { LinkChannel } from './link-channel.ts';
import { encodeLinkMessage, isGreeting, type LinkMessageBody, type LinkMessageType } from './messages.ts';
import { LinkOutput, type Source } from './output.ts';

const EMPTY = new Uint8Array(0);
/**
 * A turn that sends much is written in parts, so that both sides work at the same time: first the first two kibibytes, some
 * twenty commands, then each time so much more has come. A write costs what some twenty commands cost, but a side that falls
 * asleep at each turn costs more where cores are slow to wake: with first parts of 8 KiB, 64 calls at a time took 0.7 x as
 * long over a Unix socket, and up to 1.6 x over TCP. What is written together fits into the queue's chunk for a turn of 16 KiB: one
 * frame more would be a write of its own.
 */
const FIRST_EARLY_BYTES = 2 * 1024;
const LATER_EARLY_BYTES = 12 * 1024;
const MOST_EARLY_BYTES = 64 * 1024;

export interface LinkWriterOptions {
  readonly clock: Clock;
  readonly statistics: BusStatistics;
  /** Channels that are open. */
  readonly channels: ReadonlyMap<number, LinkChannel>;
  readonly maxQueuedBytes: number;
  /** Bytes that have come and are still to be handled before this turn ends, as far as that is known. */
  readonly restBytes: () => number;
  /** Lets the medium take what there is. */
  readonly wakeMedium: () => void;
}

/** Queues what one end of a link says, decides when it is written, and tells channels when to stop and to go on. */
export class LinkWriter {
  readonly output: LinkOutput;
  readonly #options: LinkWriterOptions;
  #wakeScheduled = false;
  #isFlushing = false;
  /** When so much waits in this turn, it is written at once. */
  #earlyBytes = FIRST_EARLY_BYTES;
  #isAnyRefused = false;

  constructor(options: LinkWriterOptions) {
    this.#options = options;
    this.output = new LinkOutput(() => this.released());
  }

  /** True within {@link flush}. */
  get isFlushing(): boolean {
    return this.#isFlushing;
  }

  /** Queues a packet. @returns false when the channel is to stop. @throws TransportError `limit`. */
  packet(
    channel: LinkChannel,
    kind: PacketKind,
    idLow: number,
    idHigh: number,
    flags: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): boolean {
    const { maxQueuedBytes, statistics } = this.#options;
    const queued = this.output.queuedBytes;
    if (queued + length > maxQueuedBytes) {
      throw new TransportError(
        'limit',
        `the link has ${queued} bytes waiting; ${length} more exceed the limit of ` +
          `${maxQueuedBytes}. Stop when send returns false`,
      );
    }
    const announces = (flags & PACKET_FLAG_ANNOUNCES_NOTHING) === 0;
    const carried = flags & PACKET_FLAG_COMPLETION_REQUESTED;
    this.output.frame(channel.index, kind, idLow, idHigh, carried, bytes, offset, length, announces);
    statistics.packetsSent += 1;
    this.scheduleWake();
    if (this.output.waitingBytes >= this.#earlyBytes) this.#flushEarly();
    if (this.output.channelBytes(channel.index) < HIGH_WATER_BYTES) return true;
    channel.isRefused = true;
    this.#isAnyRefused = true;
    return false;
  }

  /** Queues a range of memory. @throws TransportError `limit` when the peer does not read: the link is to end. */
  range(
    kind: number,
    at: number,
    source: Uint8Array,
    offset: number,
    length: number,
    stability: Source,
  ): void {
    const limit = this.#options.maxQueuedBytes;
    this.#options.statistics.memoryBytesSent += length;
    this.output.range(kind, at, source, offset, length, stability);
    this.scheduleWake();
    const queued = this.output.queuedBytes;
    if (queued <= limit) return;
    throw new TransportError('limit', `the peer does not read: ${queued} bytes wait, the limit is ${limit}`);
  }

  /** Queues a control message. */
  control<Type extends LinkMessageType>(type: Type, body: Partial<LinkMessageBody<Type>>): void {
    const bytes = encodeLinkMessage(type, body);
    if (isGreeting(type)) this.output.urgent(FrameKind.control, 0, 0, bytes, 0, bytes.length);
    else this.output.control(controlLane(type), bytes);
    this.scheduleWake();
  }

  /** Queues a frame without a payload before all others. */
  urgent(kind: number, idLow: number, idHigh: number): void {
    this.output.urgent(kind, idLow, idHigh, EMPTY, 0, 0);
    this.scheduleWake();
  }

  /** Writes now. */
  flush(): void {
    if (this.#isFlushing || this.output.isEmpty) return;
    this.#isFlushing = true;
    try {
      this.#options.wakeMedium();
    } finally {
      this.#isFlushing = false;
    }
  }

  /** Writes at the end of this turn. */
  scheduleWake(): void {
    if (this.#wakeScheduled) return;
    this.#wakeScheduled = true;
    this.#options.clock.defer(this.#wake);
  }

  readonly #wake = (): void => {
    this.#wakeScheduled = false;
    this.#earlyBytes = FIRST_EARLY_BYTES;
    this.flush();
  };

  /** Does not wait for the end of the turn: the other side may begin with what there is. */
  #flushEarly(): void {
    const waiting = this.output.waitingBytes;
    const restBytes = this.#options.restBytes();
    // What else this turn answers would make a small write of its own: it goes along.
    if (waiting < LATER_EARLY_BYTES && restBytes > 0 && restBytes < FIRST_EARLY_BYTES) return;
    // With this much under way the other side has enough to do.
    if (this.output.bytesInMedium < MOST_EARLY_BYTES) this.flush();
    this.#earlyBytes = this.output.waitingBytes + LATER_EARLY_BYTES;
  }

  /** Less waits than before: channels that were told to stop may go on. */
  released(): void {
    if (!this.#isAnyRefused) return;
    this.#isAnyRefused = false;
    for (const channel of [...this.#options.channels.values()]) {
      if (!channel.isRefused) continue;
      if (this.output.channelBytes(channel.index) <= LOW_WATER_BYTES) channel.drained();
      // Also when the handler has filled it up again.
      if (channel.isRefused) this.#isAnyRefused = true;
    }
  }
}

/** The order that a control message keeps. */
function controlLane(type: LinkMessageType): number {
  switch (type) {
    case 'offer':
    case 'channelOpen':
    case 'channelOpened':
    case 'gpadlCreate':
    case 'gpadlCreated':
    case 'gpadlTornDown':
    case 'memoryBlock':
      return Lane.control;
    case 'memoryBlockFree':
      return Lane.release;
    default:
      return Lane.ordered;
  }
}
