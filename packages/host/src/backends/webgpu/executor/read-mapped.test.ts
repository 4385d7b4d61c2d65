import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MappedRange } from './mapped-range.ts';
import { readMapped } from './read-mapped.ts';
import type { AddressedMemory, WriteTarget } from './submission-data.ts';

const START = 0x10_0000;
const OFFSET = 24;

/** A mapped buffer that gives no byte twice, as Dawn's; `copies`: what it gives does not lie in the buffer. */
function fakeBuffer(lengthBytes: number, copies: boolean) {
  const bytes = Uint8Array.from({ length: lengthBytes }, (_, index) => index * 7 + (index >>> 8));
  const given: { start: number; end: number }[] = [];
  const places = new Map<ArrayBufferLike, number>();
  const buffer = {
    getMappedRange(start: number, length: number): ArrayBuffer {
      const end = start + length;
      assert.ok(start % 8 === 0 && length % 4 === 0 && end <= lengthBytes, `${start} to ${end}`);
      assert.ok(
        given.every((other) => end <= other.start || other.end <= start),
        'given twice',
      );
      given.push({ start, end });
      const range = bytes.slice(start, end).buffer;
      places.set(range, copies ? START * given.length : START + start);
      return range;
    },
  };
  const memory: AddressedMemory = {
    addressOf: (range) => BigInt(places.get(range.buffer)!),
    copyFrom: () => assert.fail('not by the fake'),
  };
  return { bytes, memory, buffer: buffer as unknown as GPUBuffer, given };
}

/** Reads from {@link OFFSET} to the end. */
function read(lengthBytes: number, copies: boolean, hasMemory = true) {
  const { bytes, memory, buffer, given } = fakeBuffer(lengthBytes, copies);
  const length = lengthBytes - OFFSET;
  const result = new Uint8Array(length);
  let fromAddress = 0;
  const target: WriteTarget = {
    memory: hasMemory ? memory : null,
    write: (position, piece) => result.set(piece, position),
    writeFrom(position, address, count) {
      fromAddress += count;
      const start = Number(address) - START;
      result.set(bytes.subarray(start, start + count), position);
    },
    finish: () => {},
    cancel: () => {},
  };
  readMapped(new MappedRange(buffer, OFFSET, length), target);
  assert.ok(Buffer.from(result).equals(bytes.subarray(OFFSET)), 'all bytes in their places');
  const largest = Math.max(...given.map(({ start, end }) => end - start));
  return { fromAddress, largest, length };
}

for (const more of [0, 4]) {
  test(`a large range of 2 MiB + ${more} bytes is copied from where it lies, and no ArrayBuffer made of it`, () => {
    const { fromAddress, largest, length } = read(OFFSET + (2 << 20) + more, false);
    assert.equal(fromAddress, length);
    assert.ok(largest <= 8, `ArrayBuffer of ${largest} bytes`);
  });

  test(`2 MiB + ${more} bytes that are given as copies, or where memory has no addresses, come as given`, () => {
    assert.equal(read(OFFSET + (2 << 20) + more, true).fromAddress, 0);
    assert.equal(read(OFFSET + (2 << 20) + more, false, false).fromAddress, 0);
  });
}

test('a small range is asked for as a whole', () => {
  const { fromAddress, largest, length } = read(OFFSET + 4096, false);
  assert.deepEqual([fromAddress, largest], [0, length]);
});
