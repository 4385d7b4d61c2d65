/**
 * What one item costs that is queued, bytes, besides the data it carries: 885 of heap were measured for one with a byte
 * of data (Node 20), rounded up.
 */
export const QUEUED_ITEM_BYTES = 1024;

/** What one object and value of a queued wait or signal costs, bytes: elements of three arrays that grow; 55 were measured. */
export const QUEUED_OBJECT_BYTES = 64;

/**
 * The memory that the queues of one guest hold, against its quota: items with their private data, waits and signals
 * with their objects, operations of updates. One account for all its GPUs, since they are one memory of the host's.
 */
export class QueuedBytes {
  readonly limit: number;
  #used = 0;

  /** @param limit bytes. */
  constructor(limit: number) {
    this.limit = limit;
  }

  /** Bytes held now. */
  get used(): number {
    return this.#used;
  }

  hasRoomFor(bytes: number): boolean {
    return this.#used + bytes <= this.limit;
  }

  add(bytes: number): void {
    this.#used += bytes;
  }

  remove(bytes: number): void {
    this.#used -= bytes;
  }
}
