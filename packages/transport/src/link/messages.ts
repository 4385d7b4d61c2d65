import protobuf from 'protobufjs/minimal.js';
import { TransportError } from '../errors.ts';

/**
 * The link's control messages: protobuf, so that they evolve well. The tables below are the only description;
 * they are encoded and decoded with protobufjs' reader and writer directly, because its reflection compiles
 * functions from strings, which a page's security policy may forbid. Fields that are not known are skipped;
 * absent ones read as 0, '' or empty. No 64-bit fields: addresses travel as page numbers in two halves.
 */

type Field =
  | { readonly id: number; readonly kind: 'uint32' }
  | { readonly id: number; readonly kind: 'string' }
  | { readonly id: number; readonly kind: 'bytes' }
  | { readonly id: number; readonly kind: 'strings' }
  | { readonly id: number; readonly kind: 'packed' }
  | { readonly id: number; readonly kind: 'message'; readonly fields: Fields }
  | { readonly id: number; readonly kind: 'messages'; readonly fields: Fields };
type Fields = { readonly [name: string]: Field };

type ValueOf<F extends Field> = F extends { kind: 'uint32' }
  ? number
  : F extends { kind: 'string' }
    ? string
    : F extends { kind: 'bytes' }
      ? Uint8Array
      : F extends { kind: 'strings' }
        ? string[]
        : F extends { kind: 'packed' }
          ? number[]
          : F extends { kind: 'message'; fields: infer S extends Fields }
            ? MessageValue<S> | null
            : F extends { kind: 'messages'; fields: infer S extends Fields }
              ? MessageValue<S>[]
              : never;

type MessageValue<S extends Fields> = { [Name in keyof S]: ValueOf<S[Name]> };

const uint32 = (id: number) => ({ id, kind: 'uint32' }) as const;
const string = (id: number) => ({ id, kind: 'string' }) as const;
const bytes = (id: number) => ({ id, kind: 'bytes' }) as const;
const strings = (id: number) => ({ id, kind: 'strings' }) as const;
const packed = (id: number) => ({ id, kind: 'packed' }) as const;
const message = <S extends Fields>(id: number, fields: S) => ({ id, kind: 'message', fields }) as const;
const messages = <S extends Fields>(id: number, fields: S) => ({ id, kind: 'messages', fields }) as const;

const pciFields = { vendorId: uint32(1), deviceId: uint32(2), config: bytes(3) };
const offerFields = {
  channel: uint32(1),
  classGuid: bytes(2),
  instanceGuid: bytes(3),
  mmioMegabytes: uint32(4),
  pci: message(5, pciFields),
};
const limitFields = {
  /** Guest memory that the host mirrors for this guest, in pages. */
  memoryPages: uint32(1),
  packetBytes: uint32(2),
  gpadls: uint32(3),
};

