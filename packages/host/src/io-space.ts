import { PAGE_BYTES } from '@dxgwire/transport';

/**
 * The IO space: where the guest placed the device window in its own physical memory. Every address that the host
 * returns for CPU access is absolute in it; the guest decides where it starts (SetIoSpaceRegion).
 */
export class IoSpace {
  readonly windowBytes: number;
  #start: bigint | null = null;

  /** @param windowBytes size of the device window, bytes. */
  constructor(windowBytes: number) {
    this.windowBytes = windowBytes;
  }

  get isPlaced(): boolean {
    return this.#start !== null;
  }

  /**
   * @returns false for a place that is not page aligned, not as long as the window that was offered, or runs past
   *   the end of what a guest can address (2^52 bytes).
   */
  canPlace(start: bigint, length: bigint): boolean {
    const pageMask = BigInt(PAGE_BYTES - 1);
    if ((start & pageMask) !== 0n || start === 0n) return false;
    return length >= BigInt(this.windowBytes) && start + length <= 1n << 52n;
  }

  /** Takes the guest's placement, which {@link canPlace} found right. */
  place(start: bigint): void {
    this.#start = start;
  }

  /** The channel is gone; the next guest driver places it anew. */
  reset(): void {
    this.#start = null;
  }

  /** Guest-physical address of a byte of the window; 0 while the guest has not placed it. */
  addressOf(windowOffset: number): bigint {
    return this.#start === null ? 0n : this.#start + BigInt(windowOffset);
  }
}
