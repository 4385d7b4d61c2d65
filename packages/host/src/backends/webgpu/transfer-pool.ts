import type { SharedRegion, SharedRegionAllocator } from '../../shared-region.ts';

/** Shared memory by which bytes cross to the GPU process that it cannot reach where they lie. */
export interface Transfer {
  readonly bytes: Uint8Array;
  readonly path: string;
  readonly offset: number;
  /** Gives the memory back, once the GPU process is done with it. */
  release(): void;
}

/** Shorter pieces go in the frame itself, bytes. */
export const MIN_TRANSFER_BYTES = 16_384;

/** Memory that is kept for the next transfers, bytes. */
const MAX_IDLE_BYTES = 64 << 20;

/** Regions of shared memory, used again and again: their pages and the GPU process's mapping of them stay. */
export class TransferPool {
  private readonly allocateRegion: SharedRegionAllocator;
  private readonly onFreed: (path: string) => void;
  /** Idle regions by size. */
  private readonly idle = new Map<number, SharedRegion[]>();
  private idleBytes = 0;
  private closed = false;

  /** @param onFreed is told before a region's file goes away. */
  constructor(allocateRegion: SharedRegionAllocator, onFreed: (path: string) => void) {
    this.allocateRegion = allocateRegion;
    this.onFreed = onFreed;
  }

  acquire(lengthBytes: number): Transfer {
    const sizeBytes = 2 ** Math.ceil(Math.log2(Math.max(lengthBytes, MIN_TRANSFER_BYTES)));
    const known = this.idle.get(sizeBytes)?.pop();
    if (known !== undefined) this.idleBytes -= sizeBytes;
    const region = known ?? this.allocateRegion(sizeBytes);
    let released = false;
    return {
      bytes: region.bytes.subarray(0, lengthBytes),
      path: region.path,
      offset: region.offset,
      release: () => {
        if (!released) this.giveBack(region, sizeBytes);
        released = true;
      },
    };
  }

  close(): void {
    this.closed = true;
    for (const regions of this.idle.values()) for (const region of regions) this.free(region);
    this.idle.clear();
  }

  private giveBack(region: SharedRegion, sizeBytes: number): void {
    if (this.closed || this.idleBytes + sizeBytes > MAX_IDLE_BYTES) {
      this.free(region);
      return;
    }
    this.idleBytes += sizeBytes;
    const regions = this.idle.get(sizeBytes);
    if (regions === undefined) this.idle.set(sizeBytes, [region]);
    else regions.push(region);
  }

  private free(region: SharedRegion): void {
    this.onFreed(region.path);
    region.free();
  }
}
