import { isProtocolError, ProtocolError } from '../errors.ts';
import { type AnyHandlers, compileReader, type RecordReader } from './compile-read.ts';
import { compileWriter } from './compile-write.ts';
import { interpretReader, interpretWriter } from './interpret.ts';
import { StreamReader } from './reader.ts';
import {
  MAX_OPCODE,
  MAX_RECORD_WORDS,
  MAX_SHORT_RECORD_WORDS,
  type OpArguments,
  type OpTable,
} from './schema.ts';
import type { StreamWriter } from './writer.ts';

/** A function for each op that appends its record to a stream. */
export type Writers<T extends OpTable> = {
  readonly [K in keyof T]: (writer: StreamWriter, ...values: OpArguments<T[K]>) => void;
};

/** A function for each op that takes its checked fields. */
export type Handlers<T extends OpTable> = {
  readonly [K in keyof T]: (...values: OpArguments<T[K]>) => void;
};

export interface StreamCodec<T extends OpTable> {
  readonly writers: Writers<T>;
  /**
   * Reads whole records and calls the handler of each, in order. Every record is checked before its handler is
   * called; those before a bad one have been handled by then.
   * @param onThrow what to do when a handler throws anything but a ProtocolError: reading goes on behind that
   *   record. Without it the error leaves `decode`.
   * @throws ProtocolError `bad-stream` with the byte offset of what is wrong.
   */
  decode(bytes: Uint8Array, handlers: Handlers<T>, onThrow?: (error: unknown, opcode: number) => void): void;
}

/** How a codec is made: straight-line code where the platform allows it, else by walking the layouts. */
export type CodecMode = 'compiled' | 'interpreted';

let evalAllowed: boolean | undefined;

/** Whether `new Function` works here: a page's content security policy may forbid it. */
export function canCompile(): boolean {
  if (evalAllowed === undefined) {
    try {
      evalAllowed = new Function('return true')() === true;
    } catch {
      evalAllowed = false;
    }
  }
  return evalAllowed;
}

/** Makes writers and decoder of a table of ops. */
export function createStreamCodec<T extends OpTable>(
  table: T,
  mode: CodecMode = canCompile() ? 'compiled' : 'interpreted',
): StreamCodec<T> {
  const compiled = mode === 'compiled';
  const readers: (RecordReader | undefined)[] = new Array(MAX_OPCODE + 1).fill(undefined);
  const writers: Record<string, unknown> = {};
  for (const [name, op] of Object.entries(table)) {
    writers[name] = compiled ? compileWriter(op) : interpretWriter(op);
    readers[op.opcode] = compiled ? compileReader(name, op) : interpretReader(name, op);
  }
  return {
    writers: writers as Writers<T>,
    decode: (bytes, handlers, onThrow) => {
      const reader = new StreamReader(bytes);
      let position = 0;
      while (position < reader.words) {
        position = decodeRecords(readers, reader, position, handlers as unknown as AnyHandlers, onThrow);
      }
    },
  };
}

/** Length of the record whose header is at a word, words; 0 when that is no header of any. Its body may be cut off. */
export function recordWords(u32: Uint32Array, position: number): number {
  const short = u32[position]! >>> 10;
  if (short !== 0) return short;
  const long = u32[position + 1] ?? 0;
  return long > MAX_SHORT_RECORD_WORDS && long <= MAX_RECORD_WORDS ? long : 0;
}

/** @returns where to go on: the end, or the record behind one whose handler threw. */
function decodeRecords(
  readers: readonly (RecordReader | undefined)[],
  reader: StreamReader,
  start: number,
  handlers: AnyHandlers,
  onThrow: ((error: unknown, opcode: number) => void) | undefined,
): number {
  const { u32, words } = reader;
  let position = start;
  let header = 0;
  // One guard around the loop, not one for each record: the steady path pays nothing for it.
  try {
    while (position < words) {
      header = u32[position]!;
      let body = position + 1;
      let end = position + (header >>> 10);
      if (end === position) {
        body += 1;
        end += recordWords(u32, position);
      }
      if (end === position || end > words) {
        throw reader.fail(position, `record of ${end - position} words where ${words - position} are left`);
      }
      const read = readers[header & MAX_OPCODE];
      if (read === undefined) throw reader.fail(position, `unknown opcode ${header & MAX_OPCODE}`);
      read(reader, handlers, body, end);
      position = end;
    }
  } catch (error) {
    if (onThrow === undefined || isProtocolError(error)) throw error;
    onThrow(error, header & MAX_OPCODE);
    return position + recordWords(u32, position);
  }
  return position;
}

/**
 * Goes over the headers of a stream without reading its fields: for whoever needs to look at some ops only.
 * `visit` gets the opcode, the index of the record's first word behind the header, and the record's end.
 * @throws ProtocolError `bad-stream` when a header does not fit.
 */
export function walkRecords(
  u32: Uint32Array,
  visit: (opcode: number, position: number, end: number) => void,
): void {
  let position = 0;
  while (position < u32.length) {
    const header = u32[position]!;
    const words = recordWords(u32, position);
    const end = position + words;
    if (words === 0 || end > u32.length) {
      throw new ProtocolError(
        'bad-stream',
        `record of ${words} words where ${u32.length - position} are left (byte ${position * 4} of the stream)`,
      );
    }
    visit(header & MAX_OPCODE, position + (words > MAX_SHORT_RECORD_WORDS ? 2 : 1), end);
    position = end;
  }
}
