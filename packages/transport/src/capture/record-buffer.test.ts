import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Packr, Unpackr } from 'msgpackr';
import { CaptureReader } from './reader.ts';
import { CHUNK_BYTES, RecordBuffer } from './record-buffer.ts';
import { CAPTURE_FORMAT, CAPTURE_VERSION } from './records.ts';

const SEED = Number(process.env.SEED ?? 20_261_128);

function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const packr = new Packr({ useRecords: false });
const HEADER = {
  format: CAPTURE_FORMAT,
  version: CAPTURE_VERSION,
  link: '',
  codec: '',
  side: 'host',
  startedAt: 0,
};

interface Seen {
  readonly expected: unknown[];
  readonly out: Uint8Array[];
  shortCount: number;
}

type PacketFields = readonly [number, number, number, number, number, number];

/** A packet the short way if it may go there, and what a reader is to say of it. */
function takePacket(
  buffer: RecordBuffer,
  seen: Seen,
  timeUs: number,
  fields: PacketFields,
  source: Uint8Array,
  offset: number,
  length: number,
): void {
  if (buffer.shortPacket(...fields, source, offset, length)) seen.shortCount += 1;
  else buffer.packet(timeUs, ...fields, source, offset, length);
  const [way, channel, packetKind, idLow, idHigh, flags] = fields;
  const bytes = Buffer.from(source.subarray(offset, offset + length)).toString('hex');
  const direction = way === 0 ? 'g2h' : 'h2g';
  seen.expected.push({ kind: 'packet', timeUs, direction, channel, packetKind, idLow, idHigh, flags, bytes });
}

/** As {@link takePacket}. */
function takeStore(
  buffer: RecordBuffer,
  seen: Seen,
  timeUs: number,
  offset: number,
  low: number,
  high: number,
): void {
  if (buffer.shortStore(offset, low | 0, high | 0)) seen.shortCount += 1;
  else buffer.windowStore(timeUs, offset, low, high);
  seen.expected.push({ kind: 'windowStore', timeUs, offset, low, high });
  while (buffer.hasFullChunk) {
    seen.out.push(buffer.take()!.slice());
    buffer.giveBack();
  }
}

function readsBack(buffer: RecordBuffer, { expected, out }: Seen): void {
  out.push(buffer.take()!);
  const all = Buffer.concat(out);
  assert.equal(all.length, buffer.position);
  const reader = new CaptureReader();
  const read: unknown[] = [];
  // In pieces: what a record names may be in another.
  for (let at = 0; at < all.length; at += 10_007) {
    for (const record of reader.push(all.subarray(at, at + 10_007))) {
      read.push(
        'bytes' in record ? { ...record, bytes: Buffer.from(record.bytes!).toString('hex') } : record,
      );
    }
  }
  for (const [index, value] of read.entries())
    assert.equal(JSON.stringify(value), JSON.stringify(expected[index]), `record ${index}`);
  assert.equal(read.length, expected.length);
  assert.equal(reader.tail.length, 0);
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

  it('writes short packets and stores so that a reader has all of them, and refuses what is not short', () => {
    process.stdout.write(`SEED=${SEED}\n`);
    const next = random(SEED);
    const buffer = new RecordBuffer();
    const sources = [0, 0, 8, 4, 1].map((start) => new Uint8Array(4096 + start).subarray(start));
    for (const source of sources) for (const at of source.keys()) source[at] = next(256);
    const number = () => (next(2 ** 16) * 2 ** 16 + next(2 ** 16)) >>> next(32);
    const seen = { expected: [] as unknown[], out: [] as Uint8Array[], shortCount: 0 };
    buffer.append(packr.pack(HEADER));
    for (let count = 0; count < 20_000; count += 1) {
      const timeUs = number() + (next(50) === 0 ? 2 ** 32 : 0);
      buffer.allowShort(timeUs, next(20) === 0 ? next(100) : 300);
      const source = sources[next(sources.length)]!;
      const length = next(4) === 0 ? next(300) : next(31) * 8;
      const offset = next(3) === 0 ? next(3000) : next(400) * 8;
      const idHigh = next(4) === 0 ? number() : next(128);
      const fields = [next(2), next(65_536), next(2) === 0 ? 6 : 11, number(), idHigh, next(256)] as const;
      takePacket(buffer, seen, timeUs, fields, source, offset, length);
      takeStore(buffer, seen, timeUs, next(9) === 0 ? 2 ** 40 : number(), number(), number());
      buffer.forbidShort();
      assert.equal(buffer.shortStore(0, 0, 0), false);
    }
    assert.ok(seen.shortCount > 10_000, `${seen.shortCount} were short`);
    readsBack(buffer, seen);
  });

  it('writes of a packet like the last one of its length only what is another', () => {
    process.stdout.write(`SEED=${SEED}\n`);
    const next = random(SEED);
    const buffer = new RecordBuffer();
    const sources = [0, 8, 4, 1].map((start) => new Uint8Array(4096 + start).subarray(start));
    const seen = { expected: [] as unknown[], out: [] as Uint8Array[], shortCount: 0 };
    buffer.append(packr.pack(HEADER));
    const payloads = new Map<number, Uint8Array>();
    const note = packr.pack([15, 7]);
    let timeUs = 2 ** 32 - 200_000;
    let payloadBytes = 0;
    for (let count = 0; count < 20_000; count += 1) {
      if (next(8) === 0) timeUs += next(200);
      // A clock may be set back.
      if (next(500) === 0) timeUs -= next(500);
      buffer.allowShort(timeUs, 10_000);
      const source = sources[next(sources.length)]!;
      const length = [0, 8, 136, 240, 248, 256][next(6)]!;
      const offset = 8 * next(8);
      const payload = payloads.get(length) ?? new Uint8Array(length);
      payloads.set(length, payload);
      for (let changes = next(4); changes > 0; changes -= 1) payload[next(length)] = next(256);
      source.set(payload, offset);
      const fields = [next(2), next(40) === 0 ? 2 : 1, 6, count, next(30) === 0 ? 200 : 0, 1] as const;
      takePacket(buffer, seen, timeUs, fields, source, offset, length);
      payloadBytes += length;
      const place = next(90) === 0 ? 2 ** 40 : 8 * next(12);
      takeStore(buffer, seen, timeUs, place, next(2) === 0 ? 0xffff_ffff : count, next(20));
      if (next(60) === 0) {
        buffer.append(note, 7);
        seen.expected.push({ kind: 'start', timeUs: 7 });
      }
    }
    assert.ok(buffer.position < payloadBytes, `${buffer.position} bytes of ${payloadBytes}`);
    readsBack(buffer, seen);
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
