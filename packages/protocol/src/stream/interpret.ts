import type { AnyHandlers, RecordReader } from './compile-read.ts';
import { type AnyWriter, enumNumbers } from './compile-write.ts';
import type { StreamReader } from './reader.ts';
import {
  type CountedShape,
  leastWords,
  type NamedShape,
  type Op,
  type Shape,
  UNDEFINED_WORD,
} from './schema.ts';
import { badValue, finishRecord, type StreamWriter, writeBytes, writeString, writeWords } from './writer.ts';

/*
 * The same codec without `new Function`, for pages whose content security policy forbids it: the layout is walked
 * for each record. Slower, same bytes, same checks.
 */

const scratchF64 = new Float64Array(1);
const scratchU32 = new Uint32Array(scratchF64.buffer);

type Value = unknown;
type StructLike = Readonly<Record<string, Value>>;

/** Writes an op's record by walking its layout. */
export function interpretWriter(op: Op): AnyWriter {
  const write = (writer: StreamWriter, ...values: Value[]): void => {
    const start = writer.words;
    writer.reserve(start + 1);
    let position = start + 1;
    for (const [index, { name, shape }] of op.fields.entries()) {
      const value = op.form === 'positional' ? values[index] : (values[0] as StructLike)[name];
      position = writeField(writer, position, shape, value, name);
    }
    finishRecord(writer, start, position, op.opcode);
  };
  return write as AnyWriter;
}

const numbersOf = new WeakMap<readonly string[], Record<string, number>>();

function enumNumber(values: readonly string[], value: Value, name: string): number {
  let numbers = numbersOf.get(values);
  if (numbers === undefined) {
    numbers = enumNumbers(values);
    numbersOf.set(values, numbers);
  }
  const number = numbers[value as string];
  if (number === undefined) throw badValue(name, value);
  return number;
}

function writeField(w: StreamWriter, p: number, shape: Shape, value: Value, name: string): number {
  switch (shape.kind) {
    case 'string':
      return value === undefined && shape.optional
        ? writeWord(w, p, UNDEFINED_WORD)
        : writeString(w, p, value as string);
    case 'bytes':
      return writeBytes(w, p, value as Uint8Array);
    case 'u32s':
      return writeWords(w, p, value as ArrayLike<number>);
    case 'rest':
      w.reserve(p + (value as number));
      w.u32.fill(0, p, p + (value as number));
      return p + (value as number);
    case 'struct':
      return writeStruct(w, p, shape.fields, value as StructLike);
    case 'array':
      return writeArray(w, p, shape.element, value as readonly Value[], name);
    case 'optional':
    case 'nullable':
      if (value === undefined || value === null) return writeWord(w, p, 0);
      return writeField(w, writeWord(w, p, 1), shape.content, value, name);
    default:
      return writeScalar(w, p, shape, value, name);
  }
}

function writeScalar(w: StreamWriter, p: number, shape: Shape, value: Value, name: string): number {
  switch (shape.kind) {
    case 'f32':
      w.reserve(p + 1);
      w.f32[p] = value as number;
      return p + 1;
    case 'f64':
      scratchF64[0] = value as number;
      return writeWord(w, writeWord(w, p, scratchU32[0]!), scratchU32[1]!);
    case 'bool':
      return writeWord(w, p, value ? 1 : 0);
    case 'optional-bool':
      return writeWord(w, p, value === undefined ? UNDEFINED_WORD : value ? 1 : 0);
    case 'optional-u32':
      return writeWord(w, p, value === undefined ? UNDEFINED_WORD : (value as number));
    case 'size':
    case 'optional-size':
      return writeSize(w, p, shape.kind === 'optional-size', value, name);
    case 'enum': {
      const absent = shape.optional && value === undefined;
      return writeWord(w, p, absent ? UNDEFINED_WORD : enumNumber(shape.values, value, name));
    }
    default:
      return writeWord(w, p, value as number);
  }
}

function writeSize(w: StreamWriter, p: number, isOptional: boolean, value: Value, name: string): number {
  if (isOptional && value === undefined) return writeWord(w, writeWord(w, p, UNDEFINED_WORD), UNDEFINED_WORD);
  const number = value as number;
  if (!(number >= 0 && number <= Number.MAX_SAFE_INTEGER)) throw badValue(name, value);
  return writeWord(w, writeWord(w, p, number), number / 4_294_967_296);
}

function writeWord(w: StreamWriter, p: number, value: number): number {
  w.reserve(p + 1);
  w.u32[p] = value;
  return p + 1;
}

