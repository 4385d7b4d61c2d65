import type { GuestMemoryBlock, Loan } from '@dxgwire/transport';
import { RangeAllocator } from './range-allocator.ts';

/** Regions begin and end at multiples of this, so that no two share a cache line or a GPU's access granule. */
const GRANULE_BYTES = 256;

/** Size of the first block, and the least that the heap grows by. */
const BLOCK_BYTES = 16 * 1024 * 1024;

/** No block is made larger than this for the sake of later regions. */
const GROWTH_BYTES = 64 * 1024 * 1024;

/** Empty blocks are kept for reuse up to this much: those that were used last. */
const SPARE_BYTES = 80 * 1024 * 1024;

/** Mapped ranges of at least this are lent where that can be; smaller ones are copied, which costs less. Bytes. */
export const LENT_BYTES = 65_536;

/** Guest memory that the host can reach at a GPU virtual address. */
export interface StagingBlock {
  readonly memory: Pick<GuestMemoryBlock, 'bytes' | 'flush' | 'length' | 'lend' | 'write'>;
  readonly gpuVa: bigint;
  /** Gives the memory back, to the host first. */
  dispose(): void;
}

/** A piece of a staging block. */
export class StagingRegion {
  /** See {@link StagingHeap.pin}. */
  isPinned = false;
  /** See {@link StagingHeap.hold}. */
  isHeld = false;
  readonly block: StagingBlock;
  readonly offset: number;
  readonly lengthBytes: number;
  readonly gpuVaLow: number;
  readonly gpuVaHigh: number;

  constructor(block: StagingBlock, offset: number, lengthBytes: number) {
    this.block = block;
    this.offset = offset;
    this.lengthBytes = lengthBytes;
    const address = block.gpuVa + BigInt(offset);
    this.gpuVaLow = Number(address & 0xffff_ffffn);
    this.gpuVaHigh = Number(address >> 32n);
  }

  /** Makes the host see bytes at the start of the region. */
  write(source: Uint8Array): void {
    this.block.memory.write(this.offset, source);
  }

  /** Bytes from `offset` on, as the host wrote them; a view. What is changed there the host is told of by {@link flush}. */
  view(offset: number, lengthBytes: number): Uint8Array {
    return this.block.memory.bytes.subarray(this.offset + offset, this.offset + offset + lengthBytes);
  }

  flush(offset: number, lengthBytes: number): void {
    this.block.memory.flush(this.offset + offset, lengthBytes);
  }

  /** True where programs can be lent the memory itself. */
  get isLendable(): boolean {
    return this.block.memory.lend !== undefined;
  }

  /** Lends bytes to the program; null where that cannot be. */
  lend(offset: number, lengthBytes: number): Loan | null {
    return this.block.memory.lend?.(this.offset + offset, lengthBytes) ?? null;
  }

  /** A part of it, with the address of its own. */
  part(offset: number, lengthBytes: number): StagingRegion {
    return new StagingRegion(this.block, this.offset + offset, lengthBytes);
  }
}

interface HeapBlock {
  readonly block: StagingBlock;
  readonly ranges: RangeAllocator;
  /** Order in which blocks last gave a region back. */
  lastUse: number;
  /** Regions in it that are pinned. */
  pinned: number;
  /** Regions in it that the program reads. */
  held: number;
}

function couldHold({ ranges, pinned }: HeapBlock, lengthBytes: number): boolean {
  return pinned === 0 && ranges.lengthBytes >= lengthBytes;
}

export interface StagingOptions {
  /** Makes a block, or resolves to null when guest or host refuse. */
  readonly createBlock: (lengthBytes: number) => Promise<StagingBlock | null>;
  /** The heap does not grow beyond this, except for a region that is larger, or where the program reads what is there. Bytes. */
  readonly limitBytes: number;
}

/**
 * Memory that both sides see, through which bulk data travels: one or more blocks, handed out in regions.
 * A region that the GPU reads is given back when the fence of the submission that uses it has passed.
 */
export class StagingHeap {
  private readonly blocks: HeapBlock[] = [];
  /** Regions that go back when their fence has passed, in order of their fences. */
  private readonly retired: { readonly region: StagingRegion; readonly fence: number }[] = [];
  private readonly options: StagingOptions;
  private growing: Promise<void> | null = null;
  private refused = false;
  private closed = false;
  private uses = 0;

  constructor(options: StagingOptions) {
    this.options = options;
  }

  /** Bytes of all blocks. */
  get totalBytes(): number {
    return this.blocks.reduce((sum, { block }) => sum + block.memory.length, 0);
  }

  /** The fence that gives back the next region, or -1 when none is waited for. */
  get nextFence(): number {
    return this.retired.length === 0 ? -1 : this.retired[0]!.fence;
  }

  /** True when the host or the guest's memory refused to give any block at all. */
  get isUnavailable(): boolean {
    return this.refused && this.blocks.length === 0;
  }

