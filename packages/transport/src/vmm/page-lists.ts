import { TransportError } from '../errors.ts';
import { MAX_GPADL_PAGES } from '../gpadl.ts';
import { PAGE_BYTES, type PageRange } from '../transport.ts';
import { addressOfFrame, type GuestRamMap } from './guest-ram.ts';

/**
 * The ranges of a list of page frames, in order: neighbours joined where one view can cover them.
 *
 * @throws TransportError `limit` for no page or too many, `out-of-range` for a frame outside the guest's RAM.
 */
export function rangesOfFrames(ram: GuestRamMap, frames: ArrayLike<bigint>): PageRange[] {
  const count = frames.length;
  if (count === 0 || count > MAX_GPADL_PAGES) {
    throw new TransportError('limit', `a GPADL has 1 to ${MAX_GPADL_PAGES} pages; got ${count}`);
  }
  const ranges: { address: number; length: number }[] = [];
  let last = { address: 0, length: 0 };
  let lastBlock: unknown;
  for (let index = 0; index < count; index += 1) {
    const frame = frames[index]!;
    const address = addressOfFrame(frame);
    const block = ram.find(address, PAGE_BYTES);
    if (block === undefined) {
      throw new TransportError(
        'out-of-range',
        `page frame 0x${frame.toString(16)} is outside guest memory (${ram.describe()})`,
      );
    }
    if (block === lastBlock && last.address + last.length === address) {
      last.length += PAGE_BYTES;
      continue;
    }
    lastBlock = block;
    last = { address, length: PAGE_BYTES };
    ranges.push(last);
  }
  return ranges;
}

/** The page frames of ranges, in order, as VMBus's GPADL messages carry them. */
export function framesOfRanges(ranges: readonly PageRange[]): BigUint64Array {
  const pages = ranges.reduce((sum, { length }) => sum + length / PAGE_BYTES, 0);
  const frames = new BigUint64Array(pages);
  let index = 0;
  for (const { address, length } of ranges) {
    for (let at = 0; at < length; at += PAGE_BYTES) {
      frames[index] = BigInt((address + at) / PAGE_BYTES);
      index += 1;
    }
  }
  return frames;
}

/** The address of each page of ranges, in order. */
export function pagesOfRanges(ranges: readonly PageRange[]): number[] {
  const pages: number[] = [];
  for (const { address, length } of ranges) {
    for (let at = 0; at < length; at += PAGE_BYTES) pages.push(address + at);
  }
  return pages;
}
