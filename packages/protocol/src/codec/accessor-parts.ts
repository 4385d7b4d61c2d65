import type { Message } from '../schema/message.ts';
import type { BitPlacement, ScalarType, ValueNode } from '../schema/types.ts';

/** A place in a packet: from the start of the structure, or from the start of a tail. */
export type Place =
  | { readonly from: 'base'; readonly offset: number }
  | { readonly from: 'tail'; readonly tail: number; readonly offset: number };

/** One property or method of an accessor. */
export type Part =
  | { readonly kind: 'scalar'; readonly name: string; readonly type: ScalarType; readonly place: Place }
  | { readonly kind: 'bits'; readonly name: string; readonly placement: BitPlacement }
  | { readonly kind: 'offset'; readonly name: string; readonly place: Place }
  | { readonly kind: 'count'; readonly name: string; readonly tail: number | null; readonly count: number }
  | {
      readonly kind: 'element';
      readonly name: string;
      readonly place: Place;
      readonly stepBytes: number;
      /** Slots of an inline array; a tail has as many elements as it says. */
      readonly slots: number;
    };

const u32 = { kind: 'scalar', scalar: 'u32' } as ScalarType;

function joined(prefix: string, key: string): string {
  return prefix === '' ? key : `${prefix}${key[0]?.toUpperCase()}${key.slice(1)}`;
}

/** A scalar; one of 64 bits as two halves. */
function scalarParts(name: string, type: ScalarType, offset: number): Part[] {
  const part = (suffix: string, half: ScalarType, shift: number): Part => {
    return {
      kind: 'scalar',
      name: `${name}${suffix}`,
      type: half,
      place: { from: 'base', offset: offset + shift },
    };
  };
  if (type.scalar !== 'u64') return [part('', type, 0)];
  return [part('Low', u32, 0), part('High', u32, 4)];
}

/** Elements of an array of 32-bit or 64-bit numbers. */
function elementParts(name: string, place: Place, is64Bit: boolean, slots: number): Part[] {
  if (!is64Bit) return [{ kind: 'element', name: `${name}At`, place, stepBytes: 4, slots }];
  const high = { ...place, offset: place.offset + 4 };
  return [
    { kind: 'element', name: `${name}LowAt`, place, stepBytes: 8, slots },
    { kind: 'element', name: `${name}HighAt`, place: high, stepBytes: 8, slots },
  ];
}

function nodeParts(nodes: readonly ValueNode[], base: number, prefix: string): Part[] {
  return nodes.flatMap((node): Part[] => {
    if (node.node === 'count') return [];
    if (node.node === 'choice') return node.keepsRest ? [] : nodeParts(node.alternatives, base, prefix);
    const name = joined(prefix, node.key);
    if (node.node === 'bits') {
      return [
        {
          kind: 'bits',
          name,
          placement: { ...node.placement, byteOffset: base + node.placement.byteOffset },
        },
      ];
    }
    const { type } = node;
    const offset = base + node.offset;
    if (type.kind === 'scalar') return scalarParts(name, type, offset);
    if (type.kind === 'struct') return nodeParts(type.nodes, offset, node.key === 'args' ? '' : name);
    const place: Place = { from: 'base', offset };
    const parts: Part[] = [{ kind: 'offset', name: `${name}Offset`, place }];
    if (type.kind === 'text') return parts;
    const size = type.kind === 'bytes' ? `${name}Length` : `${name}Count`;
    parts.push({ kind: 'count', name: size, tail: null, count: type.count });
    if (type.kind === 'array')
      parts.push(...elementParts(name, place, type.element.scalar === 'u64', type.count));
    return parts;
  });
}

function tailParts(message: Message): Part[] {
  return message.tails.flatMap(([key, { kind }], index): Part[] => {
    const place: Place = { from: 'tail', tail: index, offset: 0 };
    const size = kind === 'bytes' ? `${key}Length` : `${key}Count`;
    const parts: Part[] = [
      { kind: 'offset', name: `${key}Offset`, place },
      { kind: 'count', name: size, tail: index, count: 0 },
    ];
    if (kind === 'words' || kind === 'longs') parts.push(...elementParts(key, place, kind === 'longs', 0));
    return parts;
  });
}

/** The properties and methods of a message's accessor, no name twice. */
export function partsOf(message: Message): Part[] {
  const { nodes } = message.struct;
  const inner = nodes.filter((node) => node.node === 'field' && node.type.kind === 'struct');
  const outer = nodes.filter((node) => !inner.includes(node));
  const byName = new Map<string, Part>();
  // Outer fields and tails come last: they replace fields of `args` of the same name.
  for (const part of [...nodeParts(inner, 0, ''), ...nodeParts(outer, 0, ''), ...tailParts(message)]) {
    const slots = part.kind === 'count' && part.tail === null;
    if (slots && byName.get(part.name)?.kind === 'scalar') continue;
    byName.set(part.name, part);
  }
  return [...byName.values()];
}
