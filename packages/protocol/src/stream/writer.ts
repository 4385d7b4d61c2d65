import { ProtocolError } from '../errors.ts';
import { MAX_RECORD_WORDS, MAX_SHORT_RECORD_WORDS } from './schema.ts';

/** Words a new writer has room for. */
const FIRST_WORDS = 1024;

/** Largest stream that a writer holds, words (1 GiB): far above what a context may submit. */
const MAX_STREAM_WORDS = 1 << 28;

const encoder = new TextEncoder();

/**
 * Where records are written: growing memory with views for each kind of word. The views are replaced when it
 * grows, so take them anew after each `reserve`.
 */
export class StreamWriter {
  u32: Uint32Array;
  f32: Float32Array;
  bytes: Uint8Array;
  /** Words written. */
  words = 0;
  /** Words there is room for. */
  capacity: number;

  constructor(capacityWords: number = FIRST_WORDS) {
    this.capacity = Math.max(16, capacityWords);
    this.u32 = new Uint32Array(this.capacity);
    this.f32 = new Float32Array(this.u32.buffer);
    this.bytes = new Uint8Array(this.u32.buffer);
  }

  /** Bytes written. */
  get lengthBytes(): number {
    return this.words * 4;
  }

  /** Forgets what was written and keeps the memory. */
  reset(): void {
    this.words = 0;
  }

  /**
   * Makes room so that words up to `end` may be written.
   * @throws ProtocolError `too-large` above 1 GiB.
   */
  reserve(end: number): void {
    if (end <= this.capacity) return;
    if (end > MAX_STREAM_WORDS) {
      throw new ProtocolError('too-large', `command stream of ${end} words, at most ${MAX_STREAM_WORDS}`);
    }
    const capacity = Math.min(MAX_STREAM_WORDS, Math.max(end, this.capacity * 2));
    const grown = new Uint32Array(capacity);
    grown.set(this.u32);
    this.u32 = grown;
    this.f32 = new Float32Array(grown.buffer);
    this.bytes = new Uint8Array(grown.buffer);
    this.capacity = capacity;
  }

  /** Appends whole records written elsewhere. */
  append(other: StreamWriter): void {
    this.reserve(this.words + other.words);
    this.u32.set(other.u32.subarray(0, other.words), this.words);
    this.words += other.words;
  }

  /** Forgets what was written, and the memory beyond so much. */
  shrink(capacityWords: number): void {
    this.words = 0;
    if (this.capacity <= capacityWords) return;
    this.capacity = capacityWords;
    this.u32 = new Uint32Array(capacityWords);
    this.f32 = new Float32Array(this.u32.buffer);
    this.bytes = new Uint8Array(this.u32.buffer);
  }

  /** The records written so far; a view that is valid until the next write. */
  view(): Uint8Array {
    return this.bytes.subarray(0, this.words * 4);
  }
}

/** Writes a string at word `position`: byte length, UTF-8, zero padding. @returns the word behind it. */
export function writeString(writer: StreamWriter, position: number, value: string): number {
  const { length } = value;
  if (length === 0) {
    writer.reserve(position + 1);
    writer.u32[position] = 0;
    return position + 1;
  }
  if (length > MAX_RECORD_WORDS * 4) throw tooLong('string', length);
  // Three bytes a UTF-16 unit is the most that UTF-8 takes.
  writer.reserve(position + 2 + ((length * 3 + 3) >>> 2));
  const start = (position + 1) * 4;
  const written = length < 48 ? writeAscii(writer.bytes, start, value) : -1;
  const lengthBytes =
    written >= 0
      ? written
      : encoder.encodeInto(value, writer.bytes.subarray(start, start + length * 3)).written;
  return finishBytes(writer, position, lengthBytes);
}

/** Writes short ASCII text, which most labels are, without leaving JavaScript; -1 when it is something else. */
function writeAscii(bytes: Uint8Array, start: number, value: string): number {
  for (let index = 0; index < value.length; index++) {
    const unit = value.charCodeAt(index);
    if (unit > 0x7f) return -1;
    bytes[start + index] = unit;
  }
  return value.length;
}

/** Writes bytes at word `position`: length, content, zero padding. @returns the word behind them. */
export function writeBytes(writer: StreamWriter, position: number, value: Uint8Array): number {
  const { length } = value;
  if (length > MAX_RECORD_WORDS * 4) throw tooLong('data', length);
  writer.reserve(position + 2 + ((length + 3) >>> 2));
  writer.bytes.set(value, (position + 1) * 4);
  return finishBytes(writer, position, length);
}

function finishBytes(writer: StreamWriter, position: number, lengthBytes: number): number {
  writer.u32[position] = lengthBytes;
  const start = (position + 1) * 4;
  const end = position + 1 + ((lengthBytes + 3) >>> 2);
  for (let index = start + lengthBytes; index < end * 4; index++) writer.bytes[index] = 0;
  return end;
}

/** Writes a count and that many words. @returns the word behind them. */
export function writeWords(writer: StreamWriter, position: number, value: ArrayLike<number>): number {
  const { length } = value;
  if (length > MAX_RECORD_WORDS) throw tooLong('list', length);
  writer.reserve(position + 1 + length);
  const { u32 } = writer;
  u32[position] = length;
  for (let index = 0; index < length; index++) u32[position + 1 + index] = value[index]!;
  return position + 1 + length;
}

/** Writes the header of the record that began at word `start` and ends before `end`. */
export function finishRecord(writer: StreamWriter, start: number, end: number, opcode: number): void {
  const words = end - start;
  if (words >= MAX_RECORD_WORDS) {
    throw new ProtocolError('too-large', `record of ${words} words, at most ${MAX_RECORD_WORDS}`);
  }
  if (words > MAX_SHORT_RECORD_WORDS) {
    finishLongRecord(writer, start, end, opcode);
    return;
  }
  writer.u32[start] = ((words << 10) | opcode) >>> 0;
  writer.words = end;
}

/** Makes room for the second word of the header. */
function finishLongRecord(writer: StreamWriter, start: number, end: number, opcode: number): void {
  writer.reserve(end + 1);
  const { u32 } = writer;
  u32.copyWithin(start + 2, start + 1, end);
  u32[start] = opcode;
  u32[start + 1] = end + 1 - start;
  writer.words = end + 1;
}

function tooLong(what: string, length: number): ProtocolError {
  return new ProtocolError('too-large', `${what} of length ${length} in one record`);
}

/** An enumeration's value that is not in its list, or an integer out of its range. */
export function badValue(name: string, value: unknown): ProtocolError {
  return new ProtocolError('bad-value', `${name} cannot be ${String(value)}`);
}
