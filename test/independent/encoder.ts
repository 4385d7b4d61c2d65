import { evaluate } from './expressions.ts';
import { type FactsCommand, type FactsField, type FactsTail, facts } from './facts.ts';

/**
 * A plain encoder of the dxgkrnl messages, written from the facts file alone: vectors made with it do not let the
 * compiled codec certify itself. It makes bytes, not values: a message is a filling for its fields and a number
 * for each of its counts.
 */

/** Where the bits of fields come from: the next `bits` (32 at most) bits. */
export type Fill = (bits: number) => number;

/** Counts by path in the request; `list.member` is the same number in every element of a list. */
export type Counts = Readonly<Record<string, number>>;

const FUNCTIONS = new Set(['max', 'when', 'up8', 'idiv', 'sumOf']);

/** The fields of a request that say how long it or its reply is. `write_results` is no count: it is 0 or 1. */
export function countPaths(command: FactsCommand): readonly string[] {
  let paths = pathsByCommand.get(command);
  if (paths === undefined) {
    paths = readCountPaths(command);
    pathsByCommand.set(command, paths);
  }
  return paths;
}

const pathsByCommand = new Map<FactsCommand, readonly string[]>();

function readCountPaths(command: FactsCommand): string[] {
  const texts = [
    ...command.requestTail.map((tail) => tail.count),
    ...command.responseTail.map((tail) => tail.count),
    command.responseSize ?? '',
  ];
  const paths = new Set<string>();
  for (const text of texts) {
    for (const [name] of text.matchAll(/[$A-Za-z_][\w.$]*/g)) {
      if (!FUNCTIONS.has(name) && !name.startsWith('$') && !name.includes('$response')) paths.add(name);
    }
  }
  if (texts.some((text) => text.includes('$fenceCount'))) paths.add('$fenceCount');
  return [...paths];
}

/** Offset of a field by its dotted path, or null when the structure has none of this name. */
export function offsetOf(structName: string, path: string): number | null {
  let offset = 0;
  let name = structName;
  for (const part of path.split('.')) {
    const field = facts.structs[name]?.fields.find((item) => item.name === part);
    if (field === undefined) return null;
    offset += field.offset;
    name = field.type.split(':')[1] ?? '';
  }
  return offset;
}

function writeUnit(view: DataView, at: number, bytes: number, fill: Fill): void {
  for (let byte = 0; byte < bytes; byte++) view.setUint8(at + byte, fill(8));
}

type Writer = (view: DataView, at: number, fill: Fill) => void;

function bitsWriter({ bits }: FactsField): Writer {
  const { bitOffset, bitWidth, byteOffset } = bits!;
  return (view, at, fill) => {
    for (let bit = bitOffset; bit < bitOffset + bitWidth; bit++) {
      const place = at + byteOffset + (bit >> 3);
      const mask = 1 << (bit & 7);
      view.setUint8(place, fill(1) === 1 ? view.getUint8(place) | mask : view.getUint8(place) & ~mask);
    }
  };
}

function elementWriter({ count, type }: FactsField, size: number): Writer {
  const [kind, inner] = type.split(':');
  if (inner !== undefined && kind !== 'enum') return structWriter(inner, undefined);
  if (type === 'bool') return (view, at, fill) => view.setUint8(at, fill(1));
  // Text: what lies behind the first zero is no part of it.
  if (type === 'u16' && count !== undefined)
    return (view, at, fill) => view.setUint16(at, fill(0) === 0 ? 0 : fill(16) || 1, true);
  return (view, at, fill) => writeUnit(view, at, size, fill);
}

function fieldWriter(field: FactsField): Writer {
  if (field.bits) return bitsWriter(field);
  const { count = 1, offset } = field;
  const size = field.size / count;
  const write = elementWriter(field, size);
  return (view, at, fill) => {
    for (let index = 0; index < count; index++) write(view, at + offset + index * size, fill);
  };
}

const writers = new Map<string, Writer>();

/** Fills a structure; bytes and bits that no field covers stay zero. Of a union the last alternative counts. The header is left out. */
function structWriter(name: string, skip: string | undefined): Writer {
  const key = `${name} ${skip}`;
  const known = writers.get(key);
  if (known !== undefined) return known;
  const { fields, size } = facts.structs[name]!;
  // Raw bytes over the whole structure only give it its size.
  const isSizeOnly = (field: FactsField) =>
    field.type === 'char' && field.size === size && (field.alt ?? 0) > 0;
  const parts = fields
    .filter(({ name, size }) => name !== 'hdr' && name !== skip && size !== 0)
    .filter((field) => !isSizeOnly(field))
    .map(fieldWriter);
  const write: Writer = (view, at, fill) => {
    for (const part of parts) part(view, at, fill);
  };
  writers.set(key, write);
  return write;
}

interface Shape {
  readonly counts: Counts;
  readonly version: number;
}

function compute(text: string, { counts, version }: Shape): number {
  return evaluate(
    text,
    (name) => {
      if (name === '$version') return version;
      const path = name.replace('$response.', '');
      const count = counts[path];
      if (count === undefined) throw new Error(`no count for ${name}`);
      return count;
    },
    (path) => {
      const member = path.split('.').at(-1)!;
      return (counts['alloc_count'] ?? 0) * counts[`alloc_info.${member}`]!;
    },
  );
}

