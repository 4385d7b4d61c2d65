import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isProtocolError } from '../errors.ts';
import {
  createStreamCodec,
  recordWords,
  returnOps,
  type Shape,
  type StreamHandlers,
  StreamWriter,
  streamOps,
  walkRecords,
} from './index.ts';
import type { OpTable } from './schema.ts';

const tables: Record<string, OpTable> = { streamOps, returnOps };
const word = fc.oneof(fc.nat(0xffff_ffff), fc.constantFrom(0, 1, 0xffff_fffe));
const float = fc.float({ noNaN: true });

/** Values of a field, whatever its layout. */
function values(shape: Shape): fc.Arbitrary<unknown> {
  switch (shape.kind) {
    case 'u32':
      return word;
    case 'i32':
      return fc.integer();
    case 'f32':
      return float;
    case 'f64':
      return fc.double({ noNaN: true });
    case 'bool':
      return fc.boolean();
    case 'optional-bool':
      return fc.option(fc.boolean(), { nil: undefined });
    case 'optional-u32':
      return fc.option(fc.nat(0xffff_fffe), { nil: undefined });
    case 'size':
      return fc.maxSafeNat();
    case 'optional-size':
      return fc.option(fc.maxSafeNat(), { nil: undefined });
    case 'enum': {
      const value = fc.constantFrom(...shape.values);
      return shape.optional ? fc.option(value, { nil: undefined }) : value;
    }
    case 'string': {
      const value = fc.oneof(fc.string({ maxLength: 60 }), fc.string({ unit: 'binary', maxLength: 60 }));
      return shape.optional ? fc.option(value, { nil: undefined }) : value;
    }
    case 'bytes':
      return fc.uint8Array({ maxLength: 40 });
    case 'u32s':
      return fc.array(word, { maxLength: 8 });
    case 'rest':
      return fc.nat(20);
    case 'array':
      return fc.array(values(shape.element), { maxLength: 4 });
    case 'optional':
      return fc.option(values(shape.content), { nil: undefined });
    case 'nullable':
      return fc.option(values(shape.content), { nil: null });
    case 'struct':
      return struct(shape.fields);
  }
}

function struct(fields: readonly { name: string; shape: Shape }[]): fc.Arbitrary<Record<string, unknown>> {
  const members = Object.fromEntries(fields.map(({ name, shape }) => [name, values(shape)]));
  return fc.record(members, { noNullPrototype: true });
}

/** Plain values for comparison: the views that reading gives become arrays. */
function plain(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return Array.from(value as Uint8Array);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]));
}

interface Call {
  name: string;
  values: unknown[];
}

/** Handlers for every op that write down how they were called. */
function recorder(table: OpTable): {
  calls: Call[];
  handlers: Record<string, (...values: unknown[]) => void>;
} {
  const calls: Call[] = [];
  const entries = Object.keys(table).map((name) => {
    const handler = (...values: unknown[]): void => {
      calls.push({ name, values: values.map(plain) });
    };
    return [name, handler] as const;
  });
  return { calls, handlers: Object.fromEntries(entries) };
}

/** A codec without the table's types, for generated values. */
function untyped(table: OpTable, mode: 'compiled' | 'interpreted') {
  const codec = createStreamCodec(table, mode);
  type Write = (writer: StreamWriter, ...values: unknown[]) => void;
  return {
    write: (name: string, writer: StreamWriter, args: readonly unknown[]) =>
      (codec.writers[name] as unknown as Write)(writer, ...args),
    decode: codec.decode as (bytes: Uint8Array, handlers: object) => void,
  };
}

