import type {
  BitPlacement,
  BitsNode,
  ChoiceNode,
  DataType,
  FieldNode,
  ScalarType,
  ValueNode,
} from '../schema/types.ts';
import * as run from './runtime.ts';

/** Reads and writes structs by walking their descriptions. */

/** A value whose shape only the description knows. */
export type Values = Record<string, unknown>;

export function readScalarAt(view: DataView, type: ScalarType, offset: number): unknown {
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

export function writeScalarAt(view: DataView, type: ScalarType, offset: number, value: unknown): void {
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

export function readBits(view: DataView, placement: BitPlacement, base: number): number | boolean {
  const { byteOffset, shift, width, unitBytes } = placement;
  const bits = (readUnit(view, base + byteOffset, unitBytes) >>> shift) & (2 ** width - 1);
  return width === 1 ? bits !== 0 : bits;
}

function readType(view: DataView, type: DataType, offset: number): unknown {
  switch (type.kind) {
    case 'scalar':
      return readScalarAt(view, type, offset);
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
      writeScalarAt(view, type, offset, value);
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

export function readNodes(view: DataView, nodes: readonly ValueNode[], offset: number): Values {
  const values: Values = {};
  for (const node of nodes) {
    if (node.node === 'field') values[node.key] = readType(view, node.type, offset + node.offset);
    else if (node.node === 'bits') {
      values[node.key] = readBits(view, node.placement, offset);
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

export function writeNodes(
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
