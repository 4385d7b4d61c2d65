import { countField, type Message, type Tail } from '../schema/message.ts';
import { u32 } from '../schema/scalars.ts';
import { countPlace } from '../schema/struct.ts';
import type { BitsNode, ChoiceNode, DataType, FieldNode, ScalarType, ValueNode } from '../schema/types.ts';
import {
  alternativeOf,
  at,
  casesOf,
  gaps,
  isLong,
  type LongForm,
  property,
  writeScalar,
  writeUnit,
  zeros,
} from './emit.ts';
import { sizeSource } from './emit-size.ts';
import { writeWordScalar, writeWordUnit, zeroWords } from './emit-words.ts';

/** A fixed part of fewer bytes is written through the view only. */
const LEAST_WORD_BYTES = 16;

/** Source of a message's encoder and of `sizeOf`. Every byte is written: padding and fields left out as zero. */
export class WriteEmitter {
  private readonly message: Message;
  private readonly long: LongForm;
  private variables = 0;
  /** Statements of the block under way that read the value. */
  private reads = '';
  /** Whether the fixed part is being written as words. */
  private asWords = false;

  constructor(message: Message, long: LongForm = 'bigint') {
    this.message = message;
    this.long = long;
  }

  /**
   * A block of statements: first all that reads the value, then all that writes. For V8 a write through a view may have
   * changed anything, so that with reads between the writes it looks at the value's shape again for each field.
   */
  private block(writes: () => string): string {
    const outer = this.reads;
    this.reads = '';
    const written = writes();
    const source = this.reads + written;
    this.reads = outer;
    return source;
  }

  /** A property of the value, read in the first part of the block where the writes go through the view. */
  private read(expression: string): string {
    return this.asWords ? expression : this.keep(expression);
  }

  /** Reads an expression in the first part of the block. */
  private keep(expression: string): string {
    const name = `v${++this.variables}`;
    this.reads += `const ${name} = ${expression};`;
    return name;
  }

  /** Statements that write the field `key` of `value`. */
  private field(type: DataType, base: string, offset: number, value: string, key: string): string {
    if (this.long === 'bigint' || !isLong(type))
      return this.type(type, base, offset, this.read(property(value, key)), key);
    const half = (name: string, shift: number): string =>
      this.scalar(u32, base, offset + shift, this.read(property(value, name)));
    return half(`${key}Low`, 0) + half(`${key}High`, 4);
  }

  /** Offset in the body of a place that can be written as words; undefined for others. */
  private inWords(base: string, offset: number): number | undefined {
    return this.asWords && base === 'offset' ? offset : undefined;
  }

  private scalar(type: ScalarType, base: string, offset: number, value: string): string {
    const place = this.inWords(base, offset);
    const source = place === undefined ? undefined : writeWordScalar(type, place, value);
    return source ?? writeScalar(type, at(base, offset), value);
  }

  private zeros(base: string, offset: number, count: number): string {
    const place = this.inWords(base, offset);
    return (place === undefined ? undefined : zeroWords(place, count)) ?? zeros(base, offset, count);
  }

  private type(type: DataType, base: string, offset: number, value: string, key: string): string {
    const place = at(base, offset);
    const slots = `view, ${place}, ${value}, ${'count' in type ? type.count : 0}, name, ${JSON.stringify(key)}`;
    switch (type.kind) {
      case 'scalar':
        return this.scalar(type, base, offset, value);
      case 'array':
        return `writeWordSlots(${slots});`;
      case 'bytes':
        return `writeByteSlots(${slots});`;
      case 'text':
        return `writeText(${slots});`;
      case 'struct': {
        return this.nodes(type.nodes, base, offset, 0, type.sizeBytes, this.keep(`${value} ?? EMPTY`));
      }
    }
  }

  /** Statements for a struct at `base + shift`, from byte `start` to byte `end` of it. */
  private nodes(
    nodes: readonly ValueNode[],
    base: string,
    shift: number,
    start: number,
    end: number,
    value: string,
  ): string {
    let source = '';
    const units = new Map<number, BitsNode[]>();
    for (const node of nodes) {
      if (node.node === 'field') {
        source += this.field(node.type, base, shift + node.offset, value, node.key);
      } else if (node.node === 'choice') source += this.choice(node, base, shift, value);
      else if (node.node === 'bits') {
        const unit = node.placement.byteOffset;
        units.set(unit, [...(units.get(unit) ?? []), node]);
      }
    }
    for (const bits of units.values()) source += this.bits(bits, base, shift, value);
    for (const [offset, count] of gaps(nodes, start, end)) source += this.zeros(base, shift + offset, count);
    return source;
  }

  private bits(nodes: readonly BitsNode[], base: string, shift: number, value: string): string {
    const parts = nodes.map(({ key, placement }) => {
      const field = this.read(property(value, key));
      const bits = placement.width === 1 ? `(${field} ? 1 : 0)` : `(${field} & ${2 ** placement.width - 1})`;
      return placement.shift === 0 ? bits : `(${bits} << ${placement.shift})`;
    });
    const [first] = nodes as [BitsNode];
    const placement = { ...first.placement, byteOffset: first.placement.byteOffset + shift };
    const unit = parts.join(' | ');
    const place = this.inWords(base, placement.byteOffset);
    const source = place === undefined ? undefined : writeWordUnit(placement, place, unit);
    return source ?? writeUnit(placement, base, unit);
  }

