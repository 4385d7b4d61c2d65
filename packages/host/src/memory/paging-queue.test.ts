import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryFixture } from '../model/memory-fixture.ts';

describe('a paging queue', () => {
  it('moves its fence in order, whatever the order in which operations end', () => {
    const f = new MemoryFixture();
    const { queue } = f.device(f.memory.createProcess());
    for (let i = 1; i <= 9; i += 1) assert.equal(queue.issue(), i);
    const seen: bigint[] = [];
    for (const value of [4, 2, 3, 9, 7, 1, 6, 8, 5]) {
      queue.complete(value);
      seen.push(queue.fence.object.value);
    }
    assert.deepEqual(seen, [0n, 0n, 0n, 0n, 0n, 4n, 4n, 4n, 9n]);
    assert.equal(queue.pending, 0);
    assert.equal(queue.hasReached(9), true);
  });
});
