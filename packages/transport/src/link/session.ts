import { createBusStatistics } from '../bus-statistics.ts';
import type { Clock } from '../clock.ts';
import { EndNotice } from '../end-notice.ts';
import { errorOfPeer, isTransportError, reasonOf, TransportError } from '../errors.ts';
import type { BusStatistics, PacketKind } from '../transport.ts';
import { FrameKind } from './frame.ts';
import { Heartbeat } from './heartbeat.ts';
import { HeldInput } from './held-input.ts';
import { Lease } from './lease.ts';
import {
  DEFAULT_CLOSE_TIMEOUT_MS,
  HIGH_WATER_BYTES,
  MAX_URGENT_BYTES,
  REPLAY_WINDOW_BYTES,
} from './limits.ts';
import type { ChannelLink, LinkChannel } from './link-channel.ts';
import { LinkWriter } from './link-writer.ts';
import type { LinkEnd, LinkMedium, OutputChunk } from './medium.ts';
import { isGreeting, type LinkMessage, type LinkMessageBody, type LinkMessageType } from './messages.ts';
import type { LinkOutput, Source } from './output.ts';
import { type FrameTarget, LinkReceiver } from './receiver.ts';

export type { LinkMedium, OutputChunk } from './medium.ts';

export interface LinkSessionOptions {
  readonly transport: string;
  readonly medium: LinkMedium;
  readonly clock: Clock;
  /** Most bytes that may wait for the medium before packets are refused and pushed memory ends the link. */
  readonly maxQueuedBytes: number;
  /** How long an orderly close waits for the other side, milliseconds. */
  readonly closeTimeoutMs?: number;
}

const TWO_32 = 0x1_0000_0000;

/**
 * One end of a link, without I/O: bytes come in by {@link receive}, go out by {@link takeOutput}, time comes from
 * a clock. What guest and host have in common: frames, channels, heartbeat, and every way to end.
 */
export abstract class LinkSession implements ChannelLink, LinkEnd {
  readonly transport: string;
  readonly statistics: BusStatistics = createBusStatistics();
  readonly #notice = new EndNotice((callback) => this.clock.defer(callback));
  onInterruption: ((isInterrupted: boolean) => void) | null = null;
  /** Called once, after `onClose`, for whoever keeps a list of links. */
  onEnded: ((error: Error | null) => void) | null = null;
  protected readonly clock: Clock;
  protected readonly output: LinkOutput;
  protected readonly channels = new Map<number, LinkChannel>();
  readonly #options: LinkSessionOptions;
  readonly #receiver: LinkReceiver;
  readonly #heartbeat: Heartbeat;
  #medium: LinkMedium | null;
  readonly #lease: Lease;
  #heartbeatMs = 0;
  #silenceMs = 0;
  #isReferenced = true;
  #state: 'open' | 'closing' | 'closed' = 'open';
  readonly #writer: LinkWriter;
  /** What came while this side was writing. */
  readonly #heldInput: HeldInput;
  #cancelClose: (() => void) | null = null;
  readonly #closed: Promise<void>;
  #resolveClosed: () => void = () => {};

