import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Unpackr } from 'msgpackr';
import { CHUNK_BYTES, RecordBuffer } from './record-buffer.ts';

const SEED = Number(process.env.SEED ?? 20_261_128);

function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe('RecordBuffer', () => {
  it('writes packets of every shape as MessagePack that an ordinary reader takes', () => {
    process.stdout.write(`SEED=${SEED}\n`);
    const next = random(SEED);
    const buffer = new RecordBuffer();
    const source = Uint8Array.from({ length: 70_000 }, () => next(256));
    const expected: unknown[] = [];
    const out: Uint8Array[] = [];
    const edges = [0, 1, 127, 128, 255, 256, 65_535, 65_536, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
    for (let count = 0; count < 6000; count += 1) {
      const length = count % 50 === 0 ? next(70_000) : next(400);
      const offset = next(source.length - length + 1);
      const edge = () => edges[next(edges.length)]!;
      const timeUs = count % 7 === 0 ? 2 ** 32 + edge() : edge();
      const fields = [next(2), next(65_536), next(2) === 0 ? 6 : 11, edge(), edge(), next(256)] as const;
      buffer.packet(timeUs, ...fields, source, offset, length);
      expected.push([1, timeUs, ...fields, Buffer.from(source.subarray(offset, offset + length))]);
      if (count % 5 === 0) {
        const [place, low, high] = [count % 2 === 0 ? edge() : 2 ** 40 + edge(), edge(), edge()];
        buffer.windowStore(timeUs, place, low, high);
        expected.push([11, timeUs, place, low, high]);
        const bytes = count % 10 === 0 ? null : source.subarray(0, next(3000));
        buffer.publish(9, timeUs, 1, place, 3000, bytes);
        expected.push([9, timeUs, 1, place, 3000, bytes === null ? null : Buffer.from(bytes)]);
      }
      if (count % 3 === 0) {
        buffer.append(Uint8Array.of(0x92, 15, 7));
        expected.push([15, 7]);
      }
      while (buffer.hasFullChunk) {
        out.push(buffer.take()!.slice());
        buffer.giveBack();
      }
    }
    const { bytes } = buffer;
    const last = buffer.take()!;
    assert.equal(last.length, bytes);
    assert.equal(buffer.take(), null);
    const all = Buffer.concat([...out, last]);
    const read: unknown[] = new Unpackr({ useRecords: false }).unpackMultiple(all) as unknown[];
    assert.equal(read.length, expected.length);
    for (const [index, value] of read.entries()) {
      if (JSON.stringify(value) !== JSON.stringify(expected[index])) {
        assert.deepEqual(value, expected[index], `record ${index}`);
      }
    }
  });

  it('writes short packets and stores as the long way says them, and refuses what is not short', () => {
    process.stdout.write(`SEED=${SEED}\n`);
    const next = random(SEED);
    const buffer = new RecordBuffer();
    const sources = [0, 0, 8, 4, 1].map((start) => new Uint8Array(4096 + start).subarray(start));
    for (const source of sources) for (const at of source.keys()) source[at] = next(256);
    const number = () => (next(2 ** 16) * 2 ** 16 + next(2 ** 16)) >>> next(32);
    const expected: unknown[] = [];
    const out: Uint8Array[] = [];
    let shortCount = 0;
    for (let count = 0; count < 20_000; count += 1) {
      const timeUs = number() + (next(50) === 0 ? 2 ** 32 : 0);
      buffer.allowShort(timeUs, next(20) === 0 ? next(100) : 300);
      const source = sources[next(sources.length)]!;
      const length = next(4) === 0 ? next(300) : next(31) * 8;
      const offset = next(3) === 0 ? next(3000) : next(400) * 8;
      const idHigh = next(4) === 0 ? number() : next(128);
      const fields = [next(2), next(65_536), next(2) === 0 ? 6 : 11, number(), idHigh, next(256)] as const;
      if (buffer.shortPacket(...fields, source, offset, length)) shortCount += 1;
      else buffer.packet(timeUs, ...fields, source, offset, length);
      expected.push([1, timeUs, ...fields, Buffer.from(source.subarray(offset, offset + length))]);
      const [place, low, high] = [next(9) === 0 ? 2 ** 40 : number(), number(), number()];
      if (buffer.shortStore(place, low | 0, high | 0)) shortCount += 1;
      else buffer.windowStore(timeUs, place, low, high);
      expected.push([11, timeUs, place, low, high]);
      buffer.forbidShort();
      assert.equal(buffer.shortStore(0, 0, 0), false);
      while (buffer.hasFullChunk) {
        out.push(buffer.take()!.slice());
        buffer.giveBack();
      }
    }
    out.push(buffer.take()!);
    const all = Buffer.concat(out);
    assert.equal(all.length, buffer.position);
    assert.ok(shortCount > 10_000, `${shortCount} were short`);
    const read: unknown[] = new Unpackr({ useRecords: false }).unpackMultiple(all) as unknown[];
    for (const [index, value] of read.entries())
      assert.equal(JSON.stringify(value), JSON.stringify(expected[index]), `record ${index}`);
    assert.equal(read.length, expected.length);
  });

  it('uses its chunks again, and splits what is longer than one', () => {
    const buffer = new RecordBuffer();
    const long = new Uint8Array(3 * CHUNK_BYTES).fill(9);
    buffer.append(long);
    const places = new Set<ArrayBufferLike>();
    for (let round = 0; round < 20; round += 1) {
      let sum = 0;
      for (let part = buffer.take(); part !== null; part = buffer.take()) {
        assert.ok(part.length <= CHUNK_BYTES && part.every((byte) => byte === 9));
        places.add(part.buffer);
        sum += part.length;
        buffer.giveBack();
      }
      assert.equal(sum, long.length);
      assert.equal(buffer.bytes, 0);
      buffer.append(long);
    }
    assert.ok(places.size <= 8, `${places.size} chunks`);
  });

  it('keeps the memory that it may, and lets go of what nobody uses', () => {
    const buffer = new RecordBuffer(16 * CHUNK_BYTES);
    const used = new Set<ArrayBufferLike>();
    const fill = (chunks: number): number => {
      const before = used.size;
      buffer.append(new Uint8Array(chunks * CHUNK_BYTES));
      for (let next = buffer.take(); next !== null; next = buffer.take()) used.add(next.buffer);
      buffer.giveBack();
      return used.size - before;
    };
    assert.equal(fill(12), 12);
    assert.ok(fill(12) <= 1);
    assert.ok(fill(12) <= 1);
    for (let count = 0; count < 10; count += 1) buffer.trim();
    assert.ok(fill(12) >= 7);
  });
});
