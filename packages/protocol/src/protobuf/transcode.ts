import { EXTENDED_HEADER_VERSION, InterfaceVersion, Limits } from '../constants.ts';
import { isProtocolError, ProtocolError } from '../errors.ts';
import { channelOf, createCommandHeader, decodeHeader } from '../header.ts';
import { decodeReply, encodeHostMessage, encodeReply, encodeRequest } from '../message.ts';
import { commandById } from '../registry.ts';
import type { CommandDef } from '../schema/command.ts';
import { decodeEnvelope, type Envelope, type EnvelopeHeader, encodeEnvelope } from './codec.ts';

/** Packets in packed form to envelopes and back. What has no protobuf form travels as packed bytes in an envelope. */

/** A request that wants an answer: what reading or writing the answer takes. */
export interface PendingReply {
  readonly def: CommandDef;
  readonly version: number;
  /** The request's body. */
  readonly request: object;
}

export interface TranscodedRequest {
  readonly bytes: Uint8Array;
  /** Null where the request travels as packed bytes; its reply then does so too. */
  readonly pending: PendingReply | null;
}

const header = createCommandHeader();

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function packedEnvelope(bytes: Uint8Array, version: number): Uint8Array {
  const stated = version === 0 ? null : { process: 0, vgpuLuid: { low: 0, high: 0 }, async: false, version };
  return encodeEnvelope({ kind: 'packed', header: stated, bytes });
}

/** The result, or null when the bytes are no message that the table describes. */
function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (isProtocolError(error)) return null;
    throw error;
  }
}

/**
 * Interface version of a guest's packet: from 40 on it begins with the offset of its command header, which is at least
 * 16; older ones with a command id, which the driver leaves 0. Older versions differ in nothing, so 27 stands for all.
 */
function versionOf(view: DataView): number {
  const extended = view.byteLength >= 4 && view.getUint32(0, true) >= Limits.extendedHeaderBytes;
  return extended ? InterfaceVersion.current : InterfaceVersion.old;
}

/** A guest's packet as an envelope. The bytes given are kept as long as the reply is pending. */
export function requestToProtobuf(packet: Uint8Array): TranscodedRequest {
  const view = viewOf(packet);
  const version = versionOf(view);
  const made = orNull((): TranscodedRequest | null => {
    const { process, async, bodyOffset, bodyLength, commandType, vgpuLuidLow, vgpuLuidHigh } = decodeHeader(
      view,
      0,
      packet.length,
      version,
      header,
    );
    const def = commandById(channelOf(header), commandType);
    if (def === undefined || def.request === null || def.channel === 'host') return null;
    const value = def.request.decode(view, bodyOffset, bodyLength) as object;
    const vgpuLuid = { low: vgpuLuidLow, high: vgpuLuidHigh };
    const stated: EnvelopeHeader = { process, vgpuLuid, async, version };
    const bytes = encodeEnvelope({ kind: 'request', def, header: stated, value });
    return { bytes, pending: { def, version, request: value } };
  });
  return made ?? { bytes: packedEnvelope(packet, version), pending: null };
}

/**
 * A guest's envelope as a packet, written to `space`. Throws a ProtocolError when it is none, or not one that a guest
 * sends.
 */
export function protobufToRequest(
  envelope: Uint8Array,
  space: Uint8Array,
): { readonly length: number; readonly pending: PendingReply | null } {
  const decoded = decodeEnvelope(envelope);
  if (decoded.kind === 'packed') return { length: copyPacked(decoded.bytes, space), pending: null };
  const { def, value } = decoded;
  checkKind(decoded, decoded.kind === 'request' && def.channel !== 'host', 'a request');
  const stated = decoded.header;
  const version = stated === null || stated.version === 0 ? InterfaceVersion.current : stated.version;
  const sent = {
    version: version >= EXTENDED_HEADER_VERSION ? InterfaceVersion.current : InterfaceVersion.old,
    process: stated?.process ?? 0,
    vgpuLuid: stated?.vgpuLuid ?? { low: 0, high: 0 },
    async: stated?.async ?? false,
  };
  const length = encodeRequest(def, sent, value, viewOf(space), 0);
  return { length, pending: { def, version: sent.version, request: value } };
}

function checkKind(envelope: Exclude<Envelope, { kind: 'packed' }>, isRight: boolean, wanted: string): void {
  if (isRight) return;
  throw new ProtocolError(
    'bad-value',
    `DxgMessage: ${envelope.kind} of ${envelope.def.name} where ${wanted} belongs`,
  );
}

function copyPacked(bytes: Uint8Array, space: Uint8Array): number {
  if (bytes.length > space.length)
    throw new ProtocolError(
      'too-large',
      `DxgMessage: ${bytes.length} packed bytes, at most ${space.length} fit`,
    );
  space.set(bytes);
  return bytes.length;
}

/** A reply's payload as an envelope; as packed bytes where it is shorter than its command demands. */
export function replyToProtobuf(pending: PendingReply | null, payload: Uint8Array): Uint8Array {
  if (pending === null) return packedEnvelope(payload, 0);
  const { def, version, request } = pending;
  const made = orNull(() => {
    const value = decodeReply(def, version, viewOf(payload), 0, payload.length, request) as object;
    return encodeEnvelope({ kind: 'reply', def, header: null, value });
  });
  return made ?? packedEnvelope(payload, 0);
}

/** An envelope as a reply's payload, written to `space`; returns its length. Throws a ProtocolError. */
export function protobufToReply(
  pending: PendingReply | null,
  envelope: Uint8Array,
  space: Uint8Array,
): number {
  const decoded = decodeEnvelope(envelope);
  if (decoded.kind === 'packed') return copyPacked(decoded.bytes, space);
  const wanted = pending === null ? 'packed bytes' : `a reply of ${pending.def.name}`;
  checkKind(decoded, decoded.kind === 'reply' && decoded.def === pending?.def, wanted);
  const { def, version, request } = pending as PendingReply;
  return encodeReply(def, version, decoded.value, viewOf(space), 0, request);
}

/** A packet from the host that is no reply, as an envelope. */
export function eventToProtobuf(packet: Uint8Array): Uint8Array {
  const view = viewOf(packet);
  const made = orNull(() => {
    const { bodyOffset, bodyLength, commandType } = decodeHeader(view, 0, packet.length, 0, header);
    const def = channelOf(header) === 'host' ? commandById('host', commandType) : undefined;
    if (def === undefined || def.request === null) return null;
    const value = def.request.decode(view, bodyOffset, bodyLength) as object;
    return encodeEnvelope({ kind: 'request', def, header: null, value });
  });
  return made ?? packedEnvelope(packet, 0);
}

/** An envelope as a packet from the host, written to `space`; returns its length. Throws a ProtocolError. */
export function protobufToEvent(envelope: Uint8Array, space: Uint8Array): number {
  const decoded = decodeEnvelope(envelope);
  if (decoded.kind === 'packed') return copyPacked(decoded.bytes, space);
  const { def, kind, value } = decoded;
  checkKind(decoded, kind === 'request' && def.channel === 'host', 'a message from the host');
  return encodeHostMessage(def, value, viewOf(space), 0);
}
