import type { GuestBus, HostBus } from '@dxgwire/transport';
import { createInProcessBus } from '@dxgwire/transport/mock-vmbus';

/** Regions that have to be free before the oldest is used again: a host that is being taken down may touch it still. */
const LEAST_FREE = 16;
const OPTIONS = { guestMemoryBytes: 3 << 20, windowMegabytes: 4 };

/**
 * In-process buses whose memory is used again. The kit makes a link for each hostile check, some thousand in a run:
 * left to the garbage collector their memory costs more than all else, in time and in bytes.
 */
export class BusPool {
  readonly #free = new Map<number, Uint8Array[]>();
  #made = 0;

  /** Bytes that were ever taken from the system. */
  get bytes(): number {
    return this.#made;
  }

  readonly #allocate = (lengthBytes: number) => {
    const free = this.#free.get(lengthBytes) ?? [];
    this.#free.set(lengthBytes, free);
    const used = free.length > LEAST_FREE ? free.shift() : undefined;
    if (used === undefined) this.#made += lengthBytes;
    const bytes = used?.fill(0) ?? new Uint8Array(lengthBytes);
    return { bytes, path: null, offset: 0, free: () => void free.push(bytes) };
  };

  create(): { guest: GuestBus; host: HostBus } {
    return createInProcessBus({ ...OPTIONS, allocateRegion: this.#allocate });
  }
}
