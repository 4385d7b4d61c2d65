import protobuf from 'protobufjs/minimal.js';
import { ProtocolError } from '../errors.ts';
import type { ChoiceNode } from '../schema/types.ts';
import { type ProtoField, type ProtoMessage, REST } from './schema.ts';

/** Reads protobuf bytes by the derived schema, with protobufjs' reader and without its reflection. */

export type Values = Record<string, unknown>;

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;

const NO_BYTES = new Uint8Array(0);

/** One reading: the bytes, and how many the packed form may still take. */
export interface Reading {
  readonly reader: protobuf.Reader;
  /** Bytes left for lists and tails in the packed form: checked before they are made. */
  left: number;
  /** What is read, for errors. */
  readonly name: string;
}

/** Runs `read` over bytes; whatever is wrong with them is a ProtocolError. */
export function reading<T>(name: string, bytes: Uint8Array, left: number, read: (state: Reading) => T): T {
  // A plain Uint8Array, so that the reader takes the same path in Node and in a browser.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  try {
    return read({ reader: new protobuf.Reader(plain), left, name });
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    const code = error instanceof RangeError ? 'truncated' : 'bad-value';
    throw new ProtocolError(code, `${name}: protobuf: ${reason}`, { cause: error });
  }
}

/** Takes `count` elements out of what the message may hold. */
function take(state: Reading, field: ProtoField, count: number): void {
  state.left -= count * field.elementBytes;
  if (state.left < 0)
    throw new ProtocolError(
      'too-large',
      `${state.name}: ${field.name} makes it longer than a message may be`,
    );
}

function failSlots({ name }: Reading, field: ProtoField, count: number): never {
  throw new ProtocolError(
    'too-large',
    `${name}: ${field.name} has ${count} elements, at most ${field.slots} fit`,
  );
}

/** The place behind a delimited field's content, which begins at the reader's position. */
function endOf({ reader, name }: Reading, field: ProtoField, limit: number): number {
  const end = reader.size() + reader.pos;
  if (end > limit)
    throw new ProtocolError('truncated', `${name}: ${field.name} ends at byte ${end} of ${limit}`);
  return end;
}

/** Reads a message that ends at `end`. Fields that are not known are skipped; every known one is in the result. */
export function readMessage(state: Reading, type: ProtoMessage, end: number): Values {
  const values: Values = {};
  readFields(state, type, end, values);
  return finish(state.name, type, values);
}

/** Reads what is there into `values`: lists as plain arrays, a message that comes again into the same one. */
function readFields(state: Reading, type: ProtoMessage, end: number, values: Values): void {
  const { reader } = state;
  while (reader.pos < end) {
    const tag = reader.tag();
    const field = type.byId.get(tag >>> 3);
    if (field === undefined || !readField(state, field, tag & 7, end, values)) {
      reader.skipType(tag & 7, 0, tag >>> 3);
    }
  }
  if (reader.pos !== end)
    throw new ProtocolError('truncated', `${state.name}: a field goes beyond ${type.name}`);
}

/** Reads a field's content, or returns false when it has another wire type than it should. */
function readField(state: Reading, field: ProtoField, wire: number, end: number, values: Values): boolean {
  if (field.repeated) return readElements(state, field, wire, end, values);
  const { reader } = state;
  const { key } = field;
  switch (field.kind) {
    case 'message': {
      if (wire !== DELIMITED || field.type === null) return false;
      const inner = (values[key] ?? {}) as Values;
      values[key] = inner;
      readFields(state, field.type, endOf(state, field, end), inner);
      return true;
    }
    case 'bytes':
    case 'text':
      if (wire !== DELIMITED) return false;
      values[key] = readBytes(state, field, endOf(state, field, end));
      return true;
    case 'fixed32':
      if (wire !== FIXED32) return false;
      values[key] = reader.fixed32();
      return true;
    case 'fixed64':
      if (wire !== FIXED64) return false;
      values[key] = readLong(reader);
      return true;
    case 'bool':
      if (wire !== VARINT) return false;
      values[key] = reader.bool();
      return true;
    case 'int32':
      if (wire !== VARINT) return false;
      values[key] = reader.int32();
      return true;
    case 'uint32': {
      if (wire !== VARINT) return false;
      const number = reader.uint32();
      if (number > field.most)
        throw new ProtocolError(
          'bad-value',
          `${state.name}: ${field.name} is ${number}, above ${field.most}`,
        );
      values[key] = number;
      return true;
    }
  }
}

/** Two halves: exact without a class for 64-bit numbers. */
function readLong(reader: protobuf.Reader): bigint {
  const low = reader.fixed32();
  return (BigInt(reader.fixed32()) << 32n) | BigInt(low);
}

function readBytes(state: Reading, field: ProtoField, end: number): Uint8Array | string {
  const { reader, name } = state;
  const start = reader.pos;
  const length = end - start;
  const bytes = reader.buf.subarray(start, end);
  reader.pos = end;
  if (field.kind === 'bytes') {
    if (field.slots !== null && length > field.slots) failSlots(state, field, length);
    take(state, field, length);
    return bytes;
  }
  if (length % 2 !== 0)
    throw new ProtocolError(
      'bad-length',
      `${name}: ${field.name} has ${length} bytes, not whole UTF-16 units`,
    );
  if (field.slots !== null && length / 2 > field.slots) failSlots(state, field, length / 2);
  let text = '';
  for (let at = 0; at < length; at += 2) {
    const unit = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
    if (unit === 0) break;
    text += String.fromCharCode(unit);
  }
  return text;
}

