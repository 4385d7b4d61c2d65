import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeWindow } from '../model/fake-bus.ts';
import { FakeClock } from '../scheduler/fake-clock.ts';
import { WindowAllocator } from './window-allocator.ts';

const PAGE = 4096;
const GRANULE = 65_536;

function setUp(windowBytes: number) {
  const clock = new FakeClock();
  const window = new FakeWindow(windowBytes);
  return { clock, window, allocator: new WindowAllocator({ window, clock, quarantineMs: 100 }) };
}

describe('the window allocator', () => {
  it('hands out every page but the last', () => {
    const { allocator } = setUp(2 * GRANULE);
    const owner = {};
    const pages = new Set<number>();
    for (let offset = allocator.allocatePage(owner); offset >= 0; offset = allocator.allocatePage(owner)) {
      pages.add(offset);
    }
    assert.equal(pages.size, 31);
    assert.equal(pages.has(2 * GRANULE - PAGE), false);
    assert.deepEqual(allocator.census(), { pages: 31, blocks: 0, retired: 0 });
  });

  it('clears a page before it is used again', () => {
    const { allocator, window } = setUp(GRANULE);
    const owner = {};
    const offset = allocator.allocatePage(owner);
    window.bytes.fill(0xff, offset, offset + PAGE);
    allocator.freePage(offset, owner);
    assert.equal(allocator.allocatePage(owner), offset);
    assert.equal(window.bytes[offset], 0);
  });

  it('returns retired pages to their own process first, to others after a while or its end', () => {
    const { allocator, clock } = setUp(2 * PAGE + PAGE);
    const [a, b] = [{}, {}];
    const first = allocator.allocatePage(a);
    const second = allocator.allocatePage(a);
    assert.equal(allocator.allocatePage(b), -1);
    allocator.freePage(first, a);
    assert.equal(allocator.allocatePage(b), -1);
    assert.equal(allocator.allocatePage(a), first);
    allocator.freePage(first, a);
    clock.advance(100);
    assert.equal(allocator.allocatePage(b), first);
    allocator.freePage(second, a);
    allocator.releaseOwner(a);
    assert.equal(allocator.allocatePage(b), second);
    allocator.freePage(second, b, true);
    assert.equal(allocator.allocatePage({}), second);
  });

  it('joins freed blocks, and granules of fence pages', () => {
    const { allocator } = setUp(4 * GRANULE + PAGE);
    const owner = {};
    const blocks = [1, 2, 3].map(() => allocator.allocateBlock(GRANULE, owner));
    assert.deepEqual(blocks, [0, GRANULE, 2 * GRANULE]);
    const page = allocator.allocatePage(owner);
    assert.equal(allocator.allocateBlock(GRANULE, owner), -1);
    allocator.freePage(page, owner, true);
    for (const offset of [blocks[1]!, blocks[0]!, blocks[2]!]) allocator.freeBlock(offset, true);
    assert.equal(allocator.allocateBlock(4 * GRANULE, owner), 0);
    assert.equal(allocator.allocateBlock(1, owner), -1);
  });

  it('does not grow with the number of fences that came and went', () => {
    const { allocator } = setUp(GRANULE);
    const owner = {};
    for (let i = 0; i < 10_000; i += 1) allocator.freePage(allocator.allocatePage(owner), owner);
    assert.deepEqual(allocator.census(), { pages: 0, blocks: 0, retired: 1 });
  });
});
