import type { WorkSnapshot } from '../memory/device-work.ts';

/** A mark behind work on several queues: done when each queue has passed its part, and the mark before it is done. */
export class WorkMark implements WorkSnapshot {
  #remaining = 0;
  #callbacks: (() => void)[] | null = null;
  #follower: WorkMark | null = null;

  get done(): boolean {
    return this.#remaining === 0;
  }

  onDone(callback: () => void): void {
    if (this.done) {
      callback();
      return;
    }
    this.#callbacks ??= [];
    this.#callbacks.push(callback);
  }

  /** One more queue has to pass. */
  expect(): void {
    this.#remaining += 1;
  }

  /** This mark stands behind all that another, not done yet and without a follower, stands behind. */
  follow(mark: WorkMark): void {
    this.#remaining += 1;
    mark.#follower = this;
  }

  /** A queue has passed. */
  pass(): void {
    // A loop, since thousands of marks may each wait for nothing but the one before.
    let mark: WorkMark | null = this;
    while (mark !== null) {
      mark.#remaining -= 1;
      if (mark.#remaining > 0) return;
      const callbacks: (() => void)[] | null = mark.#callbacks;
      const follower: WorkMark | null = mark.#follower;
      mark.#callbacks = null;
      mark.#follower = null;
      if (callbacks !== null) for (const callback of callbacks) callback();
      mark = follower;
    }
  }
}

/**
 * Marks behind ever more work of many queues. Each stands behind the one before and behind the queues that had new work
 * since, so that a mark costs no more than the work that came before it, however many queues stand still.
 */
export class MarkChain<Queue> {
  readonly #fresh = new Set<Queue>();
  readonly #addPart: (queue: Queue, mark: WorkMark) => void;
  #last: WorkMark | null = null;

  constructor(addPart: (queue: Queue, mark: WorkMark) => void) {
    this.#addPart = addPart;
  }

  /** The queue has work that the last mark does not stand behind. */
  touch(queue: Queue): void {
    this.#fresh.add(queue);
  }

  /** The queue is gone. */
  forget(queue: Queue): void {
    this.#fresh.delete(queue);
  }

  /** @returns null when there is nothing to wait for. */
  mark(): WorkMark | null {
    const before = this.#last !== null && !this.#last.done ? this.#last : null;
    if (this.#fresh.size === 0) {
      this.#last = before;
      return before;
    }
    const mark = new WorkMark();
    for (const queue of this.#fresh) this.#addPart(queue, mark);
    this.#fresh.clear();
    if (mark.done) {
      this.#last = before;
      return before;
    }
    if (before !== null) mark.follow(before);
    this.#last = mark;
    return mark;
  }
}

/** Passed entries that a list may keep before it closes up. */
const KEPT_ENTRIES = 64;

/** The marks of one queue, in order of the work they stand behind. */
export class MarkList {
  #serials: number[] = [];
  #marks: WorkMark[] = [];
  #first = 0;

  get isEmpty(): boolean {
    return this.#first === this.#marks.length;
  }

  /** @param serial not below that of the mark before. */
  add(serial: number, mark: WorkMark): void {
    mark.expect();
    this.#serials.push(serial);
    this.#marks.push(mark);
  }

  /** All work up to and including `serial` has ended. */
  passUpTo(serial: number): void {
    while (this.#first < this.#marks.length && this.#serials[this.#first]! <= serial) {
      const mark = this.#marks[this.#first]!;
      this.#first += 1;
      this.#closeUp();
      mark.pass();
    }
  }

  #closeUp(): void {
    if (this.#first === this.#marks.length) {
      this.#serials = [];
      this.#marks = [];
    } else if (this.#first >= KEPT_ENTRIES && this.#first * 2 >= this.#marks.length) {
      this.#serials.splice(0, this.#first);
      this.#marks.splice(0, this.#first);
    } else {
      return;
    }
    this.#first = 0;
  }
}
