import type { Requirement } from '../requirement.ts';
import type { GuestView } from './view.ts';

/** One rule on what a guest sends. `look` returns what is wrong, or null; `applies` counts what the rule has seen. */
export interface GuestRule extends Requirement {
  look(event: GuestEvent, view: GuestView): string | null | undefined;
}

/** Something that a guest did, in order, or that its host answered. */
export type GuestEvent =
  | { readonly kind: 'pciWrite'; readonly offset: number; readonly value: number }
  | { readonly kind: 'open'; readonly channel: number }
  | GuestPacket
  | { readonly kind: 'answer'; readonly channel: number; readonly id: bigint; readonly bytes: Uint8Array };

export interface GuestPacket {
  readonly kind: 'packet';
  readonly channel: number;
  readonly packetKind: number;
  readonly id: bigint;
  readonly flags: number;
  readonly bytes: Uint8Array;
}

const rules: GuestRule[] = [];

/** Adds a rule. It returns undefined where it does not apply, null where it holds, else what was wrong. */
function rule(number: number, source: string, text: string, look: GuestRule['look']): void {
  const id = `GUEST-${String(number).padStart(2, '0')}`;
  rules.push({ id, group: 'GUEST', level: 'must', text, source, look });
}

/** A rule on each message, once its headers have been read. */
function onMessage(
  number: number,
  source: string,
  text: string,
  look: (message: NonNullable<GuestView['message']>, view: GuestView) => string | null | undefined,
): void {
  rule(number, source, text, (event, view) =>
    event.kind === 'packet' && view.message !== null ? look(view.message, view) : undefined,
  );
}

function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}

