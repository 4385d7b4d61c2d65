/** A mark of when something was sent is made every so many bytes. */
const BYTES_BETWEEN_MARKS = 64 * 1024;
/** What is sent may take so much longer to be confirmed than it has to, milliseconds: about as long, a small packet waits behind it. */
const LONGEST_QUEUE_MS = 150;
/** By no more than this the window changes at once: one long pause of a side's thread is no slow line. */
const SMALLEST_STEP = 1 / 4;
const LARGEST_STEP = 2;

interface Mark {
  readonly total: number;
  readonly ms: number;
}

/** Sizes of a {@link RangeWindow}, bytes. */
export interface RangeWindowSizes {
  /** Never below: the other side confirms so many bytes by themselves. */
  readonly least: number;
  readonly first: number;
  readonly most: number;
}

/**
 * How much of long ranges may be on its way. What the system has taken is passed by nothing, so on a slow line a full window
 * would let small packets wait for seconds. The time until bytes are confirmed tells: as long as it is what the line
 * itself takes, the window grows; when bytes queue up somewhere, it shrinks.
 */
export class RangeWindow {
  readonly #sizes: RangeWindowSizes;
  readonly #now: () => number;
  readonly #marks: Mark[] = [];
  #bytes: number;
  #sentTotal = 0;
  /** The shortest time in which this connection has confirmed anything. */
  #shortestMs = Number.POSITIVE_INFINITY;
  /** Marks up to here were sent before the window was changed last. */
  #changedAt = 0;
  /** What was sent when the window was found full since, or null. */
  #fullAt: number | null = null;

  constructor(sizes: RangeWindowSizes, now: () => number) {
    this.#sizes = sizes;
    this.#bytes = sizes.first;
    this.#now = now;
  }

  /** Whether more of a long range may leave while so much is on its way. */
  hasRoom(unconfirmedBytes: number): boolean {
    if (unconfirmedBytes < this.#bytes) return true;
    this.#fullAt ??= this.#sentTotal;
    return false;
  }

  /**
   * The stream has been sent up to `total`, of which so much is on its way. Only where the other side confirms at once, since
   * it has to for so many bytes, the time until then says something of the line.
   */
  sent(total: number, unconfirmedBytes: number): void {
    this.#sentTotal = total;
    if (unconfirmedBytes < this.#sizes.least) return;
    const last = this.#marks.at(-1)?.total ?? 0;
    if (this.#marks.length === 0 || total - last >= BYTES_BETWEEN_MARKS) {
      this.#marks.push({ total, ms: this.#now() });
    }
  }

  /** The other side has the stream up to `total`. */
  confirmed(total: number): void {
    let latest: Mark | undefined;
    while (this.#marks.length > 0 && this.#marks[0]!.total <= total) latest = this.#marks.shift();
    if (latest === undefined) return;
    const tookMs = this.#now() - latest.ms;
    this.#shortestMs = Math.min(this.#shortestMs, tookMs);
    if (latest.total <= this.#changedAt) return;
    const change = Math.max(
      SMALLEST_STEP,
      Math.min(LARGEST_STEP, (this.#shortestMs + LONGEST_QUEUE_MS) / tookMs),
    );
    // Only what was sent into a full window tells how a line bears it.
    const hasBorneIt = this.#fullAt !== null && latest.total >= this.#fullAt;
    if (change < 1 || hasBorneIt) this.#resize(this.#bytes * change);
  }

  /** Another connection carries on: what is known of the line is that of the last one. */
  restart(): void {
    this.#marks.length = 0;
    this.#fullAt = null;
    this.#shortestMs = Number.POSITIVE_INFINITY;
    this.#changedAt = this.#sentTotal;
    this.#bytes = Math.min(this.#bytes, this.#sizes.first);
  }

  #resize(bytes: number): void {
    const { least, most } = this.#sizes;
    this.#bytes = Math.min(most, Math.max(least, Math.floor(bytes)));
    this.#changedAt = this.#sentTotal;
    this.#fullAt = null;
  }
}