function readElements(state: Reading, field: ProtoField, wire: number, end: number, values: Values): boolean {
  const { reader } = state;
  const list = (values[field.key] ?? []) as unknown[];
  if (field.kind === 'message') {
    if (wire !== DELIMITED || field.type === null) return false;
    take(state, field, 1);
    const element: Values = {};
    readFields(state, field.type, endOf(state, field, end), element);
    list.push(element);
    values[field.key] = list;
    return true;
  }
  const isLong = field.kind === 'fixed64';
  const bytes = isLong ? 8 : 4;
  let count = 1;
  if (wire === DELIMITED) {
    const length = endOf(state, field, end) - reader.pos;
    if (length % bytes !== 0)
      throw new ProtocolError(
        'bad-length',
        `${state.name}: ${field.name} has ${length} bytes, not a multiple of ${bytes}`,
      );
    count = length / bytes;
  } else if (wire !== (isLong ? FIXED64 : FIXED32)) return false;
  take(state, field, count);
  if (field.slots !== null && list.length + count > field.slots) failSlots(state, field, list.length + count);
  for (let i = 0; i < count; i++) list.push(isLong ? readLong(reader) : reader.fixed32());
  values[field.key] = list;
  return true;
}

/** Gives a message that was read its final form: every field present, unions resolved. */
function finish(name: string, type: ProtoMessage, values: Values): Values {
  for (const field of type.fields) finishField(name, field, values);
  for (const choice of type.choices) choose(name, choice, type, values);
  return values;
}

/** Typed arrays of the full size, and zero or empty where the field was absent. */
function finishField(name: string, field: ProtoField, values: Values): void {
  const { key, kind, slots, type } = field;
  const given = values[key];
  if (kind === 'message' && type !== null && given !== undefined) {
    for (const each of field.repeated ? (given as Values[]) : [given as Values]) finish(name, type, each);
  } else if (field.alternative || field.id === REST) {
    // There only if it is valid: see `choose`.
  } else if (field.repeated && kind !== 'message') {
    values[key] = typedArray(given as unknown[] | undefined, kind, slots);
  } else if (kind === 'bytes') {
    values[key] = fullBytes(given as Uint8Array | undefined, slots);
  } else if (given === undefined) values[key] = zeroOf(field);
}

function typedArray(list: unknown[] | undefined, kind: string, slots: number | null): unknown {
  const array =
    kind === 'fixed64'
      ? new BigUint64Array(slots ?? list?.length ?? 0)
      : new Uint32Array(slots ?? list?.length ?? 0);
  if (list !== undefined) array.set(list as never);
  return array;
}

function fullBytes(bytes: Uint8Array | undefined, slots: number | null): Uint8Array {
  if (slots === null) return bytes ?? NO_BYTES;
  if (bytes?.length === slots) return bytes;
  const full = new Uint8Array(slots);
  if (bytes !== undefined) full.set(bytes);
  return full;
}

function zeroOf({ kind, repeated, type }: ProtoField): unknown {
  if (repeated) return [];
  switch (kind) {
    case 'message':
      return type === null ? {} : finish('', type, {});
    case 'text':
      return '';
    case 'bool':
      return false;
    case 'fixed64':
      return 0n;
    default:
      return 0;
  }
}

/** The key of the alternative that the value's own tag selects, or null. */
export function chosenKey({ rule }: ChoiceNode, values: Values): string | null {
  const tag = (values[rule.key] ?? 0) as number;
  if (rule.by === 'flag') return (tag & rule.mask) !== 0 ? rule.set : rule.clear;
  return rule.when[tag] ?? rule.otherwise;
}

/** Leaves the valid alternative of a union: others are gone, or zero where the union is one of numbers. */
function choose(name: string, choice: ChoiceNode, type: ProtoMessage, values: Values): void {
  const key = chosenKey(choice, values);
  const keys = new Set(choice.alternatives.map((alternative) => alternative.key));
  for (const field of type.fields) {
    if (!keys.has(field.key)) continue;
    if (field.key !== key) {
      if (choice.keepsRest) delete values[field.key];
      else values[field.key] = zeroOf(field);
    } else if (values[field.key] === undefined) values[field.key] = zeroOf(field);
  }
  const rest = values['rest'] as Uint8Array | undefined;
  if (!choice.keepsRest || rest === undefined) return;
  const used = choice.alternatives.find((alternative) => alternative.key === key)?.type.sizeBytes ?? 0;
  const most = choice.sizeBytes - used;
  if (rest.length > most)
    throw new ProtocolError('too-large', `${name}: rest has ${rest.length} elements, at most ${most} fit`);
  if (rest.every((byte) => byte === 0)) delete values['rest'];
  else values['rest'] = fullBytes(rest, most);
}
