import { readField, roundUp8 } from '../wire/layout.ts';
import { fieldOf } from '../wire/message.ts';
import { longOf, wordOf } from './objects.ts';
import { GuestRules, hex, type WholeMessage } from './rule.ts';

/** What stands in the fields of a guest's messages, whatever it is about: zeros, constants, counts, flags, places. */

const MOST_REPLY_BYTES = 131_072;
const RESERVATION_BYTES = 65_536n;
const PAGE_BYTES = 4096n;
const SPARE_BYTES = 8;

/** Fields that the driver leaves 0, by command: `commands` of the wire table name their places. */
const ZEROS: Readonly<Record<string, readonly string[]>> = {
  SetIoSpaceRegion: ['shared_page_gpadl'],
  OpenAdapter: ['guest_adapter_luid'],
  CreateDevice: ['cdd_device'],
  CreateContextVirtual: ['context'],
  CreateHwQueue: [
    'status',
    'hwqueue',
    'hwqueue_progress_fence',
    'hwqueue_progress_fence_cpuva',
    'hwqueue_progress_fence_gpuva',
  ],
  DdiGetStandardAllocationDriverData: ['physical_adapter_index', 'format'],
  Lock2: ['data', 'use_legacy_lock', 'legacy_flags', 'priv_drv_data'],
  Unlock2: ['use_legacy_unlock'],
  WaitForSyncObjectFromCpu: ['dereference_event'],
  QueryStatistics: ['process'],
  ChangeVideoMemoryReservation: ['process', 'adapter'],
};

/** Fields that have one value only. */
const CONSTANTS: Readonly<Record<string, readonly (readonly [field: string, value: number])[]>> = {
  CreateSyncObject: [['client_hint', 1]],
  OpenResource: [['nt_security_sharing', 1]],
  DdiGetStandardAllocationDriverData: [
    ['alloc_type', 4],
    ['height', 1],
    ['type', 7],
  ],
};

/** Fields whose values have names: the least and the greatest. */
const RANGES: Readonly<Record<string, readonly (readonly [field: string, least: number, most: number])[]>> = {
  CreateSyncObject: [['type', 1, 6]],
  GetDeviceState: [['state_type', 1, 6]],
  CreatePagingQueue: [['priority', -1, 1]],
  SetContextSchedulingPriority: [['priority', -7, 7]],
  OfferAllocations: [['priority', 1, 4]],
  ReserveGpuVirtualAddress: [['reservation_type', 0, 2]],
  QueryVideoMemoryInfo: [['memory_segment_group', 0, 1]],
  ChangeVideoMemoryReservation: [['memory_segment_group', 0, 1]],
  QueryStatistics: [['type', 0, 10]],
};

/** The bits that flags have. CreateAllocation: without what the driver refuses. */
const FLAGS: Readonly<Record<string, readonly (readonly [field: string, bits: number])[]>> = {
  CreateDevice: [['flags', 0xf]],
  CreateContextVirtual: [['flags', 0x1f]],
  CreateAllocation: [['flags', 0x1_fff7]],
  DestroyAllocation: [['flags', 0x8000_0003]],
  CreateSyncObject: [['flags', 0xff]],
  OpenSyncObject: [['flags', 0xff]],
  CreateHwQueue: [['flags', 1]],
  MakeResident: [['flags', 3]],
  Evict: [['flags', 3]],
  OfferAllocations: [['flags', 3]],
  SubmitCommand: [['flags', 3]],
  WaitForSyncObjectFromCpu: [['flags', 1]],
  SignalSyncObject: [['flags', 0x8000_0007]],
  UpdateGpuVirtualAddress: [['flags', 1]],
  MapGpuVirtualAddress: [['protection', 0x1f]],
  UpdateAllocationProperty: [
    ['flags', 1],
    ['property_mask', 7],
  ],
};

function fieldValue(message: WholeMessage, name: string): bigint {
  const field = fieldOf(message.command, 'request', name);
  return BigInt(readField(message.view, message.at, field) ?? 0);
}

function roundUpToPage(bytes: bigint): bigint {
  return ((bytes + PAGE_BYTES - 1n) / PAGE_BYTES) * PAGE_BYTES;
}

