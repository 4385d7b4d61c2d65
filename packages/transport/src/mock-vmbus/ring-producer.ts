import { copyBytes, PayloadCopier } from '../copy-bytes.ts';
import { TransportError } from '../errors.ts';
import { CARRIED_PACKET_FLAGS } from '../transport.ts';
import { FEATURE_PENDING_SEND_SIZE, RingHeader, type RingMemory } from './ring-memory.ts';

/** Header of a plain packet and trailer behind it, bytes (vmbus-ring.md §3). */
export const PACKET_HEADER_BYTES = 16;
export const PACKET_TRAILER_BYTES = 8;

/** Where the payload starts, in units of 8 bytes, in the place it has in a packet's first word. */
const TYPE_WORD_OFFSET = (PACKET_HEADER_BYTES / 8) << 16;

/** Claimed at a time within a batch, bytes. */
const CLAIMED_BYTES = 512;
const CACHE_LINE_BYTES = 64;
const CACHE_LINE_WORDS = CACHE_LINE_BYTES / 4;

/** Space that a packet with `payloadBytes` of payload takes in a ring: header, padded payload, trailer. */
export function packetSpace(payloadBytes: number): number {
  return ((PACKET_HEADER_BYTES + payloadBytes + 7) & ~7) + PACKET_TRAILER_BYTES;
}

/** The largest payload that fits an empty ring: its packet's space must be less than the ring's. */
export function largestPayload(sizeBytes: number): number {
  return sizeBytes - 8 - PACKET_HEADER_BYTES - PACKET_TRAILER_BYTES;
}

/** An index that the other side wrote is checked each time it is loaded, and never repaired. */
export function checkIndex(name: string, value: number, sizeBytes: number): number {
  if (value >= sizeBytes || (value & 7) !== 0) {
    throw new TransportError(
      'bad-ring',
      `the peer's ${name} is ${value}; it must be a multiple of 8 below ${sizeBytes}`,
    );
  }
  return value;
}

/**
 * The writing end of a ring (vmbus-ring.md §4 and §5). Packets are written behind the published index and
 * become visible together with {@link publish}. It keeps its own copy of the index it owns and never reads it
 * back. Methods throw TransportError `bad-ring` when the consumer's index is impossible.
 */
export class RingProducer {
  readonly sizeBytes: number;
  readonly #memory: RingMemory;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #longWords: BigUint64Array;
  readonly #isPassedAround: boolean;
  /** Where the next packet starts, and the same as of the last publish. */
  #write = 0;
  #published = 0;
  /** The consumer's index as of the last load. Being stale only under-estimates the room. */
  #read = 0;
  /** Where a packet that crosses the end of the area is laid out. */
  #aside: Uint8Array | null = null;
  /** What `pending_send_sz` says. */
  #pendingBytes = 0;
  /** Up to where the next packets' cache lines are this processor's, see {@link #claim}. */
  #claimed = 0;
  /** Space that {@link isReady} asks for, bytes. */
  wantedBytes = 0;
  readonly #copier = new PayloadCopier();

  /** Takes over an empty ring: clears its header and announces `pending_send_sz`. */
  constructor(memory: RingMemory) {
    this.#memory = memory;
    this.#bytes = memory.bytes;
    this.#words = memory.words;
    this.#longWords = memory.longWords;
    this.#isPassedAround = memory.isPassedAround;
    this.sizeBytes = memory.bytes.length;
    memory.store(RingHeader.featureBits, FEATURE_PENDING_SEND_SIZE);
  }

  /** True when packets were written that {@link publish} has not shown yet. */
  get hasUnpublished(): boolean {
    return this.#write !== this.#published;
  }

  /** Bytes written that {@link publish} has not shown yet. */
  get unpublishedBytes(): number {
    const written = this.#write - this.#published;
    return written >= 0 ? written : written + this.sizeBytes;
  }

  /** Whether the consumer looks by itself, so that nobody has to signal it. */
  isWatched(): boolean {
    return this.#memory.load(RingHeader.interruptMask) !== 0;
  }

  /** True when there is room for {@link wantedBytes}. */
  isReady(): boolean {
    return this.hasRoom(this.wantedBytes);
  }

  /** True when a packet of `spaceBytes` fits now. The room must be strictly greater: full looks like empty. */
  hasRoom(spaceBytes: number): boolean {
    if (this.#room() > spaceBytes) return true;
    this.#read = checkIndex('read_index', this.#memory.load(RingHeader.readIndex), this.sizeBytes);
    return this.#room() > spaceBytes;
  }

  #room(): number {
    const used = this.#write - this.#read;
    return used >= 0 ? this.sizeBytes - used : -used;
  }

