import { createBusStatistics } from '../bus-statistics.ts';
import { systemClock } from '../clock.ts';
import { EndNotice } from '../end-notice.ts';
import { errorOfPeer, type PeerReason, reasonOf, TransportError } from '../errors.ts';
import { queueMicrotask } from '../timers.ts';
import type { BusStatistics } from '../transport.ts';
import { RingChannel } from './ring-channel.ts';
import type { RingChannelOptions } from './ring-channel-options.ts';

interface Slot {
  readonly channel: RingChannel;
  localEnded: boolean;
  peerEnded: boolean;
  /** Both sides have let go of the rings. */
  readonly onFinished: () => void;
}

/** What one end needs beside its rings; see {@link BusEnd}. */
export interface EndOptions {
  readonly transport: string;
  /** Whether the other end runs on another thread, so that ring headers need atomic accesses. */
  readonly threads: 'one' | 'many';
  /** Most bytes that may wait outside one ring, see {@link RingChannelOptions}. */
  readonly maxQueuedBytes: number;
  readonly retry?: RingChannelOptions['retry'];
  /** See {@link RingChannelOptions.spinMicroseconds}. Default 0. */
  readonly spinMicroseconds?: number;
  /** How long an orderly close waits for the other end, milliseconds. Absent: as long as it takes. */
  readonly closeTimeoutMs?: number;
}

type NewChannel = Pick<RingChannelOptions, 'index' | 'outbound' | 'inbound' | 'maxSendBytes'>;

/**
 * What guest and host have in common: open channels and how a bus ends. A channel is finished when both sides
 * have said `close`; a bus when both have said `end`, or one has said so with an error.
 */
export abstract class BusEnd {
  readonly transport: string;
  readonly statistics: BusStatistics = createBusStatistics();
  readonly #notice = new EndNotice(queueMicrotask);
  protected readonly options: EndOptions;
  readonly #slots = new Map<number, Slot>();
  #state: 'open' | 'closing' | 'closed' = 'open';
  #endSent = false;
  #peerEnd = false;
  #cancelClose: (() => void) | null = null;
  readonly #closed: Promise<void>;
  #resolveClosed: () => void = () => {};

