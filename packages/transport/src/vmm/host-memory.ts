import type { HostGuestMemory, PageRange } from '../transport.ts';
import type { GuestRamMap } from './guest-ram.ts';
import type { RingPages } from './ring-pages.ts';

/** The guest's RAM as the host may use it: all of it but the rings of open channels. */
export class VmmHostMemory implements HostGuestMemory {
  readonly kind = 'mapped';
  readonly #ram: GuestRamMap;
  readonly #rings: RingPages;
  readonly #findGpadl: (id: number) => readonly PageRange[] | null;

  constructor(ram: GuestRamMap, rings: RingPages, findGpadl: (id: number) => readonly PageRange[] | null) {
    this.#ram = ram;
    this.#rings = rings;
    this.#findGpadl = findGpadl;
  }

  gpadl(id: number): readonly PageRange[] | null {
    return this.#findGpadl(id);
  }

  /** A page list that names a ring would let the GPU write into what carries the guest's own messages. */
  contains(address: number, length: number): boolean {
    return this.#ram.contains(address, length) && !this.#rings.overlaps(address, length);
  }

  view(address: number, length: number): Uint8Array {
    return this.#ram.view(address, length);
  }

  async fetch(address: number, length: number): Promise<void> {
    this.#ram.view(address, length);
  }

  publish(address: number, length: number): void {
    this.#ram.view(address, length);
  }

  shareable(address: number, length: number): { readonly path: string; readonly offset: number } | null {
    const block = this.#ram.find(address, length);
    if (block?.file === undefined || block.file === null) return null;
    return { path: block.file.path, offset: block.file.offset + (address - block.address) };
  }
}
