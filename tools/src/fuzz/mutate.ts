import type { Random } from './random.ts';

/** Numbers at the edges of counts, sizes, indices and addresses. */
const EDGES = [
  0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 31, 32, 33, 63, 64, 65, 127, 128, 255, 256, 1023, 1024, 1025, 4095, 4096,
  8191, 8192, 10_240, 65_535, 65_536, 131_055, 131_056, 131_071, 131_072, 131_073, 0x7fff_ffff, 0x8000_0000,
  0xffff_fff8, 0xffff_ffff,
];

/** Makes inputs out of others. All that it does follows from the random numbers that it is given. */
export class Mutator {
  /** Where inputs are made; the view is of the same bytes. */
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #random: Random;
  readonly #views: Uint8Array[] = [];

  constructor(random: Random, maxBytes: number) {
    this.bytes = new Uint8Array(maxBytes);
    this.#view = new DataView(this.bytes.buffer);
    this.#random = random;
  }

  /** An input made from one of the corpus, or of two. Valid until the next call. */
  next(corpus: readonly Uint8Array[]): Uint8Array {
    const random = this.#random;
    const parent = corpus[random.u32() % corpus.length]!;
    this.bytes.set(parent);
    let { length } = parent;
    const choice = random.u32();
    if ((choice & 63) === 0) return this.#of(length);
    const rounds = 1 + ((choice >>> 6) % ((choice >>> 12) % 8 === 0 ? 12 : 4));
    for (let round = 0; round < rounds; round += 1) length = this.#change(length, corpus);
    return this.#of(length);
  }

  /** A view of the first bytes. Kept by length: making one costs more than most inputs take. */
  #of(length: number): Uint8Array {
    const known = this.#views[length];
    if (known !== undefined) return known;
    const view = this.bytes.subarray(0, length);
    if (length < 4096) this.#views[length] = view;
    return view;
  }

  #change(length: number, corpus: readonly Uint8Array[]): number {
    const { bytes } = this;
    const random = this.#random;
    const choice = random.u32();
    const at = length === 0 ? 0 : random.u32() % length;
    switch (choice & 15) {
      case 0:
      case 1:
        if (length > 0) bytes[at]! ^= 1 << ((choice >>> 4) & 7);
        return length;
      case 2:
      case 3:
        if (length > 0) bytes[at] = choice >>> 8;
        return length;
      case 4:
      case 5:
      case 6:
      case 7:
        this.#setWord(at, length, EDGES[(choice >>> 4) % EDGES.length]!);
        return length;
      case 8:
      case 9:
        this.#setWord(at, length, this.#nearby(at, length, choice >>> 4));
        return length;
      case 10:
        return at;
      case 11:
        return this.#extend(length, choice >>> 4);
      case 12:
        return this.#copyWithin(at, length, choice >>> 4);
      case 13:
        return this.#splice(at, length, corpus);
      case 14:
        return this.#remove(at, length, choice >>> 4);
      default:
        this.#setWord(at, length, random.u32());
        return length;
    }
  }

  /** Writes a word, aligned where there is room. */
  #setWord(at: number, length: number, value: number): void {
    const aligned = at & ~3;
    if (aligned + 4 <= length) this.#view.setUint32(aligned, value, true);
    else if (length > 0) this.bytes[at] = value;
  }

  #nearby(at: number, length: number, by: number): number {
    const aligned = at & ~3;
    const value = aligned + 4 <= length ? this.#view.getUint32(aligned, true) : 0;
    return value + ((by & 31) - 16);
  }

  #extend(length: number, choice: number): number {
    const end = Math.min(this.bytes.length, length + 1 + (choice % 64));
    if (length < end) this.bytes.fill(choice & 1 ? 0 : choice >>> 8, length, end);
    return end;
  }

  #copyWithin(at: number, length: number, choice: number): number {
    if (length === 0) return 0;
    const from = (choice >>> 8) % length;
    const count = Math.min(1 + (choice & 63), length - from, this.bytes.length - at);
    this.bytes.copyWithin(at, from, from + count);
    return Math.max(length, at + count);
  }

  #splice(at: number, length: number, corpus: readonly Uint8Array[]): number {
    const other = corpus[this.#random.u32() % corpus.length]!;
    if (other.length === 0) return length;
    const from = this.#random.u32() % other.length;
    const count = Math.min(other.length - from, this.bytes.length - at);
    this.bytes.set(other.subarray(from, from + count), at);
    return Math.max(at + count, this.#random.u32() & 1 ? length : 0);
  }

  #remove(at: number, length: number, choice: number): number {
    const count = Math.min(1 + (choice & 31), length - at);
    this.bytes.copyWithin(at, at + count, length);
    return length - Math.max(0, count);
  }
}