  constructor(options: EndOptions) {
    this.options = options;
    this.transport = options.transport;
    this.#closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  protected abstract postClose(channel: number, reason: PeerReason | null): void;
  protected abstract postEnd(reason: PeerReason | null): void;
  protected abstract signal(channel: number): void;
  /** Rejects every promise that waits for the other side. Called once. */
  protected abstract settlePending(error: TransportError): void;
  /** Both sides are done; nothing is posted afterwards. Called once. */
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

  protected requireOpen(): void {
    if (this.#state !== 'open') throw new TransportError('closed', 'the bus is closed');
  }

  protected hasChannel(index: number): boolean {
    return this.#slots.has(index);
  }

  protected openChannel(index: number): RingChannel | null {
    return this.#slots.get(index)?.channel ?? null;
  }

  protected addChannel(options: NewChannel, onFinished: () => void): RingChannel {
    const { index } = options;
    const channel = new RingChannel({
      ...options,
      maxQueuedBytes: this.options.maxQueuedBytes,
      retry: this.options.retry,
      spinMicroseconds: this.options.spinMicroseconds ?? 0,
      statistics: this.statistics,
      signal: () => this.signal(index),
      onEnd: (error) => this.#channelEnded(index, error),
    });
    this.#slots.set(index, { channel, localEnded: false, peerEnded: false, onFinished });
    return channel;
  }

  /** Forgets a channel that never came to be, without a word to the other side. */
  protected dropChannel(index: number, error: Error): void {
    const slot = this.#slots.get(index);
    if (slot === undefined) return;
    this.#slots.delete(index);
    slot.channel.abort(error);
    slot.onFinished();
  }

  #channelEnded(index: number, error: Error | null): void {
    const slot = this.#slots.get(index);
    if (slot === undefined || slot.localEnded) return;
    slot.localEnded = true;
    if (!this.#endSent) this.postClose(index, reasonOf(error));
    this.#finish(index, slot);
  }

  #finish(index: number, slot: Slot): void {
    if (!slot.localEnded || !slot.peerEnded) return;
    this.#slots.delete(index);
    slot.onFinished();
    if (this.#slots.size === 0 && this.#peerEnd) this.#finishBus();
  }

  protected receiveClose(index: number, reason: PeerReason | null): void {
    const slot = this.#slots.get(index);
    if (slot === undefined) return;
    slot.peerEnded = true;
    if (slot.localEnded) this.#finish(index, slot);
    else
      slot.channel.peerClosed(
        reason === null ? null : errorOfPeer(reason, `the peer ended channel ${index}`),
      );
  }

  protected receiveEnd(reason: PeerReason | null): void {
    if (this.#state === 'closed') return;
    if (reason !== null) {
      this.#fail(errorOfPeer(reason), null);
      return;
    }
    this.#peerEnd = true;
    if (this.#slots.size === 0) {
      this.#finishBus();
      return;
    }
    // The other side closed its channels before; they finish when what it sent has been delivered. One that
    // nobody listens to does not hold the bus up.
    for (const [index, slot] of [...this.#slots]) {
      this.receiveClose(index, null);
      if (slot.channel.onPacket === null) slot.channel.endInOrder();
    }
  }

  /** The other side is gone without a word. */
  peerVanished(error: TransportError): void {
    if (this.#state !== 'closed') this.#fail(error, error);
  }

  /** The other side's bell. */
  doorbell(channel: number): void {
    this.#slots.get(channel)?.channel.doorbell();
  }

  /** As {@link doorbell} for all channels, where the medium has one bell for all. */
  doorbellAll(): void {
    for (const slot of this.#slots.values()) slot.channel.doorbell();
  }

  /** As {@link Channel.poll}, for all open channels. */
  poll(): number {
    let taken = 0;
    for (const slot of this.#slots.values()) taken += slot.channel.poll();
    return taken;
  }

  /**
   * Before the thread of an end that polls goes to sleep: asks for signals on all channels.
   *
   * @returns true when there is something to do: do not sleep.
   */
  protected prepareToSleep(): boolean {
    let isBusy = false;
    for (const slot of this.#slots.values()) isBusy = slot.channel.prepareToSleep() || isBusy;
    return isBusy;
  }

  /** As {@link prepareToSleep}, then sleeps. Should nobody poll afterwards, the event loop serves the channels. */
  protected sleepOn(sleeper: { block(timeoutMs: number): boolean }, timeoutMs: number): boolean {
    if (this.#state === 'closed' || this.prepareToSleep()) return true;
    if (!sleeper.block(timeoutMs)) return false;
    this.doorbellAll();
    return true;
  }

  async close(): Promise<void> {
    if (this.#state === 'open') {
      this.#state = 'closing';
      this.#watchClose();
      await Promise.all([...this.#slots.values()].map((slot) => slot.channel.close()));
      if (!this.isClosed) {
        this.#sendEnd(null);
        if (this.#peerEnd && this.#slots.size === 0) this.#finishBus();
      }
    }
    await this.#closed;
  }

  #watchClose(): void {
    const { closeTimeoutMs } = this.options;
    if (closeTimeoutMs === undefined) return;
    this.#cancelClose = systemClock.setTimer(() => {
      const error = new TransportError('time-out', `the other end did not close within ${closeTimeoutMs} ms`);
      this.abort(error);
    }, closeTimeoutMs);
  }

  abort(error: Error): void {
    if (this.#state !== 'closed') this.#fail(error, error);
  }

  #sendEnd(reason: PeerReason | null): void {
    if (this.#endSent) return;
    this.#endSent = true;
    this.postEnd(reason);
  }

  /** Ends in order, once both sides have said so. */
  #finishBus(): void {
    if (this.#state === 'closed') return;
    this.#sendEnd(null);
    this.#settle(null, new TransportError('peer-closed', 'the bus was closed'));
  }

  /** Ends with an error of this side (told to the other) or of the other side. */
  #fail(error: Error, toPeer: Error | null): void {
    const settled =
      error instanceof TransportError
        ? error
        : new TransportError('closed', `the bus was ended: ${error.message}`, { cause: error });
    this.#sendEnd(reasonOf(toPeer));
    this.#state = 'closed';
    const slots = [...this.#slots.values()];
    this.#slots.clear();
    for (const slot of slots) {
      slot.channel.abort(error);
      slot.onFinished();
    }
    this.#settle(error, settled);
  }

  #settle(error: Error | null, pending: TransportError): void {
    this.#state = 'closed';
    this.#cancelClose?.();
    this.settlePending(pending);
    this.release();
    queueMicrotask(() => {
      this.#notice.tell(error);
      this.#resolveClosed();
    });
  }
}
