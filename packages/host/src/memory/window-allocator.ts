import { type HostWindow, PAGE_BYTES } from '@dxgwire/transport';
import type { HostClock } from '../scheduler/clock.ts';

/** Locks get whole granules, and fence pages are cut from granules. */
export const WINDOW_GRANULE_BYTES = 65_536;
const PAGES_PER_GRANULE = WINDOW_GRANULE_BYTES / PAGE_BYTES;

export interface WindowAllocatorOptions {
  readonly window: HostWindow;
  readonly clock: HostClock;
  /** How long a page that a process may still have mapped is kept from other processes, milliseconds (10,000). */
  readonly quarantineMs?: number;
}

interface Extent {
  start: number;
  granules: number;
}

interface Block {
  readonly start: number;
  readonly granules: number;
  readonly owner: OwnerRecord;
}

interface RetiredPage {
  readonly offset: number;
  readonly owner: OwnerRecord;
  readonly sinceMs: number;
  reused: boolean;
}

interface RetiredBlock {
  readonly block: Block;
  readonly sinceMs: number;
}

interface OwnerRecord {
  readonly pages: Set<number>;
  readonly blocks: Set<Block>;
  readonly retiredPages: RetiredPage[];
}

/**
 * Allots places in the device window, the host memory that guests map. Offsets count from the window's start.
 *
 * - The last page is never handed out: the driver refuses a block that ends at the end of the IO space.
 * - A fence has a page of its own, since the driver drops the low 12 bits of its address.
 * - The driver unmaps some pages only after it was told that the object is gone. Such pages go through a queue and
 *   return to their own process first, to others after a quarantine or after the process has ended.
 */
export class WindowAllocator {
  readonly #window: HostWindow;
  readonly #clock: HostClock;
  readonly #quarantineMs: number;
  /** Free granules, sorted by start, never adjacent. */
  readonly #extents: Extent[];
  readonly #granuleCount: number;
  /** Offsets of free fence pages, by granule. */
  readonly #freePages = new Map<number, number[]>();
  readonly #blocks = new Map<number, Block>();
  readonly #owners = new Map<object, OwnerRecord>();
  #retiredPages: RetiredPage[] = [];
  #retiredBlocks: RetiredBlock[] = [];
  /** At this length the queue is rid of pages that were used again. */
  #sweepAt = 64;

  constructor(options: WindowAllocatorOptions) {
    this.#window = options.window;
    this.#clock = options.clock;
    this.#quarantineMs = options.quarantineMs ?? 10_000;
    const usableBytes = Math.max(0, options.window.lengthBytes - PAGE_BYTES);
    this.#granuleCount = Math.floor(usableBytes / WINDOW_GRANULE_BYTES);
    this.#extents = this.#granuleCount > 0 ? [{ start: 0, granules: this.#granuleCount }] : [];
    // What is left of the last granule still holds fence pages; it never becomes a granule again.
    const tail: number[] = [];
    for (let offset = this.#granuleCount * WINDOW_GRANULE_BYTES; offset + PAGE_BYTES <= usableBytes; ) {
      tail.push(offset);
      offset += PAGE_BYTES;
    }
    if (tail.length > 0) this.#freePages.set(this.#granuleCount, tail.reverse());
  }

  /**
   * Allots one page for a fence, zeroed and published.
   *
   * @param owner the guest process that will map it.
   * @returns its offset, -1 when the window is full.
   */
  allocatePage(owner: object): number {
    const record = this.#recordOf(owner);
    const offset = this.#takePage(record);
    if (offset < 0) {
      this.#dropEmptyRecord(owner, record);
      return -1;
    }
    record.pages.add(offset);
    this.#window.bytes.fill(0, offset, offset + PAGE_BYTES);
    this.#window.publish(offset, PAGE_BYTES);
    return offset;
  }

