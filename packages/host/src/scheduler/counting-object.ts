import { SyncObject } from './sync-object.ts';
import { WaitHeap, type WaitNode } from './wait-heap.ts';

const MAX_U32 = 0xffffffff;

/** Mutex (a count of at most one) and semaphore, as queues know them: a wait takes one, a signal gives one back. */
export class CountingObject extends SyncObject {
  #count: number;
  readonly #maxCount: number;
  readonly #waiters = new WaitHeap();
  /** Makes waiters wait in the order they came: the heap's key is this number. */
  #arrivals = 0;

  constructor(type: number, initialCount: number, maxCount: number) {
    super(type);
    this.#count = initialCount;
    this.#maxCount = maxCount;
  }

  get count(): number {
    return this.#count;
  }

  override isSatisfied(): boolean {
    return this.#count > 0;
  }

  override acquire(): void {
    this.#count -= 1;
  }

  override addWaiter(node: WaitNode): void {
    this.#arrivals += 1;
    this.#waiters.add(node, this.#arrivals >>> 0, Math.floor(this.#arrivals / 0x100000000));
  }

  override signal(): void {
    if (this.#count < this.#maxCount) this.#count += 1;
    this.wakeWaiters();
  }

  override loseSignals(): void {
    if (this.#count < this.#maxCount) this.#count += 1;
  }

  override wakeWaiters(): void {
    // All are woken and ask again in the order they came; those that find nothing wait on. A queue may die between
    // waking and asking, so waking only as many as the count could lose a turn.
    const woken: WaitNode[] = [];
    for (;;) {
      const node = this.#waiters.takeReached(MAX_U32, MAX_U32);
      if (node === null) break;
      woken.push(node);
    }
    for (const node of woken) node.wake();
  }
}
