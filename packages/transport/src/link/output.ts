import { PayloadCopier } from '../copy-bytes.ts';
import { FRAME_HEADER_BYTES, frameSize, LINK_CHANNEL, MAX_FRAME_BYTES, MEMORY_CHUNK_BYTES } from './frame.ts';

const SMALL_CHUNK_BYTES = 16 * 1024;
const LARGE_CHUNK_BYTES = MAX_FRAME_BYTES + 8 * 1024;
/** Spare chunks kept for all links of this thread together. */
const SPARE_CHUNKS = 8;
/** Ranges above one chunk are read when they are sent, not when they are queued, once this much waits. */
const SNAPSHOT_BYTES = 4 * 1024 * 1024;
const TWO_32 = 0x1_0000_0000;

/** A run of whole frames, ready to be written. */
export interface OutputChunk {
  /** Valid until {@link release}. */
  readonly bytes: Uint8Array;
  /** The medium has taken the bytes: the memory is used again. Call exactly once. */
  release(): void;
}

class Chunk {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  used = 0;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
    this.words = new Uint32Array(this.bytes.buffer);
  }
}

const spareSmall: Chunk[] = [];
const spareLarge: Chunk[] = [];

function takeChunk(capacity: number): Chunk {
  const spare = capacity <= SMALL_CHUNK_BYTES ? spareSmall : spareLarge;
  const size = capacity <= SMALL_CHUNK_BYTES ? SMALL_CHUNK_BYTES : LARGE_CHUNK_BYTES;
  return spare.pop() ?? new Chunk(size);
}

function giveChunk(chunk: Chunk): void {
  chunk.used = 0;
  const spare = chunk.bytes.length === SMALL_CHUNK_BYTES ? spareSmall : spareLarge;
  if (spare.length < SPARE_CHUNKS) spare.push(chunk);
}

/** A range of memory that is still to be read, in order with the frames around it. */
class PendingRange {
  readonly kind: number;
  readonly source: Uint8Array;
  readonly flags: number;
  readonly lastFlags: number;
  address: number;
  at: number;
  left: number;

  constructor(
    kind: number,
    address: number,
    source: Uint8Array,
    offset: number,
    length: number,
    flags: number,
    lastFlags: number,
  ) {
    this.kind = kind;
    this.source = source;
    this.flags = flags;
    this.lastFlags = lastFlags;
    this.address = address;
    this.at = offset;
    this.left = length;
  }
}

/**
 * What a link has still to write: frames in the order in which they were queued, gathered into chunks, and beside
 * them answers to memory reads, which have no order to keep and must not hold packets up.
 */
export class LinkOutput {
  readonly #items: (Chunk | PendingRange)[] = [];
  readonly #answers: PendingRange[] = [];
  readonly #copier = new PayloadCopier();
  readonly #onRelease: () => void;
  #queued = 0;
  #answeredLast = true;

  constructor(onRelease: () => void) {
    this.#onRelease = onRelease;
  }

  /** Bytes of frames that wait or that the medium has not let go of. Ranges still to be read count nothing. */
  get queuedBytes(): number {
    return this.#queued;
  }

  get isEmpty(): boolean {
    return this.#items.length === 0 && this.#answers.length === 0;
  }

