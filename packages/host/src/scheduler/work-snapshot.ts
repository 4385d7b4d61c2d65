import type { WorkSnapshot } from '../memory/device-work.ts';

/** A mark behind work on several queues: done when each queue has passed its part. */
export class WorkMark implements WorkSnapshot {
  #remaining = 0;
  #callbacks: (() => void)[] | null = null;

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

  /** A queue has passed. */
  pass(): void {
    this.#remaining -= 1;
    if (this.#remaining > 0) return;
    const callbacks = this.#callbacks;
    this.#callbacks = null;
    if (callbacks !== null) for (const callback of callbacks) callback();
  }
}

/** The marks of one queue, in order of the work they stand behind. */
export class MarkList {
  #serials: number[] = [];
  #marks: WorkMark[] = [];
  #first = 0;

  get isEmpty(): boolean {
    return this.#first === this.#marks.length;
  }

  add(serial: number, mark: WorkMark): void {
    mark.expect();
    // Marks behind running work come before marks behind queued work, whenever they are made.
    let index = this.#marks.length;
    while (index > this.#first && this.#serials[index - 1]! > serial) index -= 1;
    this.#serials.splice(index, 0, serial);
    this.#marks.splice(index, 0, mark);
  }

  /** All work up to and including `serial` has ended. */
  passUpTo(serial: number): void {
    while (this.#first < this.#marks.length && this.#serials[this.#first]! <= serial) {
      const mark = this.#marks[this.#first]!;
      this.#first += 1;
      if (this.#first === this.#marks.length) {
        this.#serials = [];
        this.#marks = [];
        this.#first = 0;
      }
      mark.pass();
    }
  }
}
