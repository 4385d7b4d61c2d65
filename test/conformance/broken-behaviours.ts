import { PacketKind } from '@dxgwire/transport';
import { breakBus, type Fault } from './broken-bus.ts';
import { believer, eventFor, gossip, untidy, wavering } from './broken-trust.ts';
import type { Mutant } from './mutants.ts';

/** Hosts that are wrong in what they do, and not at one place of what they send. */

const HEADER_AT = 16;

function behaviour(name: string, make: () => Fault, isSilent = false): Mutant {
  // One fault for all links of a run: a host that has gone wrong stays so.
  const fault = make();
  return { name, isSilent, wrap: (bus) => breakBus(bus, fault) };
}

function wordOf(bytes: Uint8Array, offset: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return bytes.length >= offset + 4 ? view.getUint32(offset, true) : 0;
}

/** Signals what waits for something at once. */
function eager(): Fault {
  return {
    answer(outgoing) {
      const { command, request } = outgoing;
      if (command?.name === 'WaitForSyncObjectFromCpu') outgoing.ahead = eventFor(request, 40);
      return undefined;
    },
  };
}

/** Signals the latest wait with whatever is signalled. */
function hasty(): Fault {
  let waiting: Uint8Array | null = null;
  return {
    answer(outgoing) {
      const { command, request } = outgoing;
      if (command?.name === 'WaitForSyncObjectFromCpu') waiting = eventFor(request, 40);
      else if (command?.name === 'SignalSyncObject' && waiting !== null) outgoing.ahead = waiting;
      return undefined;
    },
  };
}

/** Signals an event that is queued behind something at once. */
function impatient(): Fault {
  return {
    request({ bytes, offset }, command, channel) {
      const body = offset + HEADER_AT;
      if (command?.name !== 'SignalSyncObject' || (wordOf(bytes, body + 28) & 2) === 0) return true;
      const event = eventFor(bytes, body + 48);
      channel.send(PacketKind.inBand, 0, 0, 0, event, 0, event.length);
      return true;
    },
  };
}

function handleAt(bytes: Uint8Array, offset: number, change: (handle: number) => number): void {
  if (bytes.length < offset + 4) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setUint32(offset, change(view.getUint32(offset, true)) >>> 0, true);
}

/** Never gives an index again: its handles only grow. */
function growing(): Fault {
  const real = new Map<number, number>();
  return {
    answer({ command, bytes }) {
      if (command?.name !== 'CreateSyncObject') return undefined;
      const shown = 0xc000_0000 + (1000 + real.size) * 64;
      real.set(shown, wordOf(bytes, 0));
      handleAt(bytes, 0, () => shown);
      return undefined;
    },
    request({ bytes, offset, length }, command) {
      const message = bytes.subarray(offset, offset + length);
      if (command?.name === 'DestroySyncObject')
        handleAt(message, HEADER_AT + 24, (handle) => real.get(handle) ?? handle);
      return true;
    },
  };
}

/** Names the processes of each link apart, but takes the name of any: one fault for each link. */
function forgetful(): () => Fault {
  let links = 0;
  return () => {
    links += 1;
    const bits = links << 6;
    return {
      answer({ command, bytes }) {
        if (command?.name === 'CreateProcess')
          handleAt(bytes, 0, (handle) => (handle === 0 ? 0 : handle + bits * 64));
        return undefined;
      },
      request({ bytes, offset, length }) {
        const message = bytes.subarray(offset, offset + length);
        handleAt(message, HEADER_AT + 8, (handle) => (handle === 0 ? 0 : handle & ~0xf_f000));
        return true;
      },
    };
  };
}

/** Puts each message of the host behind the one that follows it. */
function swapped(wanted: number): Fault {
  let held: Uint8Array | null = null;
  return {
    message(outgoing, code) {
      if (code === wanted && held === null) {
        held = outgoing.bytes;
        return null;
      }
      if (held !== null) {
        outgoing.ahead = outgoing.bytes;
        outgoing.bytes = held;
        held = null;
      }
      return undefined;
    },
  };
}