rule(
  1,
  '1.2, observation 1',
  'The first write to configuration space gives the guest capabilities at 0xD4',
  (event, view) =>
    event.kind === 'pciWrite' && view.pciWrites === 1
      ? event.offset === 0xd4
        ? null
        : `the first write at ${hex(event.offset)}`
      : undefined,
);
rule(2, '1.2', 'The version written at 0xD0 is 40', (event) =>
  event.kind === 'pciWrite' && event.offset === 0xd0
    ? event.value === 40
      ? null
      : `version ${event.value}`
    : undefined,
);
rule(3, '1.5, observation 3', 'The global channel is opened before any other', (event, view) =>
  event.kind === 'open' && view.opened === 1
    ? event.channel === 1
      ? null
      : `channel ${event.channel} first`
    : undefined,
);
rule(
  4,
  '2.3, observation 7',
  'A guest sends in-band packets only, no other flags than a completion wanted',
  (event) => {
    if (event.kind !== 'packet') return undefined;
    if (event.packetKind !== 6) return `a packet of kind ${event.packetKind}`;
    return (event.flags & ~1) === 0 ? null : `flags ${hex(event.flags)}`;
  },
);
rule(
  5,
  '2.3',
  'Transaction ids count from 1 on each channel, one for each request that wants an answer',
  (event, view) => {
    if (event.kind !== 'packet' || (event.flags & 1) === 0) return undefined;
    const wanted = view.lastId(event.channel);
    return event.id === wanted ? null : `id ${event.id} where ${wanted} comes next`;
  },
);
rule(6, '1.7, observation 7', 'A packet that wants no answer has transaction id 0', (event) =>
  event.kind === 'packet' && (event.flags & 1) === 0
    ? event.id === 0n
      ? null
      : `id ${event.id}`
    : undefined,
);
rule(7, '2.5', 'A message has at most 131,072 bytes, and its headers fit in it', (event, view) => {
  if (event.kind !== 'packet') return undefined;
  if (event.bytes.length > 131_072) return `${event.bytes.length} bytes`;
  return view.message === null ? `${event.bytes.length} bytes without whole headers` : null;
});
onMessage(8, '2.1', 'The extended header has offset 16 and reserved 0', ({ extended }) =>
  extended === null
    ? undefined
    : extended.offset === 16 && extended.reserved === 0
      ? null
      : `offset ${extended.offset}, reserved ${extended.reserved}`,
);
onMessage(9, '2.1', 'Global commands carry vGPU LUID 0', ({ extended, channelType }) =>
  extended === null || channelType !== 1
    ? undefined
    : extended.luid === 0n
      ? null
      : `LUID ${hex(extended.luid)}`,
);
onMessage(
  10,
  '2.1, observation 6',
  'vGPU commands carry the LUID of a virtual GPU of this machine',
  ({ extended, channelType }, view) =>
    extended === null || channelType !== 0 || view.luids.size === 0
      ? undefined
      : view.luids.has(extended.luid)
        ? null
        : `LUID ${hex(extended.luid)}`,
);
onMessage(11, '2.1', 'command_id and the padding of the header are 0', ({ commandId, padding }) =>
  commandId === 0n && padding === 0 ? null : `command_id ${hex(commandId)}, padding ${hex(padding)}`,
);
onMessage(
  12,
  '2.1',
  'The channel type is 0 or 1, with no other bit than async_msg on vGPU commands',
  ({ info }) => (info === 0 || info === 1 || info === 0x100 ? null : `channel info ${hex(info)}`),
);
onMessage(
  13,
  '4.1, 4.2',
  'Only commands that exist, and that a guest sends, are sent',
  ({ command, code, channelType }) =>
    command === undefined ? `command ${code} of channel type ${channelType}` : null,
);
onMessage(14, '1.5', 'SetIoSpaceRegion is the first message', ({ command, count }) =>
  count === 1 ? (command?.name === 'SetIoSpaceRegion' ? null : `${command?.name} first`) : undefined,
);
onMessage(
  15,
  '1.5, observation 4',
  'The IO space is page aligned, not empty, and as large as was offered',
  ({ command, view: data, at }, view) => {
    if (command?.name !== 'SetIoSpaceRegion') return undefined;
    const [start, length] = [data.getBigUint64(at + 24, true), data.getBigUint64(at + 32, true)];
    if (start % 4096n !== 0n || length === 0n) return `${hex(start)}, ${hex(length)} bytes`;
    return view.ioBytes === 0n || length === view.ioBytes
      ? null
      : `${length} bytes of ${view.ioBytes} offered`;
  },
);
onMessage(
  16,
  '1.6',
  'OpenAdapter is the first command of a virtual GPU; GetInternalAdapterInfo comes before the others',
  ({ command, channelType, extended, channel }, view) => {
    if (channelType !== 0 || command === undefined) return undefined;
    return view.bringUpStep(extended?.luid ?? BigInt(channel), command.name);
  },
);
onMessage(17, '1.5', 'No virtual GPU is used before SetIoSpaceRegion was answered', ({ command }, view) =>
  command?.name === 'OpenAdapter'
    ? view.answered('SetIoSpaceRegion')
      ? null
      : 'OpenAdapter before that'
    : undefined,
);
onMessage(
  18,
  '1.6',
  'OpenAdapter states the version in use and 16 as the oldest',
  ({ command, view: data, at }, view) => {
    if (command?.name !== 'OpenAdapter') return undefined;
    const [version, oldest] = [data.getUint32(at + 24, true), data.getUint32(at + 28, true)];
    return version === view.version && oldest === 16
      ? null
      : `${version} and ${oldest}, version ${view.version} in use`;
  },
);
onMessage(
  19,
  '2.2, observation 20',
  "process is 0 in the commands that are no process's",
  ({ command, process }) =>
    command?.process === 'zero'
      ? process === 0
        ? null
        : `${command.name} of process ${hex(process)}`
      : undefined,
);
onMessage(
  20,
  '2.2',
  'process is one that CreateProcess gave, and not yet destroyed, in all others',
  ({ command, process }, view) =>
    command === undefined ||
    command.process === 'zero' ||
    (command.name === 'QueryStatistics' && process === 0)
      ? undefined
      : view.processes.has(process)
        ? null
        : `${command.name} of process ${hex(process)}`,
);
onMessage(21, '4', 'A message has at least the bytes of its fixed part', ({ command, bodyBytes }) =>
  command === undefined
    ? undefined
    : bodyBytes >= command.fixedBytes
      ? null
      : `${command.name}: ${bodyBytes} of ${command.fixedBytes} bytes`,
);
onMessage(
  22,
  '1.7, observation 7',
  'Without one-way messages every command wants an answer; with them only four do not',
  ({ command, wantsAnswer }, view) => {
    if (command === undefined || wantsAnswer) return undefined;
    return view.isAsync && command.oneWay ? null : `${command.name} wants no answer`;
  },
);
onMessage(23, '1.7', 'async_msg is set exactly where no answer is wanted', ({ info, wantsAnswer }) =>
  ((info & 0x100) !== 0) === !wantsAnswer
    ? null
    : `channel info ${hex(info)}, ${wantsAnswer ? 'an' : 'no'} answer wanted`,
);
onMessage(24, '4.1', 'Global commands travel on the global channel', ({ channelType, channel }) =>
  channelType === 1 ? (channel === 1 ? null : `on channel ${channel}`) : undefined,
);
onMessage(
  25,
  '1.7, observation 6',
  'vGPU commands travel on the global channel with one-way messages on, else on their own',
  ({ channelType, channel, command }, view) => {
    if (channelType !== 0 || command?.name === 'OpenAdapter' || command?.name === 'GetInternalAdapterInfo')
      return undefined;
    return view.isAsync === (channel === 1) ? null : `${command?.name} on channel ${channel}`;
  },
);
onMessage(
  26,
  '3.2, 2.3',
  'Objects are named by handles that the host gave',
  ({ command, view: data, at }, view) => {
    if (
      command === undefined ||
      !/^(Destroy(Device|Context|HwQueue|PagingQueue)|CreateContextVirtual|CreatePagingQueue|CreateHwQueue|CreateAllocation|FlushDevice)$/.test(
        command.name,
      )
    )
      return undefined;
    const name = command.name === 'CreateHwQueue' ? 'context' : undefined;
    const field = command.request.find(
      (each) =>
        each.type === 'h' &&
        (name === undefined
          ? ['device', 'context', 'hwqueue', 'paging_queue'].includes(each.name) &&
            !(command.name === 'CreateContextVirtual' && each.name === 'context')
          : each.name === name),
    );
    if (field === undefined) return undefined;
    const handle = data.getUint32(at + field.offset, true);
    return handle === 0 || view.handles.has(handle) ? null : `${command.name} of ${hex(handle)}`;
  },
);
onMessage(27, '4.6', 'FlushDevice gives reason 4', ({ command, view: data, at }) =>
  command?.name === 'FlushDevice'
    ? data.getUint32(at + 28, true) === 4
      ? null
      : `reason ${data.getUint32(at + 28, true)}`
    : undefined,
);
onMessage(
  28,
  '6.1',
  'Event ids of waits are not 0, and none is used twice',
  ({ command, view: data, at }, view) => {
    if (command?.name !== 'WaitForSyncObjectFromCpu') return undefined;
    const event = data.getBigUint64(at + 40, true);
    return event !== 0n && view.takeEvent(event) ? null : `event ${event}`;
  },
);
onMessage(
  29,
  '4.11',
  'Counts of waits and signals fit the message',
  ({ command, view: data, at, bodyBytes }) => {
    if (command?.name === 'SignalSyncObject') {
      const need = 56 + 4 * data.getUint32(at + 24, true) + 4 * data.getUint32(at + 32, true);
      return bodyBytes >= need ? null : `${bodyBytes} of ${need} bytes`;
    }
    if (command?.name !== 'WaitForSyncObjectFromCpu' && command?.name !== 'WaitForSyncObjectFromGpu')
      return undefined;
    const need = command.fixedBytes + 12 * data.getUint32(at + (command.code === 22 ? 28 : 28), true);
    return bodyBytes >= need ? null : `${bodyBytes} of ${need} bytes`;
  },
);
onMessage(
  30,
  '4.4, 4.7, 4.8',
  'Sizes of private data fit the message',
  ({ command, view: data, at, bodyBytes }) => {
    const field = command?.request.find(
      ({ name }) => name === 'private_data_size' || name === 'priv_drv_data_size',
    );
    if (command === undefined || field === undefined) return undefined;
    const need = command.fixedBytes + data.getUint32(at + field.offset, true);
    return bodyBytes >= need ? null : `${command.name}: ${bodyBytes} of ${need} bytes`;
  },
);
onMessage(
  31,
  '4.13',
  'OpenSyncObject names a global handle that the host gave',
  ({ command, view: data, at }, view) => {
    if (command?.name !== 'OpenSyncObject') return undefined;
    const handle = data.getUint32(at + 28, true);
    return view.globalHandles.has(handle) ? null : hex(handle);
  },
);
onMessage(
  32,
  '4.13',
  'OpenResource and DestroyNtSharedObject name an NT object that the host gave',
  ({ command, view: data, at }, view) => {
    const offset = command?.name === 'OpenResource' ? 32 : command?.name === 'DestroyNtSharedObject' ? 24 : 0;
    if (offset === 0) return undefined;
    const handle = data.getUint32(at + offset, true);
    return view.ntHandles.has(handle) ? null : hex(handle);
  },
);
onMessage(
  33,
  '5.4, observation 29',
  'SetExistingSysMemPages names at most 15,867 pages and has its full length',
  ({ command, view: data, at, bodyBytes }) => {
    if (command?.name !== 'SetExistingSysMemPages') return undefined;
    const pages = data.getUint32(at + 32, true);
    return pages >= 1 && pages <= 15_867 && bodyBytes >= 126_976
      ? null
      : `${pages} pages in ${bodyBytes} bytes`;
  },
);
onMessage(
  34,
  '4.8',
  'DestroyAllocation names either a resource or allocations',
  ({ command, view: data, at }) => {
    if (command?.name !== 'DestroyAllocation') return undefined;
    const [resource, count] = [data.getUint32(at + 28, true), data.getUint32(at + 32, true)];
    return (resource === 0) !== (count === 0) && count <= 1024
      ? null
      : `resource ${hex(resource)}, ${count} allocations`;
  },
);
onMessage(
  35,
  '4.4, observation 20',
  "Adapter fields hold the host's adapter handle",
  ({ command, view: data, at }, view) => {
    const field = command?.request.find(({ name }) => name === 'adapter' || name === 'host_handle');
    if (command === undefined || field === undefined || /^(Reserve|ChangeVideo)/.test(command.name))
      return undefined;
    const handle = data.getUint32(at + field.offset, true);
    return view.adapters.has(handle) ? null : `${command.name}: ${hex(handle)}`;
  },
);
onMessage(
  36,
  '4.9, 4.10, observation 20',
  'MakeResident and MapGpuVirtualAddress leave the device 0',
  ({ command, view: data, at }) => {
    const offset = command?.name === 'MakeResident' ? 24 : command?.name === 'MapGpuVirtualAddress' ? 128 : 0;
    if (offset === 0) return undefined;
    return data.getUint32(at + offset, true) === 0 ? null : hex(data.getUint32(at + offset, true));
  },
);
onMessage(
  37,
  '2.6, 3.4',
  'A process is not named again once DestroyProcess was sent',
  ({ command, process }, view) =>
    command === undefined || command.process === 'zero' || process === 0
      ? undefined
      : view.endedProcesses.has(process)
        ? `${command.name} of an ended process`
        : null,
);

/** All rules on a guest, in the order of their numbers. */
export const guestRules: readonly GuestRule[] = rules;