function writeStruct(w: StreamWriter, p: number, fields: readonly NamedShape[], value: StructLike): number {
  let position = p;
  for (const { name, shape } of fields) position = writeField(w, position, shape, value[name], name);
  return position;
}

function writeArray(
  w: StreamWriter,
  p: number,
  element: Shape,
  value: readonly Value[],
  name: string,
): number {
  let position = writeWord(w, p, value.length);
  for (const item of value) position = writeField(w, position, element, item, name);
  return position;
}

/** Reads an op's record by walking its layout. */
export function interpretReader(opName: string, op: Op): RecordReader {
  return (reader, handlers: AnyHandlers, position, end) => {
    reader.position = position;
    const values = op.fields.map(({ name, shape }) => readField(reader, end, shape, name));
    if (reader.position !== end) throw reader.fail(reader.position, `record ${opName} is too long`);
    const handler = handlers[opName] as unknown as (this: AnyHandlers, ...values: Value[]) => void;
    if (op.form === 'positional') handler.apply(handlers, values);
    else
      handler.call(handlers, Object.fromEntries(op.fields.map(({ name }, index) => [name, values[index]])));
  };
}

function readWord(r: StreamReader, end: number): number {
  if (r.position >= end) throw r.fail(r.position, 'record is too short');
  const word = r.u32[r.position]!;
  r.position += 1;
  return word;
}

function readField(r: StreamReader, end: number, shape: Shape, name: string): Value {
  switch (shape.kind) {
    case 'string':
    case 'bytes':
    case 'u32s':
      return readCounted(r, end, shape, name);
    case 'rest': {
      const words = end - r.position;
      r.position = end;
      return words;
    }
    case 'struct': {
      const members = shape.fields.map((field) => [field.name, readField(r, end, field.shape, field.name)]);
      return Object.fromEntries(members);
    }
    case 'array':
      return readArray(r, end, shape.element, name);
    case 'optional':
    case 'nullable': {
      const flag = readWord(r, end);
      if (flag > 1) throw r.fail(r.position - 1, `presence of ${name} is ${flag}`);
      if (flag === 0) return shape.kind === 'optional' ? undefined : null;
      return readField(r, end, shape.content, name);
    }
    default:
      return readScalar(r, end, shape, name);
  }
}

function readCounted(r: StreamReader, end: number, shape: CountedShape, name: string): Value {
  const place = r.position;
  const count = readWord(r, end);
  if (shape.optional === true && count === UNDEFINED_WORD) return undefined;
  const words = shape.kind === 'u32s' ? count : Math.ceil(count / 4);
  if (words > end - r.position) throw r.fail(place, `${name} of length ${count} does not fit its record`);
  r.position += words;
  if (shape.kind === 'string') return r.string(place, count);
  return shape.kind === 'bytes' ? r.data(place, count) : r.list(place, count);
}

function readArray(r: StreamReader, end: number, element: Shape, name: string): Value[] {
  const place = r.position;
  const count = readWord(r, end);
  if (count * leastWords(element) > end - r.position) {
    throw r.fail(place, `${count} ${name} do not fit their record`);
  }
  const list: Value[] = [];
  for (let index = 0; index < count; index++) list.push(readField(r, end, element, name));
  return list;
}

function readScalar(r: StreamReader, end: number, shape: Shape, name: string): Value {
  const place = r.position;
  const word = readWord(r, end);
  switch (shape.kind) {
    case 'i32':
      return word | 0;
    case 'f32':
      return r.f32[place];
    case 'f64':
      scratchU32[0] = word;
      scratchU32[1] = readWord(r, end);
      return scratchF64[0];
    case 'bool':
    case 'optional-bool':
      if (shape.kind === 'optional-bool' && word === UNDEFINED_WORD) return undefined;
      if (word > 1) throw r.fail(place, `${name} is ${word}, not 0 or 1`);
      return word === 1;
    case 'optional-u32':
      return word === UNDEFINED_WORD ? undefined : word;
    case 'size':
    case 'optional-size': {
      const high = readWord(r, end);
      if (shape.kind === 'optional-size' && word === UNDEFINED_WORD && high === UNDEFINED_WORD) {
        return undefined;
      }
      if (high > 0x1f_ffff) throw r.fail(place, `${name} is 2^53 or more`);
      return high * 4_294_967_296 + word;
    }
    case 'enum':
      if (shape.optional && word === UNDEFINED_WORD) return undefined;
      if (word >= shape.values.length) throw r.fail(place, `${name} has no value ${word}`);
      return shape.values[word];
    default:
      return word;
  }
}
