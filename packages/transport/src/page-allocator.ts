import { TransportError } from './errors.ts';
import { PAGE_BYTES, type PageRange } from './transport.ts';

interface Run {
  start: number;
  count: number;
}

/** Hands out page-aligned runs of an address range, first fit. Addresses and lengths are in bytes. */
export class PageAllocator {
  readonly #base: number;
  readonly #pages: number;
  /** Free runs in order of their start, in pages from the base; neighbours are merged. */
  readonly #free: Run[];
  /** First page that was never handed out: pages from here on are still as they were made. */
  #untouched = 0;

  constructor(baseAddress: number, lengthBytes: number) {
    this.#base = baseAddress;
    this.#pages = Math.floor(lengthBytes / PAGE_BYTES);
    this.#free = [{ start: 0, count: this.#pages }];
  }

  get freeBytes(): number {
    return this.#free.reduce((sum, run) => sum + run.count * PAGE_BYTES, 0);
  }

  /**
   * @returns the range, its length rounded up to pages, and how many bytes at its start were in use before.
   * @throws TransportError `no-memory`, `out-of-range` for a length that is not a positive whole number.
   */
  allocate(lengthBytes: number): { range: PageRange; usedBytes: number } {
    if (!Number.isSafeInteger(lengthBytes) || lengthBytes <= 0) {
      throw new TransportError('out-of-range', `cannot allocate ${lengthBytes} bytes of guest memory`);
    }
    const count = Math.ceil(lengthBytes / PAGE_BYTES);
    const at = this.#free.findIndex((run) => run.count >= count);
    const run = this.#free[at];
    if (run === undefined) {
      throw new TransportError(
        'no-memory',
        `no run of ${count * PAGE_BYTES} bytes is free: ${this.freeBytes} of ${this.#pages * PAGE_BYTES} bytes ` +
          'of guest memory are',
      );
    }
    const start = run.start;
    run.start += count;
    run.count -= count;
    if (run.count === 0) this.#free.splice(at, 1);
    const usedPages = Math.min(count, Math.max(0, this.#untouched - start));
    this.#untouched = Math.max(this.#untouched, start + count);
    return {
      range: { address: this.#base + start * PAGE_BYTES, length: count * PAGE_BYTES },
      usedBytes: usedPages * PAGE_BYTES,
    };
  }

  /** Takes back a range that {@link allocate} gave, once. */
  free(range: PageRange): void {
    const start = (range.address - this.#base) / PAGE_BYTES;
    const count = range.length / PAGE_BYTES;
    let at = this.#free.findIndex((run) => run.start > start);
    if (at === -1) at = this.#free.length;
    const before = this.#free[at - 1];
    const after = this.#free[at];
    const joinsBefore = before !== undefined && before.start + before.count === start;
    const joinsAfter = after !== undefined && start + count === after.start;
    if (joinsBefore && joinsAfter) {
      before.count += count + after.count;
      this.#free.splice(at, 1);
    } else if (joinsBefore) {
      before.count += count;
    } else if (joinsAfter) {
      after.start = start;
      after.count += count;
    } else {
      this.#free.splice(at, 0, { start, count });
    }
  }
}
