import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { isProtocolError } from '../errors.ts';
import { commands } from '../registry.ts';
import { exchangeArbitrary, messageArbitrary, type Values } from '../schema/arbitrary.test.ts';
import type { CommandDef } from '../schema/command.ts';
import type { MessageCodec } from './codec.ts';
import { interpretMessage } from './interpret.ts';
import { fromPairs, toPairs } from './pair-values.ts';
import { type PairCodec, pairCodec, plainPairCodec } from './pairs.ts';

/** Pair codecs, compiled and plain, against the interpreting codec of the same message. */

const SPACE = 128 * 1024;
const OFFSET = 20;

interface Each {
  readonly def: CommandDef;
  readonly codec: MessageCodec<Values, Values>;
  readonly isReply: boolean;
}

const all: Each[] = (Object.values(commands) as CommandDef[]).flatMap((def) => {
  const found: Each[] = [];
  const add = (codec: unknown, isReply: boolean): unknown =>
    found.push({ def, codec: codec as MessageCodec<Values, Values>, isReply });
  if (def.request !== null) add(def.request, false);
  if (def.reply !== null) add(def.reply, true);
  for (const variant of def.replyVariants) add(variant.codec, true);
  return found;
});

function samples({ def, codec, isReply }: Each): fc.Arbitrary<{ value: Values; request?: Values }> {
  if (!isReply) return messageArbitrary(codec.message).map((value) => ({ value }));
  return exchangeArbitrary(def).chain(({ request }) =>
    messageArbitrary(codec.message, request).map((value) => ({ value, request })),
  );
}

/** Without the alternatives that are not valid: in a value to be used again they are undefined, elsewhere missing. */
function stripped(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(stripped);
  if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value)) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(fields.map(([key, field]) => [key, stripped(field)]));
}

/** What a decoder did with bytes, brought to the plain codec's form. */
function outcome(decode: () => Values): unknown {
  try {
    return { value: decode() };
  } catch (error) {
    assert.ok(isProtocolError(error), String(error));
    return { code: error.code, message: error.message };
  }
}

for (const each of all) {
  const { codec } = each;
  const { name, message } = codec;
  const interpreted = interpretMessage(name, message);
  const codecs = [pairCodec(codec as MessageCodec), plainPairCodec(codec as MessageCodec)];

  test(`${name}: pair codecs read and write what the interpreter does, into one value again and again`, () => {
    const [one, two] = [new Uint8Array(SPACE), new Uint8Array(SPACE)];
    const views = [one, two].map((bytes) => new DataView(bytes.buffer, 4));
    const [expected, view] = views as [DataView, DataView];
    const reused = codecs.map((pairs) => pairs.create() as Values);
    fc.assert(
      fc.property(samples(each), fc.nat(), fc.nat(255), ({ value, request }, place, byte) => {
        one.fill(0xcc);
        const size = interpreted.encode(value, expected, OFFSET);
        for (const [index, pairs] of (codecs as PairCodec<Values>[]).entries()) {
          const into = reused[index] as Values;
          two.fill(0xcc);
          const pairValue = toPairs(message, value);
          assert.deepEqual(stripped(fromPairs(name, message, pairValue)), value);
          assert.equal(pairs.sizeOf(pairValue), size);
          assert.equal(pairs.encode(pairValue, view, OFFSET), size);
          assert.deepEqual(two, one);
          assert.equal(pairs.decodeInto(expected, OFFSET, size, into, request), into);
          assert.deepEqual(stripped(into), stripped(pairValue));
        }
        // Changed bytes and lengths: the same value or the same error.
        if (size > 0) expected.setUint8(OFFSET + (place % size), byte);
        for (const length of [size, place % (size + 1)]) {
          const plain = outcome(() =>
            toPairs(message, interpreted.decode(expected, OFFSET, length, request)),
          );
          for (const pairs of codecs as PairCodec<Values>[]) {
            const found = outcome(() => pairs.decodeInto(expected, OFFSET, length, pairs.create(), request));
            assert.deepEqual(stripped(found), stripped(plain));
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  test(`${name}: pair values with fields left out are written as zeros`, () => {
    const [one, two] = [new Uint8Array(SPACE).fill(0xcc), new Uint8Array(SPACE).fill(0xcc)];
    const size = interpreted.encode({}, new DataView(one.buffer), OFFSET);
    for (const pairs of codecs) {
      // An empty list of priorities is one too few: a resource has one.
      const values = name === 'SetAllocationPriority' ? [{}] : [{}, pairs.create()];
      for (const value of values) {
        two.fill(0xcc);
        assert.equal(pairs.encode(value as never, new DataView(two.buffer), OFFSET), size);
        assert.deepEqual(two, one);
      }
    }
  });
}

test('a value read again keeps its arrays where their lengths allow it', () => {
  const codec = commands.submitCommandToHwQueue.request;
  assert.ok(codec !== null);
  const pairs = pairCodec(codec);
  const view = new DataView(new ArrayBuffer(512));
  const value = pairs.create();
  value.args.commandBufferLow = 0xffff_fff0;
  value.args.commandBufferHigh = 7;
  value.writtenPrimaries = Uint32Array.of(1, 2);
  value.privDrvData = Uint8Array.of(9, 8, 7);
  const size = pairs.encode(value, view, 0);
  const into = pairs.decodeInto(view, 0, size, pairs.create());
  const { args, writtenPrimaries, privDrvData } = into;
  assert.deepEqual([args.commandBufferLow, args.commandBufferHigh], [0xffff_fff0, 7]);
  view.setUint32(size - 3 - 8, 0x4000_0040, true);
  pairs.decodeInto(view, 0, size, into);
  assert.ok(into.args === args && into.writtenPrimaries === writtenPrimaries);
  assert.ok(into.privDrvData === privDrvData);
  assert.deepEqual([...writtenPrimaries, ...privDrvData], [0x4000_0040, 2, 9, 8, 7]);
});

test('an odd number of halves is refused', () => {
  const { setExistingSysMemPages } = commands;
  assert.ok(setExistingSysMemPages.request !== null);
  const codec = setExistingSysMemPages.request;
  const view = new DataView(new ArrayBuffer(SPACE));
  for (const pairs of [pairCodec(codec), plainPairCodec(codec as MessageCodec)]) {
    assert.throws(
      () => pairs.encode({ ...pairs.create(), pfns: new Uint32Array(3) } as never, view, 0),
      (error) => isProtocolError(error) && error.code === 'bad-count',
    );
  }
});

test('where code may not be generated, plain pair codecs serve', () => {
  const index = new URL('../index.js', import.meta.url).href;
  const script = `
    import { commands, pairCodec } from '${index}';
    const pairs = pairCodec(commands.invalidateCache.request);
    const view = new DataView(new ArrayBuffer(64));
    const size = pairs.encode({ ...pairs.create(), offsetLow: 1, lengthHigh: 5 }, view, 0);
    const value = pairs.decodeInto(view, 0, size, pairs.create());
    process.stdout.write([size, value.offsetLow, value.lengthHigh].join(' '));`;
  const options = ['--disallow-code-generation-from-strings', '--input-type=module', '--eval', script];
  assert.equal(execFileSync(process.execPath, options, { encoding: 'utf8' }), '32 1 5');
});
