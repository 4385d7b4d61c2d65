import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type GuestEvent, GuestJudge, GuestView } from '@dxgwire/conformance';

/** What the stock driver did in a recorded trace, and ways to make another guest of it. */

interface Line {
  readonly type: string;
  readonly dir: string;
  readonly name: string;
  readonly channel: number;
  readonly id: number;
  readonly hex: string;
  readonly zeros?: number;
  readonly detail?: string;
}

export type Events = readonly GuestEvent[];
/** An event, and the name of its message where it is one. */
export type Named = GuestEvent & { readonly name?: string };
/** A guest that is wrong in one way, and the rule that catches it. */
export type BrokenGuest = readonly [name: string, caughtBy: string, change: Change];
export type Change = (events: readonly Named[]) => Events;
export type Packet = Extract<GuestEvent, { kind: 'packet' }> & { readonly name: string };

/** The virtual GPU of the trace. */
const VERSION = 40;
const GPU_LUID = (0x77n << 32n) | 0xabcd00n;
const GPU_CHANNEL = 2;
/** Memory of its guest: the IO space lies behind. */
const MEMORY_BYTES = 0x10_0000_0000;

const path = fileURLToPath(new URL('../../fixtures/traces/full-v40-sync-gpadl.jsonl', import.meta.url));

function bytesOf({ hex, zeros = 0 }: Line): Uint8Array {
  const bytes = new Uint8Array(hex.length / 2 + zeros);
  bytes.set(Buffer.from(hex, 'hex'));
  return bytes;
}

function eventOf(line: Line): Named | null {
  const { type, dir, name, channel, id } = line;
  const detail = /offset (\d+) <- 0x([0-9a-f]+)/.exec(line.detail ?? '');
  if (name === 'PciWrite' && detail !== null)
    return { kind: 'pciWrite', offset: Number(detail[1]), value: Number.parseInt(detail[2] ?? '', 16) };
  if (name === 'ChannelOpen') return { kind: 'open', channel };
  const [, gpadl, lengthBytes] = /^gpadl 0x([0-9a-f]+)(?: bytes (\d+))?/.exec(line.detail ?? '') ?? [];
  if (gpadl !== undefined && /^Gpadl(Create|Teardown)$/.test(name))
    return {
      kind: name === 'GpadlCreate' ? 'gpadl' : 'gpadlEnd',
      gpadl: Number.parseInt(gpadl, 16),
      ...(lengthBytes === undefined ? {} : { lengthBytes: Number(lengthBytes) }),
    };
  const isRequest = type === 'inband' && dir === 'g2h';
  if (!isRequest && type !== 'completion') return null;
  const bytes = bytesOf(line);
  if (isRequest)
    return { kind: 'packet', channel, packetKind: 6, id: BigInt(id), flags: id === 0 ? 0 : 1, bytes, name };
  return { kind: 'answer', channel, id: BigInt(id), bytes, name };
}

/** What the guest of the trace did and was answered, in order. */
function readTrace(): Named[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  const events = lines.filter((line) => line !== '').map((line) => eventOf(JSON.parse(line) as Line));
  return [...events.filter((event) => event !== null), { kind: 'end', error: null }];
}

/** What the kit finds in a guest that does as recorded, or as `change` makes of it. */
export function judgeTrace(change: Change = (events) => events): GuestJudge {
  const view = new GuestView(VERSION, 16n << 20n, [GPU_LUID]);
  view.bringUp.offered(GPU_CHANNEL, VERSION, GPU_LUID, 0);
  view.memory.contains = (address, lengthBytes) => address + lengthBytes <= MEMORY_BYTES;
  const judge = new GuestJudge(view);
  for (const event of change(readTrace())) judge.take(event);
  return judge;
}

export function isPacket(event: Named): event is Packet {
  return event.kind === 'packet';
}

/** Changes each message, or each of one name; null leaves it out. */
export function packets(
  change: (packet: Packet & { readonly view: DataView }, count: number) => Partial<Packet> | null,
  name?: string,
): Change {
  return (events) => {
    let count = 0;
    return events.flatMap((event) => {
      if (!isPacket(event) || (name !== undefined && event.name !== name)) return [event];
      count += 1;
      const view = new DataView(event.bytes.buffer, event.bytes.byteOffset, event.bytes.length);
      const changed = change({ ...event, view }, count);
      return changed === null ? [] : [{ ...event, ...changed }];
    });
  };
}

/** Changes one word of each message of a name. */
export function withWord(name: string, offset: number, value: number): Change {
  return packets(({ bytes }) => {
    new DataView(bytes.buffer).setUint32(offset, value, true);
    return {};
  }, name);
}

/** Puts something in front of the first message of a name. */
export function before(name: string, make: (events: readonly Named[]) => Events): Change {
  return (events) => {
    const at = events.findIndex((event) => isPacket(event) && event.name === name);
    return [...events.slice(0, at), ...make(events), ...events.slice(at)];
  };
}

export function find(events: readonly Named[], name: string): Packet {
  const found = events.find((event) => isPacket(event) && event.name === name);
  if (found === undefined || !isPacket(found)) throw new Error(`the trace has no ${name}`);
  return { ...found, bytes: found.bytes.slice() };
}

/** A kit that did something, and a link that broke right after. */
export function afterOddity(what: Extract<GuestEvent, { kind: 'oddity' }>['what']): Change {
  return (events) => [
    ...events.slice(0, -1),
    { kind: 'oddity', what },
    { kind: 'end', error: new Error('this broken guest has crashed') },
  ];
}

/** Says a message of a name twice, without waiting for the answer. */
export function twice(name: string): Change {
  return (events) =>
    events.flatMap((event) => (isPacket(event) && event.name === name ? [event, event] : [event]));
}

/** Makes one message of a name of its own: the first, with words changed. */
export function like(
  events: readonly Named[],
  name: string,
  words: Readonly<Record<number, number>>,
): Packet {
  const packet = find(events, name);
  const view = new DataView(packet.bytes.buffer);
  for (const [offset, value] of Object.entries(words)) view.setUint32(Number(offset), value, true);
  return packet;
}

/** Leaves out events of a kind, or answers to a name. */
export function without(isIt: (event: Named) => boolean): Change {
  return (events) => events.filter((event) => !isIt(event));
}

/** A piece of a page list, as long as its head. */
export function pagesOf(events: readonly Named[], offset: number, count: number): Packet {
  const packet = find(events, 'SetExistingSysMemStore');
  const view = new DataView(packet.bytes.buffer);
  view.setUint32(32, 66, true);
  view.setUint32(48, count, true);
  view.setUint32(52, offset, true);
  return packet;
}
