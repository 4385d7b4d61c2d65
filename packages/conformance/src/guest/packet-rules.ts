import { GuestRules, hex } from './rule.ts';

/** Bring-up, headers, transactions, channels: what each message of a guest has to be. */

const PAGE_BYTES = 4096n;

const packets = new GuestRules();

packets.rule(
  1,
  '1.2, observation 1',
  'The first write to configuration space gives the guest capabilities at 0xD4',
  (event, view) =>
    event.kind === 'pciWrite' && view.bringUp.writes === 1
      ? event.offset === 0xd4
        ? null
        : `the first write at ${hex(event.offset)}`
      : undefined,
);
packets.rule(2, '1.2', 'The version written at 0xD0 is 40', (event) =>
  event.kind === 'pciWrite' && event.offset === 0xd0
    ? event.value === 40
      ? null
      : `version ${event.value}`
    : undefined,
);
packets.rule(3, '1.5, observation 3', 'The global channel is opened before any other', (event, view) =>
  event.kind === 'open' && view.opened === 1
    ? event.channel === 1
      ? null
      : `channel ${event.channel} first`
    : undefined,
);
packets.rule(
  4,
  '2.3, observation 7',
  'A guest sends in-band packets only, no other flags than a completion wanted',
  (event) => {
    if (event.kind !== 'packet') return undefined;
    if (event.packetKind !== 6) return `a packet of kind ${event.packetKind}`;
    return (event.flags & ~1) === 0 ? null : `flags ${hex(event.flags)}`;
  },
);
packets.rule(
  5,
  '2.3',
  'Transaction ids count from 1 on each channel, one for each request that wants an answer',
  (event, view) => {
    if (event.kind !== 'packet' || (event.flags & 1) === 0) return undefined;
    const wanted = view.lastId(event.channel);
    return event.id === wanted ? null : `id ${event.id} where ${wanted} comes next`;
  },
);
packets.rule(6, '1.7, observation 7', 'A packet that wants no answer has transaction id 0', (event) =>
  event.kind === 'packet' && (event.flags & 1) === 0
    ? event.id === 0n
      ? null
      : `id ${event.id}`
    : undefined,
);
packets.rule(7, '2.5', 'A message has at most 131,072 bytes, and its headers fit in it', (event, view) => {
  if (event.kind !== 'packet') return undefined;
  if (event.bytes.length > 131_072) return `${event.bytes.length} bytes`;
  return view.message === null ? `${event.bytes.length} bytes without whole headers` : null;
});
packets.onMessage(8, '2.1', 'The extended header has offset 16 and reserved 0', ({ extended }) =>
  extended === null
    ? undefined
    : extended.offset === 16 && extended.reserved === 0
      ? null
      : `offset ${extended.offset}, reserved ${extended.reserved}`,
);
packets.onMessage(9, '2.1', 'Global commands carry vGPU LUID 0', ({ extended, channelType }) =>
  extended === null || channelType !== 1
    ? undefined
    : extended.luid === 0n
      ? null
      : `LUID ${hex(extended.luid)}`,
);
packets.onMessage(
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
packets.onMessage(11, '2.1', 'command_id and the padding of the header are 0', ({ commandId, padding }) =>
  commandId === 0n && padding === 0 ? null : `command_id ${hex(commandId)}, padding ${hex(padding)}`,
);
packets.onMessage(
  12,
  '2.1',
  'The channel type is 0 or 1, with no other bit than async_msg on vGPU commands',
  ({ info }) => (info === 0 || info === 1 || info === 0x100 ? null : `channel info ${hex(info)}`),
);
packets.onMessage(
  13,
  '4.1, 4.2',
  'Only commands that exist, and that a guest sends, are sent',
  ({ command, code, channelType }) =>
    command === undefined ? `command ${code} of channel type ${channelType}` : null,
);
packets.onMessage(14, '1.5', 'SetIoSpaceRegion is the first message', ({ command, count }) =>
  count === 1 ? (command?.name === 'SetIoSpaceRegion' ? null : `${command?.name} first`) : undefined,
);
packets.onFields(
  15,
  '1.5, observation 4',
  'The IO space is page aligned, not empty, as large as was offered, and no memory of the guest',
  ({ command, view: data, at }, view) => {
    if (command.name !== 'SetIoSpaceRegion') return undefined;
    const [start, length] = [data.getBigUint64(at + 24, true), data.getBigUint64(at + 32, true)];
    if (start % 4096n !== 0n || length === 0n) return `${hex(start)}, ${hex(length)} bytes`;
    if (view.ioBytes !== 0n && length !== view.ioBytes) return `${length} bytes of ${view.ioBytes} offered`;
    const isMemory = [start, start + length - PAGE_BYTES].some((address) => view.memory.isGuestPage(address));
    return isMemory ? `${hex(start)}, where the guest has memory` : null;
  },
);
packets.onMessage(
  16,
  '1.6',
  'OpenAdapter is the first command of a virtual GPU; GetInternalAdapterInfo comes before the others',
  (message, view) => {
    const { command } = message;
    if (message.channelType !== 0 || command === undefined) return undefined;
    if (command.name === 'OpenAdapter') return null;
    const { isOpened, isAskedForInfo } = view.bringUp.gpu(view.gpuOf(message));
    if (!isOpened) return `${command.name} before OpenAdapter`;
    return isAskedForInfo || /^(GetInternalAdapterInfo|CloseAdapter)$/.test(command.name)
      ? null
      : `${command.name} before GetInternalAdapterInfo`;
  },
);
packets.onMessage(
  17,
  '1.5',
  'No virtual GPU is used before SetIoSpaceRegion was answered',
  ({ command }, view) =>
    command?.name === 'OpenAdapter'
      ? view.answered('SetIoSpaceRegion')
        ? null
        : 'OpenAdapter before that'
      : undefined,
);
packets.onFields(
  18,
  '1.6',
  'OpenAdapter states the version in use and 16 as the oldest',
  ({ command, view: data, at }, view) => {
    if (command.name !== 'OpenAdapter') return undefined;
    const [version, oldest] = [data.getUint32(at + 24, true), data.getUint32(at + 28, true)];
    return version === view.version && oldest === 16
      ? null
      : `${version} and ${oldest}, version ${view.version} in use`;
  },
);
packets.onMessage(
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
packets.onMessage(
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
packets.onMessage(21, '4', 'A message has at least the bytes of its fixed part', ({ command, bodyBytes }) =>
  command === undefined
    ? undefined
    : bodyBytes >= command.fixedBytes
      ? null
      : `${command.name}: ${bodyBytes} of ${command.fixedBytes} bytes`,
);
packets.onMessage(
  22,
  '1.7, observation 7',
  'Without one-way messages every command wants an answer; with them only four do not',
  ({ command, wantsAnswer }, view) => {
    if (command === undefined || wantsAnswer) return undefined;
    return view.isAsync && command.oneWay ? null : `${command.name} wants no answer`;
  },
);
packets.onMessage(23, '1.7', 'async_msg is set exactly where no answer is wanted', ({ info, wantsAnswer }) =>
  ((info & 0x100) !== 0) === !wantsAnswer
    ? null
    : `channel info ${hex(info)}, ${wantsAnswer ? 'an' : 'no'} answer wanted`,
);
packets.onMessage(24, '4.1', 'Global commands travel on the global channel', ({ channelType, channel }) =>
  channelType === 1 ? (channel === 1 ? null : `on channel ${channel}`) : undefined,
);
packets.onMessage(
  25,
  '1.7, observation 6',
  'vGPU commands travel on the global channel with one-way messages on, else on their own',
  ({ channelType, channel, command }, view) => {
    if (channelType !== 0) return undefined;
    return view.isAsync === (channel === 1) ? null : `${command?.name} on channel ${channel}`;
  },
);
export const packetRules = packets.list;
