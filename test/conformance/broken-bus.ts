import { type WireCommand, wireCommands } from '@dxgwire/conformance';
import { type Channel, type HostBus, type Packet, PacketKind } from '@dxgwire/transport';

/** A host's answer or message on its way out. A fault may change it in place, or say what to send in its stead. */
export interface Outgoing {
  readonly command: WireCommand | undefined;
  /** The guest's message from its command header on; empty for messages of the host. */
  readonly request: Uint8Array;
  bytes: Uint8Array;
  /** A message of the host to send before it. */
  ahead?: Uint8Array;
  /** Whether it goes out on another channel than the one it was asked on. */
  isAstray?: boolean;
  /** 1 for the first with this command, and so on. */
  readonly count: number;
  idLow: number;
}

/** One way in which a host is broken. What `answer` and `message` give is sent: null nothing, 2 it twice. */
export interface Fault {
  answer?(outgoing: Outgoing): null | 2 | undefined;
  message?(outgoing: Outgoing, code: number): null | 2 | undefined;
  /** A guest's packet before the host gets it: false swallows it. */
  request?(packet: Packet, command: WireCommand | undefined, channel: Channel): boolean;
  /** The value that a fence's page, at this offset of the window, gets. */
  store?(value: bigint, offset: number): bigint;
  /** Sees the bus of each link before anything passes. */
  attach?(bus: HostBus): void;
  /** Sees each channel that a guest opens. */
  opened?(channel: Channel): void;
  /** Whether it never lets go of memory that the guest takes back. */
  readonly keepsMemory?: boolean;
}

interface Asked {
  readonly command: WireCommand | undefined;
  readonly request: Uint8Array;
}

const HEADER_AT = 16;

function commandOf(bytes: Uint8Array): WireCommand | undefined {
  if (bytes.length < HEADER_AT + 24) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const channel = view.getUint8(HEADER_AT + 12) === 0 ? 'vgpu' : 'global';
  const code = view.getUint32(HEADER_AT + 16, true);
  return wireCommands.find((command) => command.channel === channel && command.code === code);
}

class BrokenChannel {
  readonly #asked = new Map<string, Asked>();
  readonly #counts = new Map<string, number>();
  readonly #fault: Fault;
  readonly #inner: Channel;
  readonly #all: readonly Channel[];

  /** @param all the channels of the link, more of which may come. */
  constructor(inner: Channel, fault: Fault, all: readonly Channel[]) {
    this.#inner = inner;
    this.#fault = fault;
    this.#all = all;
  }

  receive(packet: Packet, handler: (packet: Packet) => void): void {
    const bytes = packet.bytes.slice(packet.offset, packet.offset + packet.length);
    const command = commandOf(bytes);
    this.#asked.set(`${packet.idLow}/${packet.idHigh}`, { command, request: bytes.subarray(HEADER_AT) });
    if (this.#fault.request?.(packet, command, this.#inner) === false) return;
    handler(packet);
  }

  send(...args: Parameters<Channel['send']>): boolean {
    const [kind, idLow, idHigh, flags, bytes, offset, length] = args;
    const isAnswer = kind === PacketKind.completion;
    const asked = isAnswer ? this.#asked.get(`${idLow}/${idHigh}`) : undefined;
    const copy = bytes.slice(offset, offset + length);
    const name = asked?.command?.name ?? '';
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    const outgoing: Outgoing = {
      command: asked?.command,
      request: asked?.request ?? new Uint8Array(0),
      bytes: copy,
      count,
      idLow,
    };
    const code = copy.length >= 20 ? new DataView(copy.buffer).getUint32(16, true) : 0;
    const what = isAnswer ? this.#fault.answer?.(outgoing) : this.#fault.message?.(outgoing, code);
    if (what === null) return true;
    const { ahead, idLow: id, bytes: sent } = outgoing;
    if (ahead !== undefined) this.#all[0]?.send(PacketKind.inBand, 0, 0, 0, ahead, 0, ahead.length);
    const other = this.#all.find((channel) => channel !== this.#inner);
    const channel = outgoing.isAstray === true && other !== undefined ? other : this.#inner;
    let isRoomy = true;
    for (let times = 0; times < (what ?? 1); times += 1)
      isRoomy = channel.send(kind, id, idHigh, flags, sent, 0, sent.length);
    return isRoomy;
  }
}

function breakChannel(channel: Channel, fault: Fault, all: Channel[]): Channel {
  all.push(channel);
  fault.opened?.(channel);
  const broken = new BrokenChannel(channel, fault, all);
  return new Proxy(channel, {
    get(target, key) {
      if (key === 'send') return (...args: Parameters<Channel['send']>) => broken.send(...args);
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' && !String(key).startsWith('on') ? value.bind(target) : value;
    },
    set(target, key, value) {
      if (key === 'onPacket' && value !== null) {
        target.onPacket = (packet) => broken.receive(packet, value as (packet: Packet) => void);
        return true;
      }
      return Reflect.set(target, key, value, target);
    },
  });
}

/** A bus for a right host that makes it look broken to its guest. */
export function breakBus(inner: HostBus, fault: Fault): HostBus {
  fault.attach?.(inner);
  const window = new Proxy(inner.window, {
    get(target, key) {
      if (key === 'storeU64') {
        return (offset: number, low: number, high: number) => {
          const value = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
          const stored = fault.store?.(value, offset) ?? value;
          target.storeU64(offset, Number(stored & 0xffff_ffffn), Number(stored >> 32n));
        };
      }
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const channels: Channel[] = [];
  return new Proxy(inner, {
    get(target, key) {
      if (key === 'window') return window;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' && !String(key).startsWith('on') ? value.bind(target) : value;
    },
    set(target, key, value) {
      if (key === 'onChannelOpen' && value !== null) {
        const handler = value as (channel: Channel) => void;
        target.onChannelOpen = (channel) => handler(breakChannel(channel, fault, channels));
        return true;
      }
      if (key === 'onGpadlTeardown' && value !== null && fault.keepsMemory === true) {
        target.onGpadlTeardown = () => new Promise(() => {});
        return true;
      }
      return Reflect.set(target, key, value, target);
    },
  });
}
