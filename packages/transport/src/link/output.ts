import { PayloadCopier } from '../copy-bytes.ts';
import { FRAME_HEADER_BYTES, frameSize, LINK_CHANNEL, MAX_FRAME_BYTES, MEMORY_CHUNK_BYTES } from './frame.ts';
import { ReplayWindow } from './replay-window.ts';

const SMALL_CHUNK_BYTES = 16 * 1024;
const LARGE_CHUNK_BYTES = MAX_FRAME_BYTES + 8 * 1024;
/** Spare chunks kept for all links of this thread together. */
const SPARE_CHUNKS = 16;
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
  /** Who needs the bytes: the medium, and a window that keeps them for later. */
  holders = 1;

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
  chunk.holders -= 1;
  if (chunk.holders > 0) return;
  chunk.holders = 1;
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
 * What a link has still to write: frames in the order in which they were queued, gathered into chunks; beside them
 * answers to memory reads, which have no order to keep and must not hold packets up; and before all, urgent frames,
 * which belong to one connection and not to the stream that a session carries on over several.
 */
export class LinkOutput {
  readonly #items: (Chunk | PendingRange)[] = [];
  readonly #answers: PendingRange[] = [];
  readonly #copier = new PayloadCopier();
  readonly #onRelease: () => void;
  #queued = 0;
  #answeredLast = true;
  #urgent: Chunk | null = null;
  #replay: ReplayWindow | null = null;
  /** Most bytes that may be sent and not confirmed. */
  #windowBytes = Number.POSITIVE_INFINITY;
  /** Bytes of the stream taken so far, urgent frames apart. */
  #taken = 0;
  /** How far the stream has been written again, or null when nothing is to be. */
  #rewound: number | null = null;
  /** Counts connections: what an earlier one lets go of no longer counts as queued. */
  #generation = 0;
  /** While true only urgent frames are given out: the connection is not yet agreed on. */
  isHeld = false;

  constructor(onRelease: () => void) {
    this.#onRelease = onRelease;
  }

  /** Bytes of frames that wait or that the medium has not let go of. Ranges still to be read count nothing. */
  get queuedBytes(): number {
    return this.#queued;
  }

  get isEmpty(): boolean {
    if (this.#urgent !== null) return false;
    return this.#items.length === 0 && this.#answers.length === 0 && this.#rewound === null;
  }

  /** Queues a small frame before all others, outside the stream: greetings, pings, confirmations. */
  urgent(
    kind: number,
    idLow: number,
    idHigh: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void {
    const size = frameSize(length);
    let chunk = this.#urgent;
    if (chunk === null || chunk.used + size > chunk.bytes.length) {
      const grown = takeChunk((chunk?.used ?? 0) + size);
      if (chunk !== null) {
        grown.bytes.set(chunk.bytes.subarray(0, chunk.used));
        grown.used = chunk.used;
        giveChunk(chunk);
      }
      chunk = grown;
      this.#urgent = chunk;
    }
    this.#place(chunk, LINK_CHANNEL, kind, idLow, idHigh, 0, bytes, offset, length);
    this.#queued += size;
  }

  /** From now on what is sent is kept until the other side confirms it, and at most this much of it. */
  keepForReplay(windowBytes: number): void {
    this.#replay = new ReplayWindow(this.#taken);
    this.#windowBytes = windowBytes;
  }

  /** The other side has the stream up to `total`. @returns false when it cannot have. */
  confirm(total: number): boolean {
    return this.#replay?.confirm(total) ?? false;
  }

  /** Whether the stream can be sent again from `total` on. */
  canRewind(total: number): boolean {
    return this.#replay?.holds(total) ?? false;
  }

  /** The connection is gone, with what it had taken: only urgent frames leave until {@link rewind}. */
  interrupt(): void {
    this.#generation += 1;
    this.isHeld = true;
    this.#dropUrgent();
    this.#rewound = null;
    this.#queued = 0;
    for (const item of this.#items) if (item instanceof Chunk) this.#queued += item.used;
  }

  #dropUrgent(): void {
    if (this.#urgent === null) return;
    this.#queued -= this.#urgent.used;
    giveChunk(this.#urgent);
    this.#urgent = null;
  }

  /** Goes on over a new connection, from `total` of the stream: {@link canRewind} must be true. */
  rewind(total: number): void {
    this.confirm(total);
    this.#rewound = total < this.#taken ? total : null;
    this.isHeld = false;
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
    const urgent = this.#urgent;
    if (urgent !== null) {
      this.#urgent = null;
      return this.#toWrite(urgent);
    }
    if (this.isHeld) return null;
    if (this.#rewound !== null) return this.#takeAgain(this.#rewound);
    if (this.#replay !== null && this.#replay.unconfirmedBytes >= this.#windowBytes) return null;
    const chunk = this.#takeNew();
    if (chunk === null) return null;
    this.#taken += chunk.used;
    if (this.#replay?.add(chunk.bytes, chunk.used, { drop: () => giveChunk(chunk) }) === true) {
      chunk.holders += 1;
    }
    return this.#toWrite(chunk);
  }

  #takeAgain(from: number): OutputChunk | null {
    const bytes = this.#replay?.from(from) ?? null;
    const next = from + (bytes?.length ?? 0);
    this.#rewound = bytes === null || next >= this.#taken ? null : next;
    // Not the window's own memory: what is confirmed is used again, whatever the medium still does with it.
    return bytes === null ? this.take() : { bytes: bytes.slice(), release: () => {} };
  }

  #takeNew(): Chunk | null {
    if (this.#answers.length > 0 && (this.#items.length === 0 || !this.#answeredLast)) {
      this.#answeredLast = true;
      return this.#takeRange(this.#answers);
    }
    this.#answeredLast = false;
    const head = this.#items[0];
    if (head === undefined) return null;
    if (head instanceof Chunk) {
      this.#items.shift();
      return head;
    }
    return this.#takeRange(this.#items as PendingRange[]);
  }

  #takeRange(queue: PendingRange[]): Chunk {
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
    return chunk;
  }

  #toWrite(chunk: Chunk): OutputChunk {
    const used = chunk.used;
    const generation = this.#generation;
    return {
      bytes: chunk.bytes.subarray(0, used),
      release: () => {
        giveChunk(chunk);
        if (generation !== this.#generation) return;
        this.#queued -= used;
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
    this.#dropUrgent();
  }

  /** The link has ended: nothing is sent again. */
  forget(): void {
    this.#replay?.clear();
    this.#replay = null;
    this.#rewound = null;
    this.isHeld = false;
  }
}
