import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PacketQueue } from './packet-queue.ts';

describe('packet queue', () => {
  it('gives back what was put in, in order', () => {
    const step = fc.record({ push: fc.nat(4), shift: fc.nat(4), length: fc.nat(70_000) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new PacketQueue();
        const expected: { id: number; length: number }[] = [];
        const bytes = new Uint8Array(70_001);
        let id = 0;
        for (const { push, shift, length } of steps) {
          for (let i = 0; i < push; i += 1) {
            id += 1;
            bytes[1] = id;
            bytes[length] = id;
            queue.push(i % 2 === 0 ? 6 : 11, id, ~id >>> 0, i & 1, bytes, 1, length);
            expected.push({ id, length });
          }
          for (let i = 0; i < shift && queue.count > 0; i += 1) {
            const head = expected.shift()!;
            assert.equal(queue.headIdLow, head.id);
            assert.equal(queue.headIdHigh, ~head.id >>> 0);
            assert.equal(queue.headLength, head.length);
            if (head.length > 0) {
              assert.equal(queue.headBytes[queue.headOffset], head.id & 0xff);
              assert.equal(queue.headBytes[queue.headOffset + head.length - 1], head.id & 0xff);
            }
            queue.shift();
          }
          assert.equal(queue.count, expected.length);
        }
        queue.clear();
        assert.equal(queue.count, 0);
        assert.equal(queue.lengthBytes, 0);
      }),
      { numRuns: 50 },
    );
  });
});
