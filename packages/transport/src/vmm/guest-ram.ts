import { TransportError } from '../errors.ts';
import { PAGE_BYTES } from '../transport.ts';

/** A run of guest-physical memory as a VMM has it: bytes of this process at an address of the guest. */
export interface GuestRamBlock {
  /** Guest-physical address of the first byte, page aligned. */
  readonly address: number;
  /** Whole pages, over an ArrayBuffer or a SharedArrayBuffer, at a multiple of 8 in it. */
  readonly bytes: Uint8Array;
  /** A file that another process can map to see the same bytes, and their place in it. Default: none. */
  readonly file?: { readonly path: string; readonly offset: number } | null;
}

/** Frame numbers above this give addresses that a number cannot hold exactly. */
const MAX_FRAME = Math.floor(Number.MAX_SAFE_INTEGER / PAGE_BYTES);

/** The address of a page frame; -1 for one that no guest memory can have. */
export function addressOfFrame(frame: bigint): number {
  return frame < 0n || frame > BigInt(MAX_FRAME) ? -1 : Number(frame) * PAGE_BYTES;
}

const hex = (address: number): string => `0x${address.toString(16)}`;

function checkBlock({ address, bytes }: GuestRamBlock): void {
  if (!Number.isSafeInteger(address + bytes.length) || address < 0 || address % PAGE_BYTES !== 0) {
    throw new TransportError(
      'out-of-range',
      `guest RAM at ${address}: blocks start at multiples of ${PAGE_BYTES}`,
    );
  }
  if (bytes.length === 0 || bytes.length % PAGE_BYTES !== 0 || bytes.byteOffset % 8 !== 0) {
    throw new TransportError(
      'out-of-range',
      `guest RAM at ${hex(address)}: ${bytes.length} bytes at ${bytes.byteOffset} of their buffer; a block is whole ` +
        `pages of ${PAGE_BYTES} bytes at a multiple of 8`,
    );
  }
}

/**
 * All RAM of one guest. A range belongs to one block: blocks may touch, but no view can cover bytes of two, so a range
 * that straddles them is not contained.
 */
export class GuestRamMap {
  /** In order of their addresses. */
  readonly blocks: readonly GuestRamBlock[];

  /** @throws TransportError `out-of-range` for blocks that are not whole pages or overlap, or when there is none. */
  constructor(blocks: readonly GuestRamBlock[]) {
    // Read once: what a VMM does to its own objects later changes nothing that was checked here.
    const taken = blocks.map(({ address, bytes, file = null }) => ({ address, bytes, file }));
    for (const block of taken) checkBlock(block);
    this.blocks = taken.sort((a, b) => a.address - b.address);
    if (blocks.length === 0) throw new TransportError('out-of-range', 'a guest without RAM has no rings');
    let end = 0;
    for (const { address, bytes } of this.blocks) {
      if (address < end) {
        throw new TransportError(
          'out-of-range',
          `guest RAM at ${hex(address)} overlaps the block before, which ends at ${hex(end)}`,
        );
      }
      end = address + bytes.length;
    }
  }

  /** The block that holds all of a range, or undefined. */
  find(address: number, length: number): GuestRamBlock | undefined {
    if (!(Number.isSafeInteger(address) && Number.isSafeInteger(length) && length >= 0)) return undefined;
    for (const block of this.blocks) {
      const offset = address - block.address;
      if (offset >= 0 && offset + length <= block.bytes.length) return block;
    }
    return undefined;
  }

  contains(address: number, length: number): boolean {
    return this.find(address, length) !== undefined;
  }

  /** @throws TransportError `out-of-range`. */
  view(address: number, length: number): Uint8Array {
    const block = this.find(address, length);
    if (block === undefined) {
      throw new TransportError(
        'out-of-range',
        `the range at ${hex(address)}, ${length} bytes long, is outside guest memory (${this.describe()})`,
      );
    }
    const offset = address - block.address;
    return block.bytes.subarray(offset, offset + length);
  }

  /** The blocks in words, for errors. */
  describe(): string {
    return this.blocks
      .map(({ address, bytes }) => `${hex(address)}..${hex(address + bytes.length - 1)}`)
      .join(', ');
  }
}
