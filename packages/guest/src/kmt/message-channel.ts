import { Errno } from '@dxgwire/protocol';
import {
  type Channel,
  isTransportError,
  PACKET_FLAG_ANNOUNCES_NOTHING,
  PACKET_FLAG_COMPLETION_REQUESTED,
  PACKET_FLAG_UNHURRIED,
  type Packet,
  PacketKind,
} from '@dxgwire/transport';
import type { KmtLoss } from './types/common.ts';

/** What becomes of a request: exactly one of the two is called, once. */
export interface CompletionSink {
  /** The completion's payload; the bytes are valid during the call only. `length` is what the medium reported. */
  complete(packet: Packet): void;
  /** The channel ended first. */
  lose(loss: KmtLoss): void;
}

/** Counters of one channel; they only grow. */
export interface ChannelStatistics {
  messagesSent: number;
  bytesSent: number;
  completionsAwaited: number;
  completionsReceived: number;
  /** Completions whose id nobody waited for: ignored. */
  unknownCompletions: number;
}

/**
 * One channel of the driver: requests get transaction ids from 1 upwards, and their completions, in any order, find
 * their sinks in a ring of slots indexed by the id. No promise and no map entry for each request.
 */
export class MessageChannel {
  readonly channel: Channel;
  /** Called for packets that are not completions. */
  onInBand: ((packet: Packet) => void) | null = null;
  /** Called once when the channel has ended, after all pending requests were settled. */
  onLost: ((loss: KmtLoss) => void) | null = null;
  /** Called when the channel takes packets readily again after {@link isBackedUp}. */
  onDrain: (() => void) | null = null;
  /** Above the medium's high-water mark: packets are still taken, but queue up. */
  isBackedUp = false;
  /** Nobody waits for answers: no thread looks out for them. */
  isUnhurried = false;
  /** Why the channel ended; null while it is open. */
  lost: KmtLoss | null = null;
  /** What went wrong, where the channel did not end in order: the host's own words when it ended the link. */
  cause: Error | null = null;
  private readonly statistics: ChannelStatistics;
  private lastId = 0;
  private sinks: (CompletionSink | null)[] = new Array<CompletionSink | null>(64).fill(null);
  private ids: Float64Array = new Float64Array(64);
  private pending = 0;

  constructor(channel: Channel, statistics: ChannelStatistics) {
    this.channel = channel;
    this.statistics = statistics;
    channel.onPacket = (packet) => this.receive(packet);
    channel.onDrain = () => {
      this.isBackedUp = false;
      this.onDrain?.();
    };
    channel.onClose = (error) => {
      this.cause = error;
      this.lose(error === null ? 'channel-closed' : 'channel-failed');
    };
  }

  /** Requests not answered yet. */
  get pendingCount(): number {
    return this.pending;
  }

  /**
   * Sends a request that `sink` waits for. `announces`: whether the host may look at memory because of it.
   * @returns 0 or minus an errno; then the sink is not called.
   */
  request(bytes: Uint8Array, length: number, sink: CompletionSink, announces = true): number {
    const id = this.lastId + 1;
    let slot = id & (this.sinks.length - 1);
    while (this.sinks[slot] !== null) {
      this.grow();
      slot = id & (this.sinks.length - 1);
    }
    // Registered first: a medium may answer before its send returns.
    this.sinks[slot] = sink;
    this.ids[slot] = id;
    this.lastId = id;
    this.pending += 1;
    this.statistics.completionsAwaited += 1;
    const silence = announces ? 0 : PACKET_FLAG_ANNOUNCES_NOTHING;
    const calm = this.isUnhurried ? PACKET_FLAG_UNHURRIED : 0;
    const ret = this.send(bytes, length, id, PACKET_FLAG_COMPLETION_REQUESTED | silence | calm);
    if (ret !== 0 && this.sinks[slot] === sink) {
      this.sinks[slot] = null;
      this.lastId = id - 1;
      this.pending -= 1;
      this.statistics.completionsAwaited -= 1;
    }
    return ret;
  }

  /** Sends a message that wants no completion: id 0. @returns 0 or minus an errno. */
  post(bytes: Uint8Array, length: number): number {
    return this.send(bytes, length, 0, 0);
  }

  /** Shows the host at once what was sent, and not only at the end of the turn. */
  flush(): void {
    if (this.lost === null && this.channel.isOpen) this.channel.flush();
  }

  /** Settles every pending request once. */
  lose(loss: KmtLoss): void {
    if (this.lost !== null) return;
    this.lost = loss;
    const waiting: [number, CompletionSink][] = [];
    for (const [slot, sink] of this.sinks.entries()) if (sink !== null) waiting.push([this.ids[slot]!, sink]);
    this.sinks.fill(null);
    this.pending = 0;
    waiting.sort((a, b) => a[0] - b[0]);
    for (const [, sink] of waiting) sink.lose(loss);
    this.onLost?.(loss);
  }

  private send(bytes: Uint8Array, length: number, id: number, flags: number): number {
    if (this.lost !== null || !this.channel.isOpen) return -Errno.ENODEV;
    const idHigh = Math.floor(id / 4_294_967_296);
    try {
      if (!this.channel.send(PacketKind.inBand, id >>> 0, idHigh, flags, bytes, 0, length))
        this.isBackedUp = true;
    } catch (error) {
      if (!isTransportError(error)) throw error;
      if (error.code === 'too-large') return -Errno.EINVAL;
      return error.code === 'limit' ? -Errno.EAGAIN : -Errno.ENODEV;
    }
    this.statistics.messagesSent += 1;
    this.statistics.bytesSent += length;
    return 0;
  }

  private receive(packet: Packet): void {
    if (packet.kind !== PacketKind.completion) {
      this.onInBand?.(packet);
      return;
    }
    const id = packet.idHigh * 4_294_967_296 + packet.idLow;
    const slot = packet.idLow & (this.sinks.length - 1);
    const sink = this.sinks[slot];
    if (sink === null || sink === undefined || this.ids[slot] !== id) {
      this.statistics.unknownCompletions += 1;
      return;
    }
    this.sinks[slot] = null;
    this.pending -= 1;
    this.statistics.completionsReceived += 1;
    sink.complete(packet);
  }

  /** Doubles the ring: the oldest pending request is more than a ring's length behind. */
  private grow(): void {
    const size = this.sinks.length * 2;
    const sinks = new Array<CompletionSink | null>(size).fill(null);
    const ids = new Float64Array(size);
    for (const [slot, sink] of this.sinks.entries()) {
      if (sink === null) continue;
      const id = this.ids[slot]!;
      sinks[id % size] = sink;
      ids[id % size] = id;
    }
    this.sinks = sinks;
    this.ids = ids;
  }
}
