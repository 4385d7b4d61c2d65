import { TransportError } from '../errors.ts';
import type { GpadlTable } from '../gpadl.ts';
import { PageAllocator } from '../page-allocator.ts';
import { type AllocateRegion, fileOf, type Region } from '../region.ts';
import { checkSpan } from '../span.ts';
import {
  type GuestMemory,
  type GuestMemoryBlock,
  type HostGuestMemory,
  PAGE_BYTES,
  type PageRange,
} from '../transport.ts';
import { writeBytes } from './mirrored-window.ts';
import { Source } from './output.ts';

/** Guest-physical address at which a mirrored guest's memory starts: above 4 GiB, where a cut address shows. */
const GUEST_MEMORY_ADDRESS = 0x1_0000_0000;

/** Queues a range of guest memory, in order with packets. */
export type PushMemory = (
  address: number,
  source: Uint8Array,
  offset: number,
  length: number,
  stability: Source,
) => void;

interface Block extends PageRange {
  readonly bytes: Uint8Array;
}

/** Blocks by address; finds the one that holds a whole range. */
class BlockTable<Entry extends Block> {
  readonly #byAddress = new Map<number, Entry>();
  /** Ascending addresses, for ranges that do not start where a block does. */
  #addresses: number[] = [];
  #last: Entry | null = null;

  values(): IterableIterator<Entry> {
    return this.#byAddress.values();
  }

  overlaps(address: number, length: number): boolean {
    const at = this.#indexAbove(address + length - 1) - 1;
    const before = this.#byAddress.get(this.#addresses[at] ?? -1);
    return before !== undefined && before.address + before.length > address;
  }

  add(entry: Entry): void {
    this.#addresses.splice(this.#indexAbove(entry.address), 0, entry.address);
    this.#byAddress.set(entry.address, entry);
  }

  delete(address: number): Entry | null {
    const entry = this.#byAddress.get(address);
    if (entry === undefined) return null;
    this.#byAddress.delete(address);
    this.#addresses.splice(this.#indexAbove(address) - 1, 1);
    this.#last = null;
    return entry;
  }

  find(address: number, length: number): Entry | null {
    const last = this.#last;
    if (last !== null && holds(last, address, length)) return last;
    const start = this.#addresses[this.#indexAbove(address) - 1];
    const entry = start === undefined ? undefined : this.#byAddress.get(start);
    if (entry === undefined || !holds(entry, address, length)) return null;
    this.#last = entry;
    return entry;
  }

  clear(): void {
    this.#byAddress.clear();
    this.#addresses = [];
    this.#last = null;
  }

  /** Index of the first address above the given one. */
  #indexAbove(address: number): number {
    let low = 0;
    let high = this.#addresses.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#addresses[middle]! <= address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function holds(block: PageRange, address: number, length: number): boolean {
  return length >= 0 && address >= block.address && address + length <= block.address + block.length;
}

class MirroredBlock implements GuestMemoryBlock {
  readonly address: number;
  readonly length: number;
  readonly bytes: Uint8Array;
  readonly #push: PushMemory;

  constructor(range: PageRange, push: PushMemory) {
    this.address = range.address;
    this.length = range.length;
    this.bytes = new Uint8Array(range.length);
    this.#push = push;
  }

  flush(offset: number, length: number): void {
    checkSpan('flush of guest memory', offset, length, this.length);
    this.#push(this.address + offset, this.bytes, offset, length, Source.pinned);
  }

  write(offset: number, source: Uint8Array): void {
    checkSpan('write to guest memory', offset, source.length, this.length);
    if (source.length <= SOURCE_SNAPSHOT_BYTES) {
      this.#push(this.address + offset, source, 0, source.length, Source.passing);
      return;
    }
    // The caller may change its bytes after this call: long ones are kept in the block rather than in the queue.
    this.bytes.set(source, offset);
    this.#push(this.address + offset, this.bytes, offset, source.length, Source.pinned);
  }
}

/** Longer writes go by way of the block's own bytes, so that a slow link does not fill memory with copies. */
const SOURCE_SNAPSHOT_BYTES = 1024 * 1024;

/** What the guest's memory tells its link. */
export interface MirrorLink {
  readonly push: PushMemory;
  blockAdded(range: PageRange): void;
  blockFreed(range: PageRange): void;
}

/** Guest side: blocks of the guest's own, each with a copy at the host. */
export class MirroredGuestMemory implements GuestMemory {
  readonly kind = 'mirrored';
  readonly #pages: PageAllocator;
  readonly #blocks = new BlockTable<MirroredBlock>();
  readonly #link: MirrorLink;

  /** @param quotaBytes - What the host has said that it will mirror. */
  constructor(quotaBytes: number, link: MirrorLink) {
    this.#pages = new PageAllocator(GUEST_MEMORY_ADDRESS, quotaBytes);
    this.#link = link;
  }

