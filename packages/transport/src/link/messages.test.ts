import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import protobuf from 'protobufjs/minimal.js';
import { isTransportError } from '../errors.ts';
import { decodeLinkMessage, encodeLinkMessage, type LinkMessageType, linkMessages } from './messages.ts';

const u32 = fc.nat(0xffff_ffff);
const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const bytes = fc.uint8Array({ maxLength: 40 });

type Field = { readonly kind: string; readonly fields?: Fields };
type Fields = { readonly [name: string]: Field };

/** Values of a message, from its own table. */
function messageValue(fields: Fields): fc.Arbitrary<Record<string, unknown>> {
  const entries = Object.entries(fields).map(([name, field]) => [name, fieldValue(field)] as const);
  return fc.record(Object.fromEntries(entries), { noNullPrototype: true });
}

function fieldValue({ kind, fields }: Field): fc.Arbitrary<unknown> {
  switch (kind) {
    case 'uint32':
      return u32;
    case 'string':
      return text;
    case 'bytes':
      return bytes;
    case 'strings':
      return fc.array(text, { maxLength: 4 });
    case 'packed':
      return fc.array(u32, { maxLength: 30 });
    case 'message':
      return fc.option(messageValue(fields ?? {}));
    default:
      return fc.array(messageValue(fields ?? {}), { maxLength: 4 });
  }
}

function decode(encoded: Uint8Array) {
  return decodeLinkMessage(encoded, 0, encoded.length);
}

describe('link messages', () => {
  for (const [type, { fields }] of Object.entries(linkMessages)) {
    it(`${type} comes back as it was`, () => {
      fc.assert(
        fc.property(messageValue(fields), (body) => {
          const encoded = encodeLinkMessage(type as LinkMessageType, body as never);
          assert.deepEqual(decode(encoded), { type, body });
        }),
        { numRuns: 50 },
      );
    });
  }

  it('have numbers and fields of their own', () => {
    const ids = Object.values(linkMessages).map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    for (const { fields } of Object.values(linkMessages)) {
      const fieldIds = Object.values(fields).map(({ id }) => id);
      assert.equal(new Set(fieldIds).size, fieldIds.length);
    }
  });

  it('take numbers one by one as well as packed, as protobuf has it', () => {
    // gpadlCreate: gpadl 5, ranges 1, 2 one by one, then 300, 4 packed.
    const body = [0x08, 5, 0x10, 1, 0x10, 2, 0x12, 3, 0xac, 0x02, 4];
    const bytes = Uint8Array.from([(11 << 3) | 2, body.length, ...body]);
    assert.deepEqual(decodeLinkMessage(bytes, 0, bytes.length), {
      type: 'gpadlCreate',
      body: { gpadl: 5, ranges: [1, 2, 300, 4] },
    });
  });

  it('ignore fields that are not known, of every wire type', () => {
    const writer = protobuf.Writer.create();
    writer.uint32((6 << 3) | 2).fork(); // channelOpen
    writer.uint32((90 << 3) | 0).uint32(5);
    writer
      .uint32((91 << 3) | 1)
      .fixed32(1)
      .fixed32(2); // 64 bits
    writer.uint32((1 << 3) | 0).uint32(7); // channel
    writer.uint32((92 << 3) | 2).string('from the future');
    writer.uint32((93 << 3) | 5).fixed32(1);
    writer.uint32((1 << 3) | 2).string('known number, other type');
    writer.ldelim();
    writer.uint32((500 << 3) | 0).uint32(1);
    assert.deepEqual(decode(writer.finish()), { type: 'channelOpen', body: { channel: 7 } });
  });

  it('that are not known are null', () => {
    const writer = protobuf.Writer.create();
    writer
      .uint32((99 << 3) | 2)
      .fork()
      .uint32(8)
      .uint32(1)
      .ldelim();
    assert.equal(decode(writer.finish()), null);
    assert.equal(decode(new Uint8Array(0)), null);
  });

  it('that are cut or noise give a message, null or bad-frame', () => {
    const check = (encoded: Uint8Array) => {
      try {
        decode(encoded);
      } catch (error) {
        assert.ok(isTransportError(error) && error.code === 'bad-frame', String(error));
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), check));
    const whole = encodeLinkMessage('hello', {
      minVersion: 1,
      maxVersion: 300,
      codecs: ['packed', 'x'],
      name: 'n',
    });
    for (let length = 0; length < whole.length; length += 1) check(whole.slice(0, length));
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
        const mutated = whole.slice();
        mutated[at] = byte;
        check(mutated);
      }),
    );
  });

  it('need no functions made from strings, which a page may forbid', () => {
    const program = `
      import { decodeLinkMessage, encodeLinkMessage } from ${JSON.stringify(new URL('./messages.js', import.meta.url))};
      const bytes = encodeLinkMessage('hello', { name: 'x', codecs: ['packed'] });
      if (decodeLinkMessage(bytes, 0, bytes.length).body.name !== 'x') process.exit(1);
    `;
    const { status, stderr } = spawnSync(
      process.execPath,
      ['--disallow-code-generation-from-strings', '--input-type=module', '--eval', program],
      { encoding: 'utf8' },
    );
    assert.equal(status, 0, stderr);
  });
});
