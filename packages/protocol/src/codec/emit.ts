import type {
  BitPlacement,
  ChoiceNode,
  DataType,
  FieldNode,
  ScalarName,
  ScalarType,
  ValueNode,
} from '../schema/types.ts';

/** Parts of generated source that readers, writers and accessors share. */

/**
 * How values hold a number of 64 bits: as a `bigint`, or as two numbers of 32 bits, `xLow` and `xHigh` (arrays: low
 * and high in turns), which cost nothing to make.
 */
export type LongForm = 'bigint' | 'pair';

/** Whether this is a single number of 64 bits. */
export function isLong(type: DataType): boolean {
  return type.kind === 'scalar' && type.scalar === 'u64';
}

/** `base + offset` as source; a number at the end of the base is added up. */
export function at(base: string, offset: number): string {
  const [, start = base, sign, given = 0] = /^(.*) ([+-]) (\d+)$/.exec(base) ?? [];
  const sum = offset + (sign === '-' ? -Number(given) : Number(given));
  if (sum === 0) return start;
  return sum < 0 ? `${start} - ${-sum}` : `${start} + ${sum}`;
}

/** A property of an object as source. */
export function property(object: string, key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `${object}.${key}` : `${object}[${JSON.stringify(key)}]`;
}

const getters: Readonly<Record<ScalarName, string>> = {
  u8: 'getUint8',
  bool: 'getUint8',
  u16: 'getUint16',
  u32: 'getUint32',
  i32: 'getInt32',
  u64: 'getBigUint64',
};

/** Expression that reads a scalar. */
export function readScalar(type: ScalarType, place: string): string {
  if (type.scalar === 'u8') return `view.getUint8(${place})`;
  if (type.scalar === 'bool') return `view.getUint8(${place}) !== 0`;
  if (type.scalar === 'u64') return `readLong(view, ${place})`;
  return `view.${getters[type.scalar]}(${place}, true)`;
}

/** Statement that writes a scalar; a value left out is written as zero. */
export function writeScalar(type: ScalarType, place: string, value: string): string {
  if (type.scalar === 'u8') return `view.setUint8(${place}, ${value});`;
  if (type.scalar === 'bool') return `view.setUint8(${place}, ${value} ? 1 : 0);`;
  if (type.scalar === 'u64') return `writeLong(view, ${place}, ${value} ?? 0n);`;
  return `view.${getters[type.scalar].replace('get', 'set')}(${place}, ${value}, true);`;
}

/** Expression that reads the storage unit of bit-fields. */
export function readUnit(placement: BitPlacement, base: string): string {
  const place = at(base, placement.byteOffset);
  if (placement.unitBytes === 1) return `view.getUint8(${place})`;
  return `view.${placement.unitBytes === 2 ? 'getUint16' : 'getUint32'}(${place}, true)`;
}

/** Statement that writes a storage unit. */
export function writeUnit(placement: BitPlacement, base: string, value: string): string {
  const place = at(base, placement.byteOffset);
  if (placement.unitBytes === 1) return `view.setUint8(${place}, ${value});`;
  return `view.${placement.unitBytes === 2 ? 'setUint16' : 'setUint32'}(${place}, ${value}, true);`;
}

/** Statements that write `count` zero bytes. */
export function zeros(base: string, offset: number, count: number): string {
  if (count > 32) return `writeZeros(view, ${at(base, offset)}, ${count});`;
  let source = '';
  let left = count;
  let place = offset;
  for (const [step, method] of [
    [4, 'setUint32'],
    [2, 'setUint16'],
    [1, 'setUint8'],
  ] as const) {
    for (; left >= step; left -= step, place += step) {
      source += `view.${method}(${at(base, place)}, 0${step === 1 ? '' : ', true'});`;
    }
  }
  return source;
}

/** Byte ranges of a struct that none of its nodes covers, as [offset, length]. */
export function gaps(nodes: readonly ValueNode[], start: number, end: number): [number, number][] {
  const covered = nodes
    .map((node): [number, number] => {
      if (node.node === 'field') return [node.offset, node.offset + node.type.sizeBytes];
      if (node.node === 'count') return [node.offset, node.offset + 4];
      if (node.node === 'choice') return [node.offset, node.offset + node.sizeBytes];
      return [node.placement.byteOffset, node.placement.byteOffset + node.placement.unitBytes];
    })
    .sort((a, b) => a[0] - b[0]);
  const found: [number, number][] = [];
  let position = start;
  for (const [from, to] of covered) {
    if (from > position) found.push([position, from - position]);
    position = Math.max(position, to);
  }
  if (end > position) found.push([position, end - position]);
  return found;
}

/** The alternatives that an enum-selected union has cases for. */
export function casesOf(node: ChoiceNode): [tag: string, alternative: FieldNode][] {
  if (node.rule.by !== 'enum') return [];
  return Object.entries(node.rule.when).map(([tag, key]) => [tag, alternativeOf(node, key)]);
}

export function alternativeOf(node: ChoiceNode, key: string): FieldNode {
  const found = node.alternatives.find((alternative) => alternative.key === key);
  if (found === undefined) throw new Error(`no alternative ${key}`);
  return found;
}
