import type { Message, Tail } from '../schema/message.ts';
import { countPlace } from '../schema/struct.ts';
import type { ChoiceNode, DataType, ValueNode } from '../schema/types.ts';
import { at, casesOf, isLong, type LongForm, property, readScalar, readUnit } from './emit.ts';

/** Source of a message's decoder: one object literal per struct, bounds checked once per part. */
export class ReadEmitter {
  /** Helper functions that the decoder calls. */
  readonly helpers: string[] = [];
  protected readonly message: Message;
  private readonly long: LongForm;

  constructor(message: Message, long: LongForm = 'bigint') {
    this.message = message;
    this.long = long;
  }

  /** Entries of an object literal that read a field: two for a number of 64 bits in pair form. */
  private entries(key: string, type: DataType, place: (shift: number) => string): [string, string][] {
    if (this.long === 'bigint' || !isLong(type)) return [[key, this.type(type, place(0))]];
    return [
      [`${key}Low`, `view.getUint32(${place(0)}, true)`],
      [`${key}High`, `view.getUint32(${place(4)}, true)`],
    ];
  }

  protected type(type: DataType, place: string): string {
    switch (type.kind) {
      case 'scalar':
        return readScalar(type, place);
      case 'array':
        if (!isLong(type.element)) return `readWords(view, ${place}, ${type.count})`;
        if (this.long === 'pair') return `readWords(view, ${place}, ${2 * type.count})`;
        return `readLongs(view, ${place}, ${type.count})`;
      case 'bytes':
        return `readBytes(view, ${place}, ${type.count})`;
      case 'text':
        return `readText(view, ${place}, ${type.count})`;
      case 'struct':
        return this.struct(type.nodes, place);
    }
  }

  /** A struct in the middle of an expression: a literal, or a call where a union needs statements. */
  private struct(nodes: readonly ValueNode[], place: string): string {
    const statements = this.choices(nodes, 'o');
    if (statements === '') return this.literal(nodes, place, []);
    const name = `read${this.helpers.length}`;
    const body = `const value = ${this.literal(nodes, 'o', [])};${statements}return value;`;
    this.helpers.push(`function ${name}(view, o) {${body}}`);
    return `${name}(view, ${place})`;
  }

  private literal(nodes: readonly ValueNode[], base: string, others: readonly string[]): string {
    const fields = nodes.flatMap((node) => this.fields(node, nodes, base));
    const entries = fields.map(([key, value]) => `${JSON.stringify(key)}: ${value}`);
    return `{${[...entries, ...others].join(', ')}}`;
  }

  /** What a node adds to its value, as keys and expressions. Unions of structs add theirs by {@link choices}. */
  protected fields(node: ValueNode, nodes: readonly ValueNode[], base: string): [string, string][] {
    if (node.node === 'field')
      return this.entries(node.key, node.type, (shift) => at(base, node.offset + shift));
    if (node.node === 'bits') {
      const { shift, width } = node.placement;
      const bits = `(${readUnit(node.placement, base)} >>> ${shift}) & ${2 ** width - 1}`;
      return [[node.key, width === 1 ? `(${bits}) !== 0` : bits]];
    }
    return node.node === 'choice' && !node.keepsRest ? this.numbers(node, nodes, base) : [];
  }

  /** A union of numbers: each alternative is read or zero, as the selecting field says. */
  private numbers(node: ChoiceNode, nodes: readonly ValueNode[], base: string): [string, string][] {
    const { rule } = node;
    const tag = this.tag(rule.key, nodes, base);
    return node.alternatives.flatMap((alternative) => {
      let condition: string;
      if (rule.by === 'flag')
        condition = `(${tag} & ${rule.mask}) ${alternative.key === rule.set ? '!==' : '==='} 0`;
      else {
        const tags = Object.entries(rule.when);
        const own = tags.filter(([, key]) => key === alternative.key).map(([value]) => `${tag} === ${value}`);
        const others = tags
          .filter(([, key]) => key !== alternative.key)
          .map(([value]) => `${tag} !== ${value}`);
        condition = rule.otherwise === alternative.key ? others.join(' && ') : own.join(' || ');
      }
      const { key, type, offset } = alternative;
      const zero = this.long === 'bigint' && isLong(type) ? '0n' : '0';
      const entries = this.entries(key, type, (shift) => at(base, offset + shift));
      return entries.map(([name, value]): [string, string] => [name, `${condition} ? ${value} : ${zero}`]);
    });
  }

  private tag(key: string, nodes: readonly ValueNode[], base: string): string {
    for (const node of nodes) {
      if (node.node === 'field' && node.key === key) return this.type(node.type, at(base, node.offset));
      if (node.node === 'bits' && node.key === key) {
        const { shift, width } = node.placement;
        return `((${readUnit(node.placement, base)} >>> ${shift}) & ${2 ** width - 1})`;
      }
    }
    throw new Error(`no field ${key}`);
  }

