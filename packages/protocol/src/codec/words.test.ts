import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isProtocolError } from '../errors.ts';
import { commands } from '../registry.ts';
import { exchangeArbitrary, messageArbitrary, type Values } from '../schema/arbitrary.test.ts';
import type { CommandDef } from '../schema/command.ts';
import type { MessageCodec } from './codec.ts';
import { interpretMessage } from './interpret.ts';
import { toPairs } from './pair-values.ts';
import { pairCodec } from './pairs.ts';

/** Encoders write words where a view comes again, and through the view elsewhere: the same bytes. */

const SPACE = 128 * 1024;

interface Each {
  readonly codec: MessageCodec<Values, Values>;
  readonly values: fc.Arbitrary<Values>;
}

const all: Each[] = (Object.values(commands) as CommandDef[]).flatMap((def) => {
  const found: Each[] = [];
  const add = (codec: unknown, values: fc.Arbitrary<Values>): unknown =>
    found.push({ codec: codec as MessageCodec<Values, Values>, values });
  if (def.request !== null) add(def.request, messageArbitrary(def.request.message));
  if (def.reply !== null) {
    const { message } = def.reply;
    const replies = exchangeArbitrary(def).chain(({ request }) => messageArbitrary(message, request));
    add(def.reply, replies);
  }
  return found;
});

test('the first, the second and the third message into a view are the same bytes, wherever they lie', () => {
  const [bytes, expected] = [new Uint8Array(SPACE), new Uint8Array(SPACE)];
  const expectedView = new DataView(expected.buffer);
  // Views that begin and messages that lie where words do, and where they do not.
  const places = fc.tuple(fc.constantFrom(0, 4, 6, 9), fc.constantFrom(0, 24, 40, 26, 33));
  for (const { codec, values } of all) {
    const interpreter = interpretMessage(codec.name, codec.message);
    const pairs = pairCodec(codec as MessageCodec);
    fc.assert(
      fc.property(values, places, (value, [begin, offset]) => {
        const view = new DataView(bytes.buffer, begin);
        const asPairs = toPairs(codec.message, value);
        expected.fill(0xcc);
        const size = interpreter.encode(value, expectedView, begin + offset);
        for (let time = 0; time < 3; time++) {
          bytes.fill(0xcc);
          assert.equal(codec.encode(value, view, offset), size);
          assert.ok(Buffer.compare(bytes, expected) === 0, `${codec.name}, time ${time}`);
          bytes.fill(0xcc);
          assert.equal(pairs.encode(asPairs as never, view, offset), size);
          assert.ok(Buffer.compare(bytes, expected) === 0, `${codec.name} as pairs, time ${time}`);
        }
      }),
      { numRuns: 6 },
    );
  }
});

test('a message that does not fit a view that comes again ends in a ProtocolError, and nothing is written', () => {
  const codec = commands.mapGpuVirtualAddress.request;
  assert.ok(codec !== null);
  const bytes = new Uint8Array(256);
  const view = new DataView(bytes.buffer, 0, 128);
  for (let time = 0; time < 3; time++) {
    assert.equal(codec.encode({}, view, 16), 112);
    bytes.fill(0xcc);
    for (const offset of [20, 128, -4, 2 ** 31, 2 ** 32])
      assert.throws(() => codec.encode({}, view, offset), isProtocolError, `offset ${offset}`);
    assert.ok(bytes.every((byte) => byte === 0xcc));
  }
});

test('a value without a form on the wire ends in a ProtocolError in a view that comes again', () => {
  const codec = commands.mapGpuVirtualAddress.request;
  assert.ok(codec !== null);
  const view = new DataView(new ArrayBuffer(256));
  for (let time = 0; time < 3; time++) {
    codec.encode({}, view, 0);
    for (const baseAddress of [5, 'x', {}, 1.5])
      assert.throws(() => codec.encode({ args: { baseAddress } } as never, view, 0), isProtocolError);
  }
});

test('a buffer that grows is seen as long as it is', () => {
  const codec = commands.mapGpuVirtualAddress.request;
  assert.ok(codec !== null);
  const pairs = pairCodec(codec);
  // Not yet in the types of the oldest Node that we support.
  const Growing = ArrayBuffer as unknown as new (
    length: number,
    options: { maxByteLength: number },
  ) => ArrayBuffer & { resize(length: number): void };
  const buffer = new Growing(128, { maxByteLength: 1024 });
  const view = new DataView(buffer);
  for (let time = 0; time < 3; time++) codec.encode({ device: 7 }, view, 0);
  pairs.decodeInto(view, 0, 112, pairs.create());
  assert.throws(() => codec.encode({}, view, 128), isProtocolError);
  assert.throws(() => pairs.decodeInto(view, 128, 112, pairs.create()), isProtocolError);
  buffer.resize(1024);
  assert.equal(codec.encode({ device: 8 }, view, 128), 112);
  assert.equal(pairs.decodeInto(view, 128, 112, pairs.create()).device, 8);
  const { submitCommandToHwQueue } = commands;
  const privDrvData = new Uint8Array(40).fill(5);
  for (const offset of [0, 512]) {
    assert.equal(submitCommandToHwQueue.request?.encode({ privDrvData }, view, offset), 96);
    assert.deepEqual(new Uint8Array(buffer, offset + 56, 40), privDrvData);
  }
});
