import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { isProtocolError, type ProtocolErrorCode } from '../errors.ts';
import { commands } from '../registry.ts';
import { exchangeArbitrary, messageArbitrary, type Values } from '../schema/arbitrary.test.ts';
import type { CommandDef } from '../schema/command.ts';
import { toSnakeCase } from '../schema/entries.ts';
import { decodeEnvelope, type Envelope, encodeEnvelope, type ProtobufCodec, protobufCodec } from './codec.ts';
import { fieldNumbers, protoText } from './proto-text.ts';
import { protoBodies } from './schema.ts';

/** The protobuf form against protobufjs' own reflection over the published schema, and bytes that are no message. */

const published = new URL('../../dxgwire.proto', import.meta.url);
const { root } = protobuf.parse(readFileSync(published, 'utf8'), { keepCase: true });
root.resolveAll();

function errorWith(code: ProtocolErrorCode): (error: unknown) => boolean {
  return (error) => isProtocolError(error) && error.code === code;
}

/** A value as protobufjs takes it, by way of the names in the published schema alone. */
function plain(type: protobuf.Type, value: Values): Values {
  const object: Values = {};
  for (const [key, each] of Object.entries(value)) {
    const field = type.fields[toSnakeCase(key)];
    assert.ok(field !== undefined, `${type.name} has no ${key}`);
    object[field.name] = plainField(field, each);
  }
  return object;
}

function plainField(field: protobuf.Field, value: unknown): unknown {
  const inner = field.resolvedType as protobuf.Type | null;
  if (inner !== null) {
    return Array.isArray(value)
      ? value.map((each) => plain(inner, each as Values))
      : plain(inner, value as Values);
  }
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof BigUint64Array) return Array.from(value, String);
  if (value instanceof Uint32Array) return Array.from(value);
  if (typeof value === 'string') return new Uint8Array(Buffer.from(value, 'utf16le'));
  return value;
}

interface Each {
  readonly def: CommandDef;
  readonly codec: ProtobufCodec<Values, Values>;
  readonly values: fc.Arbitrary<Values>;
}

const all: Each[] = (Object.values(commands) as CommandDef[]).flatMap((def) => {
  const { request, reply } = protobufCodec(def) as Record<string, ProtobufCodec<Values, Values> | null>;
  const found: Each[] = [];
  if (request != null && def.request !== null)
    found.push({ def, codec: request, values: messageArbitrary(def.request.message) });
  if (reply != null) {
    const values = exchangeArbitrary(def).map((exchange) => exchange.reply as Values);
    found.push({ def, codec: reply, values });
  }
  return found;
});

test('the published schema is that of the table, and no number has changed', () => {
  assert.equal(readFileSync(published, 'utf8'), protoText(), 'run node tools/dist/generate-proto.js');
  const numbers = new URL('../../../../test/fixtures/protobuf-numbers.txt', import.meta.url);
  const frozen = readFileSync(numbers, 'utf8').trim().split('\n');
  const present = fieldNumbers();
  const missing = frozen.filter((line) => !present.includes(line));
  assert.deepEqual(missing, [], 'a field has been taken away, or has another number or type');
  const added = present.filter((line) => !frozen.includes(line));
  assert.deepEqual(added, [], 'new fields: run node tools/dist/generate-proto.js, which adds them');
});

test('every message of the table has a codec', () => {
  const sent = (Object.values(commands) as CommandDef[]).filter((def) => def.request !== null);
  const replies = sent.filter((def) => def.reply !== null);
  assert.equal(all.length, sent.length + replies.length);
  assert.equal(new Set(protoBodies.map(({ id }) => id)).size, protoBodies.length);
});

