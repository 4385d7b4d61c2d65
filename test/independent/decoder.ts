import { evaluate } from './expressions.ts';
import { type FactsCommand, type FactsField, type FactsTail, facts } from './facts.ts';

/**
 * A second decoder of the dxgkrnl messages, written from the facts file alone: it interprets the file field by
 * field and shares no line with the compiled codec. Slow and plain, so that the two can only agree by both
 * being right.
 */

export type Plain = number | bigint | boolean | Plain[] | { [name: string]: Plain } | Uint8Array;
export type PlainStruct = { [name: string]: Plain };

/** The message is not one: too short for what it says it holds. */
export class NotAMessage extends Error {}

type Reader = (view: DataView, offset: number) => Plain;

const scalars: Record<string, Reader> = {
  u8: (view, offset) => view.getUint8(offset),
  char: (view, offset) => view.getUint8(offset),
  bool: (view, offset) => view.getUint8(offset) !== 0,
  u16: (view, offset) => view.getUint16(offset, true),
  u32: (view, offset) => view.getUint32(offset, true),
  i32: (view, offset) => view.getInt32(offset, true),
  u64: (view, offset) => view.getBigUint64(offset, true),
  ptr64: (view, offset) => view.getBigUint64(offset, true),
};

const readers = new Map<string, Reader>();

/** What reads a type of the facts. Each type is looked up once. */
function readerOf(type: string): Reader {
  let reader = readers.get(type);
  if (reader === undefined) {
    const [kind, name] = type.split(':');
    if (name === undefined) reader = scalars[type];
    else if (kind === 'enum') reader = scalars[facts.enumInfo[name]!.signed ? 'i32' : 'u32'];
    else reader = structReader(name);
    if (reader === undefined) throw new Error(`unknown type ${type}`);
    readers.set(type, reader);
  }
  return reader;
}

function typeSize(type: string): number {
  const [kind, name] = type.split(':');
  if (name === undefined) return { u8: 1, char: 1, bool: 1, u16: 2, u32: 4, i32: 4, u64: 8, ptr64: 8 }[type]!;
  return kind === 'enum' ? facts.enumInfo[name]!.size : facts.structs[name]!.size;
}

function bitsReader({ bits, type }: FactsField): Reader {
  const { bitOffset, bitWidth, byteOffset, storageBytes } = bits!;
  if (storageBytes > 4) {
    return (view, offset) => {
      const unit = view.getBigUint64(offset + byteOffset, true) >> BigInt(bitOffset);
      const number = unit & ((1n << BigInt(bitWidth)) - 1n);
      return bitWidth > 32 ? number : Number(number);
    };
  }
  return (view, offset) => {
    let unit = 0;
    for (let byte = storageBytes - 1; byte >= 0; byte--)
      unit = unit * 256 + view.getUint8(offset + byteOffset + byte);
    const number = Math.floor(unit / 2 ** bitOffset) % 2 ** bitWidth;
    return type === 'i32' && number >= 2 ** (bitWidth - 1) ? number - 2 ** bitWidth : number;
  };
}

function fieldReader(field: FactsField): Reader {
  if (field.bits) return bitsReader(field);
  const { count, offset: start, type } = field;
  const read = readerOf(type);
  if (count === undefined) return (view, offset) => read(view, offset + start);
  const size = field.size / count;
  return (view, offset) => {
    const list: Plain[] = [];
    for (let index = 0; index < count; index++) list.push(read(view, offset + start + index * size));
    return list;
  };
}

/** Reads a structure: every alternative of a union is there, as C would let one read it. */
function structReader(name: string): Reader {
  const layout = facts.structs[name]!;
  const parts = layout.fields.map((field) => ({ name: field.name, read: fieldReader(field) }));
  // A word of nothing but bits is also a number as a whole.
  if (layout.size === 4 && layout.fields.every((field) => field.bits))
    parts.unshift({ name: 'value', read: scalars['u32']! });
  return (view, offset) => {
    const result: PlainStruct = {};
    for (const part of parts) result[part.name] = part.read(view, offset);
    return result;
  };
}

function struct(view: DataView, offset: number, name: string): PlainStruct {
  return readerOf(`struct:${name}`)(view, offset) as PlainStruct;
}

function look(where: PlainStruct, path: string): number {
  let at: Plain = where;
  for (const part of path.split('.')) at = (at as PlainStruct)[part]!;
  if (typeof at === 'boolean') return at ? 1 : 0;
  if (typeof at === 'bigint') return Number(at);
  if (typeof at !== 'number') throw new Error(`${path} is not a number`);
  return at;
}

interface Context {
  readonly request: PlainStruct;
  readonly response: PlainStruct | null;
  readonly version: number;
  readonly length: number;
}

function compute(text: string, context: Context, own: PlainStruct): number {
  return evaluate(
    text,
    (name) => {
      if (name === '$version') return context.version;
      if (name === '$length') return context.length;
      if (name === '$fenceCount') return fenceCount(context);
      if (name.startsWith('$response.')) return look(context.response!, name.slice(10));
      return look(context.request, name);
    },
    (path) => {
      const [list, member] = path.replace('$response.', '').split('.') as [string, string];
      const from = path.startsWith('$response.') ? own : context.request;
      return (from[list] as PlainStruct[]).reduce((sum, item) => sum + look(item, member), 0);
    },
  );
}

