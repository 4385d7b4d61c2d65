import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type GuestEvent, GuestJudge, GuestView } from '@dxgwire/conformance';

/** What the stock driver did in a recorded trace, and guests that do it wrong. */

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

type Events = readonly GuestEvent[];
/** An event, and the name of its message where it is one. */
type Named = GuestEvent & { readonly name?: string };
type Change = (events: readonly Named[]) => Events;
type Packet = Extract<GuestEvent, { kind: 'packet' }> & { readonly name: string };

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
  const gpadl = /^gpadl 0x([0-9a-f]+)/.exec(line.detail ?? '')?.[1];
  if (gpadl !== undefined && /^Gpadl(Create|Teardown)$/.test(name))
    return { kind: name === 'GpadlCreate' ? 'gpadl' : 'gpadlEnd', gpadl: Number.parseInt(gpadl, 16) };
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
  const judge = new GuestJudge(new GuestView(40, 16n << 20n, [(0x77n << 32n) | 0xabcd00n]));
  for (const event of change(readTrace())) judge.take(event);
  return judge;
}

function isPacket(event: Named): event is Packet {
  return event.kind === 'packet';
}

/** Changes each message, or each of one name; null leaves it out. */
function packets(change: (packet: Packet, count: number) => Partial<Packet> | null, name?: string): Change {
  return (events) => {
    let count = 0;
    return events.flatMap((event) => {
      if (!isPacket(event) || (name !== undefined && event.name !== name)) return [event];
      count += 1;
      const changed = change(event, count);
      return changed === null ? [] : [{ ...event, ...changed }];
    });
  };
}

/** Changes one word of each message of a name. */
function withWord(name: string, offset: number, value: number): Change {
  return packets(({ bytes }) => {
    new DataView(bytes.buffer).setUint32(offset, value, true);
    return {};
  }, name);
}

/** Puts something in front of the first message of a name. */
function before(name: string, make: (events: readonly Named[]) => Events): Change {
  return (events) => {
    const at = events.findIndex((event) => isPacket(event) && event.name === name);
    return [...events.slice(0, at), ...make(events), ...events.slice(at)];
  };
}

function find(events: readonly Named[], name: string): Packet {
  const found = events.find((event) => isPacket(event) && event.name === name);
  if (found === undefined || !isPacket(found)) throw new Error(`the trace has no ${name}`);
  return { ...found, bytes: found.bytes.slice() };
}

/** A kit that did something, and a link that broke right after. */
function afterOddity(what: Extract<GuestEvent, { kind: 'oddity' }>['what']): Change {
  return (events) => [
    ...events.slice(0, -1),
    { kind: 'oddity', what },
    { kind: 'end', error: new Error('this broken guest has crashed') },
  ];
}

