import {
  cNameOf,
  type Entries,
  type Entry,
  type StructIn,
  type StructOut,
  type UnionEntry,
} from './entries.ts';
import type {
  BitPlacement,
  DataType,
  FieldNode,
  FlagStruct,
  Member,
  StructType,
  ValueNode,
} from './types.ts';

/** C layout by the x86-64 rules: natural alignment, bit-fields packed into units of their declared type. */

interface StructOptions {
  /** No padding, alignment 1. */
  readonly packed?: boolean;
  readonly union?: boolean;
}

/** A C struct from its entries: offsets, size and alignment follow. */
export function struct<const E extends Entries>(
  name: string,
  entries: E,
  options: StructOptions = {},
): StructType<StructOut<E>, StructIn<E>> {
  const layout = new Layout(options.packed === true);
  layout.addAll(entries);
  return {
    kind: 'struct',
    name,
    cType: `${options.union === true ? 'union' : 'struct'}:${name}`,
    members: layout.members,
    nodes: layout.nodes,
    alignBytes: layout.alignBytes,
    sizeBytes: roundUp(layout.endBytes, layout.alignBytes),
  } as unknown as StructType<StructOut<E>, StructIn<E>>;
}

/** `value` rounded up to a multiple of `step`. */
export function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

function alignOf(entry: Entry): number {
  switch (entry.kind) {
    case 'bit':
      return entry.base.alignBytes;
    case 'count':
    case 'hidden':
      return entry.type.alignBytes;
    case 'group':
      return Math.max(...Object.values(entry.entries).map(alignOf));
    case 'union':
      return Math.max(...Object.values(entry.alternatives).map(alignOf));
    default:
      return entry.alignBytes;
  }
}

/** Bits of a flag word as C members, at the word's offset. */
export function flagMembers(
  flags: FlagStruct,
  offset: number,
  cType: string,
  sizeBytes: number,
  valueName: string | null,
  firstUnion: number,
): Member[] {
  const unions = valueName !== null || flags.readings.length > 1;
  const base = { offset, sizeBytes, count: null, pointee: null, struct: null, flags: null };
  const readings = flags.readings.map((reading, index) =>
    reading.map(
      (bit): Member => ({
        ...base,
        cName: bit.cName,
        cType: bit.cType ?? cType,
        bits: { byteOffset: offset, shift: bit.shift, width: bit.width, unitBytes: sizeBytes },
        union: unions ? firstUnion : null,
        alternative: unions ? index + (flags.valueFirst ? 1 : 0) : 0,
      }),
    ),
  );
  const members = readings.flat();
  if (valueName === null) return members;
  const alternative = flags.valueFirst ? 0 : flags.readings.length;
  const value: Member = { ...base, cName: valueName, cType, bits: null, union: firstUnion, alternative };
  return flags.valueFirst ? [value, ...members] : [...members, value];
}

/** Elements of an inline array, or null. */
function countOf(type: DataType): number | null {
  if (type.kind === 'bytes') return type.struct === null ? type.count : null;
  return type.kind === 'array' || type.kind === 'text' ? type.count : null;
}

class Layout {
  readonly members: Member[] = [];
  readonly nodes: ValueNode[] = [];
  endBytes = 0;
  alignBytes = 1;
  /** Position behind the last bit-field, in bits from the start, or -1 when the last entry was none. */
  private bitEnd = -1;
  private unions = 0;
  private union: number | null = null;
  private alternative = 0;
  private readonly packed: boolean;

  constructor(packed: boolean) {
    this.packed = packed;
  }

  addAll(entries: Entries): void {
    for (const [key, entry] of Object.entries(entries)) this.add(key, entry);
  }

  private add(key: string, entry: Entry): void {
    if (entry.kind === 'bit') {
      this.addBit(key, entry);
      return;
    }
    this.bitEnd = -1;
    const align = this.packed ? 1 : alignOf(entry);
    this.alignBytes = Math.max(this.alignBytes, align);
    const offset = roundUp(this.endBytes, align);
    if (entry.kind === 'union') this.addUnion(entry, offset);
    else if (entry.kind === 'group') {
      this.endBytes = offset;
      this.addAll(entry.entries);
    } else if (entry.kind === 'count') this.addCount(key, entry, entry.type, offset);
    else if (entry.kind === 'hidden') this.addMember(cNameOf(key, entry), entry.type, offset, entry.count);
    else this.addField(key, entry, offset);
  }