  /**
   * Writes one packet without publishing it.
   *
   * @returns false, having written nothing, when there is no room.
   */
  tryWrite(
    kind: number,
    idLow: number,
    idHigh: number,
    flags: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): boolean {
    const space = packetSpace(length);
    if (this.#room() <= space && !this.hasRoom(space)) return false;
    const start = this.#write;
    const end = start + space;
    if (end >= this.sizeBytes) {
      this.#writeAtEnd(kind, idLow, idHigh, flags, bytes, offset, length);
      return true;
    }
    const words = this.#words;
    const word = start >>> 2;
    const trailer = (end - PACKET_TRAILER_BYTES) >>> 2;
    words[word] = kind | TYPE_WORD_OFFSET;
    words[word + 1] = ((space - PACKET_TRAILER_BYTES) >>> 3) | ((flags & CARRIED_PACKET_FLAGS) << 16);
    words[word + 2] = idLow;
    words[word + 3] = idHigh;
    // Zeroing the last eight payload bytes first leaves exactly the padding zero.
    if ((length & 7) !== 0) {
      words[trailer - 2] = 0;
      words[trailer - 1] = 0;
    }
    const at = start + PACKET_HEADER_BYTES;
    this.#copier.copyLong(this.#bytes, words, this.#longWords, at, bytes, offset, length);
    words[trailer] = 0;
    words[trailer + 1] = start;
    if (this.#isPassedAround) {
      // The first packet of a batch claims nothing but the header, which comes while the lines written above do: what it is needed for,
      // the index, waits for those.
      if (start === this.#published) this.#memory.restore(RingHeader.pendingSendSize, this.#pendingBytes);
      else if (end > this.#claimed) this.#claim(end);
    }
    this.#write = end;
    return true;
  }

  /** As {@link tryWrite} for a packet that reaches the end of the area or crosses it: laid out aside, and copied in two pieces. */
  #writeAtEnd(
    kind: number,
    idLow: number,
    idHigh: number,
    flags: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void {
    const space = packetSpace(length);
    if (this.#aside === null || this.#aside.length < space) this.#aside = new Uint8Array(space);
    const aside = this.#aside;
    const view = new DataView(aside.buffer);
    view.setUint32(0, kind | TYPE_WORD_OFFSET, true);
    view.setUint32(4, ((space - PACKET_TRAILER_BYTES) >>> 3) | ((flags & CARRIED_PACKET_FLAGS) << 16), true);
    view.setUint32(8, idLow, true);
    view.setUint32(12, idHigh, true);
    copyBytes(aside, PACKET_HEADER_BYTES, bytes, offset, length);
    const trailer = space - PACKET_TRAILER_BYTES;
    aside.fill(0, PACKET_HEADER_BYTES + length, trailer + 4);
    view.setUint32(trailer + 4, this.#write, true);
    const first = this.sizeBytes - this.#write;
    copyBytes(this.#bytes, this.#write, aside, 0, first);
    copyBytes(this.#bytes, 0, aside, first, space - first);
    this.#write = space - first;
    this.#claimed = 0;
  }

  /**
   * Takes the cache lines that the next packets will need away from the consumer's processor, all of them together: written to one
   * after the other, a packet would wait for each. Only where it is known that their space is free.
   */
  #claim(end: number): void {
    if (end + 2 * CLAIMED_BYTES > this.sizeBytes || this.#room() <= end - this.#write + 2 * CLAIMED_BYTES)
      return;
    this.#claimed = end + CLAIMED_BYTES;
    const words = this.#words;
    const first = (end >>> 2) + CACHE_LINE_WORDS;
    for (let i = 0; i < CLAIMED_BYTES >>> 2; i += CACHE_LINE_WORDS) words[first + i] = 0;
  }

  /**
   * As {@link #claim} where a packet has just been shown to a consumer that looks: while it takes that one, the lines of a next small
   * one come, but for the first, which holds the end of this one.
   */
  #claimNext(): void {
    const first = (this.#write + CACHE_LINE_BYTES - 1) & -CACHE_LINE_BYTES;
    const end = first + 2 * CACHE_LINE_BYTES;
    if (end > this.sizeBytes || this.#room() <= end - this.#write) return;
    const words = this.#words;
    words[first >>> 2] = 0;
    words[(first >>> 2) + CACHE_LINE_WORDS] = 0;
  }

  /**
   * Shows all written packets to the consumer.
   *
   * @returns true when the consumer must be signalled: it has not masked, and it had emptied the ring as far as
   * it had got when the new index became visible.
   */
  publish(): boolean {
    const old = this.#published;
    if (this.#write === old) return false;
    this.#published = this.#write;
    // The store is a full barrier on both sides: packet bytes before it, the loads below after it.
    this.#memory.store(RingHeader.writeIndex, this.#write);
    if (this.#memory.load(RingHeader.interruptMask) !== 0) {
      if (this.#isPassedAround) this.#claimNext();
      return false;
    }
    this.#read = checkIndex('read_index', this.#memory.load(RingHeader.readIndex), this.sizeBytes);
    return this.#read === old;
  }

  /**
   * Asks the consumer to signal once more than `spaceBytes` are free.
   *
   * @returns true when that room has appeared meanwhile: try again now, no signal may come.
   */
  armPending(spaceBytes: number): boolean {
    this.#pendingBytes = spaceBytes;
    this.#memory.store(RingHeader.pendingSendSize, spaceBytes);
    return this.hasRoom(spaceBytes);
  }

  /** Withdraws {@link armPending}. */
  disarmPending(): void {
    if (this.#pendingBytes === 0) return;
    this.#pendingBytes = 0;
    this.#memory.store(RingHeader.pendingSendSize, 0);
  }
}
