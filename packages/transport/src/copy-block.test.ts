import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { copyBlock } from './copy-block.ts';

const LENGTHS = [0, 1, 4096, 32 * 1024 - 1, 32 * 1024, 100_003];

function numbered(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8)) & 0xff);
}

describe('copyBlock', () => {
  for (const [name, make] of [
    ['an ArrayBuffer', (length: number) => new Uint8Array(new ArrayBuffer(length + 24), 8, length)],
    [
      'a SharedArrayBuffer',
      (length: number) => new Uint8Array(new SharedArrayBuffer(length + 24), 8, length),
    ],
  ] as const) {
    it(`copies all bytes of a block to its place, and no others, into ${name}`, () => {
      for (const length of LENGTHS) {
        for (const offset of [0, 13]) {
          const target = make(length + 40);
          new Uint8Array(target.buffer).fill(0xee);
          const source = numbered(length + 5).subarray(5);
          copyBlock(target, offset, source);
          const expected = new Uint8Array(target.buffer.byteLength).fill(0xee);
          expected.set(source, target.byteOffset + offset);
          assert.ok(Buffer.from(target.buffer).equals(expected), `${length} bytes at ${offset}`);
        }
      }
    });

    it(`refuses a place without room in ${name}`, () => {
      for (const length of LENGTHS) {
        const target = make(length);
        assert.throws(() => copyBlock(target, 1, numbered(length + 1)), RangeError);
        assert.ok(target.every((byte) => byte === 0));
      }
    });
  }

  it('copies within one block of shared memory, also where the places overlap', () => {
    const memory = new Uint8Array(new SharedArrayBuffer(100_000));
    memory.set(numbered(100_000));
    const source = memory.subarray(0, 70_000);
    copyBlock(memory, 20_000, source);
    const expected = numbered(100_000);
    expected.copyWithin(20_000, 0, 70_000);
    assert.ok(Buffer.from(memory.buffer).equals(expected));
  });

  it('takes a source that is itself shared', () => {
    const source = new Uint8Array(new SharedArrayBuffer(64 * 1024));
    source.set(numbered(64 * 1024));
    const target = new Uint8Array(new SharedArrayBuffer(64 * 1024));
    copyBlock(target, 0, source);
    assert.ok(Buffer.from(target.buffer).equals(numbered(64 * 1024)));
  });
});
