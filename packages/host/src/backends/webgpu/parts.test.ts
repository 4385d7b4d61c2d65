import assert from 'node:assert/strict';
import { constants } from 'node:buffer';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { decodeReturns, type ReturnHandlers, returns, StreamWriter } from '@dxgwire/protocol/stream';
import fc from 'fast-check';
import { FrameBatch, FrameReader, readBatch } from './frames.ts';
import { RegionTable } from './region-table.ts';
import { ReturnRingWriter, saysDeviceLost } from './return-ring.ts';
import { readTar } from './tar.ts';
import { TransferPool } from './transfer-pool.ts';

function tarEntry(name: string, content: string, type = '0'): Uint8Array {
  const bytes = new Uint8Array(512 + Math.ceil(content.length / 512) * 512);
  const put = (text: string, at: number): void => bytes.set(new TextEncoder().encode(text), at);
  put(name, 0);
  put(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
  put(type, 156);
  put(content, 512);
  return bytes;
}

function joined(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

test('tar: files by name, other entries passed over, damage refused', () => {
  const end = new Uint8Array(1024);
  const archive = joined(
    tarEntry('a.txt', 'hello'),
    tarEntry('dir/', '', '5'),
    tarEntry('b', 'x'.repeat(513)),
    end,
  );
  const files = readTar(archive);
  assert.deepEqual([...files.keys()], ['a.txt', 'b']);
  assert.equal(new TextDecoder().decode(files.get('a.txt')), 'hello');
  assert.equal(files.get('b')!.length, 513);
  assert.throws(() => readTar(archive.subarray(0, 512)), /ends behind the archive/);
  assert.throws(() => readTar(joined(tarEntry('a', 'x').fill(0x39, 124, 135))), /has the length/);
});

test('frames arrive whole and in order, however they are cut', () => {
  const frame = fc.record(
    { kind: fc.nat(30), words: fc.array(fc.nat(0xffff_ffff)), text: fc.string() },
    { noNullPrototype: true },
  );
  const cuts = fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1 });
  fc.assert(
    fc.property(fc.array(frame), cuts, (frames, sizes) => {
      const batch = new FrameBatch();
      for (const { kind, words, text } of frames) {
        batch.begin(kind);
        batch.word(words.length);
        for (const word of words) batch.word(word);
        batch.text(text);
        batch.end();
      }
      const bytes = batch.take();
      const reader = new FrameReader();
      const inPlace: typeof frames = [];
      readBatch(bytes, (view) => {
        const words = [...view.words(view.word())];
        inPlace.push({ kind: view.kind, words, text: view.text() });
      });
      assert.deepEqual(inPlace, frames);
      const seen: typeof frames = [];
      let position = 0;
      for (let index = 0; position < bytes.length; index++) {
        const next = Math.min(bytes.length, position + sizes[index % sizes.length]!);
        reader.push(bytes.subarray(position, next), (view) => {
          const words = [...view.words(view.word())];
          seen.push({ kind: view.kind, words, text: view.text() });
        });
        position = next;
      }
      assert.deepEqual(seen, frames);
    }),
  );
  assert.throws(() => new FrameReader().push(new Uint8Array(8).fill(3), () => {}), RangeError);
  assert.throws(() => readBatch(Uint8Array.of(24, 0, 0, 0, 1, 0, 0, 0), () => {}), /8 bytes into a frame/);
});

test('a frame that is cancelled leaves no trace', () => {
  const batch = new FrameBatch();
  batch.begin(1);
  batch.word(5);
  batch.cancel();
  assert.equal(batch.take().length, 0);
});

