import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RangeAllocator } from './range-allocator.ts';

test('RangeAllocator refuses what does not fit and joins neighbours again', () => {
  const ranges = new RangeAllocator(1024, 256);
  const taken = [1, 256, 200, 256].map((length) => ranges.allocate(length));
  assert.deepEqual(taken, [0, 256, 512, 768]);
  assert.equal(ranges.allocate(1), -1);
  ranges.free(256, 256);
  ranges.free(768, 256);
  assert.equal(ranges.allocate(512), -1);
  ranges.free(512, 200);
  assert.equal(ranges.allocate(768), 256);
  ranges.free(256, 768);
  assert.throws(() => ranges.free(512, 1), RangeError);
});

test('RangeAllocator never hands out a byte twice and gets every byte back', () => {
  const command = fc.oneof(
    fc.record({ take: fc.integer({ min: 0, max: 5000 }) }),
    fc.record({ give: fc.nat(1000) }),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 300 }), (commands) => {
      const ranges = new RangeAllocator(16_384, 256);
      const owner = new Int32Array(64).fill(-1);
      const held: { offset: number; length: number }[] = [];
      for (const [step, action] of commands.entries()) {
        if ('take' in action) {
          const offset = ranges.allocate(action.take);
          const granules = Math.max(1, Math.ceil(action.take / 256));
          if (offset < 0) {
            assert.ok(longestFree(owner) < granules, 'refused although there was room');
            continue;
          }
          for (let i = 0; i < granules; i++) {
            assert.equal(owner[offset / 256 + i], -1);
            owner[offset / 256 + i] = step;
          }
          held.push({ offset, length: action.take });
        } else if (held.length > 0) {
          const [{ offset, length } = { offset: 0, length: 0 }] = held.splice(action.give % held.length, 1);
          ranges.free(offset, length);
          owner.fill(-1, offset / 256, offset / 256 + Math.max(1, Math.ceil(length / 256)));
        }
        assert.equal(ranges.freeBytes, owner.filter((value) => value === -1).length * 256);
      }
      for (const { offset, length } of held) ranges.free(offset, length);
      assert.ok(ranges.isEmpty);
      assert.equal(ranges.allocate(16_384), 0);
    }),
  );
});

function longestFree(owner: Int32Array): number {
  let longest = 0;
  let run = 0;
  for (const value of owner) {
    run = value === -1 ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  return longest;
}
