import { type HostGuestMemory, PAGE_BYTES, type PageRange } from '@dxgwire/transport';
import type { Account } from '../account.ts';
import type { BackendAdapter } from '../backends/contract.ts';
import type { Allocation } from './allocation.ts';
import { Status } from './status.ts';

/** Frame numbers above this give addresses that a number cannot hold exactly. */
const MAX_FRAME = BigInt(Number.MAX_SAFE_INTEGER) / BigInt(PAGE_BYTES);

/** Where guest pages are, who uses them, and how many ranges of them the guest's allocations have. */
export interface GuestPages {
  readonly adapter: BackendAdapter;
  readonly guestMemory: HostGuestMemory;
  readonly held: Account;
}

/**
 * Takes one chunk of the guest page frames behind an allocation. Chunks come in order and without gaps; with the last
 * one the memory is complete and the backend gets it.
 *
 * @returns INVALID_PARAMETER for a chunk out of place, too many frames, or frames that are not the guest's to share;
 *   NOT_SUPPORTED when the backend cannot use guest pages for it; NO_MEMORY above the guest's quota of ranges.
 */
export function addSystemPages(
  pages: GuestPages,
  allocation: Allocation,
  writable: boolean,
  offsetInPages: number,
  frames: ArrayLike<bigint>,
  count: number,
): number {
  const totalPages = allocation.lengthBytes / PAGE_BYTES;
  if (!allocation.existingSystemMemory || allocation.systemComplete || allocation.lost)
    return Status.invalidParameter;
  if (offsetInPages !== allocation.systemPages || count < 1 || count > frames.length)
    return Status.invalidParameter;
  if (count > totalPages - offsetInPages) return Status.invalidParameter;
  const added: { address: number; length: number }[] = [];
  const previous = allocation.systemRanges.at(-1);
  let last = previous === undefined ? undefined : { ...previous };
  const joinsPrevious = last;
  for (let i = 0; i < count; i += 1) {
    const frame = frames[i]!;
    if (frame < 0n || frame > MAX_FRAME) return Status.invalidParameter;
    const address = Number(frame) * PAGE_BYTES;
    if (last !== undefined && last.address + last.length === address) {
      last.length += PAGE_BYTES;
      continue;
    }
    last = { address, length: PAGE_BYTES };
    added.push(last);
  }
  if (joinsPrevious !== undefined) added.unshift(joinsPrevious);
  const shared = splitByMemory(pages.guestMemory, added);
  if (shared === null) return Status.invalidParameter;
  return accept(pages, allocation, writable, shared, offsetInPages + count);
}

/** As {@link addSystemPages} for all pages at once (a GPADL). The ranges must be as long as the allocation. */
export function setSystemRanges(
  pages: GuestPages,
  allocation: Allocation,
  writable: boolean,
  ranges: readonly PageRange[],
): number {
  if (!allocation.existingSystemMemory || allocation.lost || allocation.systemPages > 0)
    return Status.invalidParameter;
  let lengthBytes = 0;
  for (const range of ranges) {
    if (range.address % PAGE_BYTES !== 0 || range.length % PAGE_BYTES !== 0 || range.length <= 0) {
      return Status.invalidParameter;
    }
    lengthBytes += range.length;
  }
  if (lengthBytes !== allocation.lengthBytes) return Status.invalidParameter;
  const shared = splitByMemory(pages.guestMemory, ranges);
  if (shared === null) return Status.invalidParameter;
  return accept(pages, allocation, writable, shared, lengthBytes / PAGE_BYTES);
}

/**
 * Splits ranges so that each lies in one piece of guest memory: a machine's memory may be several blocks that touch.
 *
 * @returns null when a page of them is not the guest's to share.
 */
function splitByMemory(guestMemory: HostGuestMemory, ranges: readonly PageRange[]): PageRange[] | null {
  const split: PageRange[] = [];
  const left = [...ranges].reverse();
  for (let range = left.pop(); range !== undefined; range = left.pop()) {
    const { address, length } = range;
    if (guestMemory.contains(address, length)) {
      split.push(range);
      continue;
    }
    if (length <= PAGE_BYTES) return null;
    const half = Math.ceil(length / PAGE_BYTES / 2) * PAGE_BYTES;
    left.push({ address: address + half, length: length - half }, { address, length: half });
  }
  return split;
}

/** @param shared takes the place of the last range so far, and comes behind the others. */
function accept(
  { adapter, held }: GuestPages,
  allocation: Allocation,
  writable: boolean,
  shared: readonly PageRange[],
  pages: number,
): number {
  const ranges = allocation.systemRanges;
  const replaced = ranges.at(-1);
  const growth = shared.length - (replaced === undefined ? 0 : 1);
  if (!held.hasRoomFor(growth)) return Status.noMemory;
  // In place: the list of a large allocation comes in hundreds of messages.
  if (replaced !== undefined) ranges.pop();
  for (const range of shared) ranges.push(range);
  if (pages === allocation.lengthBytes / PAGE_BYTES) {
    const storage = { kind: 'guest-pages', ranges, writable } as const;
    if (!adapter.setStorage(allocation.token, storage)) {
      ranges.length -= shared.length;
      if (replaced !== undefined) ranges.push(replaced);
      return Status.notSupported;
    }
    allocation.systemComplete = true;
    allocation.view.storage = storage;
    allocation.view.resident = allocation.physical === 'in';
  }
  if (allocation.systemPages === 0) allocation.onDestroyed.push(() => held.remove(ranges.length));
  allocation.systemPages = pages;
  held.add(growth);
  return Status.success;
}