  /** Queues one frame; the payload is copied. */
  frame(
    channel: number,
    kind: number,
    idLow: number,
    idHigh: number,
    flags: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void {
    const size = frameSize(length);
    let chunk = this.#items[this.#items.length - 1];
    if (!(chunk instanceof Chunk) || chunk.used + size > chunk.bytes.length) {
      // The first frame of a batch gets a small chunk; a batch that outgrows it goes on in large ones.
      const capacity = chunk instanceof Chunk ? LARGE_CHUNK_BYTES : size;
      chunk = takeChunk(Math.max(capacity, size));
      this.#items.push(chunk);
    }
    this.#place(chunk, channel, kind, idLow, idHigh, flags, bytes, offset, length);
    this.#queued += size;
  }

  #place(
    chunk: Chunk,
    channel: number,
    kind: number,
    idLow: number,
    idHigh: number,
    flags: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void {
    const size = frameSize(length);
    const words = chunk.words;
    const word = chunk.used >>> 2;
    words[word] = size;
    words[word + 1] = channel | (kind << 16);
    words[word + 2] = idLow;
    words[word + 3] = idHigh;
    words[word + 4] = length;
    words[word + 5] = flags;
    if (length > 0) {
      // Zeroing the last eight bytes first leaves exactly the padding zero.
      const end = (chunk.used + size) >>> 2;
      words[end - 2] = 0;
      words[end - 1] = 0;
      this.#copier.copy(chunk.bytes, words, chunk.used + FRAME_HEADER_BYTES, bytes, offset, length);
    }
    chunk.used += size;
  }

  /**
   * Queues a range of memory in order, in frames of at most {@link MEMORY_CHUNK_BYTES}.
   *
   * @param isStable - The source stays in place and may be read late: a long range behind a long queue then
   * takes no memory. Later changes may then show early, as they would in memory that both sides see.
   */
  range(
    kind: number,
    address: number,
    source: Uint8Array,
    offset: number,
    length: number,
    isStable: boolean,
  ): void {
    if (isStable && length > MEMORY_CHUNK_BYTES && this.#queued + length > SNAPSHOT_BYTES) {
      this.#items.push(new PendingRange(kind, address, source, offset, length, 0, 0));
      return;
    }
    for (let done = 0; done < length; done += MEMORY_CHUNK_BYTES) {
      const part = Math.min(MEMORY_CHUNK_BYTES, length - done);
      const at = address + done;
      this.frame(LINK_CHANNEL, kind, at >>> 0, Math.floor(at / TWO_32), 0, source, offset + done, part);
    }
  }

  /** Queues the answer to a memory read; the last frame has `lastFlags`. Read when sent. */
  answer(
    kind: number,
    address: number,
    source: Uint8Array,
    offset: number,
    length: number,
    flags: number,
    lastFlags: number,
  ): void {
    this.#answers.push(new PendingRange(kind, address, source, offset, length, flags, lastFlags));
  }

  /** Answers that are not yet taken in full. */
  get pendingAnswers(): number {
    return this.#answers.length;
  }

  /** The next run of frames to write, or null. Answers and ordered frames take turns. */
  take(): OutputChunk | null {
    if (this.#answers.length > 0 && (this.#items.length === 0 || !this.#answeredLast)) {
      this.#answeredLast = true;
      return this.#takeRange(this.#answers);
    }
    this.#answeredLast = false;
    const head = this.#items[0];
    if (head === undefined) return null;
    if (head instanceof Chunk) {
      this.#items.shift();
      return this.#toWrite(head);
    }
    return this.#takeRange(this.#items as PendingRange[]);
  }

  #takeRange(queue: PendingRange[]): OutputChunk {
    const range = queue[0] as PendingRange;
    const chunk = takeChunk(LARGE_CHUNK_BYTES);
    for (;;) {
      const part = Math.min(MEMORY_CHUNK_BYTES, range.left);
      if (chunk.used + frameSize(part) > chunk.bytes.length) break;
      const { address, kind, source, at } = range;
      const flags = part === range.left ? range.lastFlags : range.flags;
      this.#place(
        chunk,
        LINK_CHANNEL,
        kind,
        address >>> 0,
        Math.floor(address / TWO_32),
        flags,
        source,
        at,
        part,
      );
      range.address += part;
      range.at += part;
      range.left -= part;
      if (range.left === 0) {
        queue.shift();
        break;
      }
    }
    this.#queued += chunk.used;
    return this.#toWrite(chunk);
  }

  #toWrite(chunk: Chunk): OutputChunk {
    const used = chunk.used;
    return {
      bytes: chunk.bytes.subarray(0, used),
      release: () => {
        this.#queued -= used;
        giveChunk(chunk);
        this.#onRelease();
      },
    };
  }

  /** Drops all that has not been taken. */
  clear(): void {
    for (const item of this.#items) {
      if (!(item instanceof Chunk)) continue;
      this.#queued -= item.used;
      giveChunk(item);
    }
    this.#items.length = 0;
    this.#answers.length = 0;
  }
}