  /**
   * Takes a fence page back.
   *
   * @param guestUnmapped true when the guest is known to have no mapping of it any more.
   */
  freePage(offset: number, owner: object, guestUnmapped = false): void {
    const record = this.#owners.get(owner);
    if (record === undefined || !record.pages.delete(offset)) return;
    if (guestUnmapped) {
      this.#returnPage(offset);
      this.#dropEmptyRecord(owner, record);
      return;
    }
    const retired: RetiredPage = { offset, owner: record, sinceMs: this.#clock.nowMs(), reused: false };
    record.retiredPages.push(retired);
    this.#retiredPages.push(retired);
    if (this.#retiredPages.length > this.#sweepAt) {
      this.#retiredPages = this.#retiredPages.filter((other) => !other.reused);
      this.#sweepAt = Math.max(64, 2 * this.#retiredPages.length);
    }
  }

  /** Allots a block for a lock. @returns its offset, -1 when the window has no such room. */
  allocateBlock(lengthBytes: number, owner: object): number {
    const granules = Math.ceil(lengthBytes / WINDOW_GRANULE_BYTES);
    if (granules < 1 || granules > this.#granuleCount) return -1;
    let start = this.#takeGranules(granules);
    if (start < 0) {
      this.#releaseExpired();
      start = this.#takeGranules(granules);
      if (start < 0) return -1;
    }
    const record = this.#recordOf(owner);
    const block: Block = { start, granules, owner: record };
    record.blocks.add(block);
    this.#blocks.set(start * WINDOW_GRANULE_BYTES, block);
    return start * WINDOW_GRANULE_BYTES;
  }

  /** Takes a block back. @param guestUnmapped as for {@link freePage}. */
  freeBlock(offset: number, guestUnmapped: boolean): void {
    const block = this.#blocks.get(offset);
    if (block === undefined) return;
    this.#blocks.delete(offset);
    block.owner.blocks.delete(block);
    if (guestUnmapped) this.#giveGranules(block.start, block.granules);
    else this.#retiredBlocks.push({ block, sinceMs: this.#clock.nowMs() });
  }

  /**
   * A guest process is gone, and its mappings with it: its pages are free, and so are its blocks that were given back.
   * A block that is still in use stays: another process may have locked the same memory.
   */
  releaseOwner(owner: object): void {
    const record = this.#owners.get(owner);
    if (record === undefined) return;
    this.#owners.delete(owner);
    for (const offset of record.pages) this.#returnPage(offset);
    for (const retired of record.retiredPages) this.#returnPage(retired.offset);
    this.#retiredPages = this.#retiredPages.filter((retired) => retired.owner !== record);
    const stillRetired: RetiredBlock[] = [];
    for (const retired of this.#retiredBlocks) {
      if (retired.block.owner === record) this.#giveGranules(retired.block.start, retired.block.granules);
      else stillRetired.push(retired);
    }
    this.#retiredBlocks = stillRetired;
  }

  census(): { pages: number; blocks: number; retired: number } {
    let pages = 0;
    let retired = this.#retiredBlocks.length;
    for (const record of this.#owners.values()) {
      pages += record.pages.size;
      retired += record.retiredPages.length;
    }
    return { pages, blocks: this.#blocks.size, retired };
  }

  #recordOf(owner: object): OwnerRecord {
    let record = this.#owners.get(owner);
    if (record === undefined) {
      record = { pages: new Set(), blocks: new Set(), retiredPages: [] };
      this.#owners.set(owner, record);
    }
    return record;
  }

  #dropEmptyRecord(owner: object, record: OwnerRecord): void {
    if (record.pages.size + record.blocks.size + record.retiredPages.length === 0) this.#owners.delete(owner);
  }

  #takePage(record: OwnerRecord): number {
    const own = record.retiredPages.shift();
    if (own !== undefined) {
      own.reused = true;
      return own.offset;
    }
    let offset = this.#takeFreePage();
    if (offset >= 0) return offset;
    this.#releaseExpired();
    offset = this.#takeFreePage();
    if (offset >= 0) return offset;
    const start = this.#takeGranules(1);
    if (start < 0) return -1;
    const pages: number[] = [];
    for (let i = PAGES_PER_GRANULE - 1; i >= 0; i -= 1) {
      pages.push(start * WINDOW_GRANULE_BYTES + i * PAGE_BYTES);
    }
    this.#freePages.set(start, pages);
    return this.#takeFreePage();
  }

  #takeFreePage(): number {
    for (const [granule, pages] of this.#freePages) {
      const offset = pages.pop()!;
      if (pages.length === 0) this.#freePages.delete(granule);
      return offset;
    }
    return -1;
  }

  #returnPage(offset: number): void {
    const granule = Math.floor(offset / WINDOW_GRANULE_BYTES);
    const pages = this.#freePages.get(granule);
    if (pages === undefined) {
      this.#freePages.set(granule, [offset]);
      return;
    }
    pages.push(offset);
    if (pages.length < PAGES_PER_GRANULE || granule === this.#granuleCount) return;
    this.#freePages.delete(granule);
    this.#giveGranules(granule, 1);
  }

  /** Frees what has been in quarantine for long enough. */
  #releaseExpired(): void {
    const oldestMs = this.#clock.nowMs() - this.#quarantineMs;
    let kept = 0;
    for (const retired of this.#retiredPages) {
      if (retired.reused) {
        kept += 1;
        continue;
      }
      if (retired.sinceMs > oldestMs) break;
      kept += 1;
      retired.owner.retiredPages.splice(retired.owner.retiredPages.indexOf(retired), 1);
      this.#returnPage(retired.offset);
    }
    this.#retiredPages.splice(0, kept);
    let blocks = 0;
    for (const retired of this.#retiredBlocks) {
      if (retired.sinceMs > oldestMs) break;
      blocks += 1;
      this.#giveGranules(retired.block.start, retired.block.granules);
    }
    this.#retiredBlocks.splice(0, blocks);
  }

  #takeGranules(granules: number): number {
    for (let i = 0; i < this.#extents.length; i += 1) {
      const extent = this.#extents[i]!;
      if (extent.granules < granules) continue;
      const { start } = extent;
      extent.start += granules;
      extent.granules -= granules;
      if (extent.granules === 0) this.#extents.splice(i, 1);
      return start;
    }
    return -1;
  }

  #giveGranules(start: number, granules: number): void {
    let index = 0;
    while (index < this.#extents.length && this.#extents[index]!.start < start) index += 1;
    const before = this.#extents[index - 1];
    const after = this.#extents[index];
    const joinsBefore = before !== undefined && before.start + before.granules === start;
    const joinsAfter = after !== undefined && start + granules === after.start;
    if (joinsBefore) {
      before.granules += granules;
      if (!joinsAfter) return;
      before.granules += after.granules;
      this.#extents.splice(index, 1);
    } else if (joinsAfter) {
      after.start = start;
      after.granules += granules;
    } else {
      this.#extents.splice(index, 0, { start, granules });
    }
  }
}
