import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FrameDecoder } from '../link/frame-decoder.ts';
import { lineMark, MARK_BYTES, MarkFinder } from './line-mark.ts';

/** Bytes that look like the beginning of a mark more often than chance has it. */
const noise = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.nat(MARK_BYTES - 1).map((length) => lineMark().subarray(0, length)),
    ),
    { maxLength: 4 },
  )
  .map((parts) => Buffer.concat(parts));

describe('the mark of a line', () => {
  it('is found wherever it lies, however it is split', () => {
    fc.assert(
      fc.property(
        fc.array(noise, { minLength: 1, maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 1, maxLength: 20 }),
        (parts, sizes) => {
          const mark = Buffer.from(lineMark());
          const whole = Buffer.concat(parts.flatMap((part, i) => (i === 0 ? [part] : [mark, part])));
          const expected: number[] = [];
          for (let at = whole.indexOf(mark); at >= 0; at = whole.indexOf(mark, at + MARK_BYTES)) {
            expected.push(at + MARK_BYTES);
          }
          const finder = new MarkFinder();
          const found: number[] = [];
          for (let at = 0, i = 0; at < whole.length; i += 1) {
            const end = Math.min(whole.length, at + sizes[i % sizes.length]!);
            for (let from = at; ; ) {
              const behind = finder.find(whole.subarray(from, end));
              if (behind < 0) break;
              from += behind;
              found.push(from);
            }
            at = end;
          }
          assert.deepEqual(found, expected);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('is a frame that a host which does not look for it ignores', () => {
    const kinds: number[] = [];
    new FrameDecoder((_channel, kind) => kinds.push(kind)).push(lineMark());
    assert.deepEqual(kinds, [6]);
  });
});
