import type { DeviceKernel } from './kernel.ts';
import type { Outbox } from './outbox.ts';
import { LENT_BYTES, type StagingHeap, StagingRegion } from './staging.ts';

/** Contents larger than this have memory of the program's own, bytes: not all programs map such a buffer again. */
const MOST_BYTES = 64 << 20;

/** What is needed of the device. */
export interface WrittenMemoryOwner {
  readonly kernel: Pick<DeviceKernel, 'createStagingBlock' | 'whenCompleted'>;
  readonly heap: StagingHeap;
  readonly outbox: Outbox;
  readonly lost: object | null;
  expectDownload(lengthBytes: number): void;
}

/**
 * Memory that both sides see for what programs write into mapped buffers. They are lent it, so that nothing is copied on this
 * side. A buffer that is mapped once, at its creation, has a region of the staging heap meanwhile; one that can be mapped again
 * and again has a block of its own, for what waits for room in the heap must not wait for that.
 */
export class WrittenMemory {
  private readonly owner: WrittenMemoryOwner;
  private readonly limitBytes: number;
  private usedBytes = 0;
  /** False when it was seen that this link's memory cannot be lent. */
  private isLendable = true;

  /** @param limitBytes most that programs have at a time. */
  constructor(owner: WrittenMemoryOwner, limitBytes: number) {
    this.owner = owner;
    this.limitBytes = limitBytes;
  }

  /** A region with anything in it, or null when there is none, or none now. It goes back by {@link sent} or {@link unused}. */
  take(lengthBytes: number): StagingRegion | null {
    if (!this.isWorthwhile(lengthBytes)) return null;
    const { outbox, heap } = this.owner;
    // What waits for room comes first.
    const region = outbox.isBlocked ? null : outbox.take(lengthBytes);
    if (region === null) {
      this.owner.expectDownload(lengthBytes);
      return null;
    }
    if (!this.check(region)) {
      heap.free(region);
      return null;
    }
    heap.pin(region);
    this.usedBytes += lengthBytes;
    return region;
  }

  /** Records that read it were written: it is free when they are done. */
  sent(region: StagingRegion): void {
    this.usedBytes -= region.lengthBytes;
    this.owner.outbox.retire(region);
  }

  /** No record reads it. */
  unused(region: StagingRegion): void {
    this.usedBytes -= region.lengthBytes;
    this.owner.heap.free(region);
    if (this.owner.outbox.isBlocked) this.owner.outbox.drain();
  }

  /** A zeroed region that a buffer keeps until {@link closeStore}, or null. */
  async openStore(lengthBytes: number): Promise<StagingRegion | null> {
    if (!this.isWorthwhile(lengthBytes)) return null;
    this.usedBytes += lengthBytes;
    const block = await this.owner.kernel.createStagingBlock(lengthBytes);
    const region = block === null ? null : new StagingRegion(block, 0, lengthBytes);
    if (region !== null && this.check(region) && this.owner.lost === null) return region;
    this.usedBytes -= lengthBytes;
    block?.dispose();
    return null;
  }

  /** Gives a store back when all that was recorded so far is done: the host may still have to read it. */
  closeStore(store: StagingRegion): void {
    const { kernel, outbox } = this.owner;
    outbox.afterSubmission(() => {
      kernel.whenCompleted(outbox.lastFence, () => {
        this.usedBytes -= store.lengthBytes;
        store.block.dispose();
      });
    });
  }

  private isWorthwhile(lengthBytes: number): boolean {
    if (!this.isLendable || this.owner.lost !== null) return false;
    const isInLimits = lengthBytes >= LENT_BYTES && lengthBytes <= MOST_BYTES;
    return isInLimits && this.usedBytes + lengthBytes <= this.limitBytes;
  }

  private check(region: StagingRegion): boolean {
    this.isLendable = region.isLendable;
    return this.isLendable;
  }
}
