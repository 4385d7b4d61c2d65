import type { Message, Tail } from '../schema/message.ts';
import type { DataType, StructType, ValueNode } from '../schema/types.ts';
import { at, isLong, property } from './emit.ts';
import { ReadEmitter } from './emit-read.ts';

/** Source of a decoder that fills a value again instead of making one, and of the empty value to begin with. */
export class IntoEmitter extends ReadEmitter {
  private variables = 0;

  constructor(message: Message) {
    super(message, 'pair');
  }

  /** The decoder. Structs, numbers and arrays of unchanged length are written over; what is left is made anew. */
  decoderInto(): string {
    // For a view's length V8 (of Node 20) calls a function, which costs as much as five fields.
    let source = this.places('((view !== seen || end > room) && end > look(view))');
    source += this.assign(this.message.struct.nodes, this.base, 'into');
    let forget = '';
    this.message.tails.forEach(([key, tail], index) => {
      const before = property('into', key);
      source += `${before} = ${this.tailInto(key, tail, index, before)};`;
      if (tail.kind === 'bytes') forget += `at${index} = -1;`;
    });
    this.helpers.push(
      `let seen = null, room = 0; function look(view) { seen = view; ${forget} return room = view.byteLength; }`,
    );
    return `function decodeInto(view, offset, length, into, context) {${source}return into;}`;
  }

  private tailInto(key: string, tail: Tail, index: number, before: string): string {
    if (tail.kind === 'words' || tail.kind === 'longs') {
      const count = tail.kind === 'words' ? `c${index}` : `2 * c${index}`;
      return `c${index} === 0 ? NO_WORDS : readWordsInto(view, t${index}, ${count}, ${before})`;
    }
    if (tail.kind === 'bytes') return this.bytesTail(index);
    return this.tail(key, tail, index);
  }

  /** A view of the bytes, the last one where they lie as they did: making one costs more than all of a small message. */
  private bytesTail(index: number): string {
    const [at, count, last] = [`at${index}`, `count${index}`, `last${index}`];
    this.helpers.push(`let ${at} = -1, ${count} = 0, ${last} = NO_BYTES;`);
    const same = `t${index} === ${at} && c${index} === ${count}`;
    const make = `(${at} = t${index}, ${count} = c${index}, ${last} = readBytes(view, ${at}, ${count}))`;
    return `${same} ? ${last} : ${make}`;
  }

  private assign(nodes: readonly ValueNode[], base: string, value: string): string {
    let source = '';
    for (const node of nodes) {
      if (node.node === 'field' && node.type.kind !== 'scalar') {
        source += this.assignField(node.type, at(base, node.offset), property(value, node.key));
        continue;
      }
      for (const [key, read] of this.fields(node, nodes, base))
        source += `${property(value, key)} = ${read};`;
      if (node.node !== 'choice' || !node.keepsRest) continue;
      for (const key of [...node.alternatives.map((alternative) => alternative.key), 'rest'])
        source += `${property(value, key)} = undefined;`;
    }
    const choices = this.choices(nodes, base);
    return choices === '' ? source : `${source}{const value = ${value};${choices}}`;
  }

  private assignField(type: DataType, place: string, target: string): string {
    switch (type.kind) {
      case 'array': {
        const count = isLong(type.element) ? 2 * type.count : type.count;
        return `${target} = readWordsInto(view, ${place}, ${count}, ${target});`;
      }
      case 'bytes':
        return `${target} = readBytesInto(view, ${place}, ${type.count}, ${target});`;
      case 'struct': {
        const inner = `i${++this.variables}`;
        return `const ${inner} = ${target};${this.assign(type.nodes, place, inner)}`;
      }
      default:
        return `${target} = ${this.type(type, place)};`;
    }
  }

  /** The function that makes a value with every field, zero or empty. */
  creator(): string {
    const tails = this.message.tails.map(([key, tail]) => {
      const empty = { words: 'NO_WORDS', longs: 'NO_WORDS', bytes: 'NO_BYTES', structs: '[]' }[tail.kind];
      return `${JSON.stringify(key)}: ${empty}`;
    });
    return `function create() { return ${emptyStruct(this.message.struct.nodes, tails)}; }`;
  }
}

function emptyStruct(nodes: readonly ValueNode[], others: readonly string[] = []): string {
  const fields: string[] = [];
  const add = (key: string, value: string): unknown => fields.push(`${JSON.stringify(key)}: ${value}`);
  const addField = (key: string, type: DataType): void => {
    if (isLong(type)) {
      add(`${key}Low`, '0');
      add(`${key}High`, '0');
    } else add(key, emptyType(type));
  };
  for (const node of nodes) {
    if (node.node === 'field') addField(node.key, node.type);
    else if (node.node === 'bits') add(node.key, node.placement.width === 1 ? 'false' : '0');
    else if (node.node === 'choice' && !node.keepsRest)
      for (const { key, type } of node.alternatives) addField(key, type);
    else if (node.node === 'choice') {
      for (const { key } of node.alternatives) add(key, 'undefined');
      add('rest', 'undefined');
    }
  }
  return `{${[...fields, ...others].join(', ')}}`;
}

function emptyType(type: DataType): string {
  switch (type.kind) {
    case 'scalar':
      return type.scalar === 'bool' ? 'false' : '0';
    case 'array':
      return `new Uint32Array(${isLong(type.element) ? 2 * type.count : type.count})`;
    case 'bytes':
      return 'NO_BYTES';
    case 'text':
      return '""';
    case 'struct':
      return emptyStruct((type as StructType).nodes);
  }
}
