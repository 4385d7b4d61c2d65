/**
 * The least that a packet and its completion take over rings laid out as VMBus's, in JavaScript: code for one size of packet and
 * nothing else. What it leaves out: other sizes, room, packets that cross the end, signals, closing, statistics, handlers.
 */

const RING_BYTES = 64 * 4096;
const HEADER_BYTES = 4096;

/** Length of the memory that both rings need, bytes. */
export const STRAIGHT_BYTES = 2 * RING_BYTES;

const PAYLOAD_LONG_WORDS = 8;
/** Header, payload and trailer, in 32-bit words; the same without the trailer, in units of 8 bytes. */
const PACKET_WORDS = 4 + 2 * PAYLOAD_LONG_WORDS + 2;
const PACKET_LENGTH = 2 + PAYLOAD_LONG_WORDS;
const LINE_WORDS = 16;
const LAST_START = (RING_BYTES - HEADER_BYTES) / 4 - PACKET_WORDS;

const IN_BAND = 6;
const COMPLETION = 11;
const WRITE_INDEX = 0;
const MASK = 2;
const PENDING_SEND_SIZE = 3;
const STOP = 0;

/** One ring, as seen from one end; indices are in 32-bit words. */
class StraightRing {
  readonly #header: Int32Array;
  readonly #words: Uint32Array;
  readonly #longWords: BigUint64Array;
  #at = 0;
  /** What was read last. */
  id = 0;
  /** Of no use, see {@link read}. */
  touched = 0;
  readonly payload = new BigUint64Array(PAYLOAD_LONG_WORDS);

  constructor(bytes: Uint8Array, offset: number) {
    const data = bytes.byteOffset + offset + HEADER_BYTES;
    this.#header = new Int32Array(bytes.buffer, bytes.byteOffset + offset, HEADER_BYTES / 4);
    this.#words = new Uint32Array(bytes.buffer, data, (RING_BYTES - HEADER_BYTES) / 4);
    this.#longWords = new BigUint64Array(bytes.buffer, data, (RING_BYTES - HEADER_BYTES) / 8);
  }

  write(kind: number, id: number, payload: BigUint64Array): void {
    const words = this.#words;
    const longWords = this.#longWords;
    const start = this.#at > LAST_START ? 0 : this.#at;
    const end = start + PACKET_WORDS;
    words[start] = kind | (2 << 16);
    words[start + 1] = PACKET_LENGTH | (1 << 16);
    words[start + 2] = id;
    words[start + 3] = 0;
    const to = (start >>> 1) + 2;
    for (let i = 0; i < PAYLOAD_LONG_WORDS; i += 1) longWords[to + i] = payload[i]!;
    words[end - 2] = 0;
    words[end - 1] = start << 2;
    this.#at = end;
    // The index's line comes while the packet's do.
    this.#header[PENDING_SEND_SIZE] = 0;
    Atomics.store(this.#header, WRITE_INDEX, end << 2);
    if (Atomics.load(this.#header, MASK) !== 0) throw new Error('nobody masks');
    // The lines that the next packet needs come while the other side reads this one.
    const next = (end + LINE_WORDS - 1) & -LINE_WORDS;
    if (next + LINE_WORDS < words.length) {
      words[next] = 0;
      words[next + LINE_WORDS] = 0;
    }
  }

  read(): void {
    const seen = this.#at << 2;
    let index = seen;
    const words = this.#words;
    const longWords = this.#longWords;
    const start = this.#at > LAST_START ? 0 : this.#at;
    const end = start + PACKET_WORDS;
    while (index === seen) {
      // The packet's lines come along with the index, not after it.
      this.touched = words[start]! ^ words[start + LINE_WORDS]! ^ words[end - 1]!;
      index = Atomics.load(this.#header, WRITE_INDEX);
    }
    const type = words[start]!;
    const length = words[start + 1]!;
    if (index !== end << 2 || type >>> 16 !== 2 || (length & 0xffff) !== PACKET_LENGTH)
      throw new Error('a bad packet');
    this.id = words[start + 2]!;
    const from = (start >>> 1) + 2;
    for (let i = 0; i < PAYLOAD_LONG_WORDS; i += 1) this.payload[i] = longWords[from + i]!;
    this.#at = end;
  }
}

/** The other side: answers, with its thread blocked, until it is told to stop. */
export function answerStraight(memory: Uint8Array): void {
  const asked = new StraightRing(memory, 0);
  const answered = new StraightRing(memory, RING_BYTES);
  do {
    asked.read();
    answered.write(COMPLETION, asked.id, asked.payload);
  } while (asked.id !== STOP);
}

/**
 * Asks `count` times, one after the other, once the other side is there.
 *
 * @returns milliseconds.
 */
export function askStraight(memory: Uint8Array, count: number): number {
  const asking = new StraightRing(memory, 0);
  const answers = new StraightRing(memory, RING_BYTES);
  const payload = new BigUint64Array(PAYLOAD_LONG_WORDS).fill(7n);
  const ask = (id: number) => {
    asking.write(IN_BAND, id, payload);
    answers.read();
    if (answers.id !== id) throw new Error('the wrong answer');
  };
  ask(1);
  const begin = performance.now();
  for (let i = 1; i <= count; i += 1) ask(i);
  const elapsed = performance.now() - begin;
  ask(STOP);
  memory.fill(0, 0, HEADER_BYTES);
  memory.fill(0, RING_BYTES, RING_BYTES + HEADER_BYTES);
  return elapsed;
}