for (const { codec, values } of all) {
  const { name } = codec;
  const reflected = root.lookupType(`dxgwire.${name}`);

  test(`${name}: what protobufjs writes from the published schema is read, and the other way round`, () => {
    fc.assert(
      fc.property(values, (value) => {
        const theirs = reflected.encode(reflected.fromObject(plain(reflected, value))).finish();
        assert.deepEqual(codec.decode(theirs), value);
        const ours = codec.encode(value);
        assert.deepEqual(codec.decode(ours), value);
        assert.deepEqual(codec.decode(reflected.encode(reflected.decode(ours)).finish()), value);
        // Neither form is longer, but for zeros that we leave out of arrays of fixed size.
        assert.ok(ours.length <= theirs.length, `${ours.length}, ${theirs.length}`);
      }),
      { numRuns: 30 },
    );
  });

  test(`${name}: shorter, changed and random bytes give a value or a ProtocolError`, () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 });
    const decode = (bytes: Uint8Array): void => {
      try {
        codec.encode(codec.decode(bytes));
      } catch (error) {
        assert.ok(isProtocolError(error), String(error));
      }
    };
    fc.assert(
      fc.property(
        values,
        fc.nat(),
        changes,
        fc.uint8Array({ maxLength: 100 }),
        (value, cut, bytes, noise) => {
          const encoded = codec.encode(value);
          decode(encoded.slice(0, cut % (encoded.length + 1)));
          for (const [at, byte] of bytes) if (encoded.length > 0) encoded[at % encoded.length] = byte;
          decode(encoded);
          decode(noise);
        },
      ),
      { numRuns: 30 },
    );
  });

  test(`${name}: no bytes are a value of zeros, and unknown fields are skipped`, () => {
    const empty = codec.decode(new Uint8Array(0));
    assert.deepEqual(codec.decode(codec.encode(empty)), empty);
    assert.deepEqual(codec.decode(codec.encode({})), empty);
    const writer = protobuf.Writer.create();
    writer.uint32((9000 << 3) | 2).bytes(new Uint8Array(5));
    writer.uint32((9001 << 3) | 0).uint32(7);
    writer.uint32((9002 << 3) | 1).fixed64(7);
    writer.uint32((9003 << 3) | 5).fixed32(7);
    writer.uint32((9004 << 3) | 3).uint32((9004 << 3) | 4);
    assert.deepEqual(codec.decode(writer.finish()), empty);
  });
}

const header = { process: 0x4000_0041, vgpuLuid: { low: 7, high: 0xffff_fff0 }, async: true, version: 40 };

test('envelopes: every body comes back with its command and header', () => {
  for (const { def, isReply } of protoBodies) {
    const codec = protobufCodec(def);
    const value = (isReply ? codec.reply : codec.request)?.decode(new Uint8Array(0)) as object;
    const envelope: Envelope = {
      kind: isReply ? 'reply' : 'request',
      def,
      header: isReply ? null : header,
      value,
    };
    const bytes = encodeEnvelope(envelope);
    assert.deepEqual(decodeEnvelope(bytes), envelope);
    const reflected = root.lookupType('dxgwire.DxgMessage');
    const theirs = reflected.encode(reflected.decode(bytes)).finish();
    assert.deepEqual(decodeEnvelope(theirs), envelope);
    const padded = new Uint8Array(bytes.length + 7);
    padded.set(bytes);
    assert.deepEqual(decodeEnvelope(padded), envelope);
  }
  const packed: Envelope = { kind: 'packed', header, bytes: Uint8Array.of(1, 0, 0) };
  assert.deepEqual(decodeEnvelope(encodeEnvelope(packed)), packed);
});

