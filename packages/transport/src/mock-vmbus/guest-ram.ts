import { copyBlock } from '../copy-block.ts';
import { TransportError } from '../errors.ts';
import type { GpadlTable } from '../gpadl.ts';
import { PageAllocator } from '../page-allocator.ts';
import { checkSpan } from '../span.ts';
import type { GuestMemory, GuestMemoryBlock, HostGuestMemory, Loan, PageRange } from '../transport.ts';

/** Guest RAM as both sides see it: one block of bytes at one guest-physical address. */
export interface GuestRam {
  readonly bytes: Uint8Array;
  /** Guest-physical address of the first byte, page aligned. */
  readonly baseAddress: number;
  /** A file that holds the same bytes and their place in it, or null. */
  readonly file: { readonly path: string; readonly offset: number } | null;
  /**
   * Lends a range, as {@link GuestMemoryBlock.lend}: left out where that cannot be. `onReturn` is called once, when
   * the bytes are in nobody's hands any more.
   */
  readonly lend?: LendBytes;
}

/** Lends bytes of a block of memory. @returns null when that cannot be done. */
export type LendBytes = (offset: number, lengthBytes: number, onReturn: () => void) => Loan | null;

/** True when all of the range is inside the RAM. */
export function ramContains(ram: GuestRam, address: number, length: number): boolean {
  const offset = address - ram.baseAddress;
  return (
    Number.isSafeInteger(address) &&
    Number.isSafeInteger(length) &&
    length >= 0 &&
    offset >= 0 &&
    offset + length <= ram.bytes.length
  );
}

/**
 * The bytes of a guest-physical range.
 * @throws TransportError `out-of-range`.
 */
export function ramView(ram: GuestRam, address: number, length: number): Uint8Array {
  if (!ramContains(ram, address, length)) {
    throw new TransportError(
      'out-of-range',
      `the range at 0x${address.toString(16)}, ${length} bytes long, is outside guest memory ` +
        `(0x${ram.baseAddress.toString(16)}, ${ram.bytes.length} bytes)`,
    );
  }
  const offset = address - ram.baseAddress;
  return ram.bytes.subarray(offset, offset + length);
}

class MappedBlock implements GuestMemoryBlock {
  readonly address: number;
  readonly length: number;
  readonly bytes: Uint8Array;
  readonly lend?: (offset: number, length: number) => Loan | null;
  /** Its place in the RAM. */
  readonly #offset: number;
  #loans = 0;
  /** What to do with the last loan's end; null while the block is in use. */
  #whenReturned: (() => void) | null = null;

  constructor(range: PageRange, ram: GuestRam) {
    this.address = range.address;
    this.length = range.length;
    this.bytes = ramView(ram, range.address, range.length);
    this.#offset = range.address - ram.baseAddress;
    const { lend } = ram;
    if (lend !== undefined) this.lend = (offset, length) => this.#lendPart(lend, offset, length);
  }

  flush(offset: number, length: number): void {
    checkSpan('flush of guest memory', offset, length, this.length);
  }

  write(offset: number, source: Uint8Array): void {
    checkSpan('write to guest memory', offset, source.length, this.length);
    copyBlock(this.bytes, offset, source);
  }

  #lendPart(lend: LendBytes, offset: number, length: number): Loan | null {
    checkSpan('loan of guest memory', offset, length, this.length);
    if (this.#whenReturned !== null) return null;
    const loan = lend(this.#offset + offset, length, this.#returned);
    if (loan !== null) this.#loans += 1;
    return loan;
  }

  /** Calls back when no part of the block is lent: at once, or later. */
  whenReturned(callback: () => void): void {
    this.#whenReturned = callback;
    if (this.#loans === 0) callback();
  }

  readonly #returned = (): void => {
    this.#loans -= 1;
    if (this.#loans === 0) this.#whenReturned?.();
  };
}

/** Guest side: hands out pages of the RAM. */
export class MappedGuestMemory implements GuestMemory {
  readonly kind = 'mapped';
  readonly #ram: GuestRam;
  readonly #pages: PageAllocator;
  readonly #blocks = new Set<GuestMemoryBlock>();

  constructor(ram: GuestRam) {
    this.#ram = ram;
    this.#pages = new PageAllocator(ram.baseAddress, ram.bytes.length);
  }

  allocate(lengthBytes: number): GuestMemoryBlock {
    const { range, usedBytes } = this.#pages.allocate(lengthBytes);
    const block = new MappedBlock(range, this.#ram);
    block.bytes.fill(0, 0, usedBytes);
    this.#blocks.add(block);
    return block;
  }

  free(block: GuestMemoryBlock): void {
    if (!this.#blocks.delete(block)) {
      throw new TransportError(
        'out-of-range',
        `no such block of guest memory at 0x${block.address.toString(16)}`,
      );
    }
    (block as MappedBlock).whenReturned(() => this.#pages.free(block));
  }
}

/** Host side: the guest's own bytes, which it may change at any time. */
export class MappedHostMemory implements HostGuestMemory {
  readonly kind = 'mapped';
  readonly #ram: GuestRam;
  readonly #gpadls: GpadlTable;

  constructor(ram: GuestRam, gpadls: GpadlTable) {
    this.#ram = ram;
    this.#gpadls = gpadls;
  }

  gpadl(id: number): readonly PageRange[] | null {
    return this.#gpadls.get(id);
  }

  contains(address: number, length: number): boolean {
    return ramContains(this.#ram, address, length);
  }

  view(address: number, length: number): Uint8Array {
    return ramView(this.#ram, address, length);
  }

  async fetch(address: number, length: number): Promise<void> {
    ramView(this.#ram, address, length);
  }

  publish(address: number, length: number): void {
    ramView(this.#ram, address, length);
  }

  shareable(address: number, length: number): { readonly path: string; readonly offset: number } | null {
    const file = this.#ram.file;
    if (file === null || !ramContains(this.#ram, address, length)) return null;
    return { path: file.path, offset: file.offset + (address - this.#ram.baseAddress) };
  }
}