for (const [tableName, table] of Object.entries(tables)) {
  test(`${tableName}: opcodes and field names are unique and in range`, () => {
    const opcodes = Object.values(table).map(({ opcode }) => opcode);
    assert.equal(new Set(opcodes).size, opcodes.length);
    assert.ok(opcodes.every((opcode) => opcode >= 1 && opcode <= 1023));
    for (const [name, { fields }] of Object.entries(table)) {
      assert.equal(new Set(fields.map((field) => field.name)).size, fields.length, name);
    }
  });

  for (const [name, op] of Object.entries(table)) {
    test(`${tableName}.${name}: values survive, compiled and interpreted code write the same bytes`, () => {
      const compiled = untyped(table, 'compiled');
      const interpreted = untyped(table, 'interpreted');
      const args =
        op.form === 'object'
          ? fc.tuple(struct(op.fields))
          : fc.tuple(...op.fields.map(({ shape }) => values(shape)));
      const roundTrip = (args1: unknown[], args2: unknown[]): void => {
        const writer = new StreamWriter();
        const other = new StreamWriter();
        for (const list of [args1, args2]) {
          compiled.write(name, writer, list);
          interpreted.write(name, other, list);
        }
        assert.deepEqual(writer.view(), other.view());
        for (const codec of [compiled, interpreted]) {
          const { calls, handlers } = recorder(table);
          codec.decode(writer.view(), handlers);
          assert.deepEqual(calls, [
            { name, values: plain(args1) },
            { name, values: plain(args2) },
          ]);
        }
      };
      fc.assert(fc.property(args, args, roundTrip), { numRuns: 40 });
    });
  }

  test(`${tableName}: random, truncated and changed bytes give values or a ProtocolError`, () => {
    const codecs = [untyped(table, 'compiled'), untyped(table, 'interpreted')];
    const names = Object.keys(table);
    const record = fc.constantFrom(...names).chain((name) => {
      const { fields, form } = table[name]!;
      const args =
        form === 'object' ? fc.tuple(struct(fields)) : fc.tuple(...fields.map(({ shape }) => values(shape)));
      return args.map((list) => ({ name, list: list as unknown[] }));
    });
    const outcome = (codec: (typeof codecs)[number], bytes: Uint8Array): unknown => {
      const { calls, handlers } = recorder(table);
      try {
        codec.decode(bytes, handlers);
        return calls;
      } catch (error) {
        assert.ok(isProtocolError(error), String(error));
        assert.equal(error.code, 'bad-stream');
        return calls.length;
      }
    };
    const check = (
      { name, list }: { name: string; list: unknown[] },
      cut: number,
      place: number,
      by: number,
    ) => {
      const writer = new StreamWriter();
      codecs[0]!.write(name, writer, list);
      const whole = writer.view();
      const changed = whole.slice();
      changed[place % changed.length]! ^= by;
      const words = changed.slice(0, 4 * (cut % (changed.length / 4 + 1)));
      for (const bytes of [whole.slice(0, cut % (whole.length + 1)), changed, words]) {
        assert.deepEqual(outcome(codecs[0]!, bytes), outcome(codecs[1]!, bytes));
      }
    };
    fc.assert(fc.property(record, fc.nat(4096), fc.nat(4096), fc.integer({ min: 1, max: 255 }), check), {
      numRuns: 3000,
    });
    const opcodes = Object.values(table).map(({ opcode }) => opcode);
    const header = fc
      .tuple(fc.constantFrom(...opcodes), fc.array(fc.oneof(word, fc.nat(8)), { maxLength: 60 }))
      .map(([opcode, body]) => Uint32Array.of(((body.length + 1) << 10) | opcode, ...body));
    const random = ({ buffer }: Uint32Array): void => {
      const bytes = new Uint8Array(buffer);
      assert.deepEqual(outcome(codecs[0]!, bytes), outcome(codecs[1]!, bytes));
    };
    fc.assert(fc.property(header, random), { numRuns: 3000 });
  });
}

test('a draw is five words', () => {
  const writer = new StreamWriter();
  createStreamCodec(streamOps).writers.draw(writer, 3, 1, 0, 7);
  assert.deepEqual([...writer.u32.subarray(0, writer.words)], [(5 << 10) | 166, 3, 1, 0, 7]);
});

