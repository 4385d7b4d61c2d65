import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PublicationLog } from './publication-log.ts';

const SEED = Number(process.env.SEED ?? 20_261_129);

function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe('PublicationLog', () => {
  it('finds each publication that a later one covered, in order, and never one before', () => {
    const log = new PublicationLog();
    for (const value of [1, 2, 3]) log.add(100, new Uint8Array(8).fill(value));
    assert.ok(log.take(100, new Uint8Array(8).fill(2)));
    assert.ok(!log.take(100, new Uint8Array(8).fill(1)), 'what was before is over');
    assert.ok(log.take(100, new Uint8Array(8).fill(2)), 'nothing new yet');
    assert.ok(log.take(100, new Uint8Array(8).fill(3)));
    assert.equal(log.keptBytes, 8);
    assert.deepEqual(log.newest(99, 3), [undefined, 3, 3]);
  });

  it('takes one publication in pieces, and one that was overwritten in part before it was read', () => {
    const log = new PublicationLog();
    log.add(0, new Uint8Array(100).fill(1));
    log.add(10, new Uint8Array(5).fill(2));
    assert.ok(log.take(50, new Uint8Array(50).fill(1)));
    const mixed = new Uint8Array(50).fill(1).fill(2, 10, 15);
    assert.ok(log.take(0, mixed));
    assert.ok(!log.take(0, new Uint8Array(50).fill(1)));
    assert.ok(!log.take(0, new Uint8Array(101).fill(1)), 'not all of it was published');
  });

  it('forgets what is gone and what was not kept', () => {
    const log = new PublicationLog();
    log.add(2 ** 32, new Uint8Array(3 << 20).fill(1));
    log.add(2 ** 32, new Uint8Array(3 << 20).fill(2));
    log.skip(2 ** 32, 3 << 20);
    assert.ok(!log.take(2 ** 32, new Uint8Array(10).fill(1)));
    assert.ok(log.take(2 ** 32 + (1 << 20) - 5, new Uint8Array(10).fill(2)));
    log.forget(2 ** 32, 3 << 20);
    assert.equal(log.keptBytes, 0);
  });

  it('follows a memory through random publications, and sees one wrong bit in any of them', () => {
    process.stdout.write(`SEED=${SEED}\n`);
    const next = random(SEED);
    for (let round = 0; round < 60; round += 1) {
      const log = new PublicationLog();
      const memory = new Uint8Array(3 << 20);
      const seen: { readonly at: number; readonly bytes: Uint8Array }[] = [];
      log.add(0, memory);
      for (let count = 0; count < 30; count += 1) {
        const at = next(memory.length - 200);
        const length = 1 + next(next(4) === 0 ? 200_000 : 200);
        // Different in each publication, so that one changed bit is in none.
        for (let i = at; i < Math.min(at + length, memory.length); i += 1) memory[i] = (count << 1) | 1;
        const bytes = memory.slice(at, at + length);
        log.add(at, bytes);
        seen.push({ at, bytes });
      }
      const wrongIndex = next(seen.length);
      for (const [index, { at, bytes }] of seen.entries()) {
        if (index === wrongIndex) {
          const wrong = bytes.slice();
          const place = next(wrong.length);
          wrong[place] = wrong[place]! ^ 0x80;
          assert.ok(!log.take(at, wrong), `round ${round}, publication ${index}`);
        }
        assert.ok(log.take(at, bytes), `round ${round}, publication ${index}`);
      }
    }
  });
});
