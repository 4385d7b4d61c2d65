import { brokenByFields } from './broken-guest-fields.ts';
import { brokenByObjects } from './broken-guest-objects.ts';
import {
  afterOddity,
  type BrokenGuest,
  before,
  find,
  type Packet,
  packets,
  pagesOf,
  withWord,
} from './guest-trace.ts';

/** Guests that are wrong in one way, and the rule that catches each. */
export const brokenGuests: readonly BrokenGuest[] = [
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
  ['no stomach for answers to nobody', 'GUEST-89', afterOddity('a stray answer')],
  ['no stomach for messages elsewhere', 'GUEST-90', afterOddity('a message elsewhere')],
  ['no stomach for another order', 'GUEST-91', afterOddity('a late answer')],
  ...brokenByFields,
  ...brokenByObjects,
];

/** A DestroyProcess of the process that a message names. */
function endOf({ bytes }: Packet): Uint8Array {
  const end = bytes.slice(0, 40);
  const view = new DataView(end.buffer);
  view.setBigUint64(8, 0n, true);
  view.setUint32(28, 1, true);
  view.setUint32(32, 1001, true);
  return end;
}
