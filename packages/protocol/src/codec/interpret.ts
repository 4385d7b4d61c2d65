import type { CountRule, Message, StructsTail, Tail } from '../schema/message.ts';
import { trailingBytes } from '../schema/message.ts';
import { countPlace } from '../schema/struct.ts';
import type { BitsNode, ChoiceNode, DataType, FieldNode, ScalarType, ValueNode } from '../schema/types.ts';
import type { MessageCodec } from './codec.ts';
import * as run from './runtime.ts';

/**
 * Codecs that read the description again for each message. They serve where `new Function` is forbidden (a browser's
 * content security policy), and the tests hold the compiled codecs against them.
 */

type Values = Record<string, unknown>;

function readScalar(view: DataView, type: ScalarType, offset: number): unknown {
  switch (type.scalar) {
    case 'u8':
      return view.getUint8(offset);
    case 'bool':
      return view.getUint8(offset) !== 0;
    case 'u16':
      return view.getUint16(offset, true);
    case 'u32':
      return view.getUint32(offset, true);
    case 'i32':
      return view.getInt32(offset, true);
    case 'u64':
      return view.getBigUint64(offset, true);
  }
}

function writeScalar(view: DataView, type: ScalarType, offset: number, value: unknown): void {
  switch (type.scalar) {
    case 'u8':
      view.setUint8(offset, value as number);
      break;
    case 'bool':
      view.setUint8(offset, value ? 1 : 0);
      break;
    case 'u16':
      view.setUint16(offset, value as number, true);
      break;
    case 'u32':
      view.setUint32(offset, value as number, true);
      break;
    case 'i32':
      view.setInt32(offset, value as number, true);
      break;
    case 'u64':
      view.setBigUint64(offset, (value ?? 0n) as bigint, true);
      break;
  }
}

function readUnit(view: DataView, offset: number, unitBytes: number): number {
  if (unitBytes === 4) return view.getUint32(offset, true);
  return unitBytes === 2 ? view.getUint16(offset, true) : view.getUint8(offset);
}

function readType(view: DataView, type: DataType, offset: number): unknown {
  switch (type.kind) {
    case 'scalar':
      return readScalar(view, type, offset);
    case 'array':
      if (type.element.scalar === 'u64') return run.readLongs(view, offset, type.count);
      return run.readWords(view, offset, type.count);
    case 'bytes':
      return run.readBytes(view, offset, type.count);
    case 'text':
      return run.readText(view, offset, type.count);
    case 'struct':
      return readNodes(view, type.nodes, offset);
  }
}

function writeType(
  view: DataView,
  type: DataType,
  offset: number,
  value: unknown,
  name: string,
  key: string,
): void {
  switch (type.kind) {
    case 'scalar':
      writeScalar(view, type, offset, value);
      break;
    case 'array':
      run.writeWordSlots(view, offset, value as ArrayLike<number> | undefined, type.count, name, key);
      break;
    case 'bytes':
      run.writeByteSlots(view, offset, value as Uint8Array | undefined, type.count, name, key);
      break;
    case 'text':
      run.writeText(view, offset, value as string | undefined, type.count, name, key);
      break;
    case 'struct':
      writeNodes(view, type.nodes, offset, (value ?? run.EMPTY) as Values, name);
      break;
  }
}

function readNodes(view: DataView, nodes: readonly ValueNode[], offset: number): Values {
  const values: Values = {};
  for (const node of nodes) {
    if (node.node === 'field') values[node.key] = readType(view, node.type, offset + node.offset);
    else if (node.node === 'bits') {
      const { byteOffset, shift, width, unitBytes } = node.placement;
      const bits = (readUnit(view, offset + byteOffset, unitBytes) >>> shift) & (2 ** width - 1);
      values[node.key] = width === 1 ? bits !== 0 : bits;
    }
  }
  for (const node of nodes) if (node.node === 'choice') readChoice(view, node, offset, values);
  return values;
}

function chosen(node: ChoiceNode, values: Values): FieldNode | undefined {
  const { rule } = node;
  const tag = (values[rule.key] ?? 0) as number;
  let key: string | null;
  if (rule.by === 'flag') key = (tag & rule.mask) !== 0 ? rule.set : rule.clear;
  else key = rule.when[tag] ?? rule.otherwise;
  return node.alternatives.find((alternative) => alternative.key === key);
}

function zeroOf(type: DataType): unknown {
  return type.kind === 'scalar' && type.scalar === 'u64' ? 0n : 0;
}

function readChoice(view: DataView, node: ChoiceNode, offset: number, values: Values): void {
  const alternative = chosen(node, values);
  if (!node.keepsRest) {
    for (const { key, type } of node.alternatives) values[key] = zeroOf(type);
  }
  if (alternative !== undefined) {
    values[alternative.key] = readType(view, alternative.type, offset + alternative.offset);
  }
  if (!node.keepsRest) return;
  const used = alternative === undefined ? 0 : alternative.type.sizeBytes;
  const rest = run.readRest(view, offset + node.offset + used, node.sizeBytes - used);
  if (rest !== undefined) values['rest'] = rest;
}

