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

/**
 * While the window is below this, the other side is asked how far it has got: it confirms by itself only after more. A
 * ping goes behind each so many bytes, which its pong says to have arrived.
 */
const ASKED_BELOW_BYTES = 512 * 1024;
const BYTES_BETWEEN_QUESTIONS = 15 * 1024;
/** Who has not answered for so long does not answer such questions, milliseconds. */
const UNANSWERED_MS = 5000;

interface Question extends Mark {
  readonly id: number;
}

/** Sizes of a {@link RangeWindow}, bytes. */
export interface RangeWindowSizes {
  readonly least: number;
  readonly first: number;
  readonly most: number;
  /** The other side confirms so many bytes by themselves, at the latest. */
  readonly confirmed: number;
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
  /** Pings that are not answered yet. */
  readonly #questions: Question[] = [];
  #questionsAsked = 0;
  /** The stream has arrived up to here, as the last answer said. */
  #arrivedTotal = 0;
  #hasAnswered = false;
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

  /** Most bytes of a range that are to leave at once: on a slow line, what is asked for by itself. */
  get runBytes(): number {
    if (!this.#isAsking) return Number.POSITIVE_INFINITY;
    return Math.max(BYTES_BETWEEN_QUESTIONS, (this.#bytes >>> 2) & ~7);
  }

  get #isAsking(): boolean {
    return this.#bytes < ASKED_BELOW_BYTES;
  }

  /** Whether more of a long range may leave while so much is not confirmed. */
  hasRoom(unconfirmedBytes: number): boolean {
    const onItsWay = Math.min(unconfirmedBytes, this.#sentTotal - this.#arrivedTotal);
    if (onItsWay < this.#bytes) return true;
    if (this.#isUnanswered && onItsWay < this.#sizes.confirmed) return true;
    this.#fullAt ??= this.#sentTotal;
    return false;
  }

  /** The other side answers no questions: only what it has to confirm counts. */
  get #isUnanswered(): boolean {
    const first = this.#questions[0];
    return !this.#hasAnswered && first !== undefined && this.#now() - first.ms > UNANSWERED_MS;
  }

  /**
   * Whether a ping is to go behind what has been sent: some bytes of a range were sent since the last one, or nothing
   * leaves until something is known to have arrived.
   */
  isToAsk(isBlocked: boolean): boolean {
    if (!this.#isAsking) return false;
    const last = this.#questions.at(-1)?.total;
    if (isBlocked) return last === undefined;
    return this.#sentTotal - (last ?? this.#arrivedTotal) >= BYTES_BETWEEN_QUESTIONS;
  }

  /** A ping is going out. @returns its number. */
  ask(): number {
    this.#questionsAsked = (this.#questionsAsked + 1) >>> 0;
    this.#questions.push({ total: this.#sentTotal, ms: this.#now(), id: this.#questionsAsked });
    return this.#questionsAsked;
  }

  /** A ping was answered: all that was sent before it has arrived. */
  answered(id: number): void {
    const index = this.#questions.findIndex((question) => question.id === id);
    const question = this.#questions[index];
    if (question === undefined) return;
    this.#questions.splice(0, index + 1);
    this.#hasAnswered = true;
    this.#arrivedTotal = question.total;
    this.#learn(question);
  }

  /**
   * The stream has been sent up to `total`, of which so much is not confirmed. Only where the other side confirms at once, since
   * it has to for so many bytes, the time until then says something of the line.
   */
  sent(total: number, unconfirmedBytes: number): void {
    this.#sentTotal = total;
    if (unconfirmedBytes < this.#sizes.confirmed || this.#isAsking) return;
    const last = this.#marks.at(-1)?.total ?? 0;
    if (this.#marks.length === 0 || total - last >= BYTES_BETWEEN_MARKS) {
      this.#marks.push({ total, ms: this.#now() });
    }
  }

  /** The other side has the stream up to `total`. */
  confirmed(total: number): void {
    let latest: Mark | undefined;
    while (this.#marks.length > 0 && this.#marks[0]!.total <= total) latest = this.#marks.shift();
    if (latest !== undefined) this.#learn(latest);
  }

  /** What was sent up to a mark has arrived. */
  #learn(latest: Mark): void {
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
    this.#questions.length = 0;
    // What is sent again is counted by its confirmation.
    this.#arrivedTotal = 0;
    this.#hasAnswered = false;
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