test('return ring: records in order and whole for every size of ring and pace of reader', () => {
  const pace = fc.array(fc.nat(5), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(fc.integer({ min: 32, max: 80 }), fc.array(fc.nat(60)), pace, (words, lengths, steps) => {
      const lengthBytes = words * 4;
      const memory = new Uint8Array(lengthBytes);
      let total = 0;
      const ring = new ReturnRingWriter({
        lengthBytes,
        write: (offset, bytes) => {
          assert.ok(offset + bytes.length <= lengthBytes);
          memory.set(bytes, offset);
        },
        signal: (low) => {
          assert.ok(low >= total);
          total = low;
        },
      });
      const seen: string[] = [];
      let read = 0;
      const handlers = {
        skip: () => {},
        uncapturedError: (_: string, message: string) => seen.push(message),
      };
      const readAll = (): void => {
        const copy = Uint8Array.from({ length: total - read }, (_, i) => memory[(read + i) % lengthBytes]!);
        read = total;
        decodeReturns(copy, handlers as unknown as ReturnHandlers);
        ring.consume(total);
      };
      const sent = lengths.map((length, index) => `${index}`.padEnd(length % 24, '.'));
      for (const [index, message] of sent.entries()) {
        const writer = new StreamWriter();
        returns.uncapturedError(writer, 'internal', message);
        assert.ok(ring.push(writer.view()));
        if (steps[index % steps.length] === 0) readAll();
      }
      for (let before = -1; before !== read; ) {
        before = read;
        readAll();
      }
      assert.deepEqual(seen, sent);
    }),
  );
});

test('return ring: a reader that lies about what it read gains nothing, and one that never reads is found out', () => {
  let total = 0;
  const signal = (low: number): void => {
    total = low;
  };
  const ring = new ReturnRingWriter({ lengthBytes: 4096, write: () => {}, signal });
  const writer = new StreamWriter();
  for (let index = 0; index < 100; index++) returns.uncapturedError(writer, 'internal', 'x'.repeat(1000));
  let pushes = 0;
  while (ring.push(writer.view())) pushes += 1;
  assert.ok(pushes > 10 && pushes < 200);
  const before = total;
  ring.consume(total + 4);
  ring.consume(2 ** 52);
  ring.consume(0);
  assert.equal(total, before);
});

test('saysDeviceLost finds the record among others', () => {
  const writer = new StreamWriter();
  returns.workDone(writer, 1);
  assert.equal(saysDeviceLost(writer.view()), false);
  returns.deviceLost(writer, 'unknown', 'gone');
  assert.equal(saysDeviceLost(writer.view()), true);
});

test('transfers: memory is used again, a little is kept, all is freed', () => {
  const freed: string[] = [];
  let made = 0;
  const pool = new TransferPool(
    (lengthBytes) => {
      made += 1;
      return { bytes: new Uint8Array(lengthBytes), path: `region ${made}`, offset: 0, free: () => {} };
    },
    (path) => freed.push(path),
  );
  const first = pool.acquire(20_000);
  assert.equal(first.bytes.length, 20_000);
  first.release();
  first.release();
  const second = pool.acquire(30_000);
  assert.equal(second.path, first.path);
  const third = pool.acquire(30_000);
  assert.notEqual(third.path, second.path);
  const large = pool.acquire((64 << 20) + 1);
  large.release();
  assert.deepEqual(freed, [large.path]);
  second.release();
  pool.close();
  third.release();
  assert.deepEqual(freed, [large.path, second.path, third.path]);
});

test('files that no ArrayBuffer shows whole, as the RAM of a large virtual machine, are left to copies', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dxgwire-'));
  const path = join(folder, 'ram');
  writeFileSync(path, '');
  const table = new RegionTable();
  for (const [bytes, isMappable] of [
    [4096, true],
    [constants.MAX_LENGTH, true],
    [constants.MAX_LENGTH + 4096, false],
  ] as const) {
    try {
      truncateSync(path, bytes);
    } catch {
      // No file here is that long: nor is the RAM of a machine.
      break;
    }
    assert.equal(table.isMappable(path), isMappable);
  }
  rmSync(folder, { recursive: true });
  assert.ok(table.isMappable(path), 'whoever maps it says that it is gone');
});
