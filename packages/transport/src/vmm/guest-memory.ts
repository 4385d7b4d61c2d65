import { isTransportError, TransportError } from '../errors.ts';
import { MappedGuestMemory } from '../mock-vmbus/guest-ram.ts';
import { type GuestMemory, type GuestMemoryBlock, PAGE_BYTES } from '../transport.ts';
import type { GuestRamMap } from './guest-ram.ts';

/** The free pages of a guest that is played: all of its RAM at first. */
export class VmmGuestMemory implements GuestMemory {
  readonly kind = 'mapped';
  readonly #memories: readonly MappedGuestMemory[];
  readonly #owners = new Map<GuestMemoryBlock, MappedGuestMemory>();

  constructor(ram: GuestRamMap) {
    this.#memories = ram.blocks.map(
      ({ address, bytes }) => new MappedGuestMemory({ bytes, baseAddress: address, file: null }),
    );
  }

  allocate(lengthBytes: number): GuestMemoryBlock {
    let refusal: unknown;
    for (const memory of this.#memories) {
      try {
        const block = memory.allocate(lengthBytes);
        // Whoever ran in this machine before has left its traces.
        block.bytes.fill(0);
        this.#owners.set(block, memory);
        return block;
      } catch (error) {
        if (!(isTransportError(error) && error.code === 'no-memory')) throw error;
        refusal = error;
      }
    }
    throw refusal;
  }

  free(block: GuestMemoryBlock): void {
    const owner = this.#owners.get(block);
    if (owner === undefined) {
      throw new TransportError(
        'out-of-range',
        `no such block of guest memory at 0x${block.address.toString(16)}`,
      );
    }
    this.#owners.delete(block);
    owner.free(block);
  }

  /** Single pages, no two of them neighbours in the order given: as a system has them that has run for long. */
  allocateScattered(pages: number): GuestMemoryBlock[] {
    const taken = Array.from({ length: 2 * pages }, () => this.allocate(PAGE_BYTES));
    const kept = taken.filter((_, index) => index % 2 === 1).reverse();
    for (const [index, block] of taken.entries()) if (index % 2 === 0) this.free(block);
    return kept;
  }
}
