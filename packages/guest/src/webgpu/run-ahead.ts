/** Most bytes of submissions that wait in the host's queue; what comes after is kept by the guest. */
const LIMIT_BYTES = 16 * 1024 * 1024;
/** What a submission costs its host besides its data, bytes. */
const SUBMISSION_BYTES = 1024;
/** How exactly it is known what has ended, bytes. */
const STEP_BYTES = 256 * 1024;

/**
 * How far a device's submissions are ahead of its GPU. A program may record for as long as it likes without waiting; the
 * host holds what it was sent, and ends a device whose guest makes it hold too much.
 */
export class RunAhead {
  readonly #completed: () => number;
  #sentBytes = 0;
  #endedBytes = 0;
  /** Ends of steps that have not ended: fence values, and all that was sent up to them. */
  #fences: number[] = [];
  #totals: number[] = [];
  #nextStep = STEP_BYTES;

  /** @param completed gives the value of the progress fence. */
  constructor(completed: () => number) {
    this.#completed = completed;
  }

  /** Says that a submission was sent, with so much data. */
  sent(fence: number, lengthBytes: number): void {
    this.#sentBytes += lengthBytes + SUBMISSION_BYTES;
    if (this.#sentBytes < this.#nextStep) return;
    this.#fences.push(fence);
    this.#totals.push(this.#sentBytes);
    this.#nextStep = this.#sentBytes + STEP_BYTES;
  }

  /** Whether the next submission should wait for {@link nextFence}. */
  get isFull(): boolean {
    if (this.#sentBytes - this.#endedBytes < LIMIT_BYTES) return false;
    const completed = this.#completed();
    let ended = 0;
    while (ended < this.#fences.length && this.#fences[ended]! <= completed) ended += 1;
    if (ended > 0) {
      this.#endedBytes = this.#totals[ended - 1]!;
      this.#fences.splice(0, ended);
      this.#totals.splice(0, ended);
    }
    return this.#sentBytes - this.#endedBytes >= LIMIT_BYTES;
  }

  /** The value with which some of what was sent has ended. There is one while it is full. */
  get nextFence(): number {
    return this.#fences[0]!;
  }
}
