import type { GuestWindow } from '@dxgwire/transport';
import type { FenceView } from './types/common.ts';

const PAGE_BYTES = 4096;
/** The driver's mapping length is a 32-bit quantity. */
const MAX_MAPPING_BYTES = 0xffffffff;

/**
 * The IO space: the guest-physical range at which the guest placed the device window. Hosts name places in it by
 * absolute addresses; a mapping always begins at a page, so the low 12 bits of an address are dropped.
 */
export class IoSpace {
  readonly base: bigint;
  readonly sizeBytes: bigint;
  private readonly window: GuestWindow;

  constructor(base: bigint, sizeBytes: bigint, window: GuestWindow) {
    this.base = base;
    this.sizeBytes = sizeBytes;
    this.window = window;
  }

  /** A fence page, or null when the address is not one the driver maps. */
  mapFence(address: bigint): FenceView | null {
    const offset = this.offsetOf(address, PAGE_BYTES);
    return offset === null ? null : new WindowFenceView(this.window, offset);
  }

  /** The bytes of an allocation of so many pages, or null when the driver would not map them. */
  mapPages(address: bigint, pageCount: number): WindowMapping | null {
    const length = pageCount * PAGE_BYTES;
    if (length === 0 || length > MAX_MAPPING_BYTES) return null;
    const offset = this.offsetOf(address, length);
    return offset === null ? null : new WindowMapping(this.window, offset, length);
  }

  /** The range must end strictly before the last page of the space. */
  private offsetOf(address: bigint, length: number): number | null {
    const size = BigInt(length);
    const end = this.base + this.sizeBytes;
    if (address < this.base || size > this.sizeBytes || address >= end - size) return null;
    const offset = Number((address - this.base) & ~0xfffn);
    return offset + length <= this.window.lengthBytes ? offset : null;
  }
}

class WindowFenceView implements FenceView {
  readonly offset: number;
  private readonly window: GuestWindow;

  constructor(window: GuestWindow, offset: number) {
    this.window = window;
    this.offset = offset;
  }

  value(): bigint {
    return this.window.loadU64(this.offset);
  }
}

/** A mapped part of the window. */
export class WindowMapping {
  readonly data: Uint8Array;
  readonly offset: number;
  private readonly window: GuestWindow;

  constructor(window: GuestWindow, offset: number, length: number) {
    this.window = window;
    this.offset = offset;
    this.data = window.view(offset, length);
  }

  overlaps(other: WindowMapping): boolean {
    return this.offset < other.offset + other.data.length && other.offset < this.offset + this.data.length;
  }

  flush(offset: number, length: number): void {
    this.window.flush(this.offset + offset, length);
  }
}
