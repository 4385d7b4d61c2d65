/** Runs of frames up to this long are copied together; longer ones keep the memory that they were written from. */
const COPIED_BYTES = 16 * 1024;
const JOINED_BYTES = 64 * 1024;
/** Between long runs there is little more than the header of a frame. */
const BETWEEN_BYTES = 256;

/** Memory that a window keeps and must give back. */
export interface Held {
  /** The window lets go of the memory. Called once. */
  drop(): void;
}

interface Entry {
  readonly bytes: Uint8Array;
  /** Bytes in use. */
  used: number;
  /** How many bytes of the stream went before this entry's first. */
  readonly start: number;
  readonly held: Held | null;
}

/**
 * What one side of a link has sent and the other has not confirmed: a run of the stream of frames, kept so that it
 * can be sent again over another connection. Totals count bytes from the start of the session; they are exact, being
 * below 2^53.
 */
export class ReplayWindow {
  readonly #entries: Entry[] = [];
  #confirmed: number;
  #sent: number;

  /** @param total - Bytes that were sent before the window began; those cannot be had again. */
  constructor(total: number) {
    this.#confirmed = total;
    this.#sent = total;
  }

  /** Bytes sent in all. */
  get sentBytes(): number {
    return this.#sent;
  }

  /** Bytes that the other side is known to have. */
  get confirmedBytes(): number {
    return this.#confirmed;
  }

  /** Bytes sent and not confirmed. */
  get unconfirmedBytes(): number {
    return this.#sent - this.#confirmed;
  }

  /** Whether the stream can be sent again from `total` on. */
  holds(total: number): boolean {
    return total >= this.#confirmed && total <= this.#sent;
  }

  /** Keeps the next bytes of the stream. @returns whether it keeps `bytes` themselves, and `held` with them. */
  add(bytes: Uint8Array, length: number, held: Held): boolean {
    const start = this.#sent;
    this.#sent += length;
    if (length > COPIED_BYTES) {
      this.#entries.push({ bytes, used: length, start, held });
      return true;
    }
    let last = this.#entries[this.#entries.length - 1];
    if (last === undefined || last.held !== null || last.used + length > last.bytes.length) {
      last = { bytes: new Uint8Array(capacityBehind(last, length)), used: 0, start, held: null };
      this.#entries.push(last);
    }
    last.bytes.set(bytes.subarray(0, length), last.used);
    last.used += length;
    return false;
  }

  /** The other side has everything up to `total`. @returns false when it cannot have. */
  confirm(total: number): boolean {
    if (!this.holds(total)) return false;
    this.#confirmed = total;
    let done = 0;
    for (const entry of this.#entries) {
      if (entry.start + entry.used > total) break;
      entry.held?.drop();
      done += 1;
    }
    if (done > 0) this.#entries.splice(0, done);
    return true;
  }

  /** A run of the stream that starts at `total`, or null when that is its end. */
  from(total: number): Uint8Array | null {
    for (const { bytes, start, used } of this.#entries) {
      if (total < start + used) return bytes.subarray(total - start, used);
    }
    return null;
  }

  /** Gives all memory back. */
  clear(): void {
    for (const { held } of this.#entries.splice(0)) held?.drop();
    this.#confirmed = this.#sent;
  }
}

/** Memory for copies of runs, of which the first is `length` long, behind an entry. */
function capacityBehind(last: Entry | undefined, length: number): number {
  // An idle link keeps little: the first piece after everything was confirmed is a small one.
  if (last === undefined) return COPIED_BYTES;
  return last.held === null ? JOINED_BYTES : Math.max(BETWEEN_BYTES, length);
}
