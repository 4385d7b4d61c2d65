import protobuf from 'protobufjs/minimal.js';
import { Limits } from '../constants.ts';
import { ProtocolError } from '../errors.ts';
import { chosenKey, type Values } from './read.ts';
import type { ProtoField, ProtoMessage } from './schema.ts';

/** Writes values as protobuf by the derived schema, with protobufjs' writer and without its reflection. */

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;

/** Runs `write` with a writer and returns the bytes; what cannot be written is a ProtocolError. */
export function writing(name: string, write: (writer: protobuf.Writer) => void): Uint8Array {
  const writer = new protobuf.Writer();
  try {
    write(writer);
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ProtocolError('bad-value', `${name}: cannot be encoded: ${reason}`, { cause: error });
  }
  return writer.finish();
}

/** Writes a message's fields; those that are zero, empty or not valid are left out. */
export function writeMessage(writer: protobuf.Writer, type: ProtoMessage, values: Values): void {
  let invalid: Set<string> | null = null;
  for (const choice of type.choices) {
    const chosen = chosenKey(choice, values);
    invalid ??= new Set();
    for (const { key } of choice.alternatives) if (key !== chosen) invalid.add(key);
  }
  for (const field of type.fields) {
    const value = values[field.key];
    if (value === undefined || value === null || invalid?.has(field.key) === true) continue;
    if (field.repeated) writeElements(writer, field, value);
    else writeField(writer, field, value);
  }
}

/** Writes one delimited message field. */
export function writeInner(writer: protobuf.Writer, id: number, type: ProtoMessage, values: Values): void {
  writer.uint32((id << 3) | DELIMITED).fork();
  writeMessage(writer, type, values);
  writer.ldelim();
}

function failSlots(field: ProtoField, count: number): never {
  throw new ProtocolError('too-large', `${field.name} has ${count} elements, at most ${field.slots} fit`);
}

/** As two halves, which is exact. */
function writeLong(writer: protobuf.Writer, value: bigint): void {
  writer.fixed32(Number(BigInt.asUintN(32, value)));
  writer.fixed32(Number(BigInt.asUintN(32, value >> 32n)));
}

function writeField(writer: protobuf.Writer, field: ProtoField, value: unknown): void {
  const { id, kind } = field;
  // An alternative is there even when it is zero: that it is there is part of the value.
  const always = field.alternative;
  switch (kind) {
    case 'message':
      if (field.type !== null) writeInner(writer, id, field.type, value as Values);
      break;
    case 'bytes':
      writeBytes(writer, field, value as Uint8Array);
      break;
    case 'text':
      writeText(writer, field, value as string);
      break;
    case 'bool':
      if (value) writer.uint32((id << 3) | VARINT).bool(true);
      break;
    case 'int32':
      if (value !== 0 || always) writer.uint32((id << 3) | VARINT).int32(value as number);
      break;
    case 'uint32': {
      const number = ((value as number) & field.most) >>> 0;
      if (number !== 0 || always) writer.uint32((id << 3) | VARINT).uint32(number);
      break;
    }
    case 'fixed32': {
      const number = (value as number) >>> 0;
      if (number !== 0 || always) writer.uint32((id << 3) | FIXED32).fixed32(number);
      break;
    }
    case 'fixed64':
      if (value === 0n && !always) break;
      writer.uint32((id << 3) | FIXED64);
      writeLong(writer, value as bigint);
      break;
  }
}

/** Length without the zeros at the end, where the reader knows the full one. */
function significant(field: ProtoField, list: ArrayLike<unknown>): number {
  let count = list.length;
  if (count >>> 0 !== count)
    throw new ProtocolError('bad-value', `${field.name} is not a list, or one of more than 2^32 elements`);
  if (field.slots === null) {
    // Before it is written: no packet has room for it.
    if (count * field.elementBytes > Limits.maxMessageBytes)
      throw new ProtocolError(
        'too-large',
        `${field.name}: ${count} elements of ${field.elementBytes} bytes, but a message has at most ${Limits.maxMessageBytes}`,
      );
    return count;
  }
  if (count > field.slots) failSlots(field, count);
  while (count > 0 && (list[count - 1] === 0 || list[count - 1] === 0n)) count--;
  return count;
}

function writeBytes(writer: protobuf.Writer, field: ProtoField, bytes: Uint8Array): void {
  const count = significant(field, bytes);
  if (count === 0) return;
  writer.uint32((field.id << 3) | DELIMITED);
  writer.bytes(count === bytes.length ? bytes : bytes.subarray(0, count));
}

function writeText(writer: protobuf.Writer, field: ProtoField, text: string): void {
  if (field.slots !== null && text.length > field.slots) failSlots(field, text.length);
  if (text === '') return;
  const bytes = new Uint8Array(2 * text.length);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    bytes[2 * i] = unit & 0xff;
    bytes[2 * i + 1] = unit >> 8;
  }
  writer.uint32((field.id << 3) | DELIMITED).bytes(bytes);
}

function writeElements(writer: protobuf.Writer, field: ProtoField, value: unknown): void {
  if (field.kind === 'message') {
    const elements = value as (Values | undefined)[];
    significant(field, elements);
    for (const element of elements) {
      if (field.type !== null) writeInner(writer, field.id, field.type, element ?? {});
    }
    return;
  }
  const list = value as ArrayLike<unknown>;
  const count = significant(field, list);
  if (count === 0) return;
  const isLong = field.kind === 'fixed64';
  writer.uint32((field.id << 3) | DELIMITED).uint32(count * (isLong ? 8 : 4));
  for (let i = 0; i < count; i++) {
    if (isLong) writeLong(writer, list[i] as bigint);
    else writer.fixed32(list[i] as number);
  }
}
