import type {
  BitPlacement,
  ChoiceRule,
  DataType,
  Message,
  ScalarType,
  Tail,
  ValueNode,
} from '@dxgwire/protocol';

/** One field of a packet: what it is called, where it lies in the payload, and how its bytes read. */
export interface Field {
  /** As in the codec's values: `args.flags`, `allocationInfo[1].privDrvDataSize`. */
  readonly path: string;
  readonly offset: number;
  readonly lengthBytes: number;
  readonly kind: FieldKind;
}

type FieldKind =
  | { readonly as: 'scalar'; readonly type: ScalarType }
  | { readonly as: 'list'; readonly type: ScalarType }
  | { readonly as: 'bits'; readonly placement: BitPlacement }
  | { readonly as: 'count' }
  | { readonly as: 'text' }
  | { readonly as: 'bytes' };

type Values = Readonly<Record<string, unknown>> | undefined;

const UNSIGNED_LONG = { kind: 'scalar', scalar: 'u64', sizeBytes: 8, meaning: 'number' } as ScalarType;
const COUNT_BYTES = 4;

/** Collects the fields of a message in the order of the wire. */
export class FieldList {
  readonly fields: Field[] = [];

  /**
   * @param base - Offset of the message's C structure in the payload.
   * @param values - The decoded value, for the lengths of tails; without it the fixed part is all there is.
   */
  addMessage(message: Message, base: number, values: Values): void {
    this.addNodes(message.struct.nodes, base, '', values);
    if (values === undefined) return;
    let offset = base + message.fixedBytes;
    for (const [key, tail] of message.tails) offset = this.#addTail(key, tail, offset, values[key]);
    for (const [key, tail] of message.tails) {
      if (tail.kind !== 'structs' || tail.blob === null) continue;
      for (const [index, element] of asList(values[key]).entries()) {
        const bytes = (element as Values)?.[tail.blob.key];
        const length = bytes instanceof Uint8Array ? bytes.length : 0;
        this.#add(`${key}[${index}].${tail.blob.key}`, offset, length, { as: 'bytes' });
        offset += length;
      }
    }
  }

  addNodes(nodes: readonly ValueNode[], base: number, prefix: string, values: Values): void {
    for (const node of nodes) {
      switch (node.node) {
        case 'field':
          this.#addType(`${prefix}${node.key}`, node.type, base + node.offset, values?.[node.key]);
          break;
        case 'bits': {
          const { byteOffset, unitBytes } = node.placement;
          const kind = { as: 'bits', placement: node.placement } as const;
          this.#add(`${prefix}${node.key}`, base + byteOffset, unitBytes, kind);
          break;
        }
        case 'count':
          this.#add(`${prefix}${node.key}`, base + node.offset, COUNT_BYTES, { as: 'count' });
          break;
        case 'choice': {
          const key = values === undefined ? null : chosenKey(node.rule, values[node.rule.key]);
          const chosen = node.alternatives.find((each) => each.key === key);
          if (chosen === undefined) {
            this.#add(`${prefix}(union)`, base + node.offset, node.sizeBytes, { as: 'bytes' });
          } else {
            this.#addType(`${prefix}${chosen.key}`, chosen.type, base + chosen.offset, values?.[chosen.key]);
          }
        }
      }
    }
  }

  #addType(path: string, type: DataType, offset: number, value: unknown): void {
    switch (type.kind) {
      case 'scalar':
        this.#add(path, offset, type.sizeBytes, { as: 'scalar', type });
        break;
      case 'array':
        this.#add(path, offset, type.sizeBytes, { as: 'list', type: type.element });
        break;
      case 'struct':
        this.addNodes(type.nodes, offset, `${path}.`, value as Values);
        break;
      case 'text':
      case 'bytes':
        this.#add(path, offset, type.sizeBytes, { as: type.kind });
    }
  }

  /** @returns the offset behind the tail. */
  #addTail(key: string, tail: Tail, offset: number, value: unknown): number {
    const count = lengthOf(value);
    if (tail.kind === 'structs') {
      for (const [index, element] of asList(value).entries()) {
        const at = offset + index * tail.elementBytes;
        this.addNodes(tail.element.nodes, at, `${key}[${index}].`, element as Values);
      }
    } else if (tail.kind === 'bytes') this.#add(key, offset, count, { as: 'bytes' });
    else {
      const type = tail.kind === 'words' ? tail.element : UNSIGNED_LONG;
      this.#add(key, offset, count * tail.elementBytes, { as: 'list', type });
    }
    return offset + count * tail.elementBytes;
  }

  #add(path: string, offset: number, lengthBytes: number, kind: FieldKind): void {
    if (lengthBytes > 0) this.fields.push({ path, offset, lengthBytes, kind });
  }
}