/** Guests that are wrong in one way, and the rule that catches each. */
export const brokenGuests: readonly [name: string, caughtBy: string, change: Change][] = [
  ['a transaction id twice', 'GUEST-05', packets(({ id }, count) => ({ id: count > 5 ? id - 1n : id }))],
  ['a reserved field in the extended header', 'GUEST-08', withWord('CreateDevice', 4, 1)],
  ['a LUID in a global command', 'GUEST-09', withWord('CreateProcess', 8, 5)],
  ['a LUID that is nobody’s', 'GUEST-10', withWord('CreateDevice', 8, 5)],
  ['a command_id', 'GUEST-11', withWord('CreateDevice', 16, 5)],
  ['reserved bits of the channel field', 'GUEST-12', withWord('CreateDevice', 28, 0x1000)],
  ['a command that there is not', 'GUEST-13', withWord('CreateDevice', 32, 200)],
  ['no SetIoSpaceRegion', 'GUEST-14', packets(() => null, 'SetIoSpaceRegion')],
  ['an IO space that is not page aligned', 'GUEST-15', withWord('SetIoSpaceRegion', 40, 7)],
  ['no OpenAdapter', 'GUEST-16', packets(() => null, 'OpenAdapter')],
  ['another version in OpenAdapter', 'GUEST-18', withWord('OpenAdapter', 40, 39)],
  ['a process in OpenAdapter', 'GUEST-19', withWord('OpenAdapter', 24, 0x80000040)],
  ['a process that nobody gave', 'GUEST-20', withWord('CreateDevice', 24, 77)],
  [
    'a message cut short',
    'GUEST-21',
    packets(({ bytes }) => ({ bytes: bytes.slice(0, 48) }), 'MakeResident'),
  ],
  [
    'one-way messages that were not asked for',
    'GUEST-22',
    packets(() => ({ flags: 0, id: 0n }), 'SubmitCommand'),
  ],
  ['async_msg in what wants an answer', 'GUEST-23', withWord('SubmitCommand', 28, 0x100)],
  ['a global command on a vGPU channel', 'GUEST-24', packets(() => ({ channel: 2 }), 'DestroySyncObject')],
  ['a device that nobody gave', 'GUEST-26', withWord('DestroyDevice', 40, 0x777)],
  ['a flush without its reason', 'GUEST-27', withWord('DestroyDevice', 32, 42)],
  ['one event id for all waits', 'GUEST-28', withWord('WaitForSyncObjectFromCpu', 56, 2)],
  ['more objects than there are', 'GUEST-29', withWord('WaitForSyncObjectFromCpu', 44, 900)],
  ['more private data than there is', 'GUEST-30', withWord('QueryAdapterInfo', 44, 90_000)],
  ['a global handle that nobody gave', 'GUEST-31', withWord('OpenSyncObject', 44, 5)],
  ['an NT object that nobody gave', 'GUEST-32', withWord('OpenResource', 48, 5)],
  ['a resource and allocations to destroy', 'GUEST-34', withWord('DestroyAllocation', 44, 9)],
  ['its own adapter handle in place of the host’s', 'GUEST-35', withWord('Escape', 40, 0x40000000)],
  ['a device in MakeResident', 'GUEST-36', withWord('MakeResident', 40, 9)],
  [
    'a first write that is no capabilities',
    'GUEST-01',
    (events) => [{ kind: 'pciWrite', offset: 0xd8, value: 1 }, ...events],
  ],
  ['another version', 'GUEST-02', (events) => [...events, { kind: 'pciWrite', offset: 0xd0, value: 39 }]],
  ['a virtual GPU opened first', 'GUEST-03', (events) => [{ kind: 'open', channel: 2 }, ...events]],
  ['packets with flags of its own', 'GUEST-04', packets(() => ({ flags: 3 }), 'CreateDevice')],
  ['completions of its own', 'GUEST-04', packets(() => ({ packetKind: 11 }), 'CreateDevice')],
  ['ids where no answer is wanted', 'GUEST-06', packets(() => ({ flags: 0, id: 9n }), 'SubmitCommand')],
  [
    'a message without whole headers',
    'GUEST-07',
    packets(({ bytes }) => ({ bytes: bytes.slice(0, 30) }), 'CreateDevice'),
  ],
  [
    'a message that is too long',
    'GUEST-07',
    packets(() => ({ bytes: new Uint8Array(131_080) }), 'CreateDevice'),
  ],
  [
    'a virtual GPU used before the IO space lay',
    'GUEST-17',
    (events) => events.filter(({ kind, name }) => kind !== 'answer' || name !== 'SetIoSpaceRegion'),
  ],
  ['commands on the other channel', 'GUEST-25', packets(() => ({ channel: 1 }), 'CreateDevice')],
  [
    'a page list cut short',
    'GUEST-33',
    before('DestroyDevice', (events) => {
      const packet = find(events, 'SetExistingSysMemStore');
      new DataView(packet.bytes.buffer).setUint32(32, 66, true);
      return [packet];
    }),
  ],
  [
    'a process named after its end',
    'GUEST-37',
    before('CreateDevice', (events) => [
      { ...find(events, 'DestroyProcess'), bytes: endOf(find(events, 'CreateDevice')) },
    ]),
  ],
  ['a fence id twice', 'GUEST-41', withWord('SubmitCommandToHwQueue', 48, 1)],
  ['memory that nobody shares', 'GUEST-42', withWord('SetExistingSysMemStore', 48, 0x777)],
  [
    'memory taken back while an allocation has it',
    'GUEST-43',
    before('DestroyAllocation', (events) => events.filter(({ kind }) => kind === 'gpadlEnd').slice(0, 1)),
  ],
  [
    'a page list with a gap',
    'GUEST-44',
    before('DestroyDevice', (events) => [pagesOf(events, 0, 3), pagesOf(events, 4, 3)]),
  ],
  [
    'a page list with pages twice',
    'GUEST-44',
    before('DestroyDevice', (events) => [pagesOf(events, 0, 3), pagesOf(events, 2, 3)]),
  ],
  [
    'every channel opened that is offered',
    'GUEST-45',
    (events) => [
      ...events,
      { kind: 'oddity', what: 'a strange offer', channel: 9 },
      { kind: 'open', channel: 9 },
    ],
  ],
  ['no stomach for strange offers', 'GUEST-45', afterOddity('a strange offer')],
  ['no stomach for long answers', 'GUEST-38', afterOddity('a long answer')],
  ['no stomach for stray events', 'GUEST-39', afterOddity('a stray event')],
  ['no stomach for strange messages', 'GUEST-40', afterOddity('a strange message')],
];

/** A piece of a page list, as long as its head. */
function pagesOf(events: readonly Named[], offset: number, count: number): Packet {
  const packet = find(events, 'SetExistingSysMemStore');
  const view = new DataView(packet.bytes.buffer);
  view.setUint32(32, 66, true);
  view.setUint32(48, count, true);
  view.setUint32(52, offset, true);
  return packet;
}

/** A DestroyProcess of the process that a message names. */
function endOf({ bytes }: Packet): Uint8Array {
  const end = bytes.slice(0, 40);
  const view = new DataView(end.buffer);
  view.setBigUint64(8, 0n, true);
  view.setUint32(28, 1, true);
  view.setUint32(32, 1001, true);
  return end;
}