function writeNodes(
  view: DataView,
  nodes: readonly ValueNode[],
  offset: number,
  values: Values,
  name: string,
): void {
  for (const node of nodes) {
    if (node.node === 'field')
      writeType(view, node.type, offset + node.offset, values[node.key], name, node.key);
    else if (node.node === 'bits') writeBits(view, node, offset, values[node.key]);
    else if (node.node === 'choice') writeChoice(view, node, offset, values, name);
  }
}

function writeBits(view: DataView, node: BitsNode, offset: number, value: unknown): void {
  const { byteOffset, shift, width, unitBytes } = node.placement;
  const mask = 2 ** width - 1;
  const at = offset + byteOffset;
  const bits = typeof value === 'boolean' ? Number(value) : ((value as number | undefined) ?? 0) & mask;
  const unit = readUnit(view, at, unitBytes) | (bits << shift);
  if (unitBytes === 4) view.setUint32(at, unit, true);
  else if (unitBytes === 2) view.setUint16(at, unit, true);
  else view.setUint8(at, unit);
}

function writeChoice(view: DataView, node: ChoiceNode, offset: number, values: Values, name: string): void {
  const alternative = chosen(node, values);
  const used = alternative === undefined ? 0 : alternative.type.sizeBytes;
  if (alternative !== undefined) {
    const { key, type } = alternative;
    writeType(view, type, offset + alternative.offset, values[key], name, key);
  }
  if (!node.keepsRest) return;
  const at = offset + node.offset + used;
  run.writeByteSlots(view, at, values['rest'] as Uint8Array | undefined, node.sizeBytes - used, name, 'rest');
}

class Interpreter implements MessageCodec<Values, Values> {
  readonly name: string;
  readonly message: Message;

  constructor(name: string, message: Message) {
    this.name = name;
    this.message = message;
  }

  sizeOf(value: Values): number {
    const counts = this.countsOf(value ?? run.EMPTY);
    let end = this.message.fixedBytes;
    this.message.tails.forEach(([key, tail], index) => {
      end += tail.elementBytes * (counts[index] as number) + this.blobBytes(tail, value[key]);
    });
    const total = end + trailingBytes(this.message.trailing, end, counts[0] ?? 0);
    if (total < end) run.failTotal(this.name, end, total);
    return total - this.message.headerBytes;
  }

  private blobBytes(tail: Tail, elements: unknown): number {
    if (tail.kind !== 'structs' || tail.blob === null || elements === undefined) return 0;
    let total = 0;
    for (const element of elements as Values[])
      total += (element[tail.blob.key] as Uint8Array | undefined)?.length ?? 0;
    return total;
  }

  /** Element count of each tail, from the arrays; arrays that must agree are compared. */
  private countsOf(value: Values): number[] {
    const counts: number[] = [];
    const known = new Map<string, number>();
    for (const [key, tail] of this.message.tails) {
      const given = (value[key] as ArrayLike<unknown> | undefined)?.length;
      let count = given ?? 0;
      const rule = tail.count;
      if (rule.from === 'field') {
        const first = known.get(rule.path);
        if (first === undefined) known.set(rule.path, count);
        else {
          const expected = rule.atLeastOne ? Math.max(first, 1) : first;
          if (given !== undefined && given !== expected) run.failCount(this.name, key, given, expected);
          count = expected;
        }
      } else if (rule.from === 'length') {
        const index = this.message.tails.findIndex(([other]) => other === rule.of);
        const full = counts[index] as number;
        if (count !== 0 && count !== full) run.failCount(this.name, key, count, full);
      }
      counts.push(count);
    }
    return counts;
  }

  encode(value: Values, view: DataView, offset: number): number {
    try {
      return this.write(value ?? run.EMPTY, view, offset);
    } catch (error) {
      return run.failEncode(this.name, error);
    }
  }

  private write(value: Values, view: DataView, offset: number): number {
    const { message, name } = this;
    const size = this.sizeOf(value);
    if (offset < 0 || offset + size > view.byteLength) run.failSpace(name, size, view, offset);
    const base = offset - message.headerBytes;
    run.writeZeros(view, offset, message.fixedBytes - message.headerBytes);
    writeNodes(view, message.struct.nodes, base, value, name);
    const counts = this.countsOf(value);
    let at = base + message.fixedBytes;
    message.tails.forEach(([key, tail], index) => {
      const count = counts[index] as number;
      if (tail.count.from === 'field' && !tail.count.atLeastOne) {
        view.setUint32(base + countPlace(message.struct, tail.count.path), count, true);
      }
      this.writeTail(view, at, tail, key, value[key], count);
      at += count * tail.elementBytes;
    });
    for (const [key, tail] of message.tails) at = this.writeBlobs(view, at, tail, value[key]);
    run.writeZeros(view, at, offset + size - at);
    return size;
  }

