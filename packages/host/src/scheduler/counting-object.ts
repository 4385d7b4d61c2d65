import { SyncObject } from './sync-object.ts';
import { type TurnGiver, WaitHeap, type WaitNode } from './wait-heap.ts';

const MAX_U32 = 0xffffffff;

/**
 * Mutex (a count of at most one) and semaphore, as queues know them: a wait takes one, a signal gives one back.
 *
 * A signal wakes as many waiters as there is count for, in the order they came, and keeps the count for them: that is
 * their *turn*. A queue whose turn it is asks soon, or dies; if it takes nothing then, the turn goes to the next. Waking
 * all would make each signal as slow as a guest likes.
 */
export class CountingObject extends SyncObject implements TurnGiver {
  #count: number;
  readonly #maxCount: number;
  readonly #waiters = new WaitHeap();
  /** Makes waiters wait in the order they came: the heap's key is this number. */
  #arrivals = 0;
  /** Waiters that were woken and have not asked yet. */
  #turns = 0;

  constructor(type: number, initialCount: number, maxCount: number) {
    super(type);
    this.#count = initialCount;
    this.#maxCount = maxCount;
  }

  get count(): number {
    return this.#count;
  }

  override isSatisfied(): boolean {
    return this.#count > this.#turns;
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
    while (this.isSatisfied()) {
      const node = this.#waiters.takeReached(MAX_U32, MAX_U32);
      if (node === null) return;
      this.#turns += 1;
      node.turn = this;
      node.wake();
    }
  }

  takeTurn(): void {
    this.#turns -= 1;
  }
}
