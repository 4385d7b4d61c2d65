import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { commands } from '../registry.ts';
import type { CommandDef } from './command.ts';
import type { Message, StructsTail, Tail } from './message.ts';
import type { ChoiceNode, DataType, ScalarType, ValueNode } from './types.ts';

/** Generators of message values, derived from the descriptions. */

export type Values = Record<string, unknown>;

const word = fc.oneof(
  fc.integer({ min: 0, max: 3 }),
  fc.integer({ min: 0, max: 0xffffffff }),
  fc.constant(0xffffffff),
);
const long = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.constantFrom(0n, 2n ** 53n, 2n ** 64n - 1n),
);

function scalar(type: ScalarType): fc.Arbitrary<unknown> {
  switch (type.scalar) {
    case 'u64':
      return long;
    case 'bool':
      return fc.boolean();
    case 'u8':
      return fc.integer({ min: 0, max: 0xff });
    case 'u16':
      return fc.integer({ min: 0, max: 0xffff });
    case 'i32':
      return fc.integer({ min: -0x80000000, max: 0x7fffffff });
    case 'u32':
      return word;
  }
}

function words(count: number): fc.Arbitrary<Uint32Array> {
  return fc.array(word, { minLength: count, maxLength: count }).map((values) => Uint32Array.from(values));
}

function longs(count: number): fc.Arbitrary<BigUint64Array> {
  return fc.array(long, { minLength: count, maxLength: count }).map((values) => BigUint64Array.from(values));
}

function someBytes(count: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: count, maxLength: count });
}

function textOf(units: number): fc.Arbitrary<string> {
  return fc
    .array(fc.integer({ min: 1, max: 0xffff }), { maxLength: units })
    .map((codes) => String.fromCharCode(...codes));
}

function typeValue(type: DataType): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case 'scalar':
      return scalar(type);
    case 'array':
      return type.element.scalar === 'u64' ? longs(type.count) : words(type.count);
    case 'bytes':
      return someBytes(type.count);
    case 'text':
      return textOf(type.count);
    case 'struct':
      return nodesValue(type.nodes);
  }
}

function zeroOf(type: DataType): unknown {
  return type.kind === 'scalar' && type.scalar === 'u64' ? 0n : 0;
}

/** Adds the alternative that the selecting field asks for, and sometimes other bytes of the union. */
function withChoice(node: ChoiceNode, values: fc.Arbitrary<Values>): fc.Arbitrary<Values> {
  const { rule } = node;
  return values.chain((value) => {
    const tag = value[rule.key] as number;
    const key =
      rule.by === 'flag'
        ? (tag & rule.mask) !== 0
          ? rule.set
          : rule.clear
        : (rule.when[tag] ?? rule.otherwise);
    const field = node.alternatives.find((alternative) => alternative.key === key);
    const chosen = field === undefined ? fc.constant(undefined) : typeValue(field.type);
    const left = node.sizeBytes - (field?.type.sizeBytes ?? 0);
    const rest =
      node.keepsRest && left > 0 ? fc.option(someBytes(left), { nil: undefined }) : fc.constant(undefined);
    return fc.tuple(chosen, rest).map(([alternative, bytes]) => {
      const all: Values = { ...value };
      if (!node.keepsRest) for (const other of node.alternatives) all[other.key] = zeroOf(other.type);
      if (field !== undefined) all[field.key] = alternative;
      if (bytes?.some((byte) => byte !== 0)) all['rest'] = bytes;
      return all;
    });
  });
}

function nodesValue(nodes: readonly ValueNode[]): fc.Arbitrary<Values> {
  const fields: Record<string, fc.Arbitrary<unknown>> = {};
  for (const node of nodes) {
    if (node.node === 'field') fields[node.key] = typeValue(node.type);
    if (node.node === 'bits') {
      const { width } = node.placement;
      fields[node.key] = width === 1 ? fc.boolean() : fc.integer({ min: 0, max: 2 ** width - 1 });
    }
  }
  let values: fc.Arbitrary<Values> = fc.record(fields, { noNullPrototype: true });
  for (const node of nodes) {
    if (node.node !== 'choice') continue;
    // Numbers that select something should come up often.
    if (node.rule.by === 'enum') {
      const tags = Object.keys(node.rule.when).map(Number);
      const { key } = node.rule;
      const others = values;
      values = fc
        .tuple(others, fc.option(fc.constantFrom(...tags)))
        .map(([value, tag]) => (tag === null ? value : { ...value, [key]: tag }));
    }
    values = withChoice(node, values);
  }
  return values;
}

