import { Limits } from '../constants.ts';
import {
  eventToProtobuf,
  type PendingReply,
  protobufToEvent,
  protobufToReply,
  protobufToRequest,
  replyToProtobuf,
  requestToProtobuf,
} from './transcode.ts';

/**
 * A channel that speaks protobuf to its peer and packed form to its user. The types are structural copies of those of
 * `@dxgwire/transport`, which this package does not import.
 */

/** Packet kinds: 6 is a message, 11 the completion of one. */
export type ChannelPacketKind = 6 | 11;

const COMPLETION = 11;
const COMPLETION_REQUESTED = 1;

/** As `Packet` of `@dxgwire/transport`. */
export interface ChannelPacket {
  kind: ChannelPacketKind;
  idLow: number;
  idHigh: number;
  flags: number;
  bytes: Uint8Array;
  view: DataView;
  offset: number;
  length: number;
}

/** As `Channel` of `@dxgwire/transport`. */
export interface PacketChannel {
  readonly index: number;
  readonly isOpen: boolean;
  send(
    kind: ChannelPacketKind,
    idLow: number,
    idHigh: number,
    flags: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): boolean;
  flush(): void;
  onPacket: ((packet: ChannelPacket) => void) | null;
  onDrain: (() => void) | null;
  onClose: ((error: Error | null) => void) | null;
  close(): Promise<void>;
  abort(error: Error): void;
}

/** Which end of the link a wrapper serves. */
export type LinkSide = 'guest' | 'host';

class ProtobufChannel implements PacketChannel {
  onClose: ((error: Error | null) => void) | null = null;
  private readonly inner: PacketChannel;
  private readonly side: LinkSide;
  /** Requests that wait for their completion, by transaction id. */
  private readonly pending = new Map<number, PendingReply | null>();
  private handler: ((packet: ChannelPacket) => void) | null = null;
  private readonly space = new Uint8Array(Limits.maxMessageBytes);
  private readonly packet: ChannelPacket;

  constructor(inner: PacketChannel, side: LinkSide) {
    this.inner = inner;
    this.side = side;
    const view = new DataView(this.space.buffer);
    this.packet = { kind: 6, idLow: 0, idHigh: 0, flags: 0, bytes: this.space, view, offset: 0, length: 0 };
    inner.onClose = (error) => {
      this.pending.clear();
      this.onClose?.(error);
    };
  }

  get index(): number {
    return this.inner.index;
  }

  get isOpen(): boolean {
    return this.inner.isOpen;
  }

  get onDrain(): (() => void) | null {
    return this.inner.onDrain;
  }

  set onDrain(handler: (() => void) | null) {
    this.inner.onDrain = handler;
  }

  get onPacket(): ((packet: ChannelPacket) => void) | null {
    return this.handler;
  }

  /** Until there is a handler the channel below keeps what comes. */
  set onPacket(handler: ((packet: ChannelPacket) => void) | null) {
    this.handler = handler;
    this.inner.onPacket = handler === null ? null : (packet) => this.receive(packet);
  }

  send(
    kind: ChannelPacketKind,
    idLow: number,
    idHigh: number,
    flags: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): boolean {
    // A copy: what is read of it stays until the completion comes, and the caller's bytes do not.
    const packet = bytes.slice(offset, offset + length);
    const key = keyOf(idLow, idHigh);
    const envelope = this.outgoing(kind, key, flags, packet);
    try {
      return this.inner.send(kind, idLow, idHigh, flags, envelope, 0, envelope.length);
    } catch (error) {
      this.pending.delete(key);
      throw error;
    }
  }

  private outgoing(kind: ChannelPacketKind, key: number, flags: number, packet: Uint8Array): Uint8Array {
    if (this.side === 'guest') {
      const { bytes, pending } = requestToProtobuf(packet);
      if ((flags & COMPLETION_REQUESTED) !== 0) this.pending.set(key, pending);
      return bytes;
    }
    return kind === COMPLETION ? replyToProtobuf(this.takePending(key), packet) : eventToProtobuf(packet);
  }