/** Every control message: its number in the `LinkMessage` union and its fields. */
export const linkMessages = {
  /** Guest, first. An empty token means none. `session` names a session to resume. */
  hello: {
    id: 1,
    fields: {
      minVersion: uint32(1),
      maxVersion: uint32(2),
      codecs: strings(3),
      features: strings(4),
      token: string(5),
      name: string(6),
      session: string(7),
      /** With `session`: bytes of that session's frames that the guest has received. */
      receivedLow: uint32(8),
      receivedHigh: uint32(9),
      /** Names the guest's process to a host on the same machine; empty: nothing is said of it. */
      process: string(10),
      /** Comes back in the answer, where a line may hold answers to other guests; 0: it does not. */
      attempt: uint32(11),
    },
  },
  welcome: {
    id: 2,
    fields: {
      version: uint32(1),
      codec: string(2),
      session: string(3),
      windowMegabytes: uint32(4),
      limits: message(5, limitFields),
      heartbeatMs: uint32(6),
      offers: messages(7, offerFields),
      features: strings(8),
      name: string(9),
      /** Answers a hello with a session: 1, and how much of its frames the host has received. */
      isResumed: uint32(10),
      receivedLow: uint32(11),
      receivedHigh: uint32(12),
      /** How long the session waits for its guest after a broken connection. */
      leaseMs: uint32(13),
      /** As in the hello that this answers. */
      attempt: uint32(14),
    },
  },
  refused: {
    id: 3,
    fields: {
      code: string(1),
      reason: string(2),
      /** As in the hello that this answers. */
      attempt: uint32(3),
    },
  },
  offer: { id: 4, fields: { offer: message(1, offerFields) } },
  rescind: { id: 5, fields: { channel: uint32(1) } },
  channelOpen: { id: 6, fields: { channel: uint32(1) } },
  /** The host's answer; an empty code means that the channel is open. */
  channelOpened: { id: 7, fields: { channel: uint32(1), code: string(2), reason: string(3) } },
  /** Either side, answered with the same. An empty code is an orderly close. */
  channelClose: { id: 8, fields: { channel: uint32(1), code: string(2), reason: string(3) } },
  pciWrite: { id: 9, fields: { channel: uint32(1), offset: uint32(2), value: uint32(3) } },
  pciConfig: { id: 10, fields: { channel: uint32(1), config: bytes(2) } },
  /** Ranges in threes: page number low, page number high, pages. */
  gpadlCreate: { id: 11, fields: { gpadl: uint32(1), ranges: packed(2) } },
  gpadlCreated: { id: 12, fields: { gpadl: uint32(1), code: string(2), reason: string(3) } },
  gpadlTeardown: { id: 13, fields: { gpadl: uint32(1) } },
  gpadlTornDown: { id: 14, fields: { gpadl: uint32(1) } },
  /** The guest has taken a block of its memory into use: the host mirrors it from now on, zeroed. */
  memoryBlock: { id: 15, fields: { pageLow: uint32(1), pageHigh: uint32(2), pages: uint32(3) } },
  memoryBlockFree: { id: 16, fields: { pageLow: uint32(1), pageHigh: uint32(2) } },
  /** Either side, last. An empty code is an orderly end, answered with the same. */
  close: { id: 17, fields: { code: string(1), reason: string(2) } },
} as const satisfies Record<string, { readonly id: number; readonly fields: Fields }>;

type Table = typeof linkMessages;
export type LinkMessageType = keyof Table;
export type LinkMessageBody<Type extends LinkMessageType> = MessageValue<Table[Type]['fields']>;
/** A control message: its type and its body. */
export type LinkMessage = {
  [Type in LinkMessageType]: { readonly type: Type; readonly body: LinkMessageBody<Type> };
}[LinkMessageType];
/** Control messages that open a connection; all others are part of the session's stream. */
export function isGreeting(type: LinkMessageType): boolean {
  return type === 'hello' || type === 'welcome' || type === 'refused';
}

/** A virtual GPU or the global channel as offered on the wire. */
export type WireOffer = MessageValue<typeof offerFields>;

const typeById = new Map<number, LinkMessageType>();
for (const [type, { id }] of Object.entries(linkMessages)) typeById.set(id, type as LinkMessageType);

const VARINT = 0;
const DELIMITED = 2;

/** Encodes one control message; fields left out are zero or empty. */
export function encodeLinkMessage<Type extends LinkMessageType>(
  type: Type,
  body: Partial<LinkMessageBody<Type>>,
): Uint8Array {
  const writer = protobuf.Writer.create();
  const { id, fields } = linkMessages[type];
  writer.uint32((id << 3) | DELIMITED).fork();
  writeFields(writer, fields, body);
  return writer.ldelim().finish();
}

type Loose = { readonly [name: string]: unknown };

function writeFields(writer: protobuf.Writer, fields: Fields, body: Loose): void {
  for (const name in fields) {
    const value = body[name];
    const field = fields[name];
    if (field !== undefined && value !== undefined && value !== null) writeField(writer, field, value);
  }
}