function tailValue(tail: Tail, count: number, request: object | undefined): fc.Arbitrary<unknown> {
  if (tail.kind === 'words') return words(count);
  if (tail.kind === 'longs') return longs(count);
  if (tail.kind === 'bytes') return someBytes(count);
  return fc.tuple(...Array.from({ length: count }, (_, index) => element(tail, index, request)));
}

function element(tail: StructsTail, index: number, request: object | undefined): fc.Arbitrary<Values> {
  const { blob } = tail;
  const values = nodesValue(tail.element.nodes);
  if (blob === null) return values;
  const maxLength = blob.limit === null || request === undefined ? 20 : blob.limit(request as never, index);
  return fc
    .tuple(values, fc.uint8Array({ maxLength }))
    .map(([value, bytes]) => ({ ...value, [blob.key]: bytes }));
}

/** Lengths of a message's tails: those that depend on each other agree. */
function tailCounts(message: Message, request: object | undefined): fc.Arbitrary<number[]> {
  const free = fc.integer({ min: 0, max: 9 });
  return fc
    .array(free, { minLength: message.tails.length + 1, maxLength: message.tails.length + 1 })
    .map((numbers) => {
      const byPath = new Map<string, number>();
      const counts: number[] = [];
      message.tails.forEach(([, tail], index) => {
        const rule = tail.count;
        let count = numbers[index] as number;
        if (rule.from === 'request') count = rule.of(request as never);
        else if (rule.from === 'field') {
          const known = byPath.get(rule.path);
          if (known === undefined) byPath.set(rule.path, count);
          else count = rule.atLeastOne ? Math.max(known, 1) : known;
        } else {
          const full = counts[message.tails.findIndex(([key]) => key === rule.of)] as number;
          count = count % 2 === 0 ? full : 0;
        }
        counts.push(count);
      });
      return counts;
    });
}

/** Values of a message in decoded form: encoding and decoding gives an equal value. */
export function messageArbitrary(message: Message, request?: object): fc.Arbitrary<Values> {
  return tailCounts(message, request).chain((counts) => {
    const tails = message.tails.map(([, tail], index) => tailValue(tail, counts[index] as number, request));
    return fc.tuple(nodesValue(message.struct.nodes), fc.tuple(...tails)).map(([value, arrays]) => {
      const all = { ...value };
      message.tails.forEach(([key], index) => {
        all[key] = arrays[index];
      });
      return all;
    });
  });
}

/** A request of a command together with a reply that answers it. */
export function exchangeArbitrary(def: CommandDef): fc.Arbitrary<{ request: Values; reply: Values | null }> {
  if (def.request === null) throw new Error(`${def.name} has no layout`);
  return messageArbitrary(def.request.message).chain((request) => {
    const sized = limitSizes(def, request);
    if (def.reply === null) return fc.constant({ request: sized, reply: null as Values | null });
    // The two replies that echo their request keep the length of its private data.
    const echoed = def.replyHasHeader ? { privDrvData: sized['privDrvData'] } : {};
    const replies = messageArbitrary(def.reply.message, sized);
    return replies.map((reply) => ({ request: sized, reply: { ...reply, ...echoed } as Values | null }));
  });
}

/** Counts that a request asks its reply to have, brought into a range that fits a packet. */
function limitSizes(def: CommandDef, request: Values): Values {
  const limited = { ...request };
  for (const key of ['allocationCount', 'privDriverDataSize', 'privDriverResourceSize']) {
    if (def.reply !== null && typeof limited[key] === 'number') limited[key] = (limited[key] as number) % 40;
  }
  return limited;
}

test('generated values have every field that the description has', () => {
  for (const def of Object.values(commands) as CommandDef[]) {
    if (def.request === null) continue;
    const { message } = def.request;
    const keys = message.struct.nodes.flatMap((node) =>
      node.node === 'field' || node.node === 'bits' ? [node.key] : [],
    );
    const [value] = fc.sample(messageArbitrary(message), { numRuns: 1, seed: 1 }) as [Values];
    for (const key of [...keys, ...message.tails.map(([tail]) => tail)])
      assert.ok(key in value, `${def.name}.${key}`);
  }
});