/** Looks at some fields of a command; undefined for a command that has none such. */
function fields<Entry>(
  message: WholeMessage,
  table: Readonly<Record<string, readonly Entry[]>>,
  nameOf: (entry: Entry) => string,
  isRight: (value: bigint, entry: Entry) => boolean,
): string | null | undefined {
  const entries = table[message.command.name];
  if (entries === undefined) return undefined;
  for (const entry of entries) {
    const value = fieldValue(message, nameOf(entry));
    if (!isRight(value, entry)) return `${message.command.name}: ${nameOf(entry)} ${hex(value)}`;
  }
  return null;
}

type Counts = Readonly<Record<string, (message: WholeMessage) => number>>;

/** Bytes that a message needs for its arrays, by its counts. Waits, signals and private data have rules of their own. */
const NEEDS: Counts = {
  CreateAllocation(message) {
    const count = wordOf(message, 40);
    let need = 64 + 12 * count + wordOf(message, 32) + wordOf(message, 36);
    for (let index = 0; index < count; index += 1) {
      const entry = 64 + 12 * index;
      if (entry + 12 > message.bodyBytes) break;
      need += wordOf(message, entry + 4);
    }
    return need;
  },
  DestroyAllocation: (message) => 40 + 4 * wordOf(message, 32),
  MakeResident: (message) => 40 + 4 * wordOf(message, 36),
  Evict: (message) => 36 + 4 * wordOf(message, 32),
  OfferAllocations: (message) => 44 + 4 * wordOf(message, 28),
  ReclaimAllocations: (message) => 40 + 4 * wordOf(message, 32),
  QueryAllocationResidency: (message) => 56 + 4 * wordOf(message, 40),
  SetAllocationPriority: (message) => (wordOf(message, 28) === 0 ? 40 + 8 * wordOf(message, 32) : 44),
  GetAllocationPriority: (message) => 40 + 4 * wordOf(message, 32),
  UpdateGpuVirtualAddress: (message) => 56 + 64 * wordOf(message, 44),
  SubmitCommand: (message) => 408 + 4 * wordOf(message, 392) + wordOf(message, 320),
  SubmitCommandToHwQueue: (message) => 80 + 4 * wordOf(message, 64) + wordOf(message, 52),
};

/** Bytes that the others have with their data. */
const LENGTHS: Counts = {
  QueryAdapterInfo: (message) => 32 + wordOf(message, 28),
  CreateContextVirtual: (message) => 52 + wordOf(message, 48),
  Escape: (message) => 48 + wordOf(message, 40),
  CreateHwQueue: (message) => 68 + wordOf(message, 64),
  SignalSyncObject: (message) => 56 + 12 * wordOf(message, 24) + 4 * wordOf(message, 32),
  WaitForSyncObjectFromCpu: (message) => 56 + 12 * wordOf(message, 28),
  WaitForSyncObjectFromGpu: (message) => 40 + 12 * wordOf(message, 28),
  SetExistingSysMemPages: () => 126_976,
};

/** Counts and their bounds: the field's place, the least, the most. */
const COUNTS: Readonly<
  Record<string, readonly (readonly [what: string, offset: number, least: number, most: number])[]>
> = {
  QueryAdapterInfo: [['bytes of private data', 28, 1, MOST_REPLY_BYTES]],
  CreateAllocation: [['allocations', 40, 1, 1024]],
  OpenResource: [['allocations', 36, 1, 1024]],
  MakeResident: [['allocations', 36, 1, 10_240]],
  Evict: [['allocations', 32, 1, 10_240]],
  OfferAllocations: [['allocations', 28, 1, 10_240]],
  ReclaimAllocations: [['allocations', 32, 1, 10_240]],
  UpdateGpuVirtualAddress: [['operations', 44, 1, 2048]],
  WaitForSyncObjectFromCpu: [['objects', 28, 1, MOST_REPLY_BYTES]],
  WaitForSyncObjectFromGpu: [['objects', 28, 1, 32]],
  SignalSyncObject: [
    ['objects', 24, 0, 32],
    ['contexts', 32, 0, 64],
  ],
  SubmitCommand: [
    ['contexts', 48, 1, 64],
    ['primaries', 324, 0, 16],
    ['history buffers', 392, 0, 1024],
  ],
};

const shapes = new GuestRules();

