import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { isProtocolError } from '../errors.ts';
import { payloads } from '../payloads.ts';
import { commands } from '../registry.ts';
import { exchangeArbitrary, messageArbitrary, type Values } from '../schema/arbitrary.test.ts';
import type { CommandDef } from '../schema/command.ts';
import { trailingBytes } from '../schema/message.ts';
import type { MessageCodec } from './codec.ts';
import { compileMessage } from './compile.ts';
import { interpretMessage } from './interpret.ts';

/** Compiled and interpreted codecs of every message: round trips, and bytes that are no message. */

const SPACE = 128 * 1024;
const OFFSET = 24;

type Codec = MessageCodec<Values, Values>;

interface Pair {
  readonly name: string;
  readonly compiled: Codec;
  readonly interpreted: Codec;
  readonly def: CommandDef;
  readonly isReply: boolean;
}

function pair(def: CommandDef, codec: MessageCodec, isReply: boolean): Pair {
  const compiled = compileMessage(codec.name, codec.message) as Codec;
  return {
    name: codec.name,
    compiled,
    interpreted: interpretMessage(codec.name, codec.message),
    def,
    isReply,
  };
}

const pairs: Pair[] = (Object.values(commands) as CommandDef[]).flatMap((def) => {
  const found: Pair[] = [];
  if (def.request !== null) found.push(pair(def, def.request, false));
  if (def.reply !== null) found.push(pair(def, def.reply, true));
  for (const variant of def.replyVariants) found.push(pair(def, variant.codec as MessageCodec, true));
  return found;
});

/** Values of the message, with the request that a reply answers. */
function samples({
  def,
  compiled,
  isReply,
}: Pair): fc.Arbitrary<{ value: Values; request: Values | undefined }> {
  if (!isReply) return messageArbitrary(compiled.message).map((value) => ({ value, request: undefined }));
  return exchangeArbitrary(def).chain(({ request }) =>
    messageArbitrary(compiled.message, request).map((value) => ({ value, request })),
  );
}

function dirty(): Uint8Array {
  return new Uint8Array(SPACE).fill(0xcc);
}

/** Views that start where 8-byte alignment does not hold, as packets in a ring may. */
function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, 4);
}

/** What a decoder did with bytes: a value, or the code and text of its error. */
function outcome(codec: Codec, view: DataView, offset: number, length: number, request?: object): unknown {
  try {
    return { value: codec.decode(view, offset, length, request) };
  } catch (error) {
    assert.ok(isProtocolError(error), `${codec.name}: ${String(error)}`);
    return { code: error.code, message: error.message };
  }
}

