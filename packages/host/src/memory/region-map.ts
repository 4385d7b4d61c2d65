import type { Account } from '../account.ts';
import { type Region, ReservationType } from './address-space-types.ts';
import { type PageSpan, RangeList } from './range-list.ts';

/**
 * The regions of an address space, with what is asked of whole ranges kept beside them: a range may cover tens of
 * thousands of regions, and one message may ask about it two thousand times.
 */
export class RegionMap {
  readonly #all: RangeList<Region>;
  readonly #ofHost = new RangeList<Region>();
  readonly #readAsZero = new RangeList<Region>();
  /** The guest's regions; those that touch are one. */
  readonly #taken = new RangeList<PageSpan>();

  /** @param held where its regions count. */
  constructor(held: Account | null) {
    this.#all = new RangeList(held);
  }

  get size(): number {
    return this.#all.size;
  }

  at(page: number): Region | null {
    return this.#all.at(page);
  }

  /** Whether any of a range is taken. */
  meets(start: number, end: number): boolean {
    return this.#all.meets(start, end);
  }

  /** Whether any of a range is the host's. */
  meetsHost(start: number, end: number): boolean {
    return this.#ofHost.meets(start, end);
  }

  /** Whether unmapped pages of a range would be readable. */
  readsZero(start: number, end: number): boolean {
    return this.#readAsZero.meets(start, end);
  }

  /** Whether all of a range is reserved or mapped by the guest. */
  isGuests(start: number, end: number): boolean {
    const span = this.#taken.at(start);
    return span !== null && span.end >= end;
  }

  /** The regions that meet a range, in order. */
  collect(start: number, end: number): Region[] {
    return this.#all.collect(start, end, []);
  }

  /** See {@link RangeList.findGap}. */
  findGap(length: number, from: number, to: number, align: number): number {
    return this.#all.findGap(length, from, to, align);
  }

  insert(region: Region): void {
    this.#all.insert(region);
    if (region.kind === 'host') this.#ofHost.insert(region);
    else this.#take(region.start, region.end);
    if (region.reservationType === ReservationType.zero) this.#readAsZero.insert(region);
  }

  remove(region: Region): void {
    this.#all.remove(region);
    if (region.kind === 'host') this.#ofHost.remove(region);
    else this.#giveBack(region.start, region.end);
    if (region.reservationType === ReservationType.zero) this.#readAsZero.remove(region);
  }

  clear(): void {
    for (const list of [this.#all, this.#ofHost, this.#readAsZero, this.#taken]) list.clear();
  }

  #take(start: number, end: number): void {
    const before = this.#taken.at(start - 1);
    const after = this.#taken.at(end);
    if (before !== null) this.#taken.remove(before);
    if (after !== null) this.#taken.remove(after);
    this.#taken.insert({ start: before?.start ?? start, end: after?.end ?? end });
  }

  #giveBack(start: number, end: number): void {
    const span = this.#taken.at(start)!;
    this.#taken.remove(span);
    if (span.start < start) this.#taken.insert({ start: span.start, end: start });
    if (span.end > end) this.#taken.insert({ start: end, end: span.end });
  }
}