/** Which alternative of a union the selecting field's value means, or null: those that are not may decode as zero. */
function chosenKey(rule: ChoiceRule, selector: unknown): string | null {
  const value = Number(selector);
  if (rule.by === 'enum') return rule.when[value] ?? rule.otherwise;
  return (value & rule.mask) === 0 ? rule.clear : rule.set;
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function lengthOf(value: unknown): number {
  const length = (value as { readonly length?: unknown } | undefined)?.length;
  return typeof length === 'number' ? length : 0;
}

const SHOWN_ELEMENTS = 8;
const SHOWN_BYTES = 24;

/**
 * A field's content in a line; `(beyond the end)` where the packet is too short for it.
 * @param mostElements how many elements of a list are shown; with Infinity also all of its bytes.
 */
export function formatField(field: Field, bytes: Uint8Array, mostElements = SHOWN_ELEMENTS): string {
  const { kind, lengthBytes, offset } = field;
  if (offset + lengthBytes > bytes.length) return '(beyond the end)';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (kind.as) {
    case 'scalar':
      return formatScalar(kind.type, view, offset);
    case 'count':
      return String(view.getUint32(offset, true));
    case 'bits':
      return String(readBits(view, kind.placement, offset));
    case 'list': {
      const count = lengthBytes / kind.type.sizeBytes;
      const shown = Array.from({ length: Math.min(count, mostElements) }, (_, index) =>
        formatScalar(kind.type, view, offset + index * kind.type.sizeBytes),
      );
      return `[${shown.join(', ')}${count > mostElements ? `, ... ${count} in all` : ''}]`;
    }
    case 'text':
      return JSON.stringify(readText(view, offset, lengthBytes));
    case 'bytes':
      return formatBytes(
        bytes.subarray(offset, offset + lengthBytes),
        mostElements === Infinity ? Infinity : SHOWN_BYTES,
      );
  }
}

/** Bytes as hexadecimal digits, cut when there are many. */
export function formatBytes(bytes: Uint8Array, mostBytes = SHOWN_BYTES): string {
  const shown = bytes.subarray(0, mostBytes);
  const hex = Array.from(shown, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return bytes.length > mostBytes ? `${hex}... (${bytes.length} bytes)` : hex;
}

/** One element of a list. */
export function formatElement(type: ScalarType, bytes: Uint8Array, offset: number): string {
  if (offset + type.sizeBytes > bytes.length) return '(beyond the end)';
  return formatScalar(type, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset);
}

function formatScalar(type: ScalarType, view: DataView, offset: number): string {
  const value = readScalar(type, view, offset);
  if (type.scalar === 'bool') return String(value !== 0);
  if (type.meaning === 'enum' && type.enumeration !== undefined) {
    const found = Object.entries(type.enumeration.values).find(([, each]) => each === value);
    return found === undefined ? String(value) : `${found[0]} (${value})`;
  }
  return type.meaning === 'number' ? String(value) : `0x${value.toString(16)}`;
}

function readScalar(type: ScalarType, view: DataView, offset: number): number | bigint {
  switch (type.scalar) {
    case 'u8':
    case 'bool':
      return view.getUint8(offset);
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

function readBits(view: DataView, { shift, unitBytes, width }: BitPlacement, offset: number): bigint {
  let unit = 0n;
  for (let index = unitBytes - 1; index >= 0; index -= 1) {
    unit = (unit << 8n) | BigInt(view.getUint8(offset + index));
  }
  return (unit >> BigInt(shift)) & ((1n << BigInt(width)) - 1n);
}

function readText(view: DataView, offset: number, lengthBytes: number): string {
  let text = '';
  for (let at = 0; at < lengthBytes; at += 2) {
    const unit = view.getUint16(offset + at, true);
    if (unit === 0) break;
    text += String.fromCharCode(unit);
  }
  return text;
}
