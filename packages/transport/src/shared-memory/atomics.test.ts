import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { createMemoryFile, type MemoryFileName, openMemoryFile } from './memory-file.ts';

const ROUNDS = 20_000;
/** Words apart, so that each has a cache line of its own. */
const GATE = 512;
const STEP = 64;

/**
 * Store buffering: each side stores its word, then loads the other's. Unless stores and loads are sequentially
 * consistent, both may see the old value in one round (docs/decisions/0008). @returns what was loaded in each round.
 */
function run(bytes: Uint8Array, side: 0 | 1): Int32Array {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const loaded = new Int32Array(ROUNDS);
  const mine = STEP * (1 + side);
  const theirs = STEP * (2 - side);
  for (let round = 1; round <= ROUNDS; round += 1) {
    Atomics.store(words, GATE + STEP * side, round);
    while (Atomics.load(words, GATE + STEP * (1 - side)) < round);
    Atomics.store(words, mine, round);
    loaded[round - 1] = Atomics.load(words, theirs);
  }
  return loaded;
}

if (isMainThread) {
  describe('mapped memory', () => {
    it('is accessed by Atomics in sequentially consistent order, though its buffer is not a shared one', async () => {
      const file = createMemoryFile(16_384);
      assert.ok(file.bytes.buffer instanceof ArrayBuffer);
      const { path, inode, lengthBytes } = file;
      const worker = new Worker(new URL(import.meta.url), { workerData: { path, inode, lengthBytes } });
      const answer = once(worker, 'message');
      await once(worker, 'online');
      const near = run(file.bytes, 0);
      const [far] = (await answer) as [Int32Array];
      let stale = 0;
      for (let i = 0; i < ROUNDS; i += 1) if (near[i]! <= i && far[i]! <= i) stale += 1;
      assert.equal(stale, 0);
      file.close();
    });
  });
} else {
  const file = openMemoryFile(workerData as MemoryFileName);
  parentPort?.postMessage(run(file.bytes, 1));
  file.close();
}
