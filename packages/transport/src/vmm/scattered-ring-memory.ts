import { copyBytes } from '../copy-bytes.ts';
import { RingHeader, type RingMemory } from '../mock-vmbus/ring-memory.ts';
import { PAGE_BYTES } from '../transport.ts';

/**
 * A ring whose pages lie anywhere in guest RAM. Producer and consumer work on a private copy of the data area in one
 * piece; what one of them is about to show, or has been shown, is copied between the copy and the pages. A consumer
 * thus reads each byte of guest RAM once, after the index that announces it, and a producer has written each one
 * before the index that announces it. The header page is never copied.
 */
export class ScatteredRingMemory implements RingMemory {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly longWords: BigUint64Array;
  readonly isPassedAround = false;
  readonly #header: Uint32Array;
  readonly #pages: readonly Uint8Array[];
  readonly #isProducer: boolean;
  /** Up to here, in ring order, the copy and the pages agree. */
  #copied = 0;

  /**
   * @param pages - The header page, then the data pages: each one 4096 bytes at a multiple of 4 in its buffer.
   * @param end - Which end this side is.
   */
  constructor(pages: readonly Uint8Array[], end: 'producer' | 'consumer') {
    const [header, ...data] = pages;
    this.#header = new Uint32Array(header!.buffer, header!.byteOffset, PAGE_BYTES / 4);
    this.#pages = data;
    this.#isProducer = end === 'producer';
    this.bytes = new Uint8Array(data.length * PAGE_BYTES);
    this.words = new Uint32Array(this.bytes.buffer);
    this.longWords = new BigUint64Array(this.bytes.buffer);
  }

  load(word: number): number {
    const value = Atomics.load(this.#header, word);
    // An impossible index is the caller's to refuse: nothing is copied for it.
    if (word === RingHeader.writeIndex && !this.#isProducer && value < this.bytes.length) this.#copyTo(value);
    return value;
  }

  store(word: number, value: number): void {
    if (word === RingHeader.writeIndex && this.#isProducer) this.#copyTo(value);
    Atomics.store(this.#header, word, value);
  }

  restore(): void {}

  /** Copies all between the last index and this one, which may lie behind the end of the area. */
  #copyTo(index: number): void {
    const from = this.#copied;
    if (from === index) return;
    this.#copied = index;
    if (from < index) this.#copy(from, index);
    else {
      this.#copy(from, this.bytes.length);
      this.#copy(0, index);
    }
  }

  #copy(from: number, to: number): void {
    for (let at = from; at < to; ) {
      const offset = at % PAGE_BYTES;
      const length = Math.min(PAGE_BYTES - offset, to - at);
      const page = this.#pages[Math.floor(at / PAGE_BYTES)]!;
      if (this.#isProducer) copyBytes(page, offset, this.bytes, at, length);
      else copyBytes(this.bytes, at, page, offset, length);
      at += length;
    }
  }
}
