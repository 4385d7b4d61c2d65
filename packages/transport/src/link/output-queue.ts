import {
  FRAME_HEADER_BYTES,
  frameSize,
  LINK_CHANNEL,
  MAX_LINK_PAYLOAD_BYTES,
  MEMORY_CHUNK_BYTES,
} from './frame.ts';
import { channelOfLane, FIRST_PACKET_LANE, Lane, mayPass } from './lanes.ts';
import { type Chunk, ChunkSize, FramePlacer, giveChunk, takeChunk } from './output-chunk.ts';

const TWO_32 = 0x1_0000_0000;
/** While less than this waits, frames are simply kept in order: to sort them would make no difference. */
const UNSORTED_BYTES = 64 * 1024;
/** What a range that is still to be read counts as waiting bytes: memory of its own, and of what waits behind it. */
const RANGE_COST_BYTES = 4096;
/** Items looked at for the next one to leave, and for the chunk that a frame joins. */
const MOST_LOOKED_AT = 256;
const MOST_LOOKED_BACK = 16;

/** A range of memory that is still to be read. */
export class PendingRange {
  readonly lane = Lane.memory;
  readonly kind: number;
  readonly source: Uint8Array;
  readonly flags: number;
  readonly lastFlags: number;
  /** Whether the source's own bytes may be written out: nothing unmaps them. */
  readonly isPinned: boolean;
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
    isPinned: boolean,
  ) {
    this.kind = kind;
    this.source = source;
    this.flags = flags;
    this.lastFlags = lastFlags;
    this.address = address;
    this.at = offset;
    this.left = length;
    this.isPinned = isPinned;
  }
}

/** What leaves next: a chunk, and where `payload` is not null, the source's own bytes behind it. */
export interface Run {
  readonly chunk: Chunk;
  readonly payload: Uint8Array | null;
}

/**
 * Frames that wait for the medium. One list in the order in which they were queued, in runs of one lane each; a run
 * leaves when {@link mayPass} lets it pass all that are before it, and of those that may leave, the one whose lane has
 * waited longest. So a long transfer, of memory or of packets, shares the medium with whatever needs not wait for it.
 */
export class OutputQueue {
  readonly #items: (Chunk | PendingRange)[] = [];
  readonly #placer = new FramePlacer();
  #waiting = 0;
  #ranges = 0;
  /** Bytes that wait in the lanes of each channel, while frames are sorted. */
  readonly #channelBytes: number[] = [];
  readonly #servedAt = new Map<number, number>();
  /** Chunks that may hold copies of memory: how many were queued, and how many of those have left. */
  #copiesQueued = 0;
  #copiesTaken = 0;
  #turns = 0;
  readonly #seen: number[] = [];

  /** Bytes of memory that waiting frames take. */
  get waitingBytes(): number {
    return this.#waiting;
  }

  /** Whether ranges of memory wait. */
  get hasRanges(): boolean {
    return this.#ranges > 0;
  }

  get isEmpty(): boolean {
    return this.#items.length === 0;
  }

  /** Bytes of one channel that wait, as far as they are beyond what hardly counts. */
  channelBytes(channel: number): number {
    return this.#channelBytes[channel] ?? 0;
  }

  /** A point in the queue, for {@link hasPassed}. */
  get mark(): number {
    return this.#copiesQueued;
  }

  /** Whether all copies of memory that waited at `mark` have left: what is read now is not overwritten by older bytes. */
  hasPassed(mark: number): boolean {
    return this.#copiesTaken >= mark;
  }

  /** Queues one frame; the payload is copied. */
  frame(
    lane: number,
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
    const chunk =
      this.#waiting < UNSORTED_BYTES && this.#ranges === 0
        ? this.#unsorted(size)
        : this.#sorted(lane, channel, size);
    this.#placer.place(chunk, channel, kind, idLow, idHigh, flags, bytes, offset, length);
    this.#waiting += size;
  }