function writeField(writer: protobuf.Writer, field: Field, value: unknown): void {
  const delimited = (field.id << 3) | DELIMITED;
  switch (field.kind) {
    case 'uint32':
      if (value !== 0) writer.uint32((field.id << 3) | VARINT).uint32(value as number);
      break;
    case 'string':
      if (value !== '') writer.uint32(delimited).string(value as string);
      break;
    case 'bytes':
      if ((value as Uint8Array).length > 0) writer.uint32(delimited).bytes(value as Uint8Array);
      break;
    case 'strings':
      for (const entry of value as string[]) writer.uint32(delimited).string(entry);
      break;
    case 'packed':
      writer.uint32(delimited).fork();
      for (const entry of value as number[]) writer.uint32(entry);
      writer.ldelim();
      break;
    case 'message':
      writer.uint32(delimited).fork();
      writeFields(writer, field.fields, value as Loose);
      writer.ldelim();
      break;
    case 'messages':
      for (const entry of value as Loose[]) {
        writer.uint32(delimited).fork();
        writeFields(writer, field.fields, entry);
        writer.ldelim();
      }
      break;
  }
}

/**
 * Decodes one control message. The result owns its bytes.
 *
 * @returns null for a message that this version does not know: it is to be ignored.
 * @throws TransportError `bad-frame`.
 */
export function decodeLinkMessage(source: Uint8Array, offset: number, length: number): LinkMessage | null {
  try {
    // A plain Uint8Array, so that the reader takes the same path in Node and in a browser.
    const reader = protobuf.Reader.create(new Uint8Array(source.buffer, source.byteOffset + offset, length));
    let found: LinkMessage | null = null;
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      const type = (tag & 7) === DELIMITED ? typeById.get(tag >>> 3) : undefined;
      if (type === undefined) {
        reader.skipType(tag & 7);
        continue;
      }
      const body = readFields(reader, linkMessages[type].fields, reader.uint32() + reader.pos);
      found = { type, body } as LinkMessage;
    }
    return found;
  } catch (error) {
    throw new TransportError('bad-frame', 'a control message cannot be decoded', { cause: error });
  }
}

function emptyOf(field: Field): unknown {
  switch (field.kind) {
    case 'uint32':
      return 0;
    case 'string':
      return '';
    case 'bytes':
      return new Uint8Array(0);
    case 'message':
      return null;
    default:
      return [];
  }
}

function readFields(reader: protobuf.Reader, fields: Fields, end: number): Loose {
  if (end > reader.len) throw new RangeError(`a message ends at ${end} beyond ${reader.len}`);
  const body: { [name: string]: unknown } = {};
  const nameById = new Map<number, string>();
  for (const name in fields) {
    const field = fields[name];
    if (field === undefined) continue;
    body[name] = emptyOf(field);
    nameById.set(field.id, name);
  }
  while (reader.pos < end) {
    const tag = reader.uint32();
    const name = nameById.get(tag >>> 3);
    const field = name === undefined ? undefined : fields[name];
    const wanted = field?.kind === 'uint32' ? VARINT : DELIMITED;
    // Who reads packed numbers must read them one by one as well, says protobuf.
    if (name !== undefined && field?.kind === 'packed' && (tag & 7) === VARINT) {
      (body[name] as number[]).push(reader.uint32());
      continue;
    }
    if (name === undefined || field === undefined || (tag & 7) !== wanted) reader.skipType(tag & 7);
    else body[name] = readField(reader, field, body[name]);
  }
  if (reader.pos !== end) throw new RangeError('a field goes beyond its message');
  return body;
}

function readField(reader: protobuf.Reader, field: Field, before: unknown): unknown {
  switch (field.kind) {
    case 'uint32':
      return reader.uint32();
    case 'string':
      return reader.string();
    case 'bytes':
      return reader.bytes().slice();
    case 'strings':
      (before as string[]).push(reader.string());
      return before;
    case 'packed': {
      const end = reader.uint32() + reader.pos;
      if (end > reader.len) throw new RangeError('a packed field goes beyond its message');
      const values = before as number[];
      while (reader.pos < end) values.push(reader.uint32());
      return values;
    }
    case 'message':
      return readFields(reader, field.fields, reader.uint32() + reader.pos);
    case 'messages':
      (before as Loose[]).push(readFields(reader, field.fields, reader.uint32() + reader.pos));
      return before;
  }
}