test('envelopes: bytes that are none end in a ProtocolError', () => {
  assert.throws(() => decodeEnvelope(new Uint8Array(0)), errorWith('unknown-command'));
  assert.throws(() => decodeEnvelope(new Uint8Array(9)), errorWith('bad-value'));
  assert.throws(() => decodeEnvelope(new Uint8Array(131_073)), errorWith('too-large'));
  const unknown = protobuf.Writer.create()
    .uint32((99 << 3) | 2)
    .bytes(new Uint8Array(3))
    .finish();
  assert.throws(() => decodeEnvelope(unknown), errorWith('unknown-command'));
  const beyond = protobuf.Writer.create()
    .uint32((100 << 3) | 2)
    .uint32(50)
    .finish();
  assert.throws(() => decodeEnvelope(beyond), errorWith('truncated'));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        decodeEnvelope(bytes);
      } catch (error) {
        assert.ok(isProtocolError(error), String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

test('limits are kept before anything is made', () => {
  const { createAllocation, updateGpuVirtualAddress, createProcess, submitCommand } = commands;
  // Two bytes each as protobuf, 12 and 64 in packed form.
  const elements = (id: number, count: number): Uint8Array => {
    const writer = protobuf.Writer.create();
    for (let i = 0; i < count; i++) writer.uint32((id << 3) | 2).uint32(0);
    return writer.finish();
  };
  const create = protobufCodec(createAllocation).request;
  assert.equal(create?.decode(elements(100, 1024)).allocInfo.length, 1024);
  assert.throws(() => create?.decode(elements(100, 20_000)), errorWith('too-large'));
  const update = protobufCodec(updateGpuVirtualAddress).request;
  assert.throws(() => update?.decode(elements(100, 4096)), errorWith('too-large'));

  const longName = protobufCodec(createProcess).request;
  const name = 'x'.repeat(400);
  assert.throws(() => longName?.encode({ processName: name }), errorWith('too-large'));
  const id = root.lookupType('dxgwire.CreateProcessRequest').fields['process_name']?.id ?? 0;
  const text = (length: number): Uint8Array =>
    protobuf.Writer.create()
      .uint32((id << 3) | 2)
      .bytes(new Uint8Array(length).fill(0x78))
      .finish();
  assert.throws(() => longName?.decode(text(800)), errorWith('too-large'));
  assert.throws(() => longName?.decode(text(3)), errorWith('bad-length'));

  const submit = protobufCodec(submitCommand).request;
  const contexts = { args: { broadcastContext: new Array<number>(65).fill(1) } };
  assert.throws(() => submit?.encode(contexts), errorWith('too-large'));
  assert.throws(
    () => submit?.encode({ args: { commandBuffer: 5 as unknown as bigint } }),
    errorWith('bad-value'),
  );
});

test('lists that no packet has room for, and what is no list, are refused before they are written', () => {
  for (const { codec, def } of all) {
    const isReply = codec.name === `${def.name}Reply`;
    const { message } = (isReply ? def.reply : def.request)!;
    for (const [key] of message.tails) {
      for (const [list, code] of [
        [{ length: 2 ** 31 }, 'too-large'],
        [{ length: -1 }, 'bad-value'],
        [new ArrayBuffer(8), 'bad-value'],
      ] as const)
        assert.throws(() => codec.encode({ [key]: list }), errorWith(code), `${codec.name}.${key}`);
    }
  }
});

test('protobuf has more than one way to write a message: all are read', () => {
  const { submitCommandToHwQueue } = commands;
  const codec = protobufCodec(submitCommandToHwQueue).request;
  const reflected = root.lookupType('dxgwire.SubmitCommandToHwQueueRequest');
  const part = (object: Values): Uint8Array => reflected.encode(reflected.fromObject(object)).finish();
  // A message in parts is merged, lists go on, and of two numbers the last counts.
  const parts = [
    part({ args: { hwqueue: 1, command_length: 9 }, written_primaries: [1, 2] }),
    part({ args: { hwqueue: 2, command_buffer: '18446744073709551615' }, written_primaries: [3] }),
  ];
  // A list that is not packed.
  const id = reflected.fields['written_primaries']?.id ?? 0;
  parts.push(
    protobuf.Writer.create()
      .uint32((id << 3) | 5)
      .fixed32(4)
      .finish(),
  );
  const value = codec?.decode(Uint8Array.from(parts.flatMap((bytes) => [...bytes])));
  assert.deepEqual([value?.args.hwqueue, value?.args.commandLength], [2, 9]);
  assert.equal(value?.args.commandBuffer, 2n ** 64n - 1n);
  assert.deepEqual([...(value?.writtenPrimaries ?? [])], [1, 2, 3, 4]);
});

test('numbers of 16 bits and of bit-fields are held to them', () => {
  const reflected = root.lookupType('dxgwire.DxgkIsfeatureenabledResult');
  const reply = protobufCodec(commands.isFeatureEnabled).reply;
  const outer = root.lookupType('dxgwire.IsFeatureEnabledReply');
  const field = outer.fieldsArray.find(({ resolvedType }) => resolvedType === reflected);
  assert.ok(field !== undefined);
  const bytes = outer.encode({ [field.name]: { version: 0x1_0000 } }).finish();
  assert.throws(() => reply?.decode(bytes), errorWith('bad-value'));
});

test('where code may not be generated, the protobuf form serves too', () => {
  const index = new URL('./index.js', import.meta.url).href;
  const table = new URL('../index.js', import.meta.url).href;
  const script = `
    import { commands } from '${table}';
    import { decodeEnvelope, encodeEnvelope } from '${index}';
    const value = { args: { hwqueue: 7, commandBuffer: 2n ** 64n - 1n }, privDrvData: new Uint8Array(5) };
    const bytes = encodeEnvelope({ kind: 'request', def: commands.submitCommandToHwQueue, header: null, value });
    const read = decodeEnvelope(bytes);
    process.stdout.write([read.def.name, read.value.args.hwqueue, read.value.args.commandBuffer].join(' '));`;
  const options = ['--disallow-code-generation-from-strings', '--input-type=module', '--eval', script];
  const expected = 'SubmitCommandToHwQueue 7 18446744073709551615';
  assert.equal(execFileSync(process.execPath, options, { encoding: 'utf8' }), expected);
});