  #unsorted(size: number): Chunk {
    const last = this.#items[this.#items.length - 1];
    if (last !== undefined && last.lane === Lane.ordered) {
      const chunk = last as Chunk;
      if (chunk.used + size <= chunk.bytes.length) return chunk;
    }
    // The first frame of a turn gets a small chunk; a turn that outgrows it goes on in large ones.
    const capacity = last === undefined ? ChunkSize.small : ChunkSize.large;
    const chunk = takeChunk(capacity, size, Lane.ordered);
    this.#items.push(chunk);
    this.#copiesQueued += 1;
    return chunk;
  }

  #sorted(lane: number, channel: number, size: number): Chunk {
    if (lane >= FIRST_PACKET_LANE) this.#channelBytes[channel] = this.channelBytes(channel) + size;
    const items = this.#items;
    let capacity: ChunkSize = ChunkSize.tiny;
    const end = Math.max(0, items.length - MOST_LOOKED_BACK);
    for (let i = items.length - 1; i >= end; i -= 1) {
      const item = items[i]!;
      if (item.lane === lane && !(item instanceof PendingRange)) {
        if (item.used + size <= item.bytes.length) return item;
        capacity = ChunkSize.large;
        break;
      }
      if (!mayPass(lane, item.lane)) break;
    }
    const chunk = takeChunk(capacity, size, lane);
    items.push(chunk);
    if (lane === Lane.memory) this.#copiesQueued += 1;
    return chunk;
  }

  /** Queues a range of memory, read when it is sent. One that waits already and covers it takes its place. */
  range(
    kind: number,
    address: number,
    source: Uint8Array,
    offset: number,
    length: number,
    isPinned: boolean,
  ): void {
    const items = this.#items;
    const end = Math.max(0, items.length - MOST_LOOKED_BACK);
    for (let i = items.length - 1; i >= end; i -= 1) {
      const item = items[i]!;
      if (!(item instanceof PendingRange)) {
        // An older copy of the same bytes may wait there: it must not come last.
        if (item.lane === Lane.memory || item.lane === Lane.ordered) break;
        continue;
      }
      const isCovered =
        item.kind === kind &&
        item.source === source &&
        offset - item.at === address - item.address &&
        offset >= item.at &&
        offset + length <= item.at + item.left;
      if (isCovered) return;
    }
    items.push(new PendingRange(kind, address, source, offset, length, 0, 0, isPinned));
    this.#ranges += 1;
    this.#waiting += RANGE_COST_BYTES;
  }

  /**
   * The next run to write, or null.
   *
   * @param mayTakeRanges - Whether ranges of memory may leave as well.
   * @param gathers - Whether the medium writes a run that lies in two places.
   * @param runBytes - Most bytes of a range in it; a multiple of 8.
   */
  take(mayTakeRanges: boolean, gathers: boolean, runBytes = Number.POSITIVE_INFINITY): Run | null {
    const index = this.#next(mayTakeRanges);
    if (index < 0) return null;
    const item = this.#items[index]!;
    if (item instanceof PendingRange) {
      const run = this.takeRange(item, gathers, runBytes);
      if (item.left > 0) return run;
      this.#ranges -= 1;
      this.#waiting -= RANGE_COST_BYTES;
      this.#items.splice(index, 1);
      return run;
    }
    if (index === 0) this.#items.shift();
    else this.#items.splice(index, 1);
    this.#waiting -= item.used;
    if (item.lane === Lane.ordered || item.lane === Lane.memory) this.#copiesTaken += 1;
    if (item.lane >= FIRST_PACKET_LANE) {
      const channel = channelOfLane(item.lane);
      this.#channelBytes[channel] = this.channelBytes(channel) - item.used;
    }
    return { chunk: item, payload: null };
  }

  /** Index of the item that leaves next, or -1. */
  #next(mayTakeRanges: boolean): number {
    const items = this.#items;
    if (items.length === 0) return -1;
    const first = items[0]!;
    if (items.length === 1 || first.lane === Lane.ordered || first.lane === Lane.control) {
      return first instanceof PendingRange && !mayTakeRanges ? -1 : 0;
    }
    const seen = this.#seen;
    seen.length = 0;
    let best = -1;
    let bestTurn = Number.POSITIVE_INFINITY;
    const end = Math.min(items.length, MOST_LOOKED_AT);
    for (let i = 0; i < end; i += 1) {
      const item = items[i]!;
      const { lane } = item;
      if (seen.includes(lane)) continue;
      const isFree = seen.every((earlier) => mayPass(lane, earlier));
      if (isFree && (mayTakeRanges || !(item instanceof PendingRange))) {
        const turn = this.#servedAt.get(lane) ?? 0;
        if (turn < bestTurn) {
          best = i;
          bestTurn = turn;
        }
      }
      // What nothing passes ends the search.
      if (lane === Lane.ordered || lane === Lane.control) {
        if (isFree) best = i;
        break;
      }
      seen.push(lane);
    }
    this.#turns += 1;
    if (best >= 0) this.#servedAt.set(items[best]!.lane, this.#turns);
    return best;
  }

  /** Frames of the range's next bytes. */
  takeRange(range: PendingRange, gathers: boolean, runBytes = Number.POSITIVE_INFINITY): Run {
    if (gathers && range.isPinned && range.left >= MEMORY_CHUNK_BYTES) return this.#gather(range, runBytes);
    const most = Math.min(MEMORY_CHUNK_BYTES, runBytes);
    const isShort = frameSize(most) < frameSize(MEMORY_CHUNK_BYTES);
    const chunk = takeChunk(isShort ? ChunkSize.small : ChunkSize.large, frameSize(most), Lane.memory);
    while (range.left > 0 || chunk.used === 0) {
      const part = Math.min(most, range.left);
      if (chunk.used + frameSize(part) > chunk.bytes.length) break;
      if (chunk.used > 0 && chunk.used + part > runBytes) break;
      this.#placeRange(chunk, range, part, part);
    }
    return { chunk, payload: null };
  }

  /** One frame whose payload stays where it is. */
  #gather(range: PendingRange, runBytes: number): Run {
    const chunk = takeChunk(ChunkSize.tiny, FRAME_HEADER_BYTES, Lane.memory);
    // In eights: what follows the payload is the next frame.
    const part = Math.min(MAX_LINK_PAYLOAD_BYTES, runBytes, range.left - (range.left % 8));
    const at = range.at;
    this.#placeRange(chunk, range, part, 0);
    chunk.words[0] = frameSize(part);
    chunk.words[4] = part;
    return { chunk, payload: range.source.subarray(at, at + part) };
  }

  #placeRange(chunk: Chunk, range: PendingRange, part: number, copied: number): void {
    const { address, kind, source, at } = range;
    const flags = part === range.left ? range.lastFlags : range.flags;
    const high = Math.floor(address / TWO_32);
    this.#placer.place(chunk, LINK_CHANNEL, kind, address >>> 0, high, flags, source, at, copied);
    range.address += part;
    range.at += part;
    range.left -= part;
  }

  /** Forgets ranges of memory that is about to go away. */
  dropRangesOf(buffer: ArrayBufferLike, byteOffset: number, length: number): void {
    for (let i = this.#items.length - 1; i >= 0 && this.#ranges > 0; i -= 1) {
      const item = this.#items[i];
      if (!(item instanceof PendingRange) || item.source.buffer !== buffer) continue;
      const start = item.source.byteOffset + item.at;
      if (start >= byteOffset + length || start + item.left <= byteOffset) continue;
      this.#items.splice(i, 1);
      this.#ranges -= 1;
      this.#waiting -= RANGE_COST_BYTES;
    }
  }

  /** Drops everything. */
  clear(): void {
    for (const item of this.#items) if (!(item instanceof PendingRange)) giveChunk(item);
    this.#items.length = 0;
    this.#copiesTaken = this.#copiesQueued;
    this.#waiting = 0;
    this.#ranges = 0;
    this.#channelBytes.length = 0;
    this.#servedAt.clear();
  }
}
