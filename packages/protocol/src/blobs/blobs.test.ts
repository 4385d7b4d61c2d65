import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isProtocolError } from '../errors.ts';
import {
  type AdapterCaps,
  type ContextData,
  decodeAdapterCaps,
  decodeAllocationData,
  decodeContextBlob,
  encodeAdapterCaps,
  encodeAllocationData,
  encodeContextBlob,
} from './index.ts';

const word = fc.nat(0xffff_ffff);
const text = fc.string({ maxLength: 40 });
const name = fc.string({ minLength: 1, maxLength: 30 }).filter((value) => value !== '__proto__');

const caps: fc.Arbitrary<AdapterCaps> = fc.record(
  {
    version: fc.constant(1 as const),
    streamVersion: word,
    info: fc.record(
      {
        vendor: text,
        architecture: text,
        device: text,
        description: text,
        subgroupMinSize: word,
        subgroupMaxSize: word,
        isFallbackAdapter: fc.boolean(),
      },
      { noNullPrototype: true },
    ),
    features: fc.array(text, { maxLength: 40 }),
    limits: fc.dictionary(name, fc.maxSafeNat(), { maxKeys: 40, noNullPrototype: true }),
    wgslLanguageFeatures: fc.array(text, { maxLength: 10 }),
    preferredCanvasFormat: text,
  },
  { noNullPrototype: true },
);

const contextData: fc.Arbitrary<ContextData> = fc.record(
  {
    streamVersion: word,
    returnRing: fc.tuple(word, word),
    returnFence: word,
    returnEvent: word,
    label: text,
  },
  { requiredKeys: ['streamVersion', 'returnRing', 'returnFence'], noNullPrototype: true },
);

function valueOrProtocolError(decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): void {
  try {
    decode(bytes);
  } catch (error) {
    assert.ok(isProtocolError(error), String(error));
    assert.equal(error.code, 'bad-blob');
  }
}

test('adapter caps and context data survive encoding and decoding', () => {
  fc.assert(
    fc.property(caps, (value) => assert.deepEqual(decodeAdapterCaps(encodeAdapterCaps(value)), value)),
  );
  fc.assert(
    fc.property(contextData, (value) => assert.deepEqual(decodeContextBlob(encodeContextBlob(value)), value)),
  );
});

test('hostile bytes give a value or a ProtocolError', () => {
  const sample = encodeAdapterCaps(fc.sample(caps, { numRuns: 1, seed: 7 })[0]!);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      valueOrProtocolError(decodeAdapterCaps, bytes);
      valueOrProtocolError(decodeContextBlob, bytes);
    }),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(fc.nat(sample.length - 1), fc.nat(255), fc.nat(sample.length), (place, byte, length) => {
      const bytes = sample.slice(0, length);
      if (place < length) bytes[place] = byte;
      valueOrProtocolError(decodeAdapterCaps, bytes);
    }),
    { numRuns: 500 },
  );
});

test('deep, long and extended MessagePack is refused before it is decoded', () => {
  const refused = [
    new Uint8Array(100).fill(0x91), // arrays in arrays
    new Uint8Array([0xdd, 0xff, 0xff, 0xff, 0xff]), // array of 2^32 - 1
    new Uint8Array([0xdf, 0xff, 0xff, 0xff, 0xff]), // map of 2^32 - 1
    new Uint8Array([0xdb, 0xff, 0xff, 0xff, 0xff]), // string of 2^32 - 1
    new Uint8Array([0xd4, 0x72, 0x40]), // extension: record structure
    new Uint8Array([0x80, 0x00]), // something behind the map
    new Uint8Array(70_000).fill(0xc0),
  ];
  for (const bytes of refused) {
    assert.throws(() => decodeContextBlob(bytes), { name: 'ProtocolError', code: 'bad-blob' });
  }
});

test('allocation data of our driver keeps its kind; other data counts as plain bytes', () => {
  fc.assert(
    fc.property(
      fc.maxSafeNat(),
      fc.constantFrom(0, 1, 2, 3) as fc.Arbitrary<0 | 1 | 2 | 3>,
      (lengthBytes, kind) => {
        assert.deepEqual(decodeAllocationData(encodeAllocationData({ lengthBytes, kind })), {
          lengthBytes,
          kind,
        });
      },
    ),
  );
  const foreign = new Uint8Array(24).fill(1, 0, 2).fill(9, 8);
  assert.deepEqual(decodeAllocationData(foreign), { lengthBytes: 257, kind: 0 });
  assert.equal(decodeAllocationData(new Uint8Array(7)), null);
  assert.equal(decodeAllocationData(new Uint8Array(16).fill(0xff)), null);
});
