import { countField, type Message, type StructsTail, type Tail, trailingBytes } from '../schema/message.ts';
import { countPlace } from '../schema/struct.ts';
import type { MessageCodec } from './codec.ts';
import { readNodes, type Values, writeNodes } from './interpret-nodes.ts';
import * as run from './runtime.ts';
import { scanTails } from './tails.ts';

/**
 * Codecs that read the description again for each message. They serve where `new Function` is forbidden (a browser's
 * content security policy), and the tests hold the compiled codecs against them.
 */

class Interpreter implements MessageCodec<Values, Values> {
  readonly name: string;
  readonly message: Message;

  constructor(name: string, message: Message) {
    this.name = name;
    this.message = message;
  }

  sizeOf(value: Values): number {
    try {
      return this.size(value ?? run.EMPTY);
    } catch (error) {
      return run.failEncode(this.name, error);
    }
  }

  private size(value: Values): number {
    const counts = this.countsOf(value);
    let end = this.message.fixedBytes;
    this.message.tails.forEach(([key, tail], index) => {
      end += tail.elementBytes * (counts[index] as number) + this.blobBytes(tail, key, value[key]);
    });
    const total = end + trailingBytes(this.message.trailing, end, counts[0] ?? 0);
    if (total < end) run.failTotal(this.name, end, total);
    return total - this.message.headerBytes;
  }

  private blobBytes(tail: Tail, key: string, elements: unknown): number {
    if (tail.kind !== 'structs' || tail.blob === null || elements === undefined) return 0;
    let total = 0;
    for (const element of elements as Values[])
      total += (element[tail.blob.key] as Uint8Array | undefined)?.length ?? 0;
    this.checkList(total, `${key}.${tail.blob.key}`);
    return total;
  }

  /** Element count of each tail, from the arrays; arrays that must agree are compared. */
  private countsOf(value: Values): number[] {
    const counts: number[] = [];
    const known = new Map<string, number>();
    for (const [key, tail] of this.message.tails) {
      const list = value[key] as ArrayLike<unknown> | undefined;
      let count = list === undefined ? 0 : list.length;
      const rule = tail.count;
      if (rule.from === 'field') {
        const first = known.get(rule.path);
        if (first === undefined) known.set(rule.path, count);
        else {
          const expected = rule.atLeastOne ? Math.max(first, 1) : first;
          if (list !== undefined && count !== expected) run.failCount(this.name, key, count, expected);
          count = expected;
        }
      } else if (rule.from === 'length') {
        const index = this.message.tails.findIndex(([other]) => other === rule.of);
        const full = counts[index] as number;
        if (count !== 0 && count !== full) run.failCount(this.name, key, count, full);
      }
      this.checkList(count, key);
      counts.push(count);
    }
    return counts;
  }

  private checkList(count: number, key: string): void {
    if (count >>> 0 !== count) run.failList(this.name, key);
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
      const path = countField(tail.count);
      if (path !== null) view.setUint32(base + countPlace(message.struct, path), count, true);
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
    const { counts, starts, end } = scanTails(name, message, view, offset, length, context);
    const values = readNodes(view, message.struct.nodes, offset - message.headerBytes);
    message.tails.forEach(([key, tail], index) => {
      const start = starts[index] as number;
      const count = counts[index] as number;
      if (tail.kind === 'words') values[key] = run.readWords(view, start, count);
      else if (tail.kind === 'longs') values[key] = run.readLongs(view, start, count);
      else if (tail.kind === 'bytes') values[key] = run.readBytes(view, start, count);
      else values[key] = this.readStructs(view, start, count, tail, key, end, offset, length, context);
    });
    return values;
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
