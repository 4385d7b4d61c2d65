import { type Channel, type HostBus, PacketKind } from '@dxgwire/transport';
import { GuestJudge } from './judge.ts';
import { Provocation } from './provocation.ts';
import { GuestView } from './view.ts';

const VERSION_OFFSET = 0xd0;
const LUID_OFFSET = 0xd4;
const CAPABILITIES_OFFSET = 0xdc;
const MEBIBYTE = 1_048_576n;

/** A host's bus that shows a judge everything that its guest does. */
export interface JudgedBus {
  /** To be given to the host that serves the guest. */
  readonly bus: HostBus;
  readonly judge: GuestJudge;
  /** Resolves when the guest's link has ended: null after an orderly close, else what went wrong. */
  readonly ended: Promise<Error | null>;
}

/** Tells a judge of each turn of the event loop in which something comes. */
class Turns {
  readonly #judge: GuestJudge;
  #isOpen = false;

  constructor(judge: GuestJudge) {
    this.#judge = judge;
  }

  note(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    setTimeout(() => {
      this.#isOpen = false;
    }, 0);
    this.#judge.take({ kind: 'turn' });
  }
}

function tapChannel(
  channel: Channel,
  judge: GuestJudge,
  provocation: Provocation | null,
  turns: Turns,
): Channel {
  const { index } = channel;
  provocation?.open(channel);
  const tapped: Channel = Object.create(channel, {
    onPacket: {
      get: () => channel.onPacket,
      set: (handler: Channel['onPacket']) => {
        channel.onPacket =
          handler === null
            ? null
            : (packet) => {
                const { kind, flags, idLow, idHigh, offset, length } = packet;
                const id = (BigInt(idHigh >>> 0) << 32n) | BigInt(idLow >>> 0);
                const bytes = packet.bytes.slice(offset, offset + length);
                turns.note();
                judge.take({ kind: 'packet', channel: index, packetKind: kind, id, flags, bytes });
                handler(packet);
              };
      },
    },
    isOpen: { get: () => channel.isOpen },
    onDrain: {
      get: () => channel.onDrain,
      set: (handler: Channel['onDrain']) => (channel.onDrain = handler),
    },
    onClose: {
      get: () => channel.onClose,
      set: (handler: Channel['onClose']) => {
        channel.onClose = (error) => {
          provocation?.closed(channel);
          judge.take({ kind: 'closed', channel: index });
          handler?.(error);
        };
      },
    },
    send: {
      value: (...args: Parameters<Channel['send']>) => {
        const [kind, idLow, idHigh, flags, bytes, offset, length] = args;
        if (kind !== PacketKind.completion) {
          const isRoomy = channel.send(...args);
          provocation?.afterEvent(bytes.slice(offset, offset + length));
          return isRoomy;
        }
        const id = (BigInt(idHigh >>> 0) << 32n) | BigInt(idLow >>> 0);
        const copy = bytes.slice(offset, offset + length);
        const sent = provocation?.answer(index, id, copy) ?? copy;
        const send = (): boolean => {
          // One that was kept back may find its channel closed.
          if (!channel.isOpen) return true;
          judge.take({ kind: 'answer', channel: index, id, bytes: copy });
          return channel.send(kind, idLow, idHigh, flags, sent, 0, sent.length);
        };
        if (provocation?.hold(index, send) === true) return true;
        const isRoomy = send();
        provocation?.follow(index);
        provocation?.afterAnswer();
        return isRoomy;
      },
    },
    flush: { value: () => channel.flush() },
    close: { value: () => channel.close() },
    abort: { value: (error: Error) => channel.abort(error) },
  }) as Channel;
  return tapped;
}

/**
 * Puts a judge between a guest and the host that serves it; the host notices nothing.
 *
 * @param isObserving whether nothing odd is done to the guest.
 */
export function judgeGuest(inner: HostBus, isObserving = false): JudgedBus {
  const view = new GuestView(27, 0n);
  const judge = new GuestJudge(view);
  const turns = new Turns(judge);
  const provocation = isObserving ? null : new Provocation(judge, view);
  let close: HostBus['onClose'] = null;
  let open: HostBus['onChannelOpen'] = null;
  let finish: (error: Error | null) => void = () => {};
  const ended = new Promise<Error | null>((resolve) => {
    finish = resolve;
  });
  view.memory.lookUp = (gpadl) =>
    inner.memory.gpadl(gpadl)?.reduce((sum, { length }) => sum + length, 0) ?? null;
  view.memory.contains = (address, lengthBytes) => inner.memory.contains(address, lengthBytes);
  let teardown: HostBus['onGpadlTeardown'] = null;
  inner.onGpadlTeardown = (gpadl) => {
    judge.take({ kind: 'gpadlEnd', gpadl });
    return teardown?.(gpadl);
  };
  inner.onChannelOpen = (channel) => {
    judge.take({ kind: 'open', channel: channel.index });
    // Nobody serves what the kit itself has offered.
    if (view.strangeChannels.has(channel.index)) return;
    open?.(tapChannel(channel, judge, provocation, turns));
  };
  inner.onClose = (error) => {
    judge.take({ kind: 'end', error });
    close?.(error);
    finish(error);
  };
  const bus: HostBus = {
    transport: inner.transport,
    peerName: inner.peerName,
    memory: inner.memory,
    window: inner.window,
    statistics: inner.statistics,
    get onChannelOpen() {
      return open;
    },
    set onChannelOpen(handler) {
      open = handler;
    },
    get onGpadlTeardown() {
      return teardown;
    },
    set onGpadlTeardown(handler) {
      teardown = handler;
    },
    get onClose() {
      return close;
    },
    set onClose(handler) {
      close = handler;
    },
    get onInterruption() {
      return inner.onInterruption ?? null;
    },
    set onInterruption(handler) {
      inner.onInterruption = handler;
    },
    offer(options) {
      if (options.mmioMegabytes > 0) view.ioBytes = BigInt(options.mmioMegabytes) * MEBIBYTE;
      const { pci } = options;
      if (pci === undefined) return inner.offer(options);
      const config = new DataView(pci.config.buffer, pci.config.byteOffset, pci.config.length);
      const offered = config.getUint32(VERSION_OFFSET, true);
      const luid = config.getBigUint64(LUID_OFFSET, true);
      if (offered >= 40) view.luids.add(luid);
      else if (offered > 0) view.version = offered;
      const onWrite = (offset: number, value: number): void => {
        if (offset === VERSION_OFFSET) view.version = value;
        judge.take({ kind: 'pciWrite', offset, value });
        pci.onWrite(offset, value);
      };
      const offer = inner.offer({ ...options, pci: { ...pci, onWrite } });
      view.bringUp.offered(offer.index, offered, luid, config.getUint32(CAPABILITIES_OFFSET, true));
      return offer;
    },
    start() {
      provocation?.offer(inner);
      inner.start();
    },
    rescind(index) {
      judge.take({ kind: 'rescind', channel: index });
      inner.rescind(index);
    },
    close: () => inner.close(),
    abort(error) {
      judge.take({ kind: 'refusal', error });
      inner.abort(error);
    },
  };
  return { bus, judge, ended };
}
