import type { Message, Tail } from '../schema/message.ts';
import type { DataType, ValueNode } from '../schema/types.ts';
import { isLong } from './emit.ts';
import { pairCount } from './runtime.ts';

/** Values with 64-bit numbers as `bigint` to values with pairs of 32-bit numbers, and back, by their description. */

type Values = Record<string, unknown>;

const LOW = 0xffff_ffffn;

/** Halves of 64-bit numbers, low first. */
function halvesOf(longs: ArrayLike<bigint>): Uint32Array {
  const halves = new Uint32Array(2 * longs.length);
  for (let i = 0; i < longs.length; i++) {
    const long = longs[i] as bigint;
    halves[2 * i] = Number(long & LOW);
    halves[2 * i + 1] = Number(long >> 32n);
  }
  return halves;
}

function joined(low: unknown, high: unknown): bigint {
  return (BigInt(Number(high ?? 0) >>> 0) << 32n) | BigInt(Number(low ?? 0) >>> 0);
}

function longsOf(halves: ArrayLike<number>): BigUint64Array {
  const longs = new BigUint64Array(halves.length / 2);
  for (let i = 0; i < longs.length; i++) longs[i] = joined(halves[2 * i], halves[2 * i + 1]);
  return longs;
}

function fieldToPairs(key: string, type: DataType, value: unknown, into: Values): void {
  if (isLong(type)) {
    const long = (value ?? 0n) as bigint;
    into[`${key}Low`] = Number(long & LOW);
    into[`${key}High`] = Number((long >> 32n) & LOW);
  } else if (type.kind === 'struct') into[key] = nodesToPairs(type.nodes, (value ?? {}) as Values);
  else if (type.kind === 'array') {
    if (isLong(type.element))
      into[key] = halvesOf((value ?? new BigUint64Array(type.count)) as BigUint64Array);
    else into[key] = value ?? new Uint32Array(type.count);
  } else if (type.kind === 'bytes') into[key] = value ?? new Uint8Array(0);
  else if (type.kind === 'text') into[key] = value ?? '';
  else into[key] = value ?? (type.scalar === 'bool' ? false : 0);
}

function nodesToPairs(nodes: readonly ValueNode[], value: Values): Values {
  const into: Values = {};
  for (const node of nodes) {
    if (node.node === 'field') fieldToPairs(node.key, node.type, value[node.key], into);
    else if (node.node === 'bits')
      into[node.key] = value[node.key] ?? (node.placement.width === 1 ? false : 0);
    else if (node.node === 'choice') {
      for (const { key, type } of node.alternatives) {
        if (node.keepsRest && value[key] === undefined) into[key] = undefined;
        else fieldToPairs(key, type, value[key], into);
      }
      if (node.keepsRest) into['rest'] = value['rest'];
    }
  }
  return into;
}

function tailToPairs(tail: Tail, value: unknown): unknown {
  if (tail.kind === 'longs')
    return value === undefined ? new Uint32Array(0) : halvesOf(value as BigUint64Array);
  if (tail.kind === 'words') return value ?? new Uint32Array(0);
  if (tail.kind === 'bytes') return value ?? new Uint8Array(0);
  const { blob, element } = tail;
  return ((value ?? []) as Values[]).map((each) => {
    const pairs = nodesToPairs(element.nodes, each);
    if (blob !== null) pairs[blob.key] = each[blob.key];
    return pairs;
  });
}

/** A value of the plain codec in pair form; missing fields are zero or empty. */
export function toPairs(message: Message, value: Values): Values {
  const into = nodesToPairs(message.struct.nodes, value);
  for (const [key, tail] of message.tails) into[key] = tailToPairs(tail, value[key]);
  return into;
}

function fieldFromPairs(key: string, type: DataType, value: Values, into: Values): void {
  if (isLong(type)) into[key] = joined(value[`${key}Low`], value[`${key}High`]);
  else if (value[key] === undefined) return;
  else if (type.kind === 'struct') into[key] = nodesFromPairs(type.nodes, value[key] as Values);
  else if (type.kind === 'array' && isLong(type.element)) into[key] = longsOf(value[key] as Uint32Array);
  else into[key] = value[key];
}

function nodesFromPairs(nodes: readonly ValueNode[], value: Values): Values {
  const into: Values = {};
  for (const node of nodes) {
    if (node.node === 'field') fieldFromPairs(node.key, node.type, value, into);
    else if (node.node === 'bits') into[node.key] = value[node.key];
    else if (node.node === 'choice') {
      for (const { key, type } of node.alternatives) fieldFromPairs(key, type, value, into);
      if (node.keepsRest) into['rest'] = value['rest'];
    }
  }
  return into;
}

/** A value in pair form as the plain codec takes it. */
export function fromPairs(name: string, message: Message, value: Values): Values {
  const into = nodesFromPairs(message.struct.nodes, value);
  for (const [key, tail] of message.tails) {
    const given = value[key];
    if (given === undefined) continue;
    if (tail.kind === 'longs') {
      pairCount(name, key, given as Uint32Array);
      into[key] = longsOf(given as Uint32Array);
    } else if (tail.kind === 'structs') {
      const { blob, element } = tail;
      into[key] = (given as Values[]).map((each) => {
        const plain = nodesFromPairs(element.nodes, each);
        if (blob !== null) plain[blob.key] = each[blob.key];
        return plain;
      });
    } else into[key] = given;
  }
  return into;
}
