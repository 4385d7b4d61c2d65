import { TransportError } from '../errors.ts';
import { createRingMemory, type RingMemory } from '../mock-vmbus/ring-memory.ts';
import { PAGE_BYTES, type PageRange } from '../transport.ts';
import type { GuestRamMap } from './guest-ram.ts';
import { pagesOfRanges } from './page-lists.ts';
import { ScatteredRingMemory } from './scattered-ring-memory.ts';

/** Most pages of one ring: dxgkrnl uses 64; a copy of a scattered ring takes as much memory of the host. */
export const MAX_RING_PAGES = 1024;

/** Both rings of a channel: the guest's outbound ring comes first in their GPADL. */
export interface RingPair {
  readonly upstream: RingMemory;
  readonly downstream: RingMemory;
}

/**
 * Lays both rings over their pages, as seen from one side.
 *
 * @param downstreamPage - Page of the list at which the host's outbound ring starts.
 * @param side - Who uses the result: a guest produces upstream, a host downstream.
 * @throws TransportError `bad-ring` or `limit` for page lists that cannot be two rings.
 */
export function layRings(
  ram: GuestRamMap,
  ranges: readonly PageRange[],
  downstreamPage: number,
  side: 'guest' | 'host',
): RingPair {
  const pages = pagesOfRanges(ranges);
  if (!Number.isInteger(downstreamPage) || downstreamPage < 2 || downstreamPage > pages.length - 2) {
    throw new TransportError(
      'bad-ring',
      `rings of ${pages.length} pages cannot be divided at page ${downstreamPage}: each has a header and data`,
    );
  }
  if (Math.max(downstreamPage, pages.length - downstreamPage) > MAX_RING_PAGES) {
    throw new TransportError(
      'limit',
      `a ring has at most ${MAX_RING_PAGES} pages; got ${pages.length}, divided at ${downstreamPage}`,
    );
  }
  if (new Set(pages).size !== pages.length) {
    throw new TransportError('bad-ring', 'a page occurs twice in the page list of two rings');
  }
  return {
    upstream: layRing(ram, pages.slice(0, downstreamPage), side === 'guest' ? 'producer' : 'consumer'),
    downstream: layRing(ram, pages.slice(downstreamPage), side === 'host' ? 'producer' : 'consumer'),
  };
}

function layRing(ram: GuestRamMap, pages: readonly number[], end: 'producer' | 'consumer'): RingMemory {
  const first = pages[0]!;
  const length = pages.length * PAGE_BYTES;
  const isContiguous = pages.every((address, index) => address === first + index * PAGE_BYTES);
  // The other end runs on another thread, a virtual processor, as far as anyone knows here.
  if (isContiguous && ram.contains(first, length)) return createRingMemory(ram.view(first, length), 'many');
  return new ScatteredRingMemory(
    pages.map((address) => ram.view(address, PAGE_BYTES)),
    end,
  );
}

/** Which pages are rings of open channels: those are the bus's own, and nobody may give them away. */
export class RingPages {
  readonly #ranges = new Map<number, readonly PageRange[]>();
  /** All ranges in order of their addresses; they do not overlap. */
  #sorted: PageRange[] = [];

  /** @throws TransportError `bad-ring` when a page belongs to another open channel. */
  add(channel: number, ranges: readonly PageRange[]): void {
    for (const { address, length } of ranges) {
      if (!this.overlaps(address, length)) continue;
      throw new TransportError(
        'bad-ring',
        `the rings of channel ${channel} share pages with those of another open channel`,
      );
    }
    this.#ranges.set(channel, ranges);
    this.#sort();
  }

  remove(channel: number): void {
    if (this.#ranges.delete(channel)) this.#sort();
  }

  #sort(): void {
    this.#sorted = [...this.#ranges.values()].flat().sort((a, b) => a.address - b.address);
  }

  /** True when any byte of a range is part of a ring. */
  overlaps(address: number, length: number): boolean {
    const sorted = this.#sorted;
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const range = sorted[middle]!;
      if (range.address + range.length <= address) low = middle + 1;
      else high = middle;
    }
    return low < sorted.length && sorted[low]!.address < address + length;
  }
}
