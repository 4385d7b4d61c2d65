import {
  type BrokenGuest,
  before,
  like,
  type Named,
  packets,
  pagesOf,
  twice,
  without,
  withWord,
} from './guest-trace.ts';

/** Handles that the recorded host gave: to process A, and to B, whose device has the handle of A's. */
const PROCESS_A = 0x8000_0040;
const PROCESS_B = 0x8000_0080;
const OTHER_DEVICE = 0x4000_0440;
const CONTEXT = 0x4000_0480;
const QUEUE_CONTEXT = 0x4000_0500;
const PAGING_FENCE = 0x4000_0580;
const ALLOCATION = 0x4000_0640;
const RESOURCE = 0x4000_0740;
const MEMBER_OF_SHARED = 0x4000_0880;
const NOBODYS = 0x777;

const isAnswerTo =
  (name: string) =>
  (event: Named): boolean =>
    event.kind === 'answer' && event.name === name;

/** Guests that name the wrong objects, or do things to them at the wrong time. */
export const brokenByObjects: readonly BrokenGuest[] = [
  ['an allocation that nobody gave', 'GUEST-26', withWord('Lock2', 44, NOBODYS)],
  ['a queue that nobody gave', 'GUEST-26', withWord('SubmitCommandToHwQueue', 40, NOBODYS)],
  ['a paging queue that nobody gave', 'GUEST-26', withWord('MakeResident', 44, NOBODYS)],
  ['a context in place of a device', 'GUEST-26', withWord('GetDeviceState', 40, CONTEXT)],
  ['a signal to the fence of a paging queue', 'GUEST-26', withWord('SignalSyncObject', 72, PAGING_FENCE)],
  [
    'an allocation of another process',
    'GUEST-26',
    before('DestroyProcess', (events) => [like(events, 'Lock2', { 24: PROCESS_B, 44: ALLOCATION })]),
  ],
  ['ends that are asked for twice', 'GUEST-46', twice('DestroyContext')],
  [
    'a queue used when its context has ended',
    'GUEST-46',
    before('MarkDeviceAsError', (events) => [
      like(events, 'DestroyContext', { 40: QUEUE_CONTEXT }),
      like(events, 'SubmitCommandToHwQueue', {}),
    ]),
  ],
  ['a cache of nothing', 'GUEST-47', withWord('InvalidateCache', 44, NOBODYS)],
  ['nothing to offer', 'GUEST-47', withWord('OfferAllocations', 60, NOBODYS)],
  [
    'a primary that nobody gave',
    'GUEST-47',
    packets(({ view }) => {
      view.setUint32(340, 1, true);
      view.setUint32(344, NOBODYS, true);
      return {};
    }, 'SubmitCommand'),
  ],
  ['an allocation of another device', 'GUEST-48', withWord('Lock2', 40, OTHER_DEVICE)],
  ['an allocation of another virtual GPU', 'GUEST-49', withWord('Lock2', 8, 5)],
  ['a reservation of nobody', 'GUEST-50', withWord('ReserveGpuVirtualAddress', 40, NOBODYS)],
  [
    'the version before the capabilities',
    'GUEST-64',
    ([first, second, ...rest]) => [second, first, ...rest].filter((event) => event !== undefined),
  ],
  ['no version', 'GUEST-64', ([first, , ...rest]) => [first, ...rest].filter((event) => event !== undefined)],
  [
    'words with the host when channels are open',
    'GUEST-64',
    before('CreateProcess', () => [{ kind: 'pciWrite', offset: 0xd4, value: 1 }]),
  ],
  ['two IO spaces', 'GUEST-65', twice('SetIoSpaceRegion')],
  ['a process before the IO space lay', 'GUEST-65', without(isAnswerTo('SetIoSpaceRegion'))],
  ['no patience with OpenAdapter', 'GUEST-66', without(isAnswerTo('OpenAdapter'))],
  ['no patience with GetInternalAdapterInfo', 'GUEST-66', without(isAnswerTo('GetInternalAdapterInfo'))],
  ['a virtual GPU that is opened twice', 'GUEST-67', twice('OpenAdapter')],
  [
    'a virtual GPU used when it was closed',
    'GUEST-67',
    (events) => [...events.slice(0, -1), like(events, 'FlushHeapTransitions', {}), ...events.slice(-1)],
  ],
  [
    'a virtual GPU whose channel is not open',
    'GUEST-68',
    without((event) => event.kind === 'open' && event.channel === 2),
  ],
  [
    'the old LUID of a virtual GPU',
    'GUEST-69',
    (events) =>
      events.map((event) => {
        if (event.kind !== 'answer' || event.name !== 'GetInternalAdapterInfo') return event;
        const bytes = event.bytes.slice();
        new DataView(bytes.buffer).setUint32(704, 0x99, true);
        return { ...event, bytes };
      }),
  ],
  ['messages to one virtual GPU on the channel of another', 'GUEST-70', withWord('CreateDevice', 8, 5)],
  ['allocations that a device leaves behind', 'GUEST-71', packets(() => null, 'DestroyAllocation')],
  ['devices that a process leaves behind', 'GUEST-72', packets(() => null, 'DestroyDevice')],
  [
    'a device used when it was flushed',
    'GUEST-73',
    before('DestroyDevice', (events) => [
      like(events, 'DestroyDevice', { 32: 42, 44: 4 }),
      like(events, 'GetDeviceState', { 24: PROCESS_B }),
    ]),
  ],
  ['processes that nobody ends', 'GUEST-74', packets(() => null, 'DestroyProcess')],
  ['NT objects that nobody ends', 'GUEST-74', packets(() => null, 'DestroyNtSharedObject')],
  [
    'fences that go back',
    'GUEST-75',
    before('SubmitCommand', (events) => [like(events, 'SignalSyncObject', {})]),
  ],
  ['Unlock2 without Lock2', 'GUEST-76', packets(() => null, 'Lock2')],
  [
    'a shared resource with a hole',
    'GUEST-77',
    before('CreateNtSharedObject', (events) => [
      like(events, 'DestroyAllocation', { 24: PROCESS_A, 44: 0, 48: 1, 56: MEMBER_OF_SHARED }),
    ]),
  ],
  ['a share of what is not shared', 'GUEST-78', withWord('CreateNtSharedObject', 40, RESOURCE)],
  [
    'a shared resource without NT security',
    'GUEST-78',
    packets(({ view }) => {
      view.setUint32(60, view.getUint32(60, true) & ~0x40, true);
      return {};
    }, 'CreateAllocation'),
  ],
  ['a resource opened in part', 'GUEST-79', withWord('OpenResource', 52, 1)],
  [
    'a resource that grows when it is open elsewhere',
    'GUEST-79',
    before('DestroyNtSharedObject', (events) => [
      like(events, 'CreateAllocation', { 24: PROCESS_A, 44: RESOURCE + 0x100 }),
    ]),
  ],
  ['queues in a context that is for none', 'GUEST-80', withWord('CreateHwQueue', 72, CONTEXT)],
  ['commands to a context that is for queues', 'GUEST-80', withWord('SubmitCommand', 68, QUEUE_CONTEXT)],
  [
    'a standard of its own',
    'GUEST-81',
    packets(({ view }) => {
      if ((view.getUint32(60, true) & 0x1_0000) !== 0) view.setUint32(52, 20, true);
      return {};
    }, 'CreateAllocation'),
  ],
  [
    'what its host cannot bear',
    'GUEST-82',
    (events) => [{ kind: 'refusal', error: new Error('a message that cannot be read') }, ...events],
  ],
  [
    'a GPADL that is too short',
    'GUEST-83',
    (events) => events.map((event) => (event.kind === 'gpadl' ? { ...event, lengthBytes: 4096 } : event)),
  ],
  ['one GPADL for all', 'GUEST-83', withWord('SetExistingSysMemStore', 48, 0xe1e10)],
  ['GPADLs that nobody takes back', 'GUEST-84', without(({ kind }) => kind === 'gpadlEnd')],
  [
    'page frames for a host that maps none',
    'GUEST-85',
    before('DestroyDevice', (events) => [pagesOf(events, 0, 3)]),
  ],
  [
    'more pages than an allocation has',
    'GUEST-86',
    before('DestroyDevice', (events) => [pagesOf(events, 0, 900)]),
  ],
  ['a page list in crumbs', 'GUEST-86', before('DestroyDevice', (events) => [pagesOf(events, 0, 1)])],
  [
    'page frames of the IO space',
    'GUEST-86',
    before('DestroyDevice', (events) => {
      const packet = pagesOf(events, 0, 3);
      const bytes = new Uint8Array(16 + 126_976);
      bytes.set(packet.bytes);
      new DataView(bytes.buffer).setBigUint64(56, 0x100_0001n, true);
      return [{ ...packet, bytes }];
    }),
  ],
  ['memory for what has its own', 'GUEST-87', withWord('SetExistingSysMemStore', 44, ALLOCATION)],
  ['an allocation used without its memory', 'GUEST-87', packets(() => null, 'SetExistingSysMemStore')],
  [
    'no patience with the answer to a piece of a page list',
    'GUEST-92',
    before('DestroyDevice', (events) => [pagesOf(events, 0, 3), pagesOf(events, 3, 3)]),
  ],
  [
    'sizes of a standard that nobody answered',
    'GUEST-93',
    withWord('DdiGetStandardAllocationDriverData', 44, 7),
  ],
  [
    'a standard that it has not asked about',
    'GUEST-93',
    packets(() => null, 'DdiGetStandardAllocationDriverData'),
  ],
];