  private takePending(key: number): PendingReply | null {
    const pending = this.pending.get(key) ?? null;
    this.pending.delete(key);
    return pending;
  }

  private receive(packet: ChannelPacket): void {
    const into = this.packet;
    into.kind = packet.kind;
    into.idLow = packet.idLow;
    into.idHigh = packet.idHigh;
    into.flags = packet.flags;
    into.offset = 0;
    try {
      into.length = this.incoming(packet);
    } catch (error) {
      // What a peer sends that is no message ends its channel, as in packed form.
      this.inner.abort(error as Error);
      return;
    }
    this.handler?.(into);
  }

  /** Writes the packed form to `space` and returns its length. */
  private incoming({ kind, idLow, idHigh, flags, bytes, offset, length }: ChannelPacket): number {
    const key = keyOf(idLow, idHigh);
    if (this.side === 'guest') {
      const envelope = bytes.subarray(offset, offset + length);
      if (kind !== COMPLETION) return protobufToEvent(envelope, this.space);
      return protobufToReply(this.takePending(key), envelope, this.space);
    }
    // A copy, for the same reason as in `send`.
    const made = protobufToRequest(bytes.slice(offset, offset + length), this.space);
    if ((flags & COMPLETION_REQUESTED) !== 0) this.pending.set(key, made.pending);
    return made.length;
  }

  flush(): void {
    this.inner.flush();
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  abort(error: Error): void {
    this.inner.abort(error);
  }
}

/** Transaction ids count from 1: as one number they are exact far beyond what a channel can carry. */
function keyOf(idLow: number, idHigh: number): number {
  return idHigh * 0x1_0000_0000 + idLow;
}

/** The channel in protobuf form: packets given and taken are packed, those on the wire are envelopes. */
export function protobufChannel(channel: PacketChannel, side: LinkSide): PacketChannel {
  return new ProtobufChannel(channel, side);
}

/** What a wrapped bus says of itself: who uses it reads and writes packed form. */
const SEEN_CODEC = 'packed';

/** A bus seen through another `open` (guest) or with other channels in `onChannelOpen` (host); all else is its own. */
function wrapped<Bus extends object>(
  bus: Bus,
  get: (key: string | symbol) => unknown,
  set: (key: string | symbol, value: unknown) => boolean,
): Bus {
  const methods = new Map<unknown, unknown>();
  return new Proxy(bus, {
    get(target, key) {
      const own = get(key);
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function' || String(key).startsWith('on')) return value;
      // Methods run on the bus itself: its private fields are not the proxy's.
      if (!methods.has(value)) methods.set(value, value.bind(target));
      return methods.get(value);
    },
    set: (target, key, value: unknown) => set(key, value) || Reflect.set(target, key, value, target),
  });
}

/** A guest's bus whose channels speak protobuf. Its host must use {@link protobufHostBus}. */
export function protobufGuestBus<Bus extends { open(channelIndex: number): Promise<PacketChannel> }>(
  bus: Bus,
): Bus {
  const open = async (index: number): Promise<PacketChannel> =>
    protobufChannel(await bus.open(index), 'guest');
  return wrapped(
    bus,
    (key) => (key === 'open' ? open : key === 'codec' ? SEEN_CODEC : undefined),
    () => false,
  );
}

/** A host's bus whose channels speak protobuf. */
export function protobufHostBus<
  Channel extends PacketChannel,
  Bus extends {
    onChannelOpen: ((channel: Channel) => void) | null;
  },
>(bus: Bus): Bus {
  let handler: ((channel: Channel) => void) | null = null;
  const channels = new WeakMap<PacketChannel, Channel>();
  const receive = (channel: Channel): void => {
    const made = channels.get(channel) ?? (protobufChannel(channel, 'host') as Channel);
    channels.set(channel, made);
    handler?.(made);
  };
  return wrapped(
    bus,
    (key) => (key === 'onChannelOpen' ? handler : key === 'codec' ? SEEN_CODEC : undefined),
    (key, value) => {
      if (key !== 'onChannelOpen') return false;
      handler = value as typeof handler;
      bus.onChannelOpen = handler === null ? null : receive;
      return true;
    },
  );
}
