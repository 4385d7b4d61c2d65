import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type StagingBlock, StagingHeap } from './staging.ts';

const MIB = 1024 * 1024;

/** A heap whose blocks have a length and nothing behind it. */
function makeHeap(refuseBeyondBytes = Number.POSITIVE_INFINITY) {
  const made: number[] = [];
  const gone: number[] = [];
  let nextVa = 0x10_0000n;
  const heap = new StagingHeap({
    limitBytes: 256 * MIB,
    async createBlock(length): Promise<StagingBlock | null> {
      if (length > refuseBeyondBytes) return null;
      made.push(length / MIB);
      const gpuVa = nextVa;
      nextVa += BigInt(length);
      const memory = { bytes: new Uint8Array(0), length, write: () => {}, flush: () => {} };
      return { memory, gpuVa, dispose: () => gone.push(length / MIB) };
    },
  });
  return { heap, made, gone };
}

test('StagingHeap keeps the blocks that were used last, so that repeated transfers find their memory again', async () => {
  const { heap, made, gone } = makeHeap();
  for (let i = 0; i < 3; i++) await heap.grow(4 * MIB);
  assert.deepEqual(made, [16, 16, 32]);
  const small = heap.allocate(4 * MIB)!;
  heap.free(small);
  for (let i = 0; i < 5; i++) {
    if (!heap.couldHold(64 * MIB)) await heap.grow(64 * MIB);
    heap.free(heap.allocate(64 * MIB)!);
  }
  assert.deepEqual(made, [16, 16, 32, 64], 'the large one was made once');
  assert.deepEqual(gone, [16, 32], 'what had rested longest made room for it');
  assert.equal(heap.totalBytes, 80 * MIB);
});

test('StagingHeap gives back at once what is too large to be kept, and nothing that is in use', async () => {
  const { heap, gone } = makeHeap();
  await heap.grow(4 * MIB);
  const held = heap.allocate(4 * MIB)!;
  await heap.grow(1024 * MIB);
  const huge = heap.allocate(1024 * MIB)!;
  assert.deepEqual(gone, []);
  heap.free(huge);
  assert.deepEqual(gone, [1024]);
  heap.free(held);
  assert.deepEqual(gone, [1024], 'a block of the size that is kept');
});

test('StagingHeap keeps its last block where the host refuses another', async () => {
  const { heap, gone } = makeHeap(128 * MIB);
  await heap.grow(100 * MIB);
  await heap.grow(200 * MIB);
  const region = heap.allocate(100 * MIB)!;
  heap.free(region);
  assert.deepEqual(gone, []);
  assert.equal(heap.isUnavailable, false);
});

test('StagingHeap has an upload of 64 MiB in pieces find its memory again beside a small region that stays', async () => {
  const { heap, made, gone } = makeHeap();
  await heap.grow(256);
  const stays = heap.allocate(256)!;
  for (let upload = 0; upload < 4; upload += 1) {
    const pieces = [];
    while (pieces.length < 8) {
      const piece = heap.allocate(8 * MIB);
      if (piece === null) await heap.grow(8 * MIB);
      else pieces.push(piece);
    }
    for (const piece of pieces) heap.free(piece);
  }
  assert.deepEqual(made, [16, 16, 32, 16]);
  assert.deepEqual(gone, []);
  heap.free(stays);
});
