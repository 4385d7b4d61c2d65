import { TransportError } from '../errors.ts';

/** Length of a ring's header page, bytes (vmbus-ring.md §2). */
export const RING_HEADER_BYTES = 4096;

/** Positions of the header fields, in 32-bit words from the start of the header page. */
export const RingHeader = {
  writeIndex: 0,
  readIndex: 1,
  interruptMask: 2,
  pendingSendSize: 3,
  featureBits: 16,
} as const;

/** `feature_bits` bit 0: the producer of this ring uses `pending_send_sz`. */
export const FEATURE_PENDING_SEND_SIZE = 1;

/**
 * The bytes of one ring: how its header words are read and written, and where its data lie. Chosen once when
 * the ring is made; the data area itself is always touched as a typed array.
 */
export interface RingMemory {
  /** Data area as bytes, and as words of 32 and of 64 bits (the host is little endian, as is the ring). */
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly longWords: BigUint64Array;
  /** Whether another thread looks at the very same data area, so that the two processors pass its cache lines to each other. */
  readonly isPassedAround: boolean;
  /** Reads a header word, unsigned. A sequentially consistent load where the memory is shared. */
  load(word: number): number;
  /** Writes a header word. A sequentially consistent store, hence a full barrier, where the memory is shared. */
  store(word: number, value: number): void;
  /**
   * Writes what a header word of this end's holds already, with no order to other accesses: the header's cache line comes to this
   * processor early.
   */
  restore(word: number, value: number): void;
}

/** A ring whose two ends run on different threads: every header access is an `Atomics` access. */
class SharedRingMemory implements RingMemory {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly longWords: BigUint64Array;
  readonly isPassedAround = true;
  readonly #header: Uint32Array;

  constructor(buffer: ArrayBufferLike, offset: number, dataBytes: number) {
    this.#header = new Uint32Array(buffer, offset, RING_HEADER_BYTES / 4);
    this.bytes = new Uint8Array(buffer, offset + RING_HEADER_BYTES, dataBytes);
    this.words = new Uint32Array(buffer, offset + RING_HEADER_BYTES, dataBytes / 4);
    this.longWords = new BigUint64Array(buffer, offset + RING_HEADER_BYTES, dataBytes / 8);
  }

  load(word: number): number {
    return Atomics.load(this.#header, word);
  }

  store(word: number, value: number): void {
    Atomics.store(this.#header, word, value);
  }

  restore(word: number, value: number): void {
    this.#header[word] = value;
  }
}

/** A ring whose two ends run on one thread: program order is all the order there is to keep. */
class LocalRingMemory implements RingMemory {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly longWords: BigUint64Array;
  readonly isPassedAround = false;
  readonly #header: Uint32Array;

  constructor(buffer: ArrayBufferLike, offset: number, dataBytes: number) {
    this.#header = new Uint32Array(buffer, offset, RING_HEADER_BYTES / 4);
    this.bytes = new Uint8Array(buffer, offset + RING_HEADER_BYTES, dataBytes);
    this.words = new Uint32Array(buffer, offset + RING_HEADER_BYTES, dataBytes / 4);
    this.longWords = new BigUint64Array(buffer, offset + RING_HEADER_BYTES, dataBytes / 8);
  }

  load(word: number): number {
    return this.#header[word]!;
  }

  store(word: number, value: number): void {
    this.#header[word] = value;
  }

  restore(): void {}
}

/**
 * Wraps the bytes of one ring: a header page, then the data area.
 *
 * @param bytes - Header page and data area; starts at a multiple of 8 in its buffer, data a multiple of 8 long.
 * @param threads - `one` when both ends run on this thread; `many` uses `Atomics` for the header.
 * @throws TransportError `out-of-range` when the bytes cannot be a ring.
 */
export function createRingMemory(bytes: Uint8Array, threads: 'one' | 'many'): RingMemory {
  const dataBytes = bytes.length - RING_HEADER_BYTES;
  if (dataBytes < 32 || dataBytes % 8 !== 0 || bytes.byteOffset % 8 !== 0) {
    throw new TransportError(
      'out-of-range',
      `a ring needs ${RING_HEADER_BYTES} header bytes, at least 32 data bytes in multiples of 8, and 8-byte ` +
        `alignment; got ${bytes.length} bytes at offset ${bytes.byteOffset}`,
    );
  }
  const Memory = threads === 'many' ? SharedRingMemory : LocalRingMemory;
  return new Memory(bytes.buffer, bytes.byteOffset, dataBytes);
}