  private writeTail(
    view: DataView,
    at: number,
    tail: Tail,
    key: string,
    values: unknown,
    count: number,
  ): void {
    if (tail.kind === 'words') run.writeWords(view, at, values as ArrayLike<number> | undefined, count);
    else if (tail.kind === 'longs') run.writeLongs(view, at, values as ArrayLike<bigint> | undefined, count);
    else if (tail.kind === 'bytes') run.writeBytes(view, at, values as Uint8Array | undefined);
    else {
      run.writeZeros(view, at, count * tail.elementBytes);
      for (let i = 0; i < count; i++) {
        const element = ((values as Values[])[i] ?? run.EMPTY) as Values;
        const place = at + i * tail.elementBytes;
        writeNodes(view, tail.element.nodes, place, element, `${this.name} ${key}`);
        if (tail.blob === null) continue;
        const bytes = (element[tail.blob.key] as Uint8Array | undefined)?.length ?? 0;
        view.setUint32(place + countPlace(tail.element, tail.blob.sizeKey), bytes, true);
      }
    }
  }

  private writeBlobs(view: DataView, at: number, tail: Tail, elements: unknown): number {
    if (tail.kind !== 'structs' || tail.blob === null || elements === undefined) return at;
    let end = at;
    for (const element of elements as Values[]) {
      const bytes = element?.[tail.blob.key] as Uint8Array | undefined;
      run.writeBytes(view, end, bytes);
      end += bytes?.length ?? 0;
    }
    return end;
  }

  decode(view: DataView, offset: number, length: number, context?: object): Values {
    const { message, name } = this;
    const fixed = message.fixedBytes - message.headerBytes;
    if (length < fixed || offset < 0 || offset + length > view.byteLength) {
      run.failShort(name, view, offset, length, fixed);
    }
    const base = offset - message.headerBytes;
    const values = readNodes(view, message.struct.nodes, base);
    const limit = offset + length;
    let at = base + message.fixedBytes;
    const counts: number[] = [];
    const starts: number[] = [];
    for (const [key, tail] of message.tails) {
      const count = this.countToRead(view, base, tail.count, counts, key, limit - at, context);
      counts.push(count);
      starts.push(at);
      at += count * tail.elementBytes;
      if (at > limit) run.failTail(name, key, length, at - offset);
    }
    message.tails.forEach(([key, tail], index) => {
      const start = starts[index] as number;
      const count = counts[index] as number;
      if (tail.kind === 'words') values[key] = run.readWords(view, start, count);
      else if (tail.kind === 'longs') values[key] = run.readLongs(view, start, count);
      else if (tail.kind === 'bytes') values[key] = run.readBytes(view, start, count);
      else values[key] = this.readStructs(view, start, count, tail, key, at, offset, length, context);
    });
    return values;
  }

  private countToRead(
    view: DataView,
    base: number,
    rule: CountRule,
    counts: readonly number[],
    key: string,
    left: number,
    context: object | undefined,
  ): number {
    if (rule.from === 'field') {
      const count = view.getUint32(base + countPlace(this.message.struct, rule.path), true);
      return rule.atLeastOne ? Math.max(count, 1) : count;
    }
    if (rule.from === 'request') {
      if (context === undefined) run.failContext(this.name);
      return rule.of(context as never);
    }
    const full = counts[this.message.tails.findIndex(([other]) => other === rule.of)] as number;
    if (left >= 8 * full && full > 0) return full;
    if (left >= 8) run.failLength(this.name, key, left, 8 * full);
    return 0;
  }

  private readStructs(
    view: DataView,
    start: number,
    count: number,
    tail: StructsTail,
    key: string,
    blobs: number,
    offset: number,
    length: number,
    context: object | undefined,
  ): Values[] {
    const elements: Values[] = [];
    let blob = blobs;
    for (let i = 0; i < count; i++) {
      const at = start + i * tail.elementBytes;
      const element = readNodes(view, tail.element.nodes, at);
      if (tail.blob !== null) {
        const bytes = view.getUint32(at + countPlace(tail.element, tail.blob.sizeKey), true);
        const label = `${key}.${tail.blob.key}`;
        if (blob + bytes > offset + length) run.failTail(this.name, label, length, blob + bytes - offset);
        const most = tail.blob.limit === null ? bytes : tail.blob.limit(context as never, i);
        if (bytes > most) run.failField(this.name, label, bytes, most);
        element[tail.blob.key] = run.readBytes(view, blob, bytes);
        blob += bytes;
      }
      elements.push(element);
    }
    return elements;
  }
}

/** An interpreting codec of a message. */
export function interpretMessage(name: string, message: Message): MessageCodec<Values, Values> {
  return new Interpreter(name, message);
}
