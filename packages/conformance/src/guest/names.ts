import { type Kind, wordOf } from './objects.ts';
import type { WholeMessage } from './rule.ts';

/** An object that a message names. */
export interface Named {
  readonly field: string;
  readonly handle: number;
  readonly kinds: readonly Kind[];
  /** Whether the stock driver sends what a program gave it, without having looked. */
  readonly isUnchecked: boolean;
}

const DEVICE: readonly Kind[] = ['device'];
const CONTEXT: readonly Kind[] = ['context'];
const QUEUED: readonly Kind[] = ['context', 'hardware queue'];
const ALLOCATION: readonly Kind[] = ['allocation'];
const RESOURCE: readonly Kind[] = ['resource'];
const SIGNALLED: readonly Kind[] = ['sync object'];
const WAITED: readonly Kind[] = ['sync object', 'fence'];
const SHARED: readonly Kind[] = ['resource', 'sync object'];
const OWNED: readonly Kind[] = ['resource', 'sync object', 'allocation'];

/** Fields of fixed parts: `?` where 0 names nothing, `!` where the stock driver does not look. */
const FIELDS: Readonly<Record<string, readonly [offset: number, kinds: readonly Kind[], how?: string][]>> = {
  DestroyDevice: [[24, DEVICE, '?']],
  FlushDevice: [[24, DEVICE, '?']],
  GetDeviceState: [[24, DEVICE]],
  MarkDeviceAsError: [[24, DEVICE]],
  CreateContextVirtual: [[28, DEVICE]],
  DestroyContext: [[24, CONTEXT]],
  SetContextSchedulingPriority: [[24, CONTEXT]],
  GetContextSchedulingPriority: [[24, CONTEXT]],
  CreateHwQueue: [[56, CONTEXT]],
  DestroyHwQueue: [[24, ['hardware queue']]],
  CreatePagingQueue: [[24, DEVICE]],
  DestroyPagingQueue: [[24, ['paging queue']]],
  CreateAllocation: [[24, DEVICE]],
  DestroyAllocation: [
    [24, DEVICE],
    [28, RESOURCE, '?'],
  ],
  OpenResource: [[24, DEVICE]],
  SetExistingSysMemStore: [
    [24, DEVICE],
    [28, ALLOCATION],
  ],
  SetExistingSysMemPages: [
    [24, DEVICE],
    [28, ALLOCATION],
  ],
  Lock2: [
    [24, DEVICE],
    [28, ALLOCATION],
  ],
  Unlock2: [
    [24, DEVICE],
    [28, ALLOCATION],
  ],
  InvalidateCache: [
    [24, DEVICE],
    [28, ALLOCATION, '!'],
  ],
  QueryAllocationResidency: [
    [24, DEVICE],
    [28, RESOURCE, '?!'],
  ],
  SetAllocationPriority: [
    [24, DEVICE],
    [28, RESOURCE, '?!'],
  ],
  GetAllocationPriority: [
    [24, DEVICE],
    [28, RESOURCE, '?!'],
  ],
  UpdateAllocationProperty: [
    [24, ['paging queue']],
    [28, ALLOCATION, '!'],
  ],
  MakeResident: [[28, ['paging queue']]],
  Evict: [[24, DEVICE]],
  OfferAllocations: [[24, DEVICE]],
  ReclaimAllocations: [
    [24, DEVICE],
    [28, ['paging queue']],
  ],
  MapGpuVirtualAddress: [
    [24, ['paging queue']],
    [56, ALLOCATION, '?!'],
  ],
  UpdateGpuVirtualAddress: [
    [32, DEVICE],
    [36, CONTEXT, '!'],
    [40, SIGNALLED, '?!'],
  ],
  Escape: [
    [28, DEVICE, '?!'],
    [44, CONTEXT, '?!'],
  ],
  CreateSyncObject: [[24, DEVICE]],
  OpenSyncObject: [[24, DEVICE]],
  DestroySyncObject: [[24, SIGNALLED]],
  WaitForSyncObjectFromCpu: [[24, DEVICE]],
  WaitForSyncObjectFromGpu: [[24, QUEUED]],
  SubmitCommandToHwQueue: [[24, ['hardware queue']]],
  CreateNtSharedObject: [[24, SHARED]],
  ShareObjectWithHost: [
    [24, DEVICE, '!'],
    [28, OWNED, '!'],
  ],
};

/** An array of a message: where it begins, how many elements it has, and how far they are apart, bytes. */
interface List {
  readonly field: string;
  readonly offset: number;
  readonly count: number;
  readonly kinds: readonly Kind[];
  readonly strideBytes?: number;
  /** From which element on the stock driver does not look. */
  readonly uncheckedFrom: number;
  readonly mayBeNone?: boolean;
}

const ALL_CHECKED = Number.POSITIVE_INFINITY;
const MOST_CONTEXTS = 64;
const MOST_PRIMARIES = 16;
const CREATE_RESOURCE = 1;
const ENQUEUE_CPU_EVENT = 2;
const UNMAP = 1;
const COPY = 2;
const OPERATION_BYTES = 64;

