import type { MessageCodec } from './codec/codec.ts';
import { writeZeros } from './codec/runtime.ts';
import { EXTENDED_HEADER_VERSION, Limits } from './constants.ts';
import { ProtocolError } from './errors.ts';
import { headerBytes, type RequestHeader, writeCommandHeader, writeExtendedHeader } from './header.ts';
import type { CommandDef, ReplyVariant } from './schema/command.ts';
import { CommandChannelType } from './schema/message.ts';
import { isFailure } from './status.ts';

const HEADER_BYTES = Limits.commandHeaderBytes;

const channelTypes = {
  vgpu: CommandChannelType.vgpuToHost,
  global: CommandChannelType.vmToHost,
  host: CommandChannelType.hostToVm,
} as const;

/** Any command, for functions that take bodies of all kinds. */
type Sendable<Input> = Pick<
  CommandDef<unknown, unknown, Input, never>,
  'name' | 'id' | 'channel' | 'request' | 'oneWay'
>;

function requestCodec<Input>(def: Sendable<Input>): MessageCodec<unknown, Input> {
  if (def.request === null) {
    throw new ProtocolError('unknown-command', `${def.name} has a number, but no known layout`);
  }
  return def.request;
}

/** Length of a whole request packet, headers included, exactly as the Linux driver sends it. */
export function requestSize<Input>(def: Sendable<Input>, version: number, body: Input): number {
  return headerBytes(version) + requestCodec(def).sizeOf(body);
}

/**
 * Writes a whole request packet and returns its length. Throws a ProtocolError when it is longer than a message may be
 * (131,072 bytes with the extended header) or than the space behind `offset`.
 */
export function encodeRequest<Input>(
  def: Sendable<Input>,
  header: RequestHeader,
  body: Input,
  view: DataView,
  offset: number,
): number {
  const codec = requestCodec(def);
  const { version, process, vgpuLuid } = header;
  const before = headerBytes(version);
  if (offset < 0 || offset + before > view.byteLength) failSpace(def.name, before, view.byteLength - offset);
  let at = offset;
  if (version >= EXTENDED_HEADER_VERSION) {
    const vgpu = def.channel === 'vgpu';
    writeExtendedHeader(view, at, vgpu ? vgpuLuid.low : 0, vgpu ? vgpuLuid.high : 0);
    at += Limits.extendedHeaderBytes;
  }
  writeCommandHeader(view, at, channelTypes[def.channel], def.id, process, header.async);
  const size = before + codec.encode(body, view, at + HEADER_BYTES);
  if (size > Limits.maxMessageBytes) failLarge(def.name, size);
  return size;
}

function failSpace(name: string, size: number, space: number): never {
  throw new ProtocolError('too-large', `${name}: ${size} bytes do not fit in ${space}`);
}

function failLarge(name: string, size: number): never {
  throw new ProtocolError(
    'too-large',
    `${name}: ${size} bytes, but a message has at most ${Limits.maxMessageBytes}`,
  );
}

function variantOf(def: Pick<CommandDef, 'replyVariants'>, version: number): ReplyVariant | null {
  for (const variant of def.replyVariants) if (version < variant.below) return variant;
  return null;
}

type Answerable<Reply, Input> = Pick<
  CommandDef<unknown, Reply, never, Input>,
  | 'name'
  | 'id'
  | 'channel'
  | 'reply'
  | 'replyVariants'
  | 'replyLength'
  | 'replyHasHeader'
  | 'statusOffset'
  | 'failure'
>;

function replyCodec<Reply, Input>(def: Answerable<Reply, Input>): MessageCodec<Reply, Input> {
  if (def.reply === null)
    throw new ProtocolError('unknown-command', `${def.name} has no reply of known layout`);
  return def.reply;
}

/**
 * The number of reply bytes that the driver demands (E): with fewer its call fails with EOVERFLOW, whatever they say.
 * `request` is the request's body, decoded or as it was encoded.
 */
export function minimumReplyBytes(def: Answerable<unknown, never>, version: number, request: object): number {
  const variant = variantOf(def, version);
  const length = variant === null ? def.replyLength : variant.length;
  if (length !== null) return length.of(request as never, version);
  const { message } = variant === null ? replyCodec(def) : variant.codec;
  return message.fixedBytes;
}

