import { TransportError } from './errors.ts';
import { PAGE_BYTES } from './transport.ts';

const MEBIBYTE = 1_048_576;

export const DEFAULT_GUEST_MEMORY_BYTES = 256 * MEBIBYTE;
export const DEFAULT_WINDOW_MEGABYTES = 64;
/** The largest device window: no typed array of Node 20 is longer, and a guest need not believe in a larger one. */
export const MAX_WINDOW_MEGABYTES = 4096;
/** A welcome counts a guest's pages with 32 bits. */
const MAX_GUEST_MEMORY_BYTES = 0xffff_ffff * PAGE_BYTES;

/** Sizes of a bus's memory as its owner wants them. */
export interface MemorySizes {
  /** Guest RAM, bytes. */
  readonly guestMemoryBytes?: number;
  /** Device window, MiB. */
  readonly windowMegabytes?: number;
}

/** Checked sizes of a bus's memory, bytes. @throws TransportError `out-of-range`. */
export function memorySizes(sizes: MemorySizes): { ramBytes: number; windowBytes: number } {
  const ram = sizes.guestMemoryBytes ?? DEFAULT_GUEST_MEMORY_BYTES;
  const megabytes = sizes.windowMegabytes ?? DEFAULT_WINDOW_MEGABYTES;
  if (!Number.isSafeInteger(ram) || ram < PAGE_BYTES || ram > MAX_GUEST_MEMORY_BYTES) {
    throw new TransportError(
      'out-of-range',
      `guest memory of ${ram} bytes: at least one page of ${PAGE_BYTES}, at most ${MAX_GUEST_MEMORY_BYTES}`,
    );
  }
  if (!Number.isSafeInteger(megabytes) || megabytes < 1 || megabytes > MAX_WINDOW_MEGABYTES) {
    throw new TransportError(
      'out-of-range',
      `a device window of ${megabytes} MiB: at least 1, at most ${MAX_WINDOW_MEGABYTES}`,
    );
  }
  return { ramBytes: Math.ceil(ram / PAGE_BYTES) * PAGE_BYTES, windowBytes: megabytes * MEBIBYTE };
}
