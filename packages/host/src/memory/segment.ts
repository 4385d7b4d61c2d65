import type { SegmentDescription } from '../backends/contract.ts';
import type { Allocation } from './allocation.ts';

/** Memory segment groups as QueryVideoMemoryInfo numbers them. */
export const SegmentGroup = { local: 0, nonLocal: 1 } as const;

/** Orders of victims: offered low, normal, high; then by allocation priority, minimum to maximum. */
const VICTIM_RANKS = 8;
const FIRST_PRIORITY_RANK = 3;
/** Lowest allocation priority of each rank above the first (D3DDDI_ALLOCATIONPRIORITY). */
const PRIORITY_LOW = 0x50000000;
const PRIORITY_NORMAL = 0x78000000;
const PRIORITY_HIGH = 0xa0000000;
const PRIORITY_MAXIMUM = 0xc8000000;

/** Rank among victims of an allocation priority. */
export function priorityRank(priority: number): number {
  if (priority >= PRIORITY_MAXIMUM) return FIRST_PRIORITY_RANK + 4;
  if (priority >= PRIORITY_HIGH) return FIRST_PRIORITY_RANK + 3;
  if (priority >= PRIORITY_NORMAL) return FIRST_PRIORITY_RANK + 2;
  if (priority >= PRIORITY_LOW) return FIRST_PRIORITY_RANK + 1;
  return FIRST_PRIORITY_RANK;
}

/** Rank among victims of an offered allocation: 1 low, 2 normal, 3 high, 4 as its priority says. */
export function offerRank(offerPriority: number, allocationPriority: number): number {
  if (offerPriority <= 3) return offerPriority - 1;
  if (allocationPriority < PRIORITY_NORMAL) return 0;
  return allocationPriority < PRIORITY_HIGH ? 1 : 2;
}

/** What may be taken out of a segment, in the order in which it is. Constant time for each operation. */
export class VictimLists {
  readonly #first: (Allocation | null)[] = new Array<Allocation | null>(VICTIM_RANKS).fill(null);
  readonly #last: (Allocation | null)[] = new Array<Allocation | null>(VICTIM_RANKS).fill(null);

  add(allocation: Allocation, rank: number): void {
    if (allocation.victimRank === rank) return;
    this.remove(allocation);
    const last = this.#last[rank]!;
    allocation.victimRank = rank;
    allocation.victimPrevious = last;
    if (last === null) this.#first[rank] = allocation;
    else last.victimNext = allocation;
    this.#last[rank] = allocation;
  }

  remove(allocation: Allocation): void {
    const rank = allocation.victimRank;
    if (rank < 0) return;
    const { victimPrevious, victimNext } = allocation;
    if (victimPrevious === null) this.#first[rank] = victimNext;
    else victimPrevious.victimNext = victimNext;
    if (victimNext === null) this.#last[rank] = victimPrevious;
    else victimNext.victimPrevious = victimPrevious;
    allocation.victimRank = -1;
    allocation.victimPrevious = null;
    allocation.victimNext = null;
  }

  /** Takes the next victim: lowest rank, longest unused. */
  take(): Allocation | null {
    for (const allocation of this.#first) {
      if (allocation === null) continue;
      this.remove(allocation);
      return allocation;
    }
    return null;
  }
}

/** Bytes of one segment, as promised and as there. */
export class Segment {
  readonly id: number;
  readonly group: number;
  readonly lengthBytes: number;
  /** Promised to allocations that are to be resident. Never above `lengthBytes`. */
  pinnedBytes = 0;
  /** Of allocations no longer wanted that queued GPU work may still use. */
  busyBytes = 0;
  /** In the backend's memory now, including what is on its way in or out. Never above `lengthBytes`. */
  usedBytes = 0;
  /** Part of `usedBytes` that is on its way out. */
  leavingBytes = 0;
  /** Saved in system memory when they left this segment. */
  evictedBytes = 0;
  /** Allocations that are charged here, and that `usedBytes` counts. */
  chargedAllocations = 0;
  usedAllocations = 0;
  /** Promised, but there is no room yet; first come, first served within a paging priority. */
  readonly waiting: Set<Allocation>[] = [new Set(), new Set(), new Set()];
  waitingBytes = 0;
  readonly victims = new VictimLists();

  constructor(description: SegmentDescription) {
    this.id = description.id;
    this.group = description.group === 'local' ? SegmentGroup.local : SegmentGroup.nonLocal;
    this.lengthBytes = description.lengthBytes;
  }
}
