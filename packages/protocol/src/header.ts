import { EXTENDED_HEADER_VERSION, Limits } from './constants.ts';
import { ProtocolError } from './errors.ts';
import type { CommandChannel } from './schema/command.ts';
import type { Luid } from './schema/luid.ts';
import { CommandChannelType } from './schema/message.ts';

/** The headers of a message, read. Reused between messages: no object per message. */
export interface CommandHeader {
  /** Offset of the command header, in bytes from the packet's start. */
  commandOffset: number;
  /** LUID of the virtual GPU meant; zero for global commands and below interface version 40. */
  vgpuLuidLow: number;
  vgpuLuidHigh: number;
  /** The host's handle of a process, or 0. */
  process: number;
  /** 0: vGPU command, 1: global command, 2: from the host. */
  channelType: 0 | 1 | 2;
  /** Sent without wanting a completion. */
  async: boolean;
  commandType: number;
  /** Where the body starts (24 bytes behind the command header), and how long it is. */
  bodyOffset: number;
  bodyLength: number;
}

/** An empty header to read into. */
export function createCommandHeader(): CommandHeader {
  return {
    commandOffset: 0,
    vgpuLuidLow: 0,
    vgpuLuidHigh: 0,
    process: 0,
    channelType: 0,
    async: false,
    commandType: 0,
    bodyOffset: 0,
    bodyLength: 0,
  };
}

/** What a sender states about a request besides its body. */
export interface RequestHeader {
  /** Interface version in use: it decides whether there is an extended header. */
  readonly version: number;
  /** The host's handle of the process, or 0. */
  readonly process: number;
  /** For vGPU commands; global ones send zero whatever is given. */
  readonly vgpuLuid: Luid;
  /** No completion is wanted: only for the commands that allow it. */
  readonly async: boolean;
}

const channelNames: readonly CommandChannel[] = ['vgpu', 'global', 'host'];

/** `vgpu`, `global` or `host` for the channel type of a header. */
export function channelOf(header: CommandHeader): CommandChannel {
  return channelNames[header.channelType] as CommandChannel;
}

const EXTENDED_BYTES = Limits.extendedHeaderBytes;
const HEADER_BYTES = Limits.commandHeaderBytes;

/** Bytes of both headers before a guest message's body. */
export function headerBytes(version: number): number {
  return version >= EXTENDED_HEADER_VERSION ? EXTENDED_BYTES + HEADER_BYTES : HEADER_BYTES;
}

function failHeader(length: number, need: number): never {
  throw new ProtocolError('truncated', `message of ${length} bytes: its headers need ${need}`);
}

function failOffset(commandOffset: number, length: number): never {
  const rule = 'it must be a multiple of 8, at least 16, with 24 bytes behind it';
  throw new ProtocolError(
    'bad-value',
    `command header at offset ${commandOffset} of ${length} bytes: ${rule}`,
  );
}

function failChannelType(channelType: number): never {
  throw new ProtocolError('bad-value', `channel type ${channelType}: a command has 0, 1 or 2`);
}

/**
 * Reads the headers of a guest's packet of `length` bytes at `offset`. The command header is found through the extended
 * header's offset field, not assumed. Returns `into`. Throws a ProtocolError when there is not room for them or a field cannot be.
 */
export function decodeHeader(
  view: DataView,
  offset: number,
  length: number,
  version: number,
  into: CommandHeader,
): CommandHeader {
  let commandOffset = 0;
  if (offset < 0 || offset + length > view.byteLength) failHeader(view.byteLength - offset, length);
  if (version >= EXTENDED_HEADER_VERSION) {
    if (length < EXTENDED_BYTES + HEADER_BYTES) failHeader(length, EXTENDED_BYTES + HEADER_BYTES);
    commandOffset = view.getUint32(offset, true);
    if (
      commandOffset < EXTENDED_BYTES ||
      (commandOffset & 7) !== 0 ||
      commandOffset + HEADER_BYTES > length
    ) {
      failOffset(commandOffset, length);
    }
    into.vgpuLuidLow = view.getUint32(offset + 8, true);
    into.vgpuLuidHigh = view.getUint32(offset + 12, true);
  } else {
    if (length < HEADER_BYTES) failHeader(length, HEADER_BYTES);
    into.vgpuLuidLow = 0;
    into.vgpuLuidHigh = 0;
  }
  const at = offset + commandOffset;
  const channel = view.getUint32(at + 12, true);
  const channelType = channel & 0xff;
  if (channelType > CommandChannelType.hostToVm) failChannelType(channelType);
  into.commandOffset = at;
  into.process = view.getUint32(at + 8, true);
  into.channelType = channelType as 0 | 1 | 2;
  into.async = (channel & 0x100) !== 0;
  into.commandType = view.getUint32(at + 16, true);
  into.bodyOffset = at + HEADER_BYTES;
  into.bodyLength = length - commandOffset - HEADER_BYTES;
  return into;
}

/** Reads the header of a packet from the host: no version has an extended header there. */
export function decodeHostHeader(
  view: DataView,
  offset: number,
  length: number,
  into: CommandHeader,
): CommandHeader {
  return decodeHeader(view, offset, length, 0, into);
}

/** Writes a 24-byte command header. */
export function writeCommandHeader(
  view: DataView,
  offset: number,
  channelType: number,
  commandType: number,
  process: number,
  async: boolean,
): void {
  view.setUint32(offset, 0, true);
  view.setUint32(offset + 4, 0, true);
  view.setUint32(offset + 8, process, true);
  view.setUint32(offset + 12, async ? channelType | 0x100 : channelType, true);
  view.setUint32(offset + 16, commandType, true);
  view.setUint32(offset + 20, 0, true);
}

/** Writes a 16-byte extended header. */
export function writeExtendedHeader(view: DataView, offset: number, luidLow: number, luidHigh: number): void {
  view.setUint32(offset, EXTENDED_BYTES, true);
  view.setUint32(offset + 4, 0, true);
  view.setUint32(offset + 8, luidLow, true);
  view.setUint32(offset + 12, luidHigh, true);
}