/**
 * Writes a reply's payload and returns its length. With `request` (the request's body) it is completed with zeros to
 * the length that the driver demands. Towards versions whose form of this reply has no status, a failing body becomes
 * an empty payload.
 */
export function encodeReply<Input>(
  def: Answerable<unknown, Input>,
  version: number,
  body: Input,
  view: DataView,
  offset: number,
  request?: object,
): number {
  const variant = variantOf(def, version);
  let size = 0;
  if (variant !== null) {
    const status = (body as { readonly status?: number }).status ?? 0;
    if (variant.failure === 'short-reply' && isFailure(status)) return 0;
    size = variant.codec.encode(body as object, view, offset);
  } else {
    if (def.replyHasHeader) size = writeReplyHeader(def, view, offset);
    size += replyCodec(def).encode(body, view, offset + size);
  }
  if (request === undefined) return size;
  const need = minimumReplyBytes(def, version, request);
  return need > Limits.maxReplyBytes ? size : padReply(def, size, need, view, offset);
}

/** The copy of the command header that two replies begin with. The guest looks at none of it. */
function writeReplyHeader(def: Answerable<unknown, never>, view: DataView, offset: number): number {
  if (offset < 0 || offset + HEADER_BYTES > view.byteLength) {
    failSpace(def.name, HEADER_BYTES, view.byteLength - offset);
  }
  writeCommandHeader(view, offset, channelTypes[def.channel], def.id, 0, false);
  return HEADER_BYTES;
}

function padReply(
  def: Answerable<unknown, never>,
  size: number,
  need: number,
  view: DataView,
  offset: number,
): number {
  if (size >= need) return size;
  if (offset + need > view.byteLength) failSpace(def.name, need, view.byteLength - offset);
  writeZeros(view, offset + size, need - size);
  return need;
}

/**
 * Writes the reply by which this command reports a failure, and returns its length: all bytes that the driver demands,
 * zero but for the status, where it has one; a zero handle elsewhere; nothing where a short reply is the only way, or
 * where more bytes are demanded than a reply can have.
 */
export function encodeFailureReply(
  def: Answerable<unknown, never>,
  version: number,
  status: number,
  request: object,
  view: DataView,
  offset: number,
): number {
  const variant = variantOf(def, version);
  const { failure, statusOffset } = variant ?? def;
  if (failure === 'short-reply') return 0;
  const size = minimumReplyBytes(def, version, request);
  if (size > Limits.maxReplyBytes) return 0;
  padReply(def, 0, size, view, offset);
  if (def.replyHasHeader) writeReplyHeader(def, view, offset);
  if (statusOffset !== null) view.setUint32(offset + statusOffset, status, true);
  return size;
}

/**
 * Reads a reply's payload of `length` bytes. `request` is the body of the request that it answers. Throws a
 * ProtocolError when it is shorter than {@link minimumReplyBytes}, which is also how some commands report a failure.
 */
export function decodeReply<Reply>(
  def: Answerable<Reply, never>,
  version: number,
  view: DataView,
  offset: number,
  length: number,
  request: object,
): Reply {
  const need = minimumReplyBytes(def, version, request);
  if (length < need) {
    throw new ProtocolError('truncated', `${def.name} reply: ${length} bytes, but ${need} are demanded`);
  }
  const variant = variantOf(def, version);
  if (variant !== null) return variant.complete(variant.codec.decode(view, offset, length, request)) as Reply;
  const before = def.replyHasHeader ? HEADER_BYTES : 0;
  return replyCodec(def).decode(view, offset + before, length - before, request);
}

/** Writes a whole packet from the host (no version has an extended header there) and returns its length. */
export function encodeHostMessage<Input>(
  def: Sendable<Input>,
  body: Input,
  view: DataView,
  offset: number,
): number {
  const codec = requestCodec(def);
  if (offset < 0 || offset + HEADER_BYTES > view.byteLength) {
    failSpace(def.name, HEADER_BYTES, view.byteLength - offset);
  }
  writeCommandHeader(view, offset, CommandChannelType.hostToVm, def.id, 0, false);
  return HEADER_BYTES + codec.encode(body, view, offset + HEADER_BYTES);
}