  private addField(key: string, type: DataType, offset: number): void {
    this.nodes.push({ node: 'field', key, type, offset });
    if (type.kind === 'scalar' && type.flags !== undefined && type.flags.name === '') {
      const union = this.unions++;
      this.members.push(
        ...flagMembers(type.flags, offset, type.cType, type.sizeBytes, cNameOf(key, type), union),
      );
      this.endBytes = offset + type.sizeBytes;
    } else this.addMember(cNameOf(key, type), type, offset);
  }

  private addCount(key: string, entry: object, type: DataType, offset: number): void {
    this.nodes.push({ node: 'count', key, offset });
    this.addMember(cNameOf(key, entry), type, offset);
  }

  private addMember(
    cName: string,
    type: DataType,
    offset: number,
    count: number | null = countOf(type),
  ): void {
    this.members.push({
      cName,
      cType: type.cType,
      offset,
      sizeBytes: type.sizeBytes,
      count,
      bits: null,
      union: this.union,
      alternative: this.alternative,
      pointee: (type.kind === 'scalar' && type.pointee) || null,
      struct: type.kind === 'struct' ? type : type.kind === 'bytes' ? type.struct : null,
      flags: (type.kind === 'scalar' && type.flags) || (type.kind === 'array' && type.element.flags) || null,
    });
    this.endBytes = Math.max(this.endBytes, offset + type.sizeBytes);
  }

  private addBit(key: string, entry: Extract<Entry, { kind: 'bit' }>): void {
    const unitBytes = entry.base.sizeBytes;
    const unitBits = 8 * unitBytes;
    let start = this.bitEnd < 0 ? 8 * roundUp(this.endBytes, unitBytes) : this.bitEnd;
    if (Math.floor(start / unitBits) !== Math.floor((start + entry.width - 1) / unitBits)) {
      start = roundUp(start, unitBits);
    }
    const byteOffset = Math.floor(start / unitBits) * unitBytes;
    const placement: BitPlacement = {
      byteOffset,
      shift: start - 8 * byteOffset,
      width: entry.width,
      unitBytes,
    };
    this.members.push({
      cName: cNameOf(key, entry),
      cType: entry.base.cType,
      offset: byteOffset,
      sizeBytes: unitBytes,
      count: null,
      bits: placement,
      union: this.union,
      alternative: this.alternative,
      pointee: null,
      struct: null,
      flags: null,
    });
    this.nodes.push({ node: 'bits', key, unit: entry.base.scalar, placement });
    this.bitEnd = start + entry.width;
    this.endBytes = Math.max(this.endBytes, byteOffset + Math.ceil((placement.shift + placement.width) / 8));
    this.alignBytes = Math.max(this.alignBytes, this.packed ? 1 : entry.base.alignBytes);
  }

  private addUnion(entry: UnionEntry, offset: number): void {
    const union = this.unions++;
    const fields: FieldNode[] = [];
    let end = offset;
    let alternative = 0;
    for (const [key, alternativeEntry] of Object.entries(entry.alternatives)) {
      const inner = new Layout(this.packed);
      inner.endBytes = offset;
      inner.union = union;
      inner.alternative = alternative++;
      if (alternativeEntry.kind === 'group') inner.addAll(alternativeEntry.entries);
      else inner.add(key, alternativeEntry);
      this.members.push(...inner.members);
      if (entry.shown === key) this.nodes.push(...inner.nodes);
      for (const node of inner.nodes) if (node.node === 'field') fields.push(node);
      end = Math.max(end, inner.endBytes);
    }
    this.endBytes = roundUp(end, this.packed ? 1 : alignOf(entry));
    if (entry.rule === null) return;
    const sizeBytes = this.endBytes - offset;
    const { rule, keepsRest } = entry;
    this.nodes.push({ node: 'choice', offset, sizeBytes, alternatives: fields, rule, keepsRest });
  }
}

/** Offset of the count field at a dotted path of keys (`args.numPrimaries`). */
export function countPlace(struct: StructType, path: string): number {
  let offset = 0;
  let nodes = struct.nodes;
  for (const key of path.split('.')) {
    const node = nodes.find((candidate) => 'key' in candidate && candidate.key === key);
    if (node?.node === 'count') return offset + node.offset;
    if (node?.node !== 'field' || node.type.kind !== 'struct') break;
    offset += node.offset;
    nodes = node.type.nodes;
  }
  throw new Error(`${struct.name} has no count field ${path}`);
}