/** A message that is not what it says, or is nothing: what a careful host refuses. */
function isOdd(bytes: Uint8Array, fixedBytes: number | undefined): boolean {
  if (bytes.length < HEADER_AT + 24 || wordOf(bytes, 0) !== HEADER_AT || fixedBytes === undefined)
    return true;
  if (bytes.length < HEADER_AT + fixedBytes) return true;
  for (let offset = HEADER_AT + 24; offset < HEADER_AT + fixedBytes; offset += 4)
    if (wordOf(bytes, offset) === 0xffff_ffff) return true;
  return false;
}

/** Answers whatever it does not understand with success. */
function yesMan(): Fault {
  return {
    request(packet, command, channel) {
      const bytes = packet.bytes.subarray(packet.offset, packet.offset + packet.length);
      if (!isOdd(bytes, command?.fixedBytes)) return true;
      const answer = new Uint8Array(64);
      answer[0] = command?.statusOffset === null ? 0x80 : 0;
      if (packet.flags !== 0)
        channel.send(PacketKind.completion, packet.idLow, packet.idHigh, 0, answer, 0, answer.length);
      return false;
    },
  };
}

/** Takes signals whose list of values is cut short. */
function frugal(): Fault {
  return {
    request({ bytes, offset, length, idLow, idHigh, flags }, command, channel) {
      const [objects, contexts] = [40, 48].map((at) => wordOf(bytes, offset + at));
      const rest = length - HEADER_AT - 56 - 4 * ((objects ?? 0) + (contexts ?? 0));
      if (command?.name !== 'SignalSyncObject' || rest < 8 || rest >= 8 * (objects ?? 0)) return true;
      if (flags !== 0) channel.send(PacketKind.completion, idLow, idHigh, 0, new Uint8Array(8), 0, 8);
      return false;
    },
  };
}

/** Is no use to anybody any more, once it has been sent something odd. */
function brokenByOddness(): Fault {
  let isBroken = false;
  return {
    request(packet, command) {
      const bytes = packet.bytes.subarray(packet.offset, packet.offset + packet.length);
      isBroken ||= isOdd(bytes, command?.fixedBytes);
      return true;
    },
    answer(outgoing) {
      if (isBroken && outgoing.command?.name === 'CreateDevice') outgoing.bytes = new Uint8Array(8);
      return undefined;
    },
  };
}

/** As {@link behaviour}, with a fault of its own for each link. */
function linkwise(name: string, make: () => Fault): Mutant {
  return { name, isSilent: false, wrap: (bus) => breakBus(bus, make()) };
}

const WITH_EVENTS = /^(SYNC|PAGE|QUEUE|LIFE|BRING)$/;
const WITH_ODD_MESSAGES = /^(PACKET|CUT|FIELDS)$/;

/** The behaviours that may matter to checks of a group. */
export function* behaviours(group: string): Generator<Mutant> {
  if (WITH_EVENTS.test(group)) {
    yield behaviour('an event for each wait at once', eager);
    yield behaviour('an event for each wait with any signal', hasty);
    yield behaviour('an event that overtakes what is queued', impatient);
    yield behaviour('news of a lost device behind what follows', () => swapped(2));
    yield behaviour('no event ever', () => ({ message: (_, code) => (code === 0 ? null : undefined) }), true);
    yield behaviour('no news ever', () => ({ message: (_, code) => (code === 2 ? null : undefined) }), true);
  }
  if (WITH_ODD_MESSAGES.test(group)) {
    yield behaviour('odd messages answered with success', yesMan);
    yield behaviour('no device once an odd message came', brokenByOddness);
  }
  if (group === 'PACKET') yield behaviour('signals with too few values taken', frugal);
  if (group === 'NAME') {
    yield behaviour('indices that only grow', growing);
    yield linkwise('processes of other links taken', forgetful());
  }
  if (group === 'PAGE') {
    yield linkwise('pages of fences believed', believer);
    yield linkwise('pages that hold what the fence before left', untidy);
    for (const name of ['IsFeatureEnabled', 'CreateSyncObject', 'DestroySyncObject'])
      yield linkwise(`a fence that is one less after ${name}`, () => wavering(name));
  }
  if (group === 'LIFE') {
    yield linkwise('events and news for every guest', gossip());
    yield linkwise('news for every guest', gossip(2));
  }
  if (group === 'MEMORY') yield behaviour('memory that is never let go of', () => ({ keepsMemory: true }));
}
