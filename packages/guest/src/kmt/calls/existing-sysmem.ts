import { commands, Errno, Limits } from '@dxgwire/protocol';
import type { PageRange } from '@dxgwire/transport';
import type { Allocation } from '../objects.ts';
import type { SysmemRange } from '../types/allocation.ts';
import type { KmtResult } from '../types/common.ts';

/** Pages that one GPADL can describe: its header message has a 16-bit byte count. */
const MAX_GPADL_PAGES = 8190;

/** The caller's ranges of one allocation, in order. */
export function sysmemRanges(
  sysmem: SysmemRange | readonly SysmemRange[] | undefined,
): readonly SysmemRange[] {
  if (sysmem === undefined) return [];
  return 'block' in sysmem ? [sysmem] : sysmem;
}

/** Whether memory starts at pages: what the driver asks of a pointer. Lengths in between must fill pages as well. */
export function isPageAligned(ranges: readonly SysmemRange[]): boolean {
  return ranges.every((range, index) => {
    const isLast = index === ranges.length - 1;
    return range.offset % Limits.pageBytes === 0 && (isLast || range.length % Limits.pageBytes === 0);
  });
}

/** The first `pageCount` pages of the ranges as guest-physical memory, or null when there are fewer. */
function pin(ranges: readonly SysmemRange[], pageCount: number): PageRange[] | null {
  const pinned: PageRange[] = [];
  let missing = pageCount;
  for (const { block, offset, length } of ranges) {
    const inBlock = Math.min(length, block.length - offset);
    const pages = Math.min(missing, Math.ceil(inBlock / Limits.pageBytes));
    if (pages > 0) pinned.push({ address: block.address + offset, length: pages * Limits.pageBytes });
    missing -= Math.max(pages, 0);
  }
  return missing === 0 ? pinned : null;
}

/** The CPU's view of the memory: the caller's own bytes when they are one range. */
function cpuView(ranges: readonly SysmemRange[]): Uint8Array {
  const [only] = ranges;
  if (only === undefined || ranges.length > 1) return new Uint8Array(0);
  return only.block.bytes.subarray(only.offset, only.offset + only.length);
}

/**
 * Gives the caller's memory to the host as the storage of an allocation that it just made: by GPADL, or as lists of
 * page-frame numbers when the host can map guest memory. Its size is the host's word, held against the memory there is.
 */
export async function setExistingSysmem(
  allocation: Allocation,
  ranges: readonly SysmemRange[],
): Promise<KmtResult> {
  const { process, pageCount } = allocation;
  const { driver } = process;
  allocation.cpuData = cpuView(ranges);
  const pages = pin(ranges, pageCount);
  if (pages === null) return { ret: -Errno.ENOMEM };
  allocation.pinned = { gpadl: null, pageCount, isPinned: true };
  driver.counters.pinnedPages += pageCount;
  return driver.mapsGuestPages ? sendPageLists(allocation, pages) : sendGpadl(allocation, pages);
}

async function sendGpadl(allocation: Allocation, pages: readonly PageRange[]): Promise<KmtResult> {
  const { device, pageCount, process } = allocation;
  const { driver } = process;
  if (pageCount === 0 || pageCount > MAX_GPADL_PAGES) return { ret: -Errno.ENOMEM };
  let gpadl: number;
  try {
    gpadl = await driver.bus.createGpadl(pages);
  } catch {
    return driver.loss === null ? { ret: -Errno.ENOMEM } : { ret: -Errno.ENODEV, lost: driver.loss };
  }
  if (allocation.pinned !== null) allocation.pinned.gpadl = gpadl;
  const body = { device: device.handle, allocation: allocation.handle, gpadl };
  return driver.wire.status(device.adapter, commands.setExistingSysMemStore, process.hostHandle, body);
}

/**
 * Every message has room for 15,867 frame numbers and always its full size. The driver fills one buffer again and
 * again, so behind the last number of a message stand numbers of the one before.
 */
async function sendPageLists(allocation: Allocation, pages: readonly PageRange[]): Promise<KmtResult> {
  const { device, pageCount, process } = allocation;
  const frames = new BigUint64Array(Limits.maxPagesPerMessage);
  const frameBytes = new Uint8Array(frames.buffer);
  const frameNumbers = pageFrames(pages);
  let result: KmtResult = { ret: 0 };
  for (let sent = 0; sent < pageCount && result.ret >= 0; sent += Limits.maxPagesPerMessage) {
    const count = Math.min(pageCount - sent, Limits.maxPagesPerMessage);
    for (let index = 0; index < count; index += 1) frames[index] = frameNumbers.next().value ?? 0n;
    const body = {
      device: device.handle,
      allocation: allocation.handle,
      allocOffsetInPages: sent,
      pfns: frames.subarray(0, count),
    };
    const command = commands.setExistingSysMemPages;
    result = await process.driver.wire.statusOfBuilt(
      device.adapter,
      command,
      process.hostHandle,
      body,
      (bytes, bodyOffset, length) => {
        const listOffset = bodyOffset + 16;
        bytes.set(frameBytes.subarray(0, length - listOffset), listOffset);
      },
    );
  }
  return result;
}

function* pageFrames(pages: readonly PageRange[]): Generator<bigint> {
  for (const { address, length } of pages) {
    const first = BigInt(address / Limits.pageBytes);
    for (let page = 0n; page < BigInt(length / Limits.pageBytes); page += 1n) yield first + page;
  }
}