  constructor(options: LinkSessionOptions) {
    this.#options = options;
    this.transport = options.transport;
    this.clock = options.clock;
    this.#writer = new LinkWriter({
      clock: options.clock,
      statistics: this.statistics,
      channels: this.channels,
      maxQueuedBytes: options.maxQueuedBytes,
      restBytes: () => this.#receiver.restBytes,
      wakeMedium: () => this.#medium?.wake(),
    });
    this.output = this.#writer.output;
    this.#heldInput = new HeldInput(options.clock, (bytes) => this.#take(bytes));
    this.#lease = new Lease(options.clock, (error) => this.#settle(error));
    this.#medium = options.medium;
    this.#receiver = new LinkReceiver(this.#target());
    this.#heartbeat = new Heartbeat(
      options.clock,
      (id) => this.#sendPing(id),
      (error) => this.#connectionLost(error),
    );
    this.#closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  /** Takes one control message other than `close` and `channelClose`. May throw: that ends the link. */
  protected abstract receiveControl(message: LinkMessage): void;
  /** Whether frames on `channel` may come at all: it is or was offered. */
  protected abstract isKnownChannel(channel: number): boolean;
  protected abstract receiveWindowData(offset: number, bytes: Uint8Array, at: number, length: number): void;
  protected abstract receiveMemoryRead(address: number, bytes: DataView, at: number, length: number): void;
  protected abstract receiveMemoryData(
    address: number,
    bytes: Uint8Array,
    at: number,
    length: number,
    flags: number,
  ): void;
  /** Rejects every promise that waits for the other side. Called once. */
  protected abstract settlePending(error: TransportError): void;
  /**
   * The connection is gone and the session goes on: a guest makes a new one, a host waits.
   *
   * @param wasInVain - Nothing has got on over that connection, which was not the first one and did not last.
   */
  protected abstract interrupted(wasInVain: boolean): void;
  /** False when the other side is known to have ended: then nothing waits for it. */
  protected mayComeBack(): boolean {
    return true;
  }
  /** Gives memory back, after `onClose` has been called. Called once. */
  protected abstract release(): void;

  get onClose(): ((error: Error | null) => void) | null {
    return this.#notice.handler;
  }

  set onClose(handler: ((error: Error | null) => void) | null) {
    this.#notice.handler = handler;
  }

  protected get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** Whether another connection may carry on: also for the farewell of a side that closed while it had none. */
  protected get mayGoOn(): boolean {
    return this.#state === 'open' || (this.#state === 'closing' && this.isInterrupted);
  }

  protected requireOpen(): void {
    if (this.#state !== 'open') throw new TransportError('closed', 'the link is closed');
  }

  /** Takes bytes from the medium; they are not kept. Never throws: what cannot be ends the link. */
  receive(bytes: Uint8Array): void {
    // A medium without a turn of its own answers within a write: nothing is delivered inside `send` or `flush`.
    if (this.#writer.isFlushing || !this.#heldInput.isEmpty) this.#heldInput.hold(bytes);
    else this.#take(bytes);
  }

  /** As {@link GuestBus.receiveNow}. */
  protected receiveFromMedium(timeoutMs: number): boolean {
    this.flush();
    const medium = this.#medium;
    if (this.#state === 'closed' || medium?.receiveNow === undefined)
      throw new TransportError('closed', 'there is no connection that a thread can wait for');
    return medium.receiveNow(timeoutMs);
  }

  #take(bytes: Uint8Array): void {
    if (this.#state === 'closed') return;
    const medium = this.#medium;
    this.#heartbeat.heard();
    this.statistics.bytesReceived += bytes.length;
    try {
      const unread = this.#receiver.push(bytes);
      if (unread > 0) medium?.leftOver?.(bytes.subarray(bytes.length - unread));
    } catch (error) {
      if (this.isNoise(error)) this.#receiver.stop();
      else this.abort(error as Error);
    }
  }

  /** Whether what has come and cannot be may be the rest of what was said to others. */
  protected isNoise(_error: unknown): boolean {
    return false;
  }

  /** Forgets a frame that has come in part: the next byte begins one. */
  protected restartInput(): void {
    this.#receiver.restart();
  }

  takeOutput(gathers = false): OutputChunk | null {
    if (this.#receiver.isWorthConfirming && !this.output.isEmpty) this.#confirm();
    const chunk = this.output.take(gathers);
    if (chunk === null) return null;
    this.statistics.bytesSent += chunk.bytes.length + (chunk.payload?.length ?? 0);
    this.#heartbeat.spoke();
    return chunk;
  }

  /** The medium has ended, by itself or with an error. */
  mediumEnded(error: Error | null): void {
    // What it brought before comes first.
    this.#heldInput.deliver();
    if (this.#state === 'closed') return;
    if (this.#state === 'closing' && error === null) {
      this.#settle(null);
      return;
    }
    this.#connectionLost(
      error ?? new TransportError('peer-closed', 'the connection ended without a farewell'),
      true,
    );
  }

  /** The connection is gone, or as good as gone: the session waits for another where that was agreed, else ends. */
  #connectionLost(error: Error, isGone = false): void {
    if (this.#state === 'closed') return;
    const wasInVain = this.#lease.wasInVain(this.#arrivedBytes);
    // The same bytes would go over the next connection, and be refused again.
    const isHopeless = wasInVain && isTransportError(error) && error.code === 'too-large';
    if (this.#lease.lengthMs === 0 || !this.mayGoOn || isHopeless || !this.mayComeBack()) {
      if (isGone) this.#settle(error);
      else this.abort(error);
      return;
    }
    const medium = this.#medium;
    this.#medium = null;
    if (!isGone) medium?.drop();
    this.#receiver.stop();
    this.#heartbeat.stop();
    this.output.interrupt();
    const isFirst = !this.#lease.isRunning;
    if (isFirst) this.#lease.start(error);
    this.interrupted(wasInVain);
    if (isFirst) this.onInterruption?.(true);
  }

  /** Bytes of both streams that are known to have arrived. */
  get #arrivedBytes(): number {
    return this.#receiver.receivedBytes + this.output.confirmedBytes;
  }

  /** True from the loss of a connection until the session goes on over another. */
  get isInterrupted(): boolean {
    return this.#lease.isRunning;
  }

  /** Bytes of the other side's stream received so far: where it has to go on. */
  protected get receivedBytes(): number {
    return this.#receiver.receivedBytes;
  }

  /** Agreed with the other side: what is sent is kept until it is confirmed, and a broken connection is survived. */
  protected enableResume(leaseMs: number): void {
    this.#lease.lengthMs = leaseMs;
    this.output.keepForReplay(REPLAY_WINDOW_BYTES, () => this.clock.now());
  }

  /** Gives a connection up that was not missed yet. */
  protected dropConnection(error: TransportError): void {
    this.#connectionLost(error);
  }

  /** Takes a connection into use, in place of the one that was lost. Only urgent frames go out until {@link resumed}. */
  protected takeMedium(medium: LinkMedium): void {
    this.#medium?.drop();
    this.#receiver.restart();
    this.#heldInput.drop();
    this.#medium = medium;
    medium.setReferenced?.(this.#isReferenced);
    medium.attach(this);
  }

  /** Gives the connection away: this session never came to be. */
  protected giveMedium(): LinkMedium | null {
    const medium = this.#medium;
    this.#medium = null;
    this.#state = 'closed';
    this.#receiver.stop();
    this.#heartbeat.stop();
    this.#resolveClosed();
    return medium;
  }

  /** Both sides know where to go on. @returns false when the other side's place is not to be had any more. */
  protected resumed(theirReceivedBytes: number): boolean {
    if (!this.output.canRewind(theirReceivedBytes)) return false;
    this.output.rewind(theirReceivedBytes);
    this.#receiver.confirm();
    this.#lease.wentOn(this.#arrivedBytes);
    this.startHeartbeat(this.#heartbeatMs, this.#silenceMs);
    this.#writer.scheduleWake();
    this.#writer.released();
    this.onInterruption?.(false);
    return true;
  }

  /** What becomes of the frames that come in. */
  #target(): FrameTarget {
    return {
      ping: (idLow, idHigh) => this.#sendFrame(FrameKind.pong, idLow, idHigh),
      pong: (idLow, idHigh) => {
        if (this.output.pong(idLow, idHigh)) this.flush();
      },
      confirmed: (total) => this.#confirmedBy(total),
      confirmationIsDue: () => {
        if (this.#lease.lengthMs === 0 || !this.#hasRoomForUrgent()) return;
        this.#confirm();
        this.#writer.scheduleWake();
      },
      message: (message) => this.#receiveMessage(message),
      windowData: (offset, bytes, at, length) => {
        this.statistics.memoryBytesReceived += length;
        this.receiveWindowData(offset, bytes, at, length);
      },
      memoryRead: (address, view, at, length) => this.receiveMemoryRead(address, view, at, length),
      memoryData: (address, bytes, at, length, flags) => {
        this.statistics.memoryBytesReceived += length;
        this.receiveMemoryData(address, bytes, at, length, flags);
      },
      packet: (channel, kind, idLow, idHigh, flags, bytes, view, offset, length) => {
        const target = this.channels.get(channel);
        if (target !== undefined) {
          this.statistics.packetsReceived += 1;
          target.receive(kind, idLow, idHigh, flags, bytes, view, offset, length);
        } else if (!this.isKnownChannel(channel)) {
          // A known one may have been closed or rescinded while this packet was under way.
          throw new TransportError('bad-frame', `a packet on channel ${channel}, which was never offered`);
        }
      },
    };
  }

  #confirmedBy(total: number): void {
    if (!this.output.confirm(total)) {
      throw new TransportError('bad-frame', `the peer confirms ${total} bytes, which it cannot have`);
    }
    this.flush();
  }

  /** Tells the other side how much of its stream has come. */
  #confirm(): void {
    // The greeting over the next connection says it.
    if (this.isInterrupted) return;
    const total = this.#receiver.confirm();
    if (this.#lease.lengthMs === 0) return;
    this.#writer.urgent(FrameKind.confirm, total >>> 0, Math.floor(total / TWO_32));
  }

  #receiveMessage(message: LinkMessage): void {
    if (message.type === 'close') {
      this.#peerClosed(message.body);
    } else if (message.type === 'channelClose') {
      this.#channelClosed(message.body);
    } else if (this.#state === 'open' || (this.mayGoOn && isGreeting(message.type))) {
      this.receiveControl(message);
    }
  }

  #channelClosed({ channel, code, reason }: LinkMessageBody<'channelClose'>): void {
    const target = this.channels.get(channel);
    if (target === undefined) return;
    this.channels.delete(channel);
    const error =
      code === '' ? null : errorOfPeer({ code, message: reason }, `the peer ended channel ${channel}`);
    target.peerClosed(error);
  }

  #peerClosed({ code, reason }: LinkMessageBody<'close'>): void {
    if (code !== '') {
      this.#settle(errorOfPeer({ code, message: reason }));
      return;
    }
    if (this.#state === 'open') this.sendControl('close', {});
    this.#settle(null);
  }

  sendPacket(
    channel: LinkChannel,
    kind: PacketKind,
    idLow: number,
    idHigh: number,
    flags: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): boolean {
    this.requireOpen();
    return this.#writer.packet(channel, kind, idLow, idHigh, flags, bytes, offset, length);
  }

  sendClose(channel: LinkChannel, error: Error | null): void {
    const reason = reasonOf(error);
    this.sendControl('channelClose', {
      channel: channel.index,
      code: reason?.code ?? '',
      reason: reason?.message ?? '',
    });
  }

  defer(callback: () => void): void {
    this.clock.defer(callback);
  }

  flush(): void {
    this.#writer.flush();
  }

  protected sendControl<Type extends LinkMessageType>(
    type: Type,
    body: Partial<LinkMessageBody<Type>>,
  ): void {
    if (this.#state === 'closed') return;
    this.#writer.control(type, body);
    // A peer that asks and reads no answer. The farewell goes out in any case.
    const waiting = this.output.waitingBytes;
    // Packets may fill the queue: what is said of channels and memory then still finds room.
    const limit = this.#options.maxQueuedBytes + HIGH_WATER_BYTES;
    if (type !== 'close' && waiting > limit) this.#doesNotRead(waiting);
  }

  #doesNotRead(waitingBytes: number): void {
    this.abort(new TransportError('limit', `the peer does not read: ${waitingBytes} bytes wait for it`));
  }

  /** Whether one more urgent frame may wait. Where none may, the link has ended. */
  #hasRoomForUrgent(): boolean {
    if (this.output.urgentBytes < MAX_URGENT_BYTES) return true;
    // Perhaps it is only that all this came in one turn.
    this.flush();
    if (this.output.urgentBytes < MAX_URGENT_BYTES) return true;
    this.#doesNotRead(this.output.urgentBytes);
    return false;
  }

  /** Pushes a range of memory in order with packets. */
  protected pushMemory(
    kind: number,
    at: number,
    source: Uint8Array,
    offset: number,
    length: number,
    stability: Source,
  ): void {
    if (this.#state === 'closed' || length === 0) return;
    try {
      this.#writer.range(kind, at, source, offset, length, stability);
    } catch (error) {
      this.abort(error as Error);
    }
  }

  #sendPing(id: number): void {
    if (this.#receiver.unconfirmedBytes > 0) this.#confirm();
    this.#sendFrame(FrameKind.ping, id >>> 0, 0);
  }

  #sendFrame(kind: number, idLow: number, idHigh: number): void {
    if (this.#state === 'closed' || !this.#hasRoomForUrgent()) return;
    this.#writer.urgent(kind, idLow, idHigh);
  }

  protected scheduleWake(): void {
    this.#writer.scheduleWake();
  }

  /** Starts the heartbeat, once both sides have agreed on it; `silenceMs`: this side's patience, two heartbeats at least. */
  protected startHeartbeat(intervalMs: number, silenceMs = 0): void {
    this.#heartbeatMs = intervalMs;
    this.#silenceMs = silenceMs;
    if (intervalMs > 0) this.#heartbeat.start(intervalMs, silenceMs);
  }

  ref(): void {
    this.#isReferenced = true;
    this.#medium?.setReferenced?.(true);
  }

  unref(): void {
    this.#isReferenced = false;
    this.#medium?.setReferenced?.(false);
  }

  /** Whether a connection, or the attempt to make one, is to keep a process alive. */
  get isReferenced(): boolean {
    return this.#isReferenced;
  }

  async close(): Promise<void> {
    if (this.#state === 'open') {
      this.#state = 'closing';
      this.#cancelClose = this.clock.setTimer(
        () => this.#closedInTime(),
        this.#options.closeTimeoutMs ?? DEFAULT_CLOSE_TIMEOUT_MS,
      );
      this.sendControl('close', {});
      // At once: a process that is about to end has no later turn. The medium may bring the answer before this returns.
      this.flush();
    }
    await this.#closed;
  }

  /** The other side has not answered the farewell. */
  #closedInTime(): void {
    // What was to be sent again is not: without it the rest must not go out, nor a farewell as if all had.
    if (this.output.isBehind) {
      this.output.clear();
      this.sendControl('close', { code: 'peer-closed', reason: 'closed before all could be sent again' });
    }
    this.#settle(null);
  }

  abort(error: Error): void {
    if (this.#state === 'closed') return;
    this.output.clear();
    const reason = reasonOf(error);
    this.sendControl('close', { code: reason?.code || 'peer-closed', reason: reason?.message ?? '' });
    this.#settle(error);
  }

  /** Ends the link after a last control message, without the usual farewell. */
  protected endWith(error: Error): void {
    this.#settle(error);
  }

  #settle(error: Error | null): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#receiver.stop();
    this.#heartbeat.stop();
    this.#cancelClose?.();
    this.#lease.stop();
    this.output.forget();
    const channels = [...this.channels.values()];
    this.channels.clear();
    for (const channel of channels) channel.linkEnded(error);
    this.settlePending(pendingError(error));
    this.#medium?.end(error);
    this.#medium = null;
    this.clock.defer(() => {
      this.#notice.tell(error);
      this.#resolveClosed();
      this.release();
      this.onEnded?.(error);
    });
  }
}

/** What pending promises are told when a link has ended with `error`. */
function pendingError(error: Error | null): TransportError {
  if (error === null) return new TransportError('closed', 'the link was closed');
  if (error instanceof TransportError) return error;
  return new TransportError('closed', `the link was ended: ${error.message}`, { cause: error });
}
