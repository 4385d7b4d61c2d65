import { isTransportError } from '../../errors.ts';
import { createInProcessBus } from '../../mock-vmbus/in-process.ts';
import type { Channel, GuestBus, HostBus, Packet } from '../../transport.ts';

/** One thing that transports get wrong, and a test of the suite that must find it. */
export interface Defect {
  readonly foundBy: string;
  /** What was lost is only found by waiting for it. */
  readonly isWaitedFor?: true;
  /** Changes the guest's and the host's end of each channel. */
  readonly channel?: (channel: Channel) => Channel;
  readonly guest?: (guest: GuestBus) => GuestBus;
}

type SendArguments = Parameters<Channel['send']>;
type EndHandler = ((error: Error | null) => void) | null;

/** As `target`, but for what `changes` has. */
function altered<Target extends object>(target: Target, changes: object): Target {
  return new Proxy(target, {
    get(_target, name) {
      if (name in changes) return Reflect.get(changes, name);
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
    set: (_target, name, value) => Reflect.set(name in changes ? changes : target, name, value),
  });
}

/** Alters what comes. */
function receiving(
  channel: Channel,
  alter: (packet: Packet, deliver: (packet: Packet) => void) => void,
): Channel {
  let handler: Channel['onPacket'] = null;
  return altered(channel, {
    get onPacket() {
      return handler;
    },
    set onPacket(next: Channel['onPacket']) {
      handler = next;
      channel.onPacket = next === null ? null : (packet) => alter(packet, next);
    },
  });
}

/** Alters what is said of an end. */
function ending<Target extends { onClose: EndHandler }>(
  target: Target,
  alter: (error: Error | null, tell: (error: Error | null) => void) => void,
): Target {
  let handler: EndHandler = null;
  return altered(target, {
    get onClose() {
      return handler;
    },
    set onClose(next: EndHandler) {
      handler = next;
      target.onClose = next === null ? null : (error) => alter(error, next);
    },
  });
}

function twice(error: Error | null, tell: (error: Error | null) => void): void {
  tell(error);
  queueMicrotask(() => tell(error));
}

/** An end is told to whoever is there then, and to nobody else. */
function forgetting<Target extends { onClose: EndHandler }>(target: Target): Target {
  const changes: { onClose: EndHandler } = { onClose: null };
  target.onClose = (error) => changes.onClose?.(error);
  return altered(target, changes);
}

/** Sends in a later turn. */
class LateChannel {
  readonly waiting: SendArguments[] = [];
  readonly channel: Channel;

  constructor(channel: Channel, copies: boolean) {
    this.channel = altered(channel, {
      send: (...[kind, idLow, idHigh, flags, bytes, offset, length]: SendArguments) => {
        const payload = copies ? bytes.slice() : bytes;
        this.waiting.push([kind, idLow, idHigh, flags, payload, offset, length]);
        setImmediate(() => {
          const next = this.waiting.shift();
          if (next !== undefined && channel.isOpen) channel.send(...next);
        });
        return true;
      },
    });
  }
}

function losing(isLost: (packet: Packet, count: number) => boolean) {
  return (channel: Channel): Channel => {
    let count = 0;
    return receiving(channel, (packet, deliver) => {
      count += 1;
      if (channel.index === 1 || !isLost(packet, count)) deliver(packet);
    });
  };
}

/** Keeps what its channel refuses, however much that is. */
function hoarding(channel: Channel): Channel {
  const hoard: SendArguments[] = [];
  let onDrain: Channel['onDrain'] = null;
  channel.onDrain = () => {
    while (hoard.length > 0 && channel.send(...hoard.shift()!));
    if (hoard.length === 0) onDrain?.();
  };
  return altered(channel, {
    get onDrain() {
      return onDrain;
    },
    set onDrain(next: Channel['onDrain']) {
      onDrain = next;
    },
    send: (...args: SendArguments) => {
      try {
        if (hoard.length === 0) return channel.send(...args);
      } catch (error) {
        if (!isTransportError(error) || error.code !== 'limit') throw error;
      }
      hoard.push(args);
      return false;
    },
  });
}

/** Flags as they were sent; what carries packets here leaves some out. */
function carryingAllFlags() {
  const sent = new Map<string, number>();
  return (channel: Channel): Channel => {
    const receiver = receiving(channel, (packet, deliver) => {
      const flags = sent.get(`${channel.index} ${packet.kind} ${packet.idLow}`) ?? packet.flags;
      deliver({ ...packet, flags });
    });
    return altered(receiver, {
      get onPacket() {
        return receiver.onPacket;
      },
      set onPacket(next: Channel['onPacket']) {
        receiver.onPacket = next;
      },
      send: (...args: SendArguments) => {
        if (channel.index > 1) sent.set(`${channel.index} ${args[0]} ${args[1]}`, args[3]);
        return channel.send(...args);
      },
    });
  };
}

function swapping(channel: Channel): Channel {
  let kept: SendArguments | null = null;
  return altered(channel, {
    send: (...[kind, idLow, idHigh, flags, bytes, offset, length]: SendArguments) => {
      if (channel.index === 1) return channel.send(kind, idLow, idHigh, flags, bytes, offset, length);
      const packet: SendArguments = [kind, idLow, idHigh, flags, bytes.slice(), offset, length];
      if (kept === null) {
        kept = packet;
        return true;
      }
      const first = kept;
      kept = null;
      const goOn = channel.send(...packet);
      return channel.send(...first) && goOn;
    },
  });
}

const GENERATED = 'delivers generated packets to the host in order (seed 1)';
const IN_ORDER = 'closes in order from the guest: each end hears it once';
const ABORTED = 'aborts from the guest: everything pending settles once, the host hears why';
const LATE = 'tells of an end also whoever asks afterwards';
const POOL_OFFSET = 64;

export const defects: Readonly<Record<string, Defect>> = {
  'takes a payload from the beginning of its array': {
    foundBy: 'sends from any place of an array',
    channel: (channel) =>
      altered(channel, {
        send: (...[kind, idLow, idHigh, flags, bytes, _offset, length]: SendArguments) =>
          channel.send(kind, idLow, idHigh, flags, bytes, 0, length),
      }),
  },
  'gives a view of the whole pool that the bytes are a part of': {
    foundBy: 'keeps 64-bit ids, kinds and flags bit by bit',
    channel: (channel) =>
      receiving(channel, (packet, deliver) => {
        const pool = new Uint8Array(POOL_OFFSET + packet.length);
        const bytes = pool.subarray(POOL_OFFSET);
        bytes.set(packet.bytes.subarray(packet.offset, packet.offset + packet.length));
        deliver({ ...packet, bytes, view: new DataView(pool.buffer), offset: 0 });
      }),
  },
  'carries flags that are for its own side': {
    foundBy: "keeps the flags for the sender's own bus to itself",
    channel: carryingAllFlags(),
  },
  'takes without bound': {
    foundBy: 'refuses a caller that goes on regardless, and loses nothing that it took',
    channel: hoarding,
  },
  'loses the largest packet': {
    foundBy: 'takes the largest packet of each side and refuses a larger one',
    isWaitedFor: true,
    channel: losing(({ length }) => length > 131_000),
  },
  'loses a packet now and then': {
    foundBy: GENERATED,
    isWaitedFor: true,
    channel: losing((_packet, count) => count === 997),
  },
  'cuts a byte off': {
    foundBy: GENERATED,
    channel: (channel) =>
      receiving(channel, (packet, deliver) => {
        const cut = channel.index > 1 && packet.length > 8000 ? 8 : 0;
        deliver({ ...packet, length: packet.length - cut });
      }),
  },
  'mixes two packets up': { foundBy: GENERATED, channel: swapping },
  'sends what its caller has in the array later': {
    foundBy: GENERATED,
    channel: (channel) => new LateChannel(channel, false).channel,
  },
  'never says drain': {
    foundBy: 'says stop, then drain, and loses nothing',
    isWaitedFor: true,
    channel: (channel) => altered(channel, { onDrain: null }),
  },
  'drops what waits when the bus is closed': {
    foundBy: IN_ORDER,
    guest: (guest) => {
      const late: LateChannel[] = [];
      return altered(guest, {
        open: async (index: number) => {
          const opened = new LateChannel(await guest.open(index), true);
          late.push(opened);
          return opened.channel;
        },
        close: async () => {
          for (const { waiting } of late) waiting.length = 0;
          await guest.close();
        },
      });
    },
  },
  'never has closed': {
    foundBy: IN_ORDER,
    isWaitedFor: true,
    guest: (guest) => altered(guest, { close: () => new Promise<void>(() => {}) }),
  },
  'says twice that a channel has ended': {
    foundBy: ABORTED,
    channel: (channel) => ending(channel, twice),
  },
  'says twice that the bus has ended': { foundBy: ABORTED, guest: (guest) => ending(guest, twice) },
  'says nothing of the channels of a bus that is aborted': {
    foundBy: ABORTED,
    isWaitedFor: true,
    channel: (channel) =>
      ending(channel, (error, tell) => {
        if (error === null) tell(error);
      }),
  },
  'forgets the end of a channel': { foundBy: LATE, isWaitedFor: true, channel: forgetting },
  'forgets the end of the bus': { foundBy: LATE, isWaitedFor: true, guest: forgetting },
  'takes a channel away twice': {
    foundBy: 'takes channels away',
    guest: (guest) => {
      let handler: GuestBus['onRescind'] = null;
      guest.onRescind = (index) => {
        handler?.(index);
        handler?.(index);
      };
      return altered(guest, {
        get onRescind() {
          return handler;
        },
        set onRescind(next: GuestBus['onRescind']) {
          handler = next;
        },
      });
    },
  },
};

/** A bus in this process that has one defect, or none. */
export function createBrokenBus({ channel: alter, guest: alterGuest }: Partial<Defect>): {
  guest: GuestBus;
  host: HostBus;
} {
  const { guest, host } = createInProcessBus();
  if (alter === undefined) return { guest: alterGuest?.(guest) ?? guest, host };
  let onChannelOpen: HostBus['onChannelOpen'] = null;
  host.onChannelOpen = (channel) => onChannelOpen?.(alter(channel));
  return {
    guest: altered(guest, { open: async (index: number) => alter(await guest.open(index)) }),
    host: altered(host, {
      get onChannelOpen() {
        return onChannelOpen;
      },
      set onChannelOpen(next: HostBus['onChannelOpen']) {
        onChannelOpen = next;
      },
    }),
  };
}
