import type { Account } from '../account.ts';

/** A range of pages: from `start` up to, not including, `end`. */
export interface PageSpan {
  start: number;
  end: number;
}

const CHUNK_ENTRIES = 256;

/**
 * Ranges that do not overlap, sorted by start. They lie in chunks of a few hundred, so that insertion moves little
 * memory; a look-up is two binary searches.
 */
export class RangeList<T extends PageSpan> {
  readonly #chunks: T[][] = [];
  readonly #held: Account | null;
  #size = 0;

  /** @param held where its ranges count. */
  constructor(held: Account | null = null) {
    this.#held = held;
  }

  get size(): number {
    return this.#size;
  }

  /** The range that contains a page. */
  at(page: number): T | null {
    const entry = this.#floor(page);
    return entry !== null && page < entry.end ? entry : null;
  }

  /** Appends the ranges that meet [start, end) to `out`, in order. */
  collect(start: number, end: number, out: T[]): T[] {
    let chunkIndex = this.#chunkOf(start);
    if (chunkIndex < 0) chunkIndex = 0;
    for (; chunkIndex < this.#chunks.length; chunkIndex += 1) {
      const chunk = this.#chunks[chunkIndex]!;
      if (chunk[0]!.start >= end) break;
      let index = Math.max(0, indexOfFloor(chunk, start));
      for (; index < chunk.length; index += 1) {
        const entry = chunk[index]!;
        if (entry.start >= end) return out;
        if (entry.end > start) out.push(entry);
      }
    }
    return out;
  }

  /** First of the ranges that meet [start, end). */
  first(start: number, end: number): T | null {
    let chunkIndex = Math.max(0, this.#chunkOf(start));
    let index = Math.max(0, indexOfFloor(this.#chunks[chunkIndex] ?? [], start));
    for (; chunkIndex < this.#chunks.length; chunkIndex += 1) {
      const chunk = this.#chunks[chunkIndex]!;
      for (; index < chunk.length; index += 1) {
        const entry = chunk[index]!;
        if (entry.start >= end) return null;
        if (entry.end > start) return entry;
      }
      index = 0;
    }
    return null;
  }

  /** How many ranges meet [start, end); when there are more than `most`, any number above it. */
  count(start: number, end: number, most: number): number {
    let count = 0;
    let chunkIndex = Math.max(0, this.#chunkOf(start));
    for (; chunkIndex < this.#chunks.length && count <= most; chunkIndex += 1) {
      const chunk = this.#chunks[chunkIndex]!;
      if (chunk[0]!.start >= end) break;
      const last = indexOfFloor(chunk, end - 1);
      const first = Math.max(0, indexOfFloor(chunk, start));
      count += last - first + 1;
      if (chunk[first]!.end <= start) count -= 1;
    }
    return count;
  }

  meets(start: number, end: number): boolean {
    // The last range that starts before the end is the only one that can reach furthest into the span.
    const entry = this.#floor(end - 1);
    return entry !== null && entry.end > start;
  }

  insert(entry: T): void {
    this.#size += 1;
    this.#held?.add(1);
    const chunkIndex = Math.max(0, this.#chunkOf(entry.start));
    const chunk = this.#chunks[chunkIndex];
    if (chunk === undefined) {
      this.#chunks.push([entry]);
      return;
    }
    chunk.splice(indexOfFloor(chunk, entry.start) + 1, 0, entry);
    if (chunk.length <= CHUNK_ENTRIES) return;
    this.#chunks.splice(chunkIndex + 1, 0, chunk.splice(CHUNK_ENTRIES >> 1));
  }

  /** @param entry one that is in the list, with the start that it was inserted with. */
  remove(entry: T): void {
    const chunkIndex = this.#chunkOf(entry.start);
    const chunk = this.#chunks[chunkIndex]!;
    chunk.splice(indexOfFloor(chunk, entry.start), 1);
    if (chunk.length === 0) this.#chunks.splice(chunkIndex, 1);
    this.#size -= 1;
    this.#held?.remove(1);
  }

  /**
   * First place of `length` pages in [from, to) that meets no range.
   *
   * @param align power of two, pages.
   * @returns -1 when there is none.
   */
  findGap(length: number, from: number, to: number, align: number): number {
    let candidate = alignUp(from, align);
    let chunkIndex = Math.max(0, this.#chunkOf(candidate));
    for (; chunkIndex < this.#chunks.length; chunkIndex += 1) {
      const chunk = this.#chunks[chunkIndex]!;
      for (let index = Math.max(0, indexOfFloor(chunk, candidate)); index < chunk.length; index += 1) {
        const entry = chunk[index]!;
        if (entry.end <= candidate) continue;
        if (entry.start >= candidate + length) return candidate + length <= to ? candidate : -1;
        candidate = alignUp(entry.end, align);
        if (candidate + length > to) return -1;
      }
    }
    return candidate + length <= to ? candidate : -1;
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (const chunk of this.#chunks) yield* chunk;
  }

  clear(): void {
    this.#chunks.length = 0;
    this.#held?.remove(this.#size);
    this.#size = 0;
  }

  #floor(page: number): T | null {
    const chunk = this.#chunks[this.#chunkOf(page)];
    return chunk === undefined ? null : chunk[indexOfFloor(chunk, page)]!;
  }

  /** Last chunk whose first range starts at or before `page`; -1 when there is none. */
  #chunkOf(page: number): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#chunks[middle]![0]!.start <= page) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** Last entry that starts at or before `page`; -1 when there is none. */
function indexOfFloor(chunk: readonly PageSpan[], page: number): number {
  let low = 0;
  let high = chunk.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (chunk[middle]!.start <= page) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Page numbers exceed 32 bits, so no bit operations here. */
export function alignUp(page: number, align: number): number {
  return Math.ceil(page / align) * align;
}