function writeTails(view: DataView, list: readonly FactsTail[], shape: Shape, fill: Fill, end: number): void {
  let next = end;
  for (const tail of list) {
    const count = compute(tail.count, shape);
    const start = typeof tail.offset === 'number' ? tail.offset : next;
    next = start + count * tail.elementSize;
    const [kind, inner] = tail.type.split(':');
    for (let index = 0; index < count; index++) {
      const at = start + index * tail.elementSize;
      if (inner !== undefined && kind !== 'enum') {
        structWriter(inner, undefined)(view, at, fill);
        const member = offsetOf(inner, 'priv_drv_data_size');
        const size = shape.counts['alloc_info.priv_drv_data_size'];
        if (member !== null && size !== undefined) view.setUint32(at + member, size, true);
      } else writeUnit(view, at, tail.elementSize, fill);
    }
  }
}

function setCounts(view: DataView, structName: string, counts: Counts): void {
  for (const [path, count] of Object.entries(counts)) {
    const at = offsetOf(structName, path);
    if (at === null) continue;
    if (path === 'write_results') view.setUint8(at, count);
    else view.setUint32(at, count, true);
  }
}

/** Two requests have a union whose shorter alternative leaves bytes without a meaning: they are zero. */
function clearUnused(command: FactsCommand, view: DataView): void {
  if (command.name === 'DXGK_VMBCOMMAND_SIGNALSYNCOBJECT') {
    // The facts' note: flags.enqueue_cpu_event (bit 1) says that the 64-bit event id is meant, not the handle.
    const flags = view.getUint32(offsetOf(command.request!, 'flags')!, true);
    if ((flags & 2) === 0) view.setUint32(offsetOf(command.request!, 'device')! + 4, 0, true);
  } else if (command.name === 'DXGK_VMBCOMMAND_SETGUESTDATA') {
    if (!holds64Bits(view)) view.setUint32(offsetOf(command.request!, 'data32')! + 4, 0, true);
  }
}

/** Whether a SETGUESTDATA message holds the 64-bit alternative: data_type, bits 1 to 4 of the word at 40, is not DWORD. */
function holds64Bits(message: DataView): boolean {
  const type = (message.getUint32(40, true) >> 1) & 15;
  return type !== facts.enums['set_guestdata_type']!['SETGUESTDATA_DATATYPE_DWORD'];
}

const CHANNEL_TYPES = { vgpu: 0, global: 1, host: 2 } as const;

/** The 24 bytes of the command header. The guest's command id is always 0, and so is the process of some commands. */
function writeHeader(view: DataView, command: FactsCommand, fill: Fill): void {
  if (command.hdrProcess !== 'zero') view.setUint32(8, fill(32), true);
  view.setUint32(12, CHANNEL_TYPES[command.channel], true);
  view.setUint32(16, command.id, true);
}

/** A guest's request as a packet: from version 40 on an extended header of 16 bytes comes first. */
export function asPacket(command: FactsCommand, request: Uint8Array, version: number): Uint8Array {
  if (version < 40 || command.channel === 'host') return request;
  const packet = new Uint8Array(16 + request.length);
  const view = new DataView(packet.buffer);
  view.setUint32(0, 16, true);
  if (command.channel === 'vgpu') {
    view.setUint32(8, 0x0765_4321, true);
    view.setUint32(12, 0x0fed_cba9, true);
  }
  packet.set(request, 16);
  return packet;
}

/** Bytes of a request from its command header on, as the driver sends them. */
export function requestLength(command: FactsCommand, counts: Counts, version: number): number {
  const size = command.requestSize;
  return size === undefined ? command.requestFixedSize! : compute(size, { counts, version });
}

export function encodeRequest(command: FactsCommand, counts: Counts, fill: Fill, version: number) {
  const name = command.request!;
  const length = requestLength(command, counts, version);
  const bytes = new Uint8Array(Math.max(length, facts.structs[name]!.size));
  const view = new DataView(bytes.buffer);
  const overlay = command.requestTail.find((tail) => tail.overlaysField)?.overlaysField;
  writeHeader(view, command, fill);
  structWriter(name, overlay)(view, 0, fill);
  setCounts(view, name, counts);
  clearUnused(command, view);
  writeTails(view, command.requestTail, { counts, version }, fill, 0);
  return bytes.subarray(0, length);
}

function variantOf(command: FactsCommand, shape: Shape) {
  return command.responseVariants?.find((item) => compute(item.when, shape) !== 0) ?? command;
}

/** Bytes that the driver demands of a reply; 0 where there is none. */
export function replyLength(command: FactsCommand, counts: Counts, version: number): number {
  const shape = { counts, version };
  return compute(variantOf(command, shape).responseSize ?? '0', shape);
}

/** Bytes of a reply to a request with these counts. */
export function encodeReply(command: FactsCommand, counts: Counts, fill: Fill, version: number): Uint8Array {
  const shape = { counts, version };
  const { response, responseTail } = variantOf(command, shape);
  const length = replyLength(command, counts, version);
  const size = response === null ? 0 : facts.structs[response]!.size;
  const bytes = new Uint8Array(Math.max(length, size));
  const view = new DataView(bytes.buffer);
  if (response !== null) {
    const overlay = responseTail.find((tail) => tail.overlaysField)?.overlaysField;
    if (facts.structs[response]!.fields[0]?.name === 'hdr') writeHeader(view, command, fill);
    structWriter(response, overlay)(view, 0, fill);
    setCounts(view, response, counts);
  }
  writeTails(view, responseTail, shape, fill, 0);
  return bytes.subarray(0, length);
}