  private choice(node: ChoiceNode, base: string, shift: number, value: string): string {
    const one = (field: FieldNode): string =>
      this.block(() => {
        const used = field.type.sizeBytes;
        const written = this.field(field.type, base, shift + field.offset, value, field.key);
        return `${written}${this.rest(node, base, shift, used, value)}`;
      });
    const { rule } = node;
    const tag = this.read(property(value, rule.key));
    if (rule.by === 'flag') {
      const [set, clear] = [alternativeOf(node, rule.set), alternativeOf(node, rule.clear)];
      return `if ((${tag} & ${rule.mask}) !== 0) {${one(set)}} else {${one(clear)}}`;
    }
    const cases = casesOf(node).map(([number, field]) => `case ${number}: {${one(field)}break;}`);
    const otherwise =
      rule.otherwise === null
        ? this.rest(node, base, shift, 0, value)
        : one(alternativeOf(node, rule.otherwise));
    return `switch (${tag} ?? 0) {${cases.join('')}default: {${otherwise}}}`;
  }

  private rest(node: ChoiceNode, base: string, shift: number, used: number, value: string): string {
    const count = node.sizeBytes - used;
    const offset = shift + node.offset + used;
    if (!node.keepsRest) return this.zeros(base, offset, count);
    return `writeByteSlots(view, ${at(base, offset)}, ${value}.rest, ${count}, name, "rest");`;
  }

  sizeOf(): string {
    const sizes = sizeSource(this.message, this.long);
    return `function sizeOf(value) { try { const v = value ?? EMPTY; ${sizes} return size; } catch (error) { return failEncode(name, error); } }`;
  }

  /**
   * The encoder. Into a view that it writes to again and again it writes words, elsewhere (also on machines that are not
   * little endian) through the view.
   */
  encoder(): string {
    const { fixedBytes, headerBytes } = this.message;
    const throughView = `function encodeView(value, view, offset) {${this.writing(false)}}`;
    const start = `${throughView} function encode(value, view, offset) { try {`;
    const end = '} catch (error) { return failEncode(name, error); } }';
    if (fixedBytes - headerBytes < LEAST_WORD_BYTES)
      return `${start} return encodeView(value, view, offset); ${end}`;
    // An offset that is a multiple of 4, and for which V8 then knows that no place behind it needs more than 32 bits.
    const otherwise =
      'if ((offset & 0x7ffffffc) !== offset || !isTarget(view)) return encodeView(value, view, offset);';
    return `${start} ${otherwise}${this.writing(true)} ${end}`;
  }

  /** Statements that write a value and return its size. */
  private writing(asWords: boolean): string {
    const { message } = this;
    const { fixedBytes, headerBytes, tails } = message;
    let source = `const v = value ?? EMPTY;${sizeSource(this.message, this.long)}`;
    source += 'const limit = offset + size;';
    if (asWords) {
      // A buffer may have grown, so it is not said here that there is no room.
      source +=
        'const { bytes, words } = target; if (limit > bytes.length) return encodeView(value, view, offset);';
      source += 'const w = offset >> 2;';
    } else source += 'if (offset < 0 || limit > view.byteLength) failSpace(name, size, view, offset);';
    this.asWords = asWords;
    source += this.block(() =>
      this.nodes(message.struct.nodes, 'offset', -headerBytes, headerBytes, fixedBytes, 'v'),
    );
    tails.forEach(([, { count }], index) => {
      const path = countField(count);
      if (path === null) return;
      source += this.scalar(u32, 'offset', countPlace(message.struct, path) - headerBytes, `c${index}`);
    });
    this.asWords = false;
    source += `let t = ${at('offset', fixedBytes - headerBytes)};`;
    tails.forEach(([, tail], index) => {
      source += this.tail(tail, index);
    });
    tails.forEach(([, tail], index) => {
      if (tail.kind !== 'structs' || tail.blob === null) return;
      const bytes = property(`a${index}[i]`, tail.blob.key);
      source += `for (let i = 0; i < c${index}; i++) { const own = ${bytes}; if (own === undefined) continue; writeBytes(view, t, own); t += own.length; }`;
    });
    if (message.trailing.kind !== 'none') source += 'writeZeros(view, t, limit - t);';
    return `${source} return size;`;
  }

  private tail(tail: Tail, index: number): string {
    const values = `a${index}`;
    const bytes = tail.elementBytes === 1 ? `c${index}` : `${tail.elementBytes} * c${index}`;
    const next = `t += ${bytes};`;
    // Most lists are empty, and a call costs as much as a few fields.
    if (tail.kind === 'words')
      return `if (c${index} !== 0) writeWords(view, t, ${values}, c${index});${next}`;
    if (tail.kind === 'longs') {
      if (this.long === 'pair') return `writeWords(view, t, ${values}, 2 * c${index});${next}`;
      return `writeLongs(view, t, ${values}, c${index});${next}`;
    }
    if (tail.kind === 'bytes') return `writeBytes(view, t, ${values});${next}`;
    let body = 'const element = all[i] ?? EMPTY;';
    body += this.block(() => this.nodes(tail.element.nodes, 'p', 0, 0, tail.elementBytes, 'element'));
    if (tail.blob !== null) {
      const size = `${property('element', tail.blob.key)}?.length ?? 0`;
      body += `view.setUint32(${at('p', countPlace(tail.element, tail.blob.sizeKey))}, ${size}, true);`;
    }
    const loop = `for (let i = 0, p = t; i < c${index}; i++, p += ${tail.elementBytes}) {${body}}`;
    return `{const all = ${values};${loop}}${next}`;
  }
}