for (const each of pairs) {
  const { name, compiled, interpreted } = each;

  test(`${name}: encoding and decoding gives the same value, in both codecs and over dirty memory`, () => {
    fc.assert(
      fc.property(samples(each), ({ value, request }) => {
        const [one, two] = [dirty(), dirty()];
        const size = compiled.encode(value, viewOf(one), OFFSET);
        assert.equal(interpreted.encode(value, viewOf(two), OFFSET), size);
        assert.deepEqual(one, two);
        assert.equal(compiled.sizeOf(value), size);
        assert.equal(interpreted.sizeOf(value), size);
        for (const codec of [compiled, interpreted]) {
          assert.deepEqual(codec.decode(viewOf(one), OFFSET, size, request), value);
          assert.deepEqual(codec.decode(viewOf(one), OFFSET, (size + 7) & -8, request), value);
        }
      }),
      { numRuns: 40 },
    );
  });

  test(`${name}: every shorter length ends in a ProtocolError, except that spare bytes may be missing`, () => {
    fc.assert(
      fc.property(samples(each), fc.nat(), ({ value, request }, random) => {
        const bytes = dirty();
        const size = compiled.encode(value, viewOf(bytes), OFFSET);
        const { message } = compiled;
        const first = message.tails[0];
        const count = first === undefined ? 0 : ((value[first[0]] as ArrayLike<unknown>).length ?? 0);
        const total = message.trailing.kind === 'total' ? size - 16 - 8 * count : 0;
        const rounded = message.trailing.kind === 'round-up' ? 7 : 0;
        const spare = total + rounded || trailingBytes(message.trailing, 0, count);
        const need = size - spare;
        if (need === 0) return;
        const length = random % need;
        const results = [compiled, interpreted].map((codec) =>
          outcome(codec, viewOf(bytes), OFFSET, length, request),
        );
        assert.deepEqual(results[0], results[1]);
        // Without its values a signal is one of another kind, and that is no error.
        if (name !== 'SignalSyncObject')
          assert.ok('code' in (results[0] as object), `${length} of ${size} bytes`);
      }),
      { numRuns: 30 },
    );
  });

  test(`${name}: random and mutated bytes give a value or a ProtocolError, the same in both codecs`, () => {
    const mutation = fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 6 });
    fc.assert(
      fc.property(
        samples(each),
        mutation,
        fc.uint8Array({ maxLength: 200 }),
        ({ value, request }, changes, noise) => {
          const bytes = dirty();
          const view = viewOf(bytes);
          const size = compiled.encode(value, view, OFFSET);
          for (const [at, byte] of changes) view.setUint8(OFFSET + (at % Math.max(size, 1)), byte);
          assert.deepEqual(
            outcome(compiled, view, OFFSET, size, request),
            outcome(interpreted, view, OFFSET, size, request),
          );
          bytes.set(noise, 4);
          const { length } = noise;
          assert.deepEqual(
            outcome(compiled, view, 0, length, request),
            outcome(interpreted, view, 0, length, request),
          );
        },
      ),
      { numRuns: 40 },
    );
  });

  test(`${name}: fields left out are zero or empty`, () => {
    const request = { allocations: [], allocInfo: [] };
    const [one, two] = [dirty(), dirty()];
    const size = compiled.encode({}, viewOf(one), OFFSET);
    assert.equal(interpreted.encode({}, viewOf(two), OFFSET), size);
    assert.deepEqual(one, two);
    const zeros = new Uint8Array(SPACE);
    const value = outcome(compiled, viewOf(zeros), OFFSET, size, request);
    assert.deepEqual(outcome(compiled, viewOf(one), OFFSET, size, request), value);
  });

  test(`${name}: places outside the packet end in a ProtocolError`, () => {
    const view = new DataView(new ArrayBuffer(64));
    for (const codec of [compiled, interpreted]) {
      for (const [offset, length] of [
        [60, 16],
        [-8, 16],
        [0, 65],
        [64, 1],
        [2 ** 31, 8],
        [0, 2 ** 40],
      ] as const) {
        const result = outcome(codec, view, offset, length, {}) as object;
        assert.ok('code' in result, `${offset}, ${length}`);
      }
      for (const offset of [64, -1, 2 ** 32]) {
        if (codec.sizeOf({}) === 0) continue;
        assert.throws(() => codec.encode({}, view, offset), isProtocolError);
      }
    }
  });
}

test('where code may not be generated, interpreting codecs and accessors serve', () => {
  const index = new URL('../index.js', import.meta.url).href;
  const script = `
    import assert from 'node:assert';
    import { accessor, commands, encodeRequest } from '${index}';
    assert.throws(() => new Function(''), EvalError);
    const view = new DataView(new ArrayBuffer(512));
    const header = { version: 40, process: 1, vgpuLuid: { low: 2, high: 3 }, async: true };
    const body = { args: { hwqueue: 7, commandBuffer: 8n }, privDrvData: new Uint8Array(5) };
    const size = encodeRequest(commands.submitCommandToHwQueue, header, body, view, 0);
    const submit = accessor(commands.submitCommandToHwQueue).bind(view, 40, size - 40);
    process.stdout.write([size, submit.hwqueue, submit.commandBufferLow, submit.privDrvDataLength].join(' '));`;
  const options = ['--disallow-code-generation-from-strings', '--input-type=module', '--eval', script];
  assert.equal(execFileSync(process.execPath, options, { encoding: 'utf8' }), '101 7 8 5');
});

