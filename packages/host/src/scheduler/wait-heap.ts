import { isAtLeast } from './u64.ts';

/** An object that keeps for a waiter what it was woken for. */
export interface TurnGiver {
  /** The waiter asks now, or never: nothing is kept for it any more. */
  takeTurn(): void;
  /** Afterwards: what it has left goes to others. */
  wakeWaiters(): void;
}

/** One party waiting for one object: a queue (GPU wait) or one object of a CPU wait. */
export abstract class WaitNode {
  /** The value waited for. */
  low = 0;
  high = 0;
  /** Where it waits, or null. */
  heap: WaitHeap | null = null;
  heapIndex = -1;
  /** What keeps something for it since it was woken, until {@link takeTurn}. */
  turn: TurnGiver | null = null;

  /** The value was reached; the node is off the heap already. */
  abstract wake(): void;

  /** Before it asks again, or ends. @returns whose other waiters are to be woken afterwards. */
  takeTurn(): TurnGiver | null {
    const { turn } = this;
    if (turn === null) return null;
    this.turn = null;
    turn.takeTurn();
    return turn;
  }

  /** Stops waiting. */
  leave(): void {
    if (this.heap !== null) this.heap.remove(this);
  }
}

/** Waiters of one object, lowest value first. Each operation is O(log n), so that no guest can make signals slow. */
export class WaitHeap {
  readonly #nodes: WaitNode[] = [];

  get size(): number {
    return this.#nodes.length;
  }

  add(node: WaitNode, low: number, high: number): void {
    node.low = low;
    node.high = high;
    node.heap = this;
    this.#nodes.push(node);
    this.#siftUp(node, this.#nodes.length - 1);
  }

  remove(node: WaitNode): void {
    const index = node.heapIndex;
    const last = this.#nodes.pop()!;
    node.heap = null;
    node.heapIndex = -1;
    if (last === node) return;
    if (index > 0 && isLower(last, this.#nodes[(index - 1) >> 1]!)) this.#siftUp(last, index);
    else this.#siftDown(last, index);
  }

  /** Takes the waiter with the lowest value off the heap if that value is reached. */
  takeReached(low: number, high: number): WaitNode | null {
    const first = this.#nodes[0];
    if (first === undefined || !isAtLeast(low, high, first.low, first.high)) return null;
    this.remove(first);
    return first;
  }

  #siftUp(node: WaitNode, from: number): void {
    let index = from;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.#nodes[parentIndex]!;
      if (!isLower(node, parent)) break;
      this.#place(parent, index);
      index = parentIndex;
    }
    this.#place(node, index);
  }

  #siftDown(node: WaitNode, from: number): void {
    const count = this.#nodes.length;
    let index = from;
    for (;;) {
      let childIndex = 2 * index + 1;
      if (childIndex >= count) break;
      let child = this.#nodes[childIndex]!;
      const right = this.#nodes[childIndex + 1];
      if (right !== undefined && isLower(right, child)) {
        child = right;
        childIndex += 1;
      }
      if (!isLower(child, node)) break;
      this.#place(child, index);
      index = childIndex;
    }
    this.#place(node, index);
  }

  #place(node: WaitNode, index: number): void {
    this.#nodes[index] = node;
    node.heapIndex = index;
  }
}

function isLower(a: WaitNode, b: WaitNode): boolean {
  return a.high < b.high || (a.high === b.high && a.low < b.low);
}
