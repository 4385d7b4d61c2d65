import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isTransportError } from './errors.ts';
import { PageAllocator } from './page-allocator.ts';
import { PAGE_BYTES, type PageRange } from './transport.ts';

describe('page allocator', () => {
  it('never hands out a page twice and always gets all of them back', () => {
    const pages = 64;
    const base = 0x1_0000_0000;
    fc.assert(
      fc.property(
        fc.array(fc.record({ size: fc.integer({ min: 1, max: 20 }), free: fc.nat(3) })),
        (steps) => {
          const allocator = new PageAllocator(base, pages * PAGE_BYTES);
          const held: PageRange[] = [];
          const owned = new Set<number>();
          for (const { size, free } of steps) {
            if (free > 0 && held.length > 0) {
              const [range] = held.splice(free % held.length, 1);
              for (let at = 0; at < range!.length; at += PAGE_BYTES) owned.delete(range!.address + at);
              allocator.free(range!);
            }
            try {
              const { range } = allocator.allocate(size * PAGE_BYTES - 1);
              assert.equal(range.length, size * PAGE_BYTES);
              assert.ok(range.address >= base && range.address + range.length <= base + pages * PAGE_BYTES);
              for (let at = 0; at < range.length; at += PAGE_BYTES) {
                assert.ok(!owned.has(range.address + at));
                owned.add(range.address + at);
              }
              held.push(range);
            } catch (error) {
              assert.ok(isTransportError(error) && error.code === 'no-memory');
            }
            assert.equal(allocator.freeBytes, (pages - owned.size) * PAGE_BYTES);
          }
          for (const range of held) allocator.free(range);
          assert.equal(allocator.allocate(pages * PAGE_BYTES).range.address, base);
        },
      ),
    );
  });

  it('says how much of a range was in use before', () => {
    const allocator = new PageAllocator(0, 8 * PAGE_BYTES);
    const first = allocator.allocate(2 * PAGE_BYTES);
    assert.equal(first.usedBytes, 0);
    allocator.free(first.range);
    assert.equal(allocator.allocate(3 * PAGE_BYTES).usedBytes, 2 * PAGE_BYTES);
  });
});