test('a record of more than 16 MiB has its length in a second word', () => {
  const { writers, decode } = createStreamCodec(streamOps);
  const writer = new StreamWriter();
  const data = new Uint8Array((0x40_0000 - 5) * 4);
  writers.writeBuffer(writer, 7, 8, data);
  const { words } = writer;
  assert.equal(words, 0x40_0001);
  writers.setQueueLabel(writer, 'q');
  const { opcode } = streamOps.writeBuffer;
  assert.deepEqual([...writer.u32.subarray(0, 6)], [opcode, words, 7, 8, 0, data.length]);
  assert.equal(recordWords(writer.u32, 0), words);
  const seen: [number, number, number][] = [];
  walkRecords(writer.u32.subarray(0, writer.words), (...visit) => seen.push(visit));
  assert.deepEqual(seen, [
    [opcode, 2, words],
    [streamOps.setQueueLabel.opcode, words + 1, writer.words],
  ]);
  const lengths: number[] = [];
  const refusal = new Error('handlers may throw');
  const handlers = {
    writeBuffer: (_id: number, _offset: number, bytes: Uint8Array) => {
      lengths.push(bytes.length);
      throw refusal;
    },
    setQueueLabel: (text: string) => void lengths.push(text.length),
  } as unknown as StreamHandlers;
  decode(writer.view(), handlers, (error) => assert.equal(error, refusal));
  assert.deepEqual(lengths, [data.length, 1]);
  // Only what needs it may have the second word, and no more than there can be.
  for (const length of [0, 2, 0x3f_ffff, 0x400_0001, 0xffff_ffff]) {
    const bytes = new Uint8Array(Uint32Array.of(opcode, length, 0).buffer);
    assert.throws(() => decode(bytes, handlers), { code: 'bad-stream' });
  }
});

test('a value outside its enumeration or range is refused by the writer', () => {
  const { writers } = createStreamCodec(streamOps);
  const writer = new StreamWriter();
  assert.throws(() => writers.pushErrorScope(writer, 'toString' as 'internal'), { code: 'bad-value' });
  assert.throws(() => writers.clearBuffer(writer, 1, -1, 4), { code: 'bad-value' });
  assert.throws(() => writers.clearBuffer(writer, 1, Number.NaN, 4), { code: 'bad-value' });
  assert.throws(() => writers.clearBuffer(writer, 1, 2 ** 53, 4), { code: 'bad-value' });
  assert.equal(writer.words, 0);
});

test('a stream at an odd address is read, and one of odd length is refused', () => {
  const { writers, decode } = createStreamCodec(streamOps);
  const writer = new StreamWriter();
  writers.draw(writer, 1, 2, 3, 4);
  const shifted = new Uint8Array(writer.lengthBytes + 1);
  shifted.set(writer.view(), 1);
  const { calls, handlers } = recorder(streamOps);
  decode(shifted.subarray(1), handlers as never);
  assert.deepEqual(calls, [{ name: 'draw', values: [1, 2, 3, 4] }]);
  assert.throws(() => decode(shifted, handlers as never), { code: 'bad-stream' });
});

test('what a handler throws is handed over and reading goes on', () => {
  const { writers, decode } = createStreamCodec(streamOps);
  const writer = new StreamWriter();
  for (const first of [1, 2, 3]) writers.draw(writer, first, 0, 0, 0);
  const { handlers } = recorder(streamOps);
  const seen: unknown[] = [];
  const draw = (vertexCount: unknown): void => {
    seen.push(vertexCount);
    if (vertexCount === 2) throw new RangeError('two');
  };
  decode(writer.view(), { ...handlers, draw } as never, (error, opcode) => seen.push(String(error), opcode));
  assert.deepEqual(seen, [1, 2, 'RangeError: two', 166, 3]);
  assert.throws(() => decode(writer.view(), { ...handlers, draw } as never), RangeError);
});

test('walkRecords sees every header and refuses one that does not fit', () => {
  const { writers } = createStreamCodec(streamOps);
  const writer = new StreamWriter();
  writers.draw(writer, 1, 2, 3, 4);
  writers.setDeviceLabel(writer, 'x');
  const seen: number[][] = [];
  const words = writer.u32.subarray(0, writer.words);
  walkRecords(words, (...place) => seen.push(place));
  assert.deepEqual(seen, [
    [166, 1, 5],
    [3, 6, 8],
  ]);
  assert.throws(() => walkRecords(words.subarray(0, 7), () => {}), { code: 'bad-stream' });
  assert.throws(() => walkRecords(Uint32Array.of(166), () => {}), { code: 'bad-stream' });
});

test('a string keeps lone surrogates as U+FFFD and other text as it is', () => {
  const { writers, decode } = createStreamCodec(streamOps);
  for (const label of ['', 'plain', 'ä€😀', 'x'.repeat(5000), 'a\ud800b', '\ufeffmark']) {
    const writer = new StreamWriter(16);
    writers.setDeviceLabel(writer, label);
    const { calls, handlers } = recorder(streamOps);
    decode(writer.view(), handlers as never);
    assert.deepEqual(calls[0]!.values, [label.replace('\ud800', '\ufffd')]);
  }
});
