import { TransportError } from './errors.ts';
import { PAGE_BYTES, type PageRange } from './transport.ts';

/** Most pages of one GPADL: its single range has a 16-bit byte count of 8 + 8 per page (vmbus-ring.md §1.1). */
export const MAX_GPADL_PAGES = 8190;

/** Most GPADLs of one guest: the host keeps a list for each. */
export const MAX_GPADLS = 65_536;

/** Most ranges in all GPADLs of one guest together. */
export const MAX_GPADL_RANGES = 1_048_576;

/**
 * Checks the ranges of a GPADL: page aligned, inside guest memory, not too many pages.
 * @throws TransportError `out-of-range` or `limit`.
 */
export function checkGpadl(
  ranges: readonly PageRange[],
  contains: (address: number, length: number) => boolean,
): void {
  let pages = 0;
  for (const { address, length } of ranges) {
    if (address % PAGE_BYTES !== 0 || length % PAGE_BYTES !== 0 || length <= 0) {
      throw new TransportError(
        'out-of-range',
        `a GPADL range must be whole pages; got ${length} bytes at ${address}`,
      );
    }
    if (!contains(address, length)) {
      throw new TransportError(
        'out-of-range',
        `a GPADL range at 0x${address.toString(16)}, ${length} bytes long, is outside guest memory`,
      );
    }
    pages += length / PAGE_BYTES;
  }
  if (pages === 0 || pages > MAX_GPADL_PAGES) {
    throw new TransportError('limit', `a GPADL has 1 to ${MAX_GPADL_PAGES} pages; got ${pages}`);
  }
}

/** The host's list of one guest's GPADLs. */
export class GpadlTable {
  readonly #ranges = new Map<number, readonly PageRange[]>();
  #rangeCount = 0;

  get(id: number): readonly PageRange[] | null {
    return this.#ranges.get(id) ?? null;
  }

  /** @throws TransportError `out-of-range` or `limit`. */
  add(
    id: number,
    ranges: readonly PageRange[],
    contains: (address: number, length: number) => boolean,
  ): void {
    if (this.#ranges.has(id)) throw new TransportError('out-of-range', `GPADL ${id} exists already`);
    if (this.#ranges.size >= MAX_GPADLS) {
      throw new TransportError('limit', `a guest has at most ${MAX_GPADLS} GPADLs`);
    }
    if (this.#rangeCount + ranges.length > MAX_GPADL_RANGES) {
      throw new TransportError('limit', `the GPADLs of a guest have at most ${MAX_GPADL_RANGES} ranges`);
    }
    checkGpadl(ranges, contains);
    this.#ranges.set(id, ranges);
    this.#rangeCount += ranges.length;
  }

  delete(id: number): void {
    this.#rangeCount -= this.#ranges.get(id)?.length ?? 0;
    this.#ranges.delete(id);
  }

  clear(): void {
    this.#ranges.clear();
    this.#rangeCount = 0;
  }
}