  /** Statements that add the valid alternative of each union of structs to `value`. */
  protected choices(nodes: readonly ValueNode[], base: string): string {
    let source = '';
    for (const node of nodes) {
      if (node.node !== 'choice' || !node.keepsRest) continue;
      const rest = (used: number): string => {
        const place = at(base, node.offset + used);
        return `rest = readRest(view, ${place}, ${node.sizeBytes - used});`;
      };
      source += `let rest; switch (${property('value', node.rule.key)}) {`;
      for (const [tag, { key, type, offset }] of casesOf(node)) {
        const value = this.type(type, at(base, offset));
        source += `case ${tag}: ${property('value', key)} = ${value}; ${rest(type.sizeBytes)} break;`;
      }
      source += `default: ${rest(0)}} if (rest !== undefined) value.rest = rest;`;
    }
    return source;
  }

  /** Where offset 0 of the structure would be, as source. */
  get base(): string {
    return at('offset', -this.message.headerBytes);
  }

  /**
   * Statements that check the fixed part and find the tails: `c0..` (counts) and `t0..` (places).
   *
   * @param outside source of whether `end` lies outside the view
   */
  places(outside = 'end > view.byteLength'): string {
    const { fixedBytes, headerBytes, tails } = this.message;
    const fixed = fixedBytes - headerBytes;
    // `end` is a constant of its own: inside the condition the sum makes V8's code a third slower.
    let source = 'const end = offset + length;';
    source += `if (length < ${fixed} || offset < 0 || ${outside}) failShort(name, view, offset, length, ${fixed});`;
    if (tails.length > 0) source += `const t0 = ${at(this.base, fixedBytes)};`;
    tails.forEach(([key, tail], index) => {
      source += this.count(key, tail, index);
      const next = `t${index + 1}`;
      const bytes = tail.elementBytes === 1 ? `c${index}` : `${tail.elementBytes} * c${index}`;
      source += `const ${next} = t${index} + ${bytes};`;
      source += `if (${next} > end) failTail(name, ${JSON.stringify(key)}, length, ${next} - offset);`;
    });
    return source;
  }

  /** The whole decoder. */
  decoder(): string {
    const { struct, tails } = this.message;
    const values = tails.map(
      ([key, tail], index) => `${JSON.stringify(key)}: ${this.tail(key, tail, index)}`,
    );
    const literal = this.literal(struct.nodes, this.base, values);
    const body = `${this.places()}const value = ${literal};${this.choices(struct.nodes, this.base)}return value;`;
    return `function decode(view, offset, length, context) {${body}}`;
  }

  private count(key: string, tail: Tail, index: number): string {
    const rule = tail.count;
    const name = `c${index}`;
    if (rule.from === 'request') {
      return `if (context === undefined) failContext(name); const ${name} = counts[${index}](context);`;
    }
    if (rule.from === 'field') {
      const value = `view.getUint32(${at(this.base, countPlace(this.message.struct, rule.path))}, true)`;
      return `const ${name} = ${rule.atLeastOne ? `Math.max(${value}, 1)` : value};`;
    }
    const full = `c${this.message.tails.findIndex(([other]) => other === rule.of)}`;
    return (
      `let ${name} = 0; const left${index} = end - t${index};` +
      `if (${full} > 0 && left${index} >= 8 * ${full}) ${name} = ${full};` +
      `else if (left${index} >= 8) failLength(name, ${JSON.stringify(key)}, left${index}, 8 * ${full});`
    );
  }

  protected tail(key: string, tail: Tail, index: number): string {
    const place = `view, t${index}, c${index}`;
    if (tail.kind === 'words') return `readWords(${place})`;
    if (tail.kind === 'longs')
      return this.long === 'pair' ? `readWords(view, t${index}, 2 * c${index})` : `readLongs(${place})`;
    if (tail.kind === 'bytes') return `readBytes(${place})`;
    const name = `readAll${index}`;
    let source = `function ${name}(view, start, count, blobs, length, offset, context) { const all = []; let blob = blobs;`;
    source += `for (let i = 0, o = start; i < count; i++, o += ${tail.elementBytes}) {`;
    const others: string[] = [];
    if (tail.blob !== null) {
      const size = countPlace(tail.element, tail.blob.sizeKey);
      const label = `${JSON.stringify(`${key}.${tail.blob.key}`)}`;
      source += `const bytes = view.getUint32(${at('o', size)}, true); const from = blob; blob += bytes;`;
      source += `if (blob > offset + length) failTail(name, ${label}, length, blob - offset);`;
      if (tail.blob.limit !== null) {
        source += `const most = limits[${index}](context, i); if (bytes > most) failField(name, ${label}, bytes, most);`;
      }
      others.push(`${JSON.stringify(tail.blob.key)}: readBytes(view, from, bytes)`);
    }
    const choices = this.choices(tail.element.nodes, 'o');
    source += `const value = ${this.literal(tail.element.nodes, 'o', others)};${choices}all.push(value);} return all;}`;
    this.helpers.push(source);
    return `${name}(${place}, t${this.message.tails.length}, length, offset, context)`;
  }
}