  /** Takes a region, or gives null when none is free: then `reclaim`, `grow`, or wait. */
  allocate(lengthBytes: number): StagingRegion | null {
    for (const { block, ranges } of this.blocks) {
      const offset = ranges.allocate(lengthBytes);
      if (offset >= 0) return new StagingRegion(block, offset, lengthBytes);
    }
    return null;
  }

  /** Says that the program has a region for as long as it likes: nobody may wait for it. Until it is freed or unpinned. */
  pin(region: StagingRegion): void {
    this.setPinned(region, true);
  }

  unpin(region: StagingRegion): void {
    this.setPinned(region, false);
  }

  /**
   * Says that the program reads what is in a region: it may let go of it soon, or only when it has others beside it, so that
   * nobody should wait for it who can have other memory. Until it is freed.
   */
  hold(region: StagingRegion): void {
    const owner = this.blocks.find(({ block }) => block === region.block);
    if (owner === undefined || region.isHeld) return;
    region.isHeld = true;
    owner.held += 1;
  }

  private setPinned(region: StagingRegion, isPinned: boolean): void {
    const owner = this.blocks.find(({ block }) => block === region.block);
    if (owner === undefined || region.isPinned === isPinned) return;
    region.isPinned = isPinned;
    owner.pinned += isPinned ? 1 : -1;
  }

  /** Gives a region back at once. */
  free(region: StagingRegion): void {
    const owner = this.blocks.find(({ block }) => block === region.block);
    if (owner === undefined) return;
    this.unpin(region);
    if (region.isHeld) owner.held -= 1;
    region.isHeld = false;
    owner.ranges.free(region.offset, region.lengthBytes);
    this.uses += 1;
    owner.lastUse = this.uses;
    if (owner.ranges.isEmpty) this.trim();
  }

  /**
   * Gives back empty blocks: what is too large to be kept, then those that have rested longest. So a program that repeats
   * what it did finds its memory again.
   */
  private trim(): void {
    const { blocks } = this;
    while (this.totalBytes > SPARE_BYTES) {
      // The last one cannot be replaced where the host has refused another.
      if (this.refused && blocks.length === 1) return;
      const empty = blocks.filter(({ ranges }) => ranges.isEmpty);
      if (empty.length === 0) return;
      const goesFirst = (one: HeapBlock): number =>
        one.block.memory.length > SPARE_BYTES ? -one.block.memory.length : one.lastUse;
      const gone = empty.reduce((first, other) => (goesFirst(other) < goesFirst(first) ? other : first));
      blocks.splice(blocks.indexOf(gone), 1);
      gone.block.dispose();
    }
  }

  /** Gives a region back when `fence` has passed. Fences must not decrease from call to call. */
  retire(region: StagingRegion, fence: number): void {
    this.retired.push({ region, fence });
  }

  /** Takes back what the fence value `completed` allows. @returns true when that was anything. */
  reclaim(completed: number): boolean {
    let count = 0;
    while (count < this.retired.length && this.retired[count]!.fence <= completed) count += 1;
    if (count === 0) return false;
    for (const { region } of this.retired.splice(0, count)) this.free(region);
    return true;
  }

  /** True when a region of this length can be had by growing. */
  canGrow(lengthBytes: number): boolean {
    if (this.refused || this.closed) return false;
    if (this.totalBytes + BLOCK_BYTES <= this.options.limitBytes) return true;
    return !this.blocks.some((each) => each.held === 0 && couldHold(each, lengthBytes));
  }

  /** True when some block could hold a region of this length if it were empty, which it will be. */
  couldHold(lengthBytes: number): boolean {
    return this.blocks.some((each) => couldHold(each, lengthBytes));
  }

  /** Adds a block with room for a region of this length. Resolves when that was done or refused. */
  grow(lengthBytes: number): Promise<void> {
    this.growing ??= this.addBlock(lengthBytes).finally(() => {
      this.growing = null;
    });
    return this.growing;
  }

  /** Gives everything back. Regions that are still held die with it. */
  close(): void {
    this.closed = true;
    this.retired.length = 0;
    for (const { block } of this.blocks.splice(0)) block.dispose();
  }

  private async addBlock(lengthBytes: number): Promise<void> {
    const { totalBytes } = this;
    // Up to what is kept: with more, blocks went that the next round of the same would need again.
    const step = totalBytes < SPARE_BYTES ? Math.min(totalBytes, SPARE_BYTES - totalBytes) : totalBytes;
    const wanted = Math.max(lengthBytes, Math.min(step, GROWTH_BYTES), BLOCK_BYTES);
    const rounded = Math.ceil(wanted / 65_536) * 65_536;
    const block = await this.options.createBlock(rounded);
    if (block === null) {
      this.refused = true;
    } else if (this.closed) {
      block.dispose();
    } else {
      const ranges = new RangeAllocator(block.memory.length, GRANULE_BYTES);
      this.uses += 1;
      this.blocks.push({ block, ranges, lastUse: this.uses, pinned: 0, held: 0 });
    }
  }
}
