import { Limits } from '../constants.ts';
import { ProtocolError } from '../errors.ts';
import type { CommandDef } from '../schema/command.ts';
import type { Luid } from '../schema/luid.ts';
import { type Reading, reading, readMessage, type Values } from './read.ts';
import {
  bodyById,
  bodyOfCommand,
  EnvelopeField,
  headerType,
  type ProtoBody,
  type ProtoMessage,
} from './schema.ts';
import { writeInner, writeMessage, writing } from './write.ts';

/** Largest envelope that is read, bytes: that of a packet. Some messages that fill a packet in packed form do not fit. */
export const MAX_ENVELOPE_BYTES: number = Limits.maxMessageBytes;

/** Bytes of one message's body in protobuf form to its value and back: the same values as those of `MessageCodec`. */
export interface ProtobufCodec<Out = unknown, In = Out> {
  readonly name: string;
  /** The message type, as `dxgwire.proto` has it. */
  readonly type: ProtoMessage;
  /** Throws a ProtocolError when the value cannot be written. */
  encode(value: In): Uint8Array;
  /**
   * Skips fields that it does not know. Byte arrays are views of `bytes`. Throws a ProtocolError for bytes that are no
   * protobuf, and for lists that would make the packed form longer than a message may be, before they are made.
   */
  decode(bytes: Uint8Array): Out;
}

function codecOf(body: ProtoBody | undefined): ProtobufCodec | null {
  if (body === undefined) return null;
  const { type, message } = body;
  const left = Limits.maxMessageBytes - message.fixedBytes;
  return {
    name: type.name,
    type,
    encode: (value) => writing(type.name, (writer) => writeMessage(writer, type, (value ?? {}) as Values)),
    decode(bytes) {
      checkLength(type.name, bytes);
      return reading(type.name, bytes, left, (state) => readMessage(state, type, bytes.length));
    },
  };
}

function checkLength(name: string, bytes: Uint8Array): void {
  if (bytes.length > MAX_ENVELOPE_BYTES)
    throw new ProtocolError('too-large', `${name}: ${bytes.length} bytes, at most ${MAX_ENVELOPE_BYTES}`);
}

/** The protobuf codecs of a command: null where it has no layout, or no reply. */
export function protobufCodec<Request, Reply, RequestInput, ReplyInput>(
  def: CommandDef<Request, Reply, RequestInput, ReplyInput>,
): {
  readonly request: ProtobufCodec<Request, RequestInput> | null;
  readonly reply: ProtobufCodec<Reply, ReplyInput> | null;
} {
  const table = def as unknown as CommandDef;
  return {
    request: codecOf(bodyOfCommand(table, false)) as ProtobufCodec<Request, RequestInput> | null,
    reply: codecOf(bodyOfCommand(table, true)) as ProtobufCodec<Reply, ReplyInput> | null,
  };
}

/** What a request says besides its body. */
export interface EnvelopeHeader {
  readonly process: number;
  readonly vgpuLuid: Luid;
  readonly async: boolean;
  /** VMBus interface version, 0 when not stated. */
  readonly version: number;
}

/** A whole message in protobuf form. */
export type Envelope =
  | {
      readonly kind: 'request' | 'reply';
      readonly def: CommandDef;
      readonly header: EnvelopeHeader | null;
      readonly value: object;
    }
  /** Bytes in packed form: a command that the table has no layout for, or a reply that is shorter than demanded. */
  | { readonly kind: 'packed'; readonly header: EnvelopeHeader | null; readonly bytes: Uint8Array };

/** Writes a DxgMessage. Throws a ProtocolError when the value cannot be written or the command has no layout. */
export function encodeEnvelope(envelope: Envelope): Uint8Array {
  const { header } = envelope;
  return writing('DxgMessage', (writer) => {
    if (header !== null) writeInner(writer, EnvelopeField.header, headerType, header as unknown as Values);
    if (envelope.kind === 'packed') {
      writer.uint32((EnvelopeField.packed << 3) | 2).bytes(envelope.bytes);
      return;
    }
    const { def, kind, value } = envelope;
    const body = bodyOfCommand(def, kind === 'reply');
    if (body === undefined)
      throw new ProtocolError('unknown-command', `${def.name}: no ${kind} of known layout`);
    writeInner(writer, body.id, body.type, value as Values);
  });
}

/**
 * Reads a DxgMessage; of several bodies the last counts. Up to seven zero bytes behind it are ignored: some media round
 * lengths up to 8. Throws a ProtocolError for what is none, `unknown-command` when it has no body that is known.
 */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  checkLength('DxgMessage', bytes);
  return reading('DxgMessage', bytes, Limits.maxMessageBytes, readEnvelope);
}

function isPadding({ reader }: Reading): boolean {
  const { buf, pos, len } = reader;
  return len - pos < 8 && buf.subarray(pos, len).every((byte) => byte === 0);
}

function readEnvelope(state: Reading): Envelope {
  const { reader } = state;
  let header: EnvelopeHeader | null = null;
  let packed: Uint8Array | null = null;
  let body: ProtoBody | undefined;
  let value: Values = {};
  while (reader.pos < reader.len && !isPadding(state)) {
    const tag = reader.tag();
    const id = tag >>> 3;
    const known = (tag & 7) === 2;
    if (known && id === EnvelopeField.header)
      header = readMessage(state, headerType, innerEnd(state)) as unknown as EnvelopeHeader;
    else if (known && id === EnvelopeField.packed) {
      packed = reader.bytes();
      body = undefined;
    } else {
      const found = known ? bodyById(id) : undefined;
      if (found === undefined) {
        reader.skipType(tag & 7, 0, id);
        continue;
      }
      // Each body counts for itself; the last one is the message.
      state.left = Limits.maxMessageBytes - found.message.fixedBytes;
      body = found;
      packed = null;
      value = readMessage(state, found.type, innerEnd(state));
    }
  }
  if (packed !== null) return { kind: 'packed', header, bytes: packed };
  if (body === undefined) throw new ProtocolError('unknown-command', 'DxgMessage: no body that is known');
  return { kind: body.isReply ? 'reply' : 'request', def: body.def, header, value };
}

function innerEnd({ reader, name }: Reading): number {
  const end = reader.size() + reader.pos;
  if (end > reader.len)
    throw new ProtocolError('truncated', `${name}: a body ends at byte ${end} of ${reader.len}`);
  return end;
}
