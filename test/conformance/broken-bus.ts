import { type WireCommand, wireCommands } from '@dxgwire/conformance';
import { type Channel, type HostBus, type Packet, PacketKind } from '@dxgwire/transport';

/** A host's answer or message on its way out. A fault may change it in place, or say what to send in its stead. */
export interface Outgoing {
  readonly command: WireCommand | undefined;
  /** The guest's message from its command header on; empty for messages of the host. */
  readonly request: Uint8Array;
  bytes: Uint8Array;
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
  /** The value that a fence's page gets. */
  store?(value: bigint): bigint;
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

  constructor(inner: Channel, fault: Fault) {
    this.#inner = inner;
    this.#fault = fault;
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
    let isRoomy = true;
    for (let times = 0; times < (what ?? 1); times += 1) {
      isRoomy = this.#inner.send(
        kind,
        outgoing.idLow,
        idHigh,
        flags,
        outgoing.bytes,
        0,
        outgoing.bytes.length,
      );
    }
    return isRoomy;
  }
}

function breakChannel(channel: Channel, fault: Fault): Channel {
  const broken = new BrokenChannel(channel, fault);
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
  const window = new Proxy(inner.window, {
    get(target, key) {
      if (key === 'storeU64') {
        return (offset: number, low: number, high: number) => {
          const value = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
          const stored = fault.store?.(value) ?? value;
          target.storeU64(offset, Number(stored & 0xffff_ffffn), Number(stored >> 32n));
        };
      }
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return new Proxy(inner, {
    get(target, key) {
      if (key === 'window') return window;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' && !String(key).startsWith('on') ? value.bind(target) : value;
    },
    set(target, key, value) {
      if (key === 'onChannelOpen' && value !== null) {
        const handler = value as (channel: Channel) => void;
        target.onChannelOpen = (channel) => handler(breakChannel(channel, fault));
        return true;
      }
      return Reflect.set(target, key, value, target);
    },
  });
}
