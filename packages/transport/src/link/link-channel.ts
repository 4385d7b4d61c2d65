import { EndNotice } from '../end-notice.ts';
import { TransportError } from '../errors.ts';
import { PacketQueue } from '../packet-queue.ts';
import { type Channel, type Packet, PacketKind } from '../transport.ts';
import { MAX_UNCLAIMED_BYTES } from './limits.ts';

/** What a channel needs of its link. */
export interface ChannelLink {
  /** Queues one packet's frame. @returns false above the high-water mark. */
  sendPacket(
    channel: LinkChannel,
    kind: PacketKind,
    idLow: number,
    idHigh: number,
    flags: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): boolean;
  flush(): void;
  /** Tells the other side that this one has closed the channel. */
  sendClose(channel: LinkChannel, error: Error | null): void;
  defer(callback: () => void): void;
}

type State = 'open' | 'closing' | 'closed';

/** One channel of a link. The link keeps order for all its channels together. */
export class LinkChannel implements Channel {
  readonly index: number;
  readonly maxSendBytes: number;
  onDrain: (() => void) | null = null;
  readonly #notice = new EndNotice((callback) => this.#link.defer(callback));
  /** `send` has returned false and `onDrain` is still owed. */
  isRefused = false;
  readonly #link: ChannelLink;
  readonly #packet: Packet;
  readonly #unclaimed = new PacketQueue();
  #onPacket: ((packet: Packet) => void) | null = null;
  #state: State = 'open';
  #closeSent = false;
  /** The other side has closed in order, but what it sent waits for a handler. */
  #peerEnded = false;
  readonly #closed: Promise<void>;
  #resolveClosed: () => void = () => {};

  constructor(link: ChannelLink, index: number, maxSendBytes: number) {
    this.index = index;
    this.maxSendBytes = maxSendBytes;
    this.#link = link;
    const bytes = new Uint8Array(0);
    const view = new DataView(bytes.buffer);
    this.#packet = {
      kind: PacketKind.inBand,
      idLow: 0,
      idHigh: 0,
      flags: 0,
      bytes,
      view,
      offset: 0,
      length: 0,
    };
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

  /** Both sides have said that they are done, or the link is gone. */
  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  get onPacket(): ((packet: Packet) => void) | null {
    return this.#onPacket;
  }

  set onPacket(handler: ((packet: Packet) => void) | null) {
    this.#onPacket = handler;
    if (handler !== null && this.#unclaimed.count > 0) this.#link.defer(() => this.#deliverUnclaimed());
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
    if (length > this.maxSendBytes) {
      throw new TransportError(
        'too-large',
        `a packet of ${length} bytes exceeds the limit of ${this.maxSendBytes}`,
      );
    }
    if (!(offset >= 0 && length >= 0 && offset + length <= bytes.length)) {
      throw new TransportError(
        'out-of-range',
        `a payload at ${offset}, ${length} bytes long, is outside its array of ${bytes.length}`,
      );
    }
    return this.#link.sendPacket(this, kind, idLow, idHigh, flags, bytes, offset, length);
  }

  flush(): void {
    this.#link.flush();
  }

  /** A packet has come for this channel. @throws TransportError `limit` when too much waits for a handler. */
  receive(
    kind: PacketKind,
    idLow: number,
    idHigh: number,
    flags: number,
    bytes: Uint8Array,
    view: DataView,
    offset: number,
    length: number,
  ): void {
    // What was under way when this side closed is dropped.
    if (this.#state !== 'open') return;
    if (this.#onPacket === null || this.#unclaimed.count > 0) {
      if (this.#unclaimed.lengthBytes + length > MAX_UNCLAIMED_BYTES) {
        throw new TransportError(
          'limit',
          `channel ${this.index} has more than ${MAX_UNCLAIMED_BYTES} bytes that nobody takes`,
        );
      }
      this.#unclaimed.push(kind, idLow, idHigh, flags, bytes, offset, length);
      return;
    }
    this.#deliver(kind, idLow, idHigh, flags, bytes, view, offset, length);
  }

  #deliver(
    kind: PacketKind,
    idLow: number,
    idHigh: number,
    flags: number,
    bytes: Uint8Array,
    view: DataView,
    offset: number,
    length: number,
  ): void {
    const packet = this.#packet;
    packet.kind = kind;
    packet.idLow = idLow;
    packet.idHigh = idHigh;
    packet.flags = flags;
    packet.bytes = bytes;
    packet.view = view;
    packet.offset = offset;
    packet.length = length;
    try {
      this.#onPacket?.(packet);
    } catch (error) {
      this.abort(error as Error);
    }
  }

  #deliverUnclaimed(): void {
    const queue = this.#unclaimed;
    while (queue.count > 0 && this.#onPacket !== null && this.#state === 'open') {
      const bytes = queue.headBytes;
      const { headKind, headIdLow, headIdHigh, headFlags, headOffset, headLength } = queue;
      const view = new DataView(bytes.buffer);
      this.#deliver(headKind, headIdLow, headIdHigh, headFlags, bytes, view, headOffset, headLength);
      // The handler may have ended the channel, and with it this queue.
      if (queue.count > 0) queue.shift();
    }
    if (this.#peerEnded && queue.count === 0) this.#end(null);
  }

  drained(): void {
    if (!this.isRefused) return;
    this.isRefused = false;
    this.onDrain?.();
  }

  /** The other side has closed the channel, with an error or in order. */
  peerClosed(error: Error | null): void {
    if (this.#state === 'closed') return;
    this.#sendClose(null);
    if (this.#onPacket !== null) this.#deliverUnclaimed();
    if (error === null && this.#state === 'open' && this.#unclaimed.count > 0) this.#peerEnded = true;
    else this.#end(error);
  }

  async close(): Promise<void> {
    if (this.#state === 'open') {
      this.#state = 'closing';
      this.#sendClose(null);
    }
    await this.#closed;
  }

  abort(error: Error): void {
    if (this.#state === 'closed') return;
    this.#sendClose(error);
    this.#end(error);
  }

  /** The link is gone: nothing is said any more. */
  linkEnded(error: Error | null): void {
    this.#closeSent = true;
    if (error === null && this.#onPacket !== null) this.#deliverUnclaimed();
    this.#end(error);
  }

  #sendClose(error: Error | null): void {
    if (this.#closeSent) return;
    this.#closeSent = true;
    this.#link.sendClose(this, error);
  }

  #end(error: Error | null): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#unclaimed.clear();
    this.#link.defer(() => {
      this.#notice.tell(error);
      this.#resolveClosed();
    });
  }
}