  allocate(lengthBytes: number): GuestMemoryBlock {
    const { range } = this.#pages.allocate(lengthBytes);
    let block: MirroredBlock;
    try {
      block = new MirroredBlock(range, this.#link.push);
    } catch (error) {
      this.#pages.free(range);
      throw new TransportError('no-memory', `this process has no ${range.length} bytes left`, {
        cause: error,
      });
    }
    this.#blocks.add(block);
    this.#link.blockAdded(range);
    return block;
  }

  free(block: GuestMemoryBlock): void {
    if (this.#blocks.find(block.address, block.length) !== block) {
      throw new TransportError('out-of-range', `no such block of guest memory at ${hex(block.address)}`);
    }
    this.#blocks.delete(block.address);
    this.#link.blockFreed(block);
    this.#pages.free(block);
  }

  contains(address: number, length: number): boolean {
    return this.#blocks.find(address, length) !== null;
  }

  /** The block behind a range that the host wants to read, or null when it is gone. */
  find(address: number, length: number): Block | null {
    return this.#blocks.find(address, length);
  }

  /** The host has published bytes. Those of a block that was freed meanwhile are dropped. */
  receive(address: number, bytes: Uint8Array, at: number, length: number): void {
    const block = this.#blocks.find(address, length);
    if (block !== null) writeBytes(block.bytes, address - block.address, bytes, at, length);
  }
}

interface HostBlock extends Block {
  readonly region: Region;
}

/** What the host's copy of guest memory asks of its link. */
export interface HostMirrorLink {
  readonly push: PushMemory;
  fetch(address: number, length: number): Promise<void>;
  /** These bytes are about to go away: none of them may be read any more. */
  forget(bytes: Uint8Array): void;
}

/** Host side: a copy of each block, current as of what the guest has flushed. */
export class MirroredHostMemory implements HostGuestMemory {
  readonly kind = 'mirrored';
  readonly #blocks = new BlockTable<HostBlock>();
  readonly #quotaBytes: number;
  readonly #allocate: AllocateRegion;
  readonly #link: HostMirrorLink;
  readonly #gpadls: GpadlTable;
  #usedBytes = 0;

  constructor(quotaBytes: number, allocate: AllocateRegion, link: HostMirrorLink, gpadls: GpadlTable) {
    this.#quotaBytes = quotaBytes;
    this.#allocate = allocate;
    this.#link = link;
    this.#gpadls = gpadls;
  }

  /** The guest has taken a block into use. @throws TransportError `limit`, `out-of-range` or `no-memory`. */
  addBlock(address: number, length: number): void {
    if (this.#usedBytes + length > this.#quotaBytes) {
      throw new TransportError(
        'limit',
        `${length} more bytes of guest memory beside ${this.#usedBytes} exceed the quota of ${this.#quotaBytes}`,
      );
    }
    if (length === 0 || !Number.isSafeInteger(address + length) || this.#blocks.overlaps(address, length)) {
      throw new TransportError(
        'out-of-range',
        `a block of guest memory at ${hex(address)}, ${length} bytes long`,
      );
    }
    let region: Region;
    try {
      region = this.#allocate(length);
    } catch (error) {
      throw new TransportError('no-memory', `the host has no ${length} bytes for guest memory`, {
        cause: error,
      });
    }
    this.#usedBytes += length;
    this.#blocks.add({ address, length, bytes: region.bytes.subarray(0, length), region });
  }

  removeBlock(address: number): void {
    const block = this.#blocks.delete(address);
    if (block === null)
      throw new TransportError('out-of-range', `no block of guest memory at ${hex(address)}`);
    this.#usedBytes -= block.length;
    this.#link.forget(block.bytes);
    block.region.free();
  }

  /** The guest has pushed bytes. @throws TransportError `out-of-range`. */
  receive(address: number, bytes: Uint8Array, at: number, length: number): void {
    const block = this.#find(address, length);
    writeBytes(block.bytes, address - block.address, bytes, at, length);
  }

  #find(address: number, length: number): HostBlock {
    const block = this.#blocks.find(address, length);
    if (block !== null) return block;
    throw new TransportError(
      'out-of-range',
      `the range at ${hex(address)}, ${length} bytes long, is outside guest memory`,
    );
  }

  gpadl(id: number): readonly PageRange[] | null {
    return this.#gpadls.get(id);
  }

  contains(address: number, length: number): boolean {
    return this.#blocks.find(address, length) !== null;
  }

  view(address: number, length: number): Uint8Array {
    const block = this.#find(address, length);
    const offset = address - block.address;
    return block.bytes.subarray(offset, offset + length);
  }

  async fetch(address: number, length: number): Promise<void> {
    this.#find(address, length);
    if (length > 0) await this.#link.fetch(address, length);
  }

  publish(address: number, length: number): void {
    const block = this.#find(address, length);
    this.#link.push(address, block.bytes, address - block.address, length, Source.staying);
  }

  shareable(address: number, length: number): { readonly path: string; readonly offset: number } | null {
    const block = this.#blocks.find(address, length);
    const file = block === null ? null : fileOf(block.region);
    if (block === null || file === null) return null;
    return { path: file.path, offset: file.offset + (address - block.address) };
  }

  free(): void {
    for (const block of this.#blocks.values()) block.region.free();
    this.#blocks.clear();
    this.#usedBytes = 0;
  }
}

function hex(address: number): string {
  return `0x${address.toString(16)}`;
}

/** A guest-physical address as the page number in two halves that control messages carry. */
export function pageHalves(address: number): { pageLow: number; pageHigh: number } {
  const page = address / PAGE_BYTES;
  return { pageLow: page >>> 0, pageHigh: Math.floor(page / 0x1_0000_0000) };
}

/** The reverse of {@link pageHalves}; beyond 2^53 the result is not a safe integer. */
export function pageAddress(pageLow: number, pageHigh: number): number {
  return (pageHigh * 0x1_0000_0000 + pageLow) * PAGE_BYTES;
}