/** How many fence values a SignalSyncObject carries is not in the message (spec 4.11). */
function fenceCount({ request, length }: Context): number {
  const objects = look(request, 'object_count');
  const rest = length - (56 + 4 * objects + 4 * look(request, 'context_count'));
  if (rest < 8) return 0;
  if (rest >= 8 * objects && objects > 0) return objects;
  throw new NotAMessage(`${rest} bytes are neither no fence values nor one for each of ${objects} objects`);
}

function tails(
  view: DataView,
  offset: number,
  length: number,
  list: readonly FactsTail[],
  into: PlainStruct,
  context: Context,
): number {
  let end = 0;
  for (const tail of list) {
    const count = compute(tail.count, context, into);
    const start = typeof tail.offset === 'number' ? tail.offset : end;
    end = start + count * tail.elementSize;
    if (count < 0 || end > length)
      throw new NotAMessage(`${tail.name}: ${count} elements end at ${end} of ${length}`);
    if (tail.type === 'u8') {
      into[tail.name] = new Uint8Array(view.buffer, view.byteOffset + offset + start, count).slice();
      continue;
    }
    if (typeSize(tail.type) !== tail.elementSize) throw new Error(`${tail.name}: sizes disagree`);
    const read = readerOf(tail.type);
    into[tail.name] = Array.from({ length: count }, (_, index) =>
      read(view, offset + start + index * tail.elementSize),
    );
  }
  return end;
}

/** Where the command of a guest's packet starts: from version 40 on an extended header says so. */
export function commandStart(command: FactsCommand, view: DataView, version: number): number {
  if (version < 40 || command.channel === 'host') return 0;
  const start = view.byteLength < 16 ? 0 : view.getUint32(0, true);
  if (start < 16 || start + 24 > view.byteLength)
    throw new NotAMessage(`${command.name}: no command at ${start} of ${view.byteLength} bytes`);
  return start;
}

/** Decodes a request from the first byte of its command header. */
export function decodeRequest(
  command: FactsCommand,
  view: DataView,
  offset: number,
  length: number,
  version: number,
) {
  const name = command.request!;
  // One-element arrays of a structure are the place of a tail; they need not be there in full.
  const overlay = command.requestTail.find((tail) => tail.overlaysField)?.overlaysField;
  const layout = facts.structs[name]!;
  const fixed = overlay ? layout.fields.find((field) => field.name === overlay)!.offset : layout.size;
  if (length < fixed) throw new NotAMessage(`${command.name}: ${length} bytes, ${fixed} are the least`);
  const padded = padTo(view, offset, length, layout.size);
  const request = struct(padded.view, padded.offset, name);
  const context: Context = { request, response: null, version, length };
  if (overlay) delete request[overlay];
  tails(view, offset, length, command.requestTail, request, context);
  return request;
}

/** Decodes a reply payload. `request` is what {@link decodeRequest} gave. */
export function decodeReply(
  command: FactsCommand,
  request: PlainStruct,
  view: DataView,
  offset: number,
  length: number,
  version: number,
): PlainStruct {
  const context: Context = { request, response: null, version, length };
  const variant = command.responseVariants?.find((item) => compute(item.when, context, {}) !== 0) ?? command;
  const least = compute(variant.responseSize!, context, {});
  if (length < least)
    throw new NotAMessage(`${command.name}: a reply of ${length} bytes, ${least} are the least`);
  const name = variant.response;
  if (name === 'ntstatus') return { status: view.getUint32(offset, true) };
  const response: PlainStruct = {};
  if (name !== null) {
    const size = facts.structs[name]!.size;
    const padded = padTo(view, offset, length, size);
    Object.assign(response, struct(padded.view, padded.offset, name));
  }
  tails(view, offset, length, replyTails(command, variant.responseTail), response, { ...context, response });
  return response;
}

/**
 * The facts' notes on one command: its tails are there only when the request's sizes are not zero, and the sizes are
 * then the same in both. So the request says how long they are.
 */
function replyTails(command: FactsCommand, list: readonly FactsTail[]): readonly FactsTail[] {
  if (command.name !== 'DXGK_VMBCOMMAND_DDIGETSTANDARDALLOCATIONDRIVERDATA') return list;
  return list.map((tail) => ({ ...tail, count: tail.count.replace('$response.', '') }));
}

/** The least number of bytes of a reply (spec 2.4: E). */
export function replySize(command: FactsCommand, request: PlainStruct, version: number): number {
  const context: Context = { request, response: null, version, length: 0 };
  const variant = command.responseVariants?.find((item) => compute(item.when, context, {}) !== 0) ?? command;
  return compute(variant.responseSize!, context, {});
}

/** The exact number of bytes the driver sends for a request. */
export function requestSize(
  command: FactsCommand,
  request: PlainStruct,
  length: number,
  version: number,
): number {
  return compute(command.requestSize!, { request, response: null, version, length }, request);
}

function padTo(
  view: DataView,
  offset: number,
  length: number,
  size: number,
): { view: DataView; offset: number } {
  if (length >= size) return { view, offset };
  const bytes = new Uint8Array(size);
  bytes.set(new Uint8Array(view.buffer, view.byteOffset + offset, length));
  return { view: new DataView(bytes.buffer), offset: 0 };
}

export function commandNamed(name: string): FactsCommand {
  const command = facts.commands.find((item) => item.name === name);
  if (command === undefined) throw new Error(`no command ${name}`);
  return command;
}