test('structs inside private data have codecs of their own', () => {
  const { createStandardAllocation, buildTestCommandBuffer, translateAllocationHandle } = payloads;
  const view = new DataView(new ArrayBuffer(256));
  const value = { type: 1, reserved: 0, existingHeapData: { size: 65_536n }, flags: 0, reserved1: 0 };
  assert.equal(createStandardAllocation.encode(value, view, 0), 24);
  assert.deepEqual(createStandardAllocation.decode(view, 0, 24), value);
  assert.throws(() => createStandardAllocation.decode(view, 0, 23), isProtocolError);
  assert.deepEqual([buildTestCommandBuffer.sizeOf({}), translateAllocationHandle.sizeOf({})], [112, 8]);
});

test('values that have no form on the wire end in a ProtocolError', () => {
  const view = new DataView(new ArrayBuffer(SPACE));
  const refused = (codec: MessageCodec | null, value: unknown, code: string): void => {
    for (const each of [
      codec as MessageCodec,
      interpretMessage('x', (codec as MessageCodec).message) as MessageCodec,
    ]) {
      assert.throws(
        () => each.encode(value, view, 0),
        (error) => isProtocolError(error) && error.code === code,
      );
    }
  };
  const { waitForSyncObjectFromCpu, signalSyncObject, createProcess, submitCommand, queryStatistics } =
    commands;
  refused(
    waitForSyncObjectFromCpu.request as MessageCodec,
    { objects: [1], fenceValues: [1n, 2n] },
    'bad-count',
  );
  refused(signalSyncObject.request as MessageCodec, { objects: [1, 2], fenceValues: [1n] }, 'bad-count');
  refused(
    commands.setAllocationPriority.request as MessageCodec,
    { allocations: [], priorities: [1, 2] },
    'bad-count',
  );
  refused(createProcess.request as MessageCodec, { processName: 'x'.repeat(262) }, 'too-large');
  refused(createProcess.request as MessageCodec, { processId: 5 }, 'bad-value');
  refused(
    submitCommand.request as MessageCodec,
    { args: { broadcastContext: new Array(65).fill(1) } },
    'too-large',
  );
  refused(queryStatistics.request as MessageCodec, { args: { result: new Uint8Array(777) } }, 'too-large');
  const pfns = new BigUint64Array(15_868);
  refused(commands.setExistingSysMemPages.request as MessageCodec, { pfns }, 'too-large');
  refused(commands.escape.request as MessageCodec, { privDrvData: new Uint8Array(SPACE) }, 'too-large');
});

test('what is no list where one belongs ends in a ProtocolError, also when only its size is asked for', () => {
  const view = new DataView(new ArrayBuffer(SPACE));
  const noLists = [null, 5, {}, new ArrayBuffer(8), { length: Number.NaN }, { length: -1 }, { length: 1.5 }];
  for (const { name, compiled, interpreted } of pairs) {
    for (const [key, tail] of compiled.message.tails) {
      const values: Values[] = noLists.map((each) => ({ [key]: each }));
      if (tail.kind === 'structs' && tail.blob !== null)
        values.push({ [key]: [null] }, { [key]: [{ [tail.blob.key]: { length: -1 } }] });
      for (const [index, value] of values.entries()) {
        for (const codec of [compiled, interpreted]) {
          assert.throws(() => codec.encode(value, view, 0), isProtocolError, `${name}.${key}, ${index}`);
          assert.throws(() => codec.sizeOf(value), isProtocolError, `${name}.${key}, ${index}`);
        }
      }
    }
  }
});

test('counts of 2^31 and 2^32 - 1 end in a ProtocolError before anything is allocated', () => {
  const view = new DataView(new ArrayBuffer(512));
  for (const def of Object.values(commands) as CommandDef[]) {
    if (def.request === null || def.request.message.tails.length === 0) continue;
    for (const count of [0x7fffffff, 0x80000000, 0xffffffff]) {
      for (let at = 0; at < 512; at += 4) view.setUint32(at, count, true);
      const result = outcome(def.request as Codec, view, 0, 512) as object;
      assert.ok('code' in result, def.name);
    }
  }
});
