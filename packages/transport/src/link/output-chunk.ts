import { PayloadCopier } from '../copy-bytes.ts';
import { FRAME_HEADER_BYTES, frameSize, MAX_FRAME_BYTES } from './frame.ts';

/** Memory for frames comes in three sizes: of a lane's first few, of a turn's, and of all that is more. */
const TINY_CHUNK_BYTES = 4 * 1024;
const SMALL_CHUNK_BYTES = 16 * 1024;
const LARGE_CHUNK_BYTES = MAX_FRAME_BYTES + 8 * 1024;
/** Spare chunks kept for all links of this thread together, of each size. */
const SPARE_CHUNKS = 16;

/** Room for a header of the medium's own, bytes; a multiple of 8. */
export const MEDIUM_HEADROOM_BYTES = 16;
/** Room before the frames of a chunk: for such a header, and for a few frames that go before all others. A multiple of 8. */
export const CHUNK_HEADROOM_BYTES = MEDIUM_HEADROOM_BYTES + 4 * FRAME_HEADER_BYTES;

/** Frames in a row, in memory that is used again. */
export class Chunk {
  /** Behind {@link CHUNK_HEADROOM_BYTES} in its buffer. */
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  /** {@link Lane} of all its frames. */
  lane = 0;
  used = 0;
  /** Who needs the bytes: the medium, and a window that keeps them for later. */
  holders = 1;

  constructor(capacity: number) {
    const buffer = new ArrayBuffer(CHUNK_HEADROOM_BYTES + capacity);
    this.bytes = new Uint8Array(buffer, CHUNK_HEADROOM_BYTES);
    this.words = new Uint32Array(buffer, CHUNK_HEADROOM_BYTES);
  }
}

export const ChunkSize = { tiny: 0, small: 1, large: 2 } as const;
export type ChunkSize = (typeof ChunkSize)[keyof typeof ChunkSize];

const CAPACITIES = [TINY_CHUNK_BYTES, SMALL_CHUNK_BYTES, LARGE_CHUNK_BYTES] as const;
const spare: readonly Chunk[][] = [[], [], []];

/** A chunk of the given size, or of the next in which `needed` bytes fit. */
export function takeChunk(size: ChunkSize, needed: number, lane: number): Chunk {
  let index: number = size;
  while (needed > CAPACITIES[index]! && index < ChunkSize.large) index += 1;
  const chunk = spare[index]!.pop() ?? new Chunk(CAPACITIES[index]!);
  chunk.lane = lane;
  return chunk;
}

/** One who needed the chunk does not any more. */
export function giveChunk(chunk: Chunk): void {
  chunk.holders -= 1;
  if (chunk.holders > 0) return;
  chunk.holders = 1;
  chunk.used = 0;
  const kept = spare[CAPACITIES.indexOf(chunk.bytes.length)];
  if (kept !== undefined && kept.length < SPARE_CHUNKS) kept.push(chunk);
}

/** Writes frames into chunks. */
export class FramePlacer {
  readonly #copier = new PayloadCopier();

  /** Writes a frame behind what the chunk holds, which must have room for it. */
  place(
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
}
