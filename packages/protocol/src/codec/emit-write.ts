import { countField, type Message, type Tail } from '../schema/message.ts';
import { countPlace } from '../schema/struct.ts';
import type { BitsNode, ChoiceNode, DataType, FieldNode, ValueNode } from '../schema/types.ts';
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

/** Source of a message's encoder and of `sizeOf`. Every byte is written: padding and fields left out as zero. */
export class WriteEmitter {
  private readonly message: Message;
  private readonly long: LongForm;
  private variables = 0;

  constructor(message: Message, long: LongForm = 'bigint') {
    this.message = message;
    this.long = long;
  }

  /** Statements that write the field `key` of `value`. */
  private field(type: DataType, base: string, offset: number, value: string, key: string): string {
    if (this.long === 'bigint' || !isLong(type))
      return this.type(type, base, offset, property(value, key), key);
    const half = (name: string, shift: number): string =>
      `view.setUint32(${at(base, offset + shift)}, ${property(value, name)}, true);`;
    return half(`${key}Low`, 0) + half(`${key}High`, 4);
  }

  private type(type: DataType, base: string, offset: number, value: string, key: string): string {
    const place = at(base, offset);
    const slots = `view, ${place}, ${value}, ${'count' in type ? type.count : 0}, name, ${JSON.stringify(key)}`;
    switch (type.kind) {
      case 'scalar':
        return writeScalar(type, place, value);
      case 'array':
        return `writeWordSlots(${slots});`;
      case 'bytes':
        return `writeByteSlots(${slots});`;
      case 'text':
        return `writeText(${slots});`;
      case 'struct': {
        const inner = `v${++this.variables}`;
        const body = this.nodes(type.nodes, base, offset, 0, type.sizeBytes, inner);
        return `const ${inner} = ${value} ?? EMPTY;${body}`;
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
    for (const [offset, count] of gaps(nodes, start, end)) source += zeros(base, shift + offset, count);
    return source;
  }

  private bits(nodes: readonly BitsNode[], base: string, shift: number, value: string): string {
    const parts = nodes.map(({ key, placement }) => {
      const field = property(value, key);
      const bits = placement.width === 1 ? `(${field} ? 1 : 0)` : `(${field} & ${2 ** placement.width - 1})`;
      return placement.shift === 0 ? bits : `(${bits} << ${placement.shift})`;
    });
    const [first] = nodes as [BitsNode];
    const placement = { ...first.placement, byteOffset: first.placement.byteOffset + shift };
    return writeUnit(placement, base, parts.join(' | '));
  }

  private choice(node: ChoiceNode, base: string, shift: number, value: string): string {
    const one = (field: FieldNode): string => {
      const used = field.type.sizeBytes;
      const written = this.field(field.type, base, shift + field.offset, value, field.key);
      return `${written}${this.rest(node, base, shift, used, value)}`;
    };
    const { rule } = node;
    const tag = property(value, rule.key);
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
    if (!node.keepsRest) return zeros(base, offset, count);
    return `writeByteSlots(view, ${at(base, offset)}, ${value}.rest, ${count}, name, "rest");`;
  }

  /** Statements that define `a0..`, `c0..` (tails and their counts), `end` and `size`. */
  private sizes(): string {
    const { message } = this;
    let source = '';
    const firsts = new Map<string, string>();
    const sums: string[] = [String(message.fixedBytes)];
    message.tails.forEach(([key, tail], index) => {
      source += `const a${index} = ${property('v', key)};`;
      source += this.count(key, tail, index, firsts);
      sums.push(tail.elementBytes === 1 ? `c${index}` : `${tail.elementBytes} * c${index}`);
      if (tail.kind !== 'structs' || tail.blob === null) return;
      const bytes = property('element', tail.blob.key);
      source += `let b${index} = 0; if (a${index} !== undefined) for (const element of a${index}) b${index} += ${bytes}?.length ?? 0;`;
      sums.push(`b${index}`);
    });
    source += `const end = ${sums.join(' + ')};`;
    return `${source}const size = ${this.total()} - ${message.headerBytes};`;
  }

  private total(): string {
    const { trailing, tails } = this.message;
    const first = tails.length === 0 ? '0' : 'c0';
    switch (trailing.kind) {
      case 'none':
        return 'end';
      case 'bytes':
        if (trailing.count === trailing.countWhenEmpty) return `end + ${trailing.count}`;
        return `end + (${first} === 0 ? ${trailing.countWhenEmpty} : ${trailing.count})`;
      case 'total':
        return `(end > ${trailing.bytes} ? failTotal(name, end, ${trailing.bytes}) : ${trailing.bytes})`;
      case 'result-area':
        return `end + ((11 + 4 * Math.max(${first}, 1)) & -8)`;
      case 'round-up':
        return `((end + ${trailing.step - 1}) & -${trailing.step})`;
    }
  }

  private count(key: string, tail: Tail, index: number, firsts: Map<string, string>): string {
    const paired = this.long === 'pair' && tail.kind === 'longs';
    const length = paired ? `pairCount(name, ${JSON.stringify(key)}, a${index})` : `a${index}.length`;
    const given = `a${index} === undefined ? 0 : ${length}`;
    const rule = tail.count;
    const mismatch = (expected: string): string =>
      `if (a${index} !== undefined && ${length} !== ${expected}) failCount(name, ${JSON.stringify(key)}, ${length}, ${expected});`;
    if (rule.from === 'field') {
      const first = firsts.get(rule.path);
      if (first === undefined) firsts.set(rule.path, `c${index}`);
      else {
        const expected = rule.atLeastOne ? `Math.max(${first}, 1)` : first;
        return `const c${index} = ${expected};${mismatch(`c${index}`)}`;
      }
    } else if (rule.from === 'length') {
      const full = `c${this.message.tails.findIndex(([other]) => other === rule.of)}`;
      return `const c${index} = ${given}; if (c${index} !== 0) {${mismatch(full)}}`;
    }
    return `const c${index} = ${given};`;
  }

  sizeOf(): string {
    return `function sizeOf(value) { const v = value ?? EMPTY; ${this.sizes()} return size; }`;
  }

  encoder(): string {
    const { message } = this;
    const { fixedBytes, headerBytes, tails } = message;
    let source = `const v = value ?? EMPTY;${this.sizes()}`;
    source += 'const limit = offset + size;';
    source += 'if (offset < 0 || limit > view.byteLength) failSpace(name, size, view, offset);';
    source += `const o = ${headerBytes === 0 ? 'offset' : `offset - ${headerBytes}`};`;
    source += this.nodes(message.struct.nodes, 'o', 0, headerBytes, fixedBytes, 'v');
    if (tails.length > 0) source += `let t = ${at('o', fixedBytes)};`;
    tails.forEach(([, tail], index) => {
      const path = countField(tail.count);
      if (path !== null) {
        source += `view.setUint32(${at('o', countPlace(message.struct, path))}, c${index}, true);`;
      }
      source += this.tail(tail, index);
    });
    tails.forEach(([, tail], index) => {
      if (tail.kind !== 'structs' || tail.blob === null) return;
      const bytes = property('element', tail.blob.key);
      source += `if (a${index} !== undefined) for (const element of a${index}) { writeBytes(view, t, ${bytes}); t += ${bytes}?.length ?? 0; }`;
    });
    if (message.trailing.kind !== 'none') {
      source += `writeZeros(view, ${tails.length > 0 ? 't' : at('o', fixedBytes)}, limit - ${tails.length > 0 ? 't' : `(${at('o', fixedBytes)})`});`;
    }
    const kept = this.long === 'pair' ? 'let target = null, space = NO_BYTES;' : '';
    return `${kept}function encode(value, view, offset) { try { ${source} return size; } catch (error) { return failEncode(name, error); } }`;
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
    if (tail.kind === 'bytes') {
      if (this.long === 'bigint') return `writeBytes(view, t, ${values});${next}`;
      // Making a typed array to copy with costs more than all of a small message: the last one is kept.
      const copy = `if (view !== target) { target = view; space = readBytes(view, 0, view.byteLength); } space.set(${values}, t);`;
      return `if (c${index} > 16) { ${copy} } else writeBytes(view, t, ${values});${next}`;
    }
    let body = 'const element = all[i] ?? EMPTY;';
    body += this.nodes(tail.element.nodes, 'p', 0, 0, tail.elementBytes, 'element');
    if (tail.blob !== null) {
      const size = `${property('element', tail.blob.key)}?.length ?? 0`;
      body += `view.setUint32(${at('p', countPlace(tail.element, tail.blob.sizeKey))}, ${size}, true);`;
    }
    const loop = `for (let i = 0, p = t; i < c${index}; i++, p += ${tail.elementBytes}) {${body}}`;
    return `{const all = ${values};${loop}}${next}`;
  }
}