shapes.onFields(
  51,
  '1.5, 1.6, 4.4 to 4.11, 5.3',
  'Fields that nobody reads, or that the host fills in, are 0',
  (message) => {
    const { command } = message;
    if (command.name === 'SignalSyncObject') {
      const isFromCpu = wordOf(message, 32) === 0;
      if ((wordOf(message, 28) & 2) !== 0) return undefined;
      const device = longOf(message, 48);
      return (isFromCpu ? device >> 32n : device) === 0n ? null : `${command.name}: device ${hex(device)}`;
    }
    return fields(
      message,
      ZEROS,
      (name) => name,
      (value) => value === 0n,
    );
  },
);
shapes.onFields(
  52,
  '4.5, 4.8, 4.11',
  'Fields that have one value only have it: a client hint of 1, NT security, a Linux process',
  (message) => {
    const { command, view, at } = message;
    if (command.name === 'CreateProcess') {
      const flags = view.getUint8(at + 562);
      return (flags & 0xf8) === 8 ? null : `flags ${hex(flags)} of a process`;
    }
    return fields(
      message,
      CONSTANTS,
      ([name]) => name,
      (value, [, constant]) => value === BigInt(constant),
    );
  },
);
shapes.onFields(
  53,
  '4.5',
  'The name of a process has at most 15 characters, and zeros behind them',
  (message) => {
    if (message.command.name !== 'CreateProcess') return undefined;
    let end = 0;
    while (end < 261 && message.view.getUint16(message.at + 40 + 2 * end, true) !== 0) end += 1;
    if (end > 15) return `${end} characters`;
    for (let index = end; index < 261; index += 1)
      if (message.view.getUint16(message.at + 40 + 2 * index, true) !== 0)
        return `something behind its end, at ${index}`;
    return null;
  },
);
shapes.onFields(54, '2.8, 4.8 to 4.12', 'Arrays, and data behind them, fit the message', (message) => {
  const { command, bodyBytes } = message;
  const need = NEEDS[command.name]?.(message);
  if (need === undefined) return undefined;
  return bodyBytes >= need ? null : `${command.name}: ${bodyBytes} of ${need} bytes`;
});
shapes.onFields(55, '4.4 to 4.12, 9', 'Counts are within their bounds', (message) => {
  const bounds = COUNTS[message.command.name];
  if (bounds === undefined) return undefined;
  for (const [what, offset, least, most] of bounds) {
    const count = wordOf(message, offset);
    if (count < least || count > most)
      return `${message.command.name}: ${count} ${what}, of ${least} to ${most}`;
  }
  return null;
});
shapes.onFields(
  56,
  '4.8',
  'Residency and priorities are asked and given of a resource, or of allocations',
  (message) => {
    const { name } = message.command;
    if (!/^(QueryAllocationResidency|[SG]etAllocationPriority)$/.test(name)) return undefined;
    const [resource, count] = [
      wordOf(message, 28),
      wordOf(message, name === 'QueryAllocationResidency' ? 40 : 32),
    ];
    return (resource === 0) !== (count === 0)
      ? null
      : `${name}: resource ${hex(resource)}, ${count} allocations`;
  },
);
shapes.onFields(
  57,
  '2.4',
  'No request demands more than 131,072 bytes of answer',
  ({ command, view, at }) => {
    const demanded = command.demand(view, at);
    return demanded <= MOST_REPLY_BYTES ? null : `${command.name}: ${demanded} bytes`;
  },
);
shapes.onFields(
  58,
  '4.4 to 4.11, 7.11',
  'Types, groups and priorities are ones that there are',
  (message) => {
    if (message.command.name === 'MarkDeviceAsError') {
      const reason = wordOf(message, 28);
      return reason === 0x8000_0000 || reason === 0x8000_0006 ? null : `reason ${hex(reason)}`;
    }
    if (message.command.name === 'UpdateGpuVirtualAddress') {
      const end = Math.min(56 + 64 * wordOf(message, 44), message.bodyBytes - 3);
      for (let offset = 56; offset < end; offset += 64)
        if (wordOf(message, offset) > 3) return `operation ${wordOf(message, offset)}`;
      return null;
    }
    return fields(
      message,
      RANGES,
      ([name]) => name,
      (value, [, least, most]) => value >= BigInt(least) && value <= BigInt(most),
    );
  },
);
shapes.onFields(
  59,
  '4.6 to 4.12, 0.3',
  'Flags have no other bits than those that there are, and none that a guest refuses',
  (message) => {
    // That it must succeed means something only where no trimming helps.
    if (message.command.name === 'MakeResident' && (wordOf(message, 32) & 3) === 2)
      return 'MakeResident: must_succeed without cant_trim_further';
    return fields(
      message,
      FLAGS,
      ([name]) => name,
      (value, [, bits]) => (value & ~BigInt(bits)) === 0n,
    );
  },
);
shapes.onFields(60, '0.2', 'A bool is 0 or 1', (message) => {
  let result: null | undefined;
  for (const { name, type, offset } of message.command.request) {
    if (type !== 'bool') continue;
    const value = message.view.getUint8(message.at + offset);
    if (value > 1) return `${message.command.name}: ${name} ${value}`;
    result = null;
  }
  return result;
});
shapes.onFields(
  61,
  '7.10',
  'GPU addresses are reserved in pieces of 64 KiB, mapped and freed in whole pages',
  (message) => {
    const { name } = message.command;
    if (name === 'ReserveGpuVirtualAddress') {
      const [base, size] = [longOf(message, 32), longOf(message, 56)];
      return size !== 0n && size % RESERVATION_BYTES === 0n && base % RESERVATION_BYTES === 0n
        ? null
        : `${hex(size)} bytes at ${hex(base)}`;
    }
    if (name === 'FreeGpuVirtualAddress') {
      const [base, size] = [longOf(message, 32), longOf(message, 40)];
      return size !== 0n && size % PAGE_BYTES === 0n && base % PAGE_BYTES === 0n
        ? null
        : `${hex(size)} bytes at ${hex(base)}`;
    }
    if (name !== 'MapGpuVirtualAddress') return undefined;
    const base = longOf(message, 32);
    return base % PAGE_BYTES === 0n && longOf(message, 72) !== 0n
      ? null
      : `${longOf(message, 72)} pages at ${hex(base)}`;
  },
);
shapes.onFields(
  62,
  '4.10, 7.10',
  'MapGpuVirtualAddress names a part of an allocation, or says no access or zero and names none',
  (message, { objects }) => {
    if (message.command.name !== 'MapGpuVirtualAddress') return undefined;
    const [allocation, protection] = [wordOf(message, 56), longOf(message, 80)];
    const isOfNothing = (protection & 0xcn) !== 0n;
    if ((allocation === 0) !== isOfNothing)
      return `allocation ${hex(allocation)}, protection ${hex(protection)}`;
    const { sizeBytes = 0n } = objects.get(message.process, allocation) ?? {};
    const end = (longOf(message, 64) + longOf(message, 72)) * PAGE_BYTES;
    return sizeBytes === 0n || end <= roundUpToPage(sizeBytes)
      ? null
      : `to ${end} of ${sizeBytes} bytes of allocation ${hex(allocation)}`;
  },
);
shapes.onFields(63, '4.11', 'SignalSyncObject has a value for each object behind it, or none', (message) => {
  if (message.command.name !== 'SignalSyncObject') return undefined;
  const [objects, contexts] = [wordOf(message, 24), wordOf(message, 32)];
  const rest = message.bodyBytes - 56 - 4 * objects - 4 * contexts;
  return rest < 8 || (objects > 0 && rest >= 8 * objects)
    ? null
    : `${rest} bytes of values for ${objects} objects`;
});

shapes.onFields(
  88,
  '4.1, 4.2, 2.8',
  'A message ends where its arrays do: at most 8 bytes stand behind them, and the room for what GetAllocationPriority asks',
  (message) => {
    const { command, bodyBytes } = message;
    const need = (NEEDS[command.name] ?? LENGTHS[command.name])?.(message) ?? command.fixedBytes;
    const rest = command.name === 'GetAllocationPriority' ? command.demand(message.view, message.at) : 0;
    // The driver's own lengths round up to these.
    const most = roundUp8(need + rest + SPARE_BYTES);
    return bodyBytes <= most ? null : `${command.name}: ${bodyBytes} bytes, ${most} at most`;
  },
);

export const shapeRules = shapes.list;