function allocations(offset: number, count: number, uncheckedFrom: number, isOfResources = false): List[] {
  const kinds = isOfResources ? RESOURCE : ALLOCATION;
  return [{ field: isOfResources ? 'resources' : 'allocations', offset, count, kinds, uncheckedFrom }];
}

const LISTS: Readonly<Record<string, (message: WholeMessage) => List[]>> = {
  DestroyAllocation: (message) => allocations(40, wordOf(message, 32), ALL_CHECKED),
  MakeResident: (message) => allocations(40, wordOf(message, 36), 0),
  Evict: (message) => allocations(36, wordOf(message, 32), 0),
  OfferAllocations: (message) =>
    allocations(44, wordOf(message, 28), 0, message.view.getUint8(message.at + 40) !== 0),
  ReclaimAllocations: (message) =>
    allocations(40, wordOf(message, 32), 0, message.view.getUint8(message.at + 36) !== 0),
  QueryAllocationResidency: (message) => allocations(56, wordOf(message, 40), 0),
  SetAllocationPriority: (message) => allocations(40, wordOf(message, 32), 0),
  GetAllocationPriority: (message) => allocations(40, wordOf(message, 32), 0),
  CreateAllocation: (message) =>
    (wordOf(message, 44) & CREATE_RESOURCE) !== 0
      ? []
      : [
          {
            field: 'resource',
            offset: 28,
            count: 1,
            kinds: RESOURCE,
            uncheckedFrom: ALL_CHECKED,
            mayBeNone: true,
          },
        ],
  SignalSyncObject(message) {
    const [objects, contexts] = [wordOf(message, 24), wordOf(message, 32)];
    const isFromCpu = contexts === 0 && (wordOf(message, 28) & ENQUEUE_CPU_EVENT) === 0;
    return [
      ...(isFromCpu
        ? [{ field: 'device', offset: 48, count: 1, kinds: DEVICE, uncheckedFrom: ALL_CHECKED }]
        : []),
      { field: 'objects', offset: 56, count: objects, kinds: SIGNALLED, uncheckedFrom: 1 },
      {
        field: 'contexts',
        offset: 56 + 4 * objects,
        count: contexts,
        kinds: QUEUED,
        uncheckedFrom: 1,
      },
    ];
  },
  WaitForSyncObjectFromCpu: (message) => [
    { field: 'objects', offset: 56, count: wordOf(message, 28), kinds: WAITED, uncheckedFrom: 1 },
  ],
  WaitForSyncObjectFromGpu(message) {
    const count = wordOf(message, 28);
    return [{ field: 'objects', offset: 40 + 8 * count, count, kinds: WAITED, uncheckedFrom: 1 }];
  },
  SubmitCommand(message) {
    const contexts = Math.min(wordOf(message, 48), MOST_CONTEXTS);
    const primaries = Math.min(wordOf(message, 324), MOST_PRIMARIES);
    return [
      { field: 'broadcast_context', offset: 52, count: contexts, kinds: CONTEXT, uncheckedFrom: 1 },
      { field: 'written_primaries', offset: 328, count: primaries, kinds: ALLOCATION, uncheckedFrom: 0 },
      {
        field: 'history buffers',
        offset: 408,
        count: wordOf(message, 392),
        kinds: ALLOCATION,
        uncheckedFrom: 0,
      },
    ];
  },
  SubmitCommandToHwQueue: (message) => [
    {
      field: 'written_primaries',
      offset: 80,
      count: wordOf(message, 64),
      kinds: ALLOCATION,
      uncheckedFrom: 0,
    },
  ],
  UpdateGpuVirtualAddress: (message) => [
    {
      field: 'operations',
      offset: 56 + 24,
      count: wordOf(message, 44),
      kinds: ALLOCATION,
      strideBytes: OPERATION_BYTES,
      uncheckedFrom: 0,
      mayBeNone: true,
    },
  ],
};

/** The objects that a message names, as far as its bytes go. */
export function* namesIn(message: WholeMessage): Iterable<Named> {
  const { name, request } = message.command;
  for (const [offset, kinds, how = ''] of FIELDS[name] ?? []) {
    const handle = wordOf(message, offset);
    if (handle === 0 && how.includes('?')) continue;
    const field = request.find((each) => each.offset === offset)?.name ?? '';
    yield { field, handle, kinds, isUnchecked: how.includes('!') };
  }
  for (const list of LISTS[name]?.(message) ?? []) {
    const stride = list.strideBytes ?? 4;
    const end = message.view.byteLength - message.at;
    for (let index = 0; index < list.count; index += 1) {
      const offset = list.offset + stride * index;
      if (offset + 4 > end) break;
      if (list.strideBytes !== undefined) {
        // Of an operation on addresses only a mapping names an allocation.
        const operation = wordOf(message, offset - 24);
        if (operation === UNMAP || operation === COPY) continue;
      }
      const handle = wordOf(message, offset);
      if (handle === 0 && list.mayBeNone === true) continue;
      const field = list.count === 1 ? list.field : `${list.field}[${index}]`;
      yield { field, handle, kinds: list.kinds, isUnchecked: index >= list.uncheckedFrom };
    }
  }
}
