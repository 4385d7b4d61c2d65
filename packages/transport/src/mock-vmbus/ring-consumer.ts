import { copyBytes, copyLongWords } from '../copy-bytes.ts';
import { TransportError } from '../errors.ts';
import { MAX_PACKET_BYTES, type Packet, PacketKind } from '../transport.ts';
import { FEATURE_PENDING_SEND_SIZE, RingHeader, type RingMemory } from './ring-memory.ts';
import { checkIndex, PACKET_HEADER_BYTES, PACKET_TRAILER_BYTES } from './ring-producer.ts';

const INITIAL_PACKET_BYTES = 4096;
const KNOWN_FLAGS = 1;

/**
 * The reading end of a ring (vmbus-ring.md §6 and §7). Everything is read from shared memory once, into private
 * memory, checked there and used from there. Methods throw TransportError `bad-ring` on anything impossible.
 */
export class RingConsumer {
  readonly sizeBytes: number;
  /** The packet that {@link next} fills; its bytes are private to this consumer and reused. */
  readonly packet: Packet;
  readonly #memory: RingMemory;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #longWords: BigUint64Array;
  #packetLongWords: BigUint64Array;
  /** Where the next packet starts, and the same as of the last release. */
  #read = 0;
  #released = 0;
  /** The producer's index as of the last load. */
  #write = 0;
  /** The producer's index is not looked at any more. */
  #isFinished = false;
  /** From the first to the last 32-bit word of the packet taken last. */
  #reach = 0;
  /** Of no use: what `#touch` has read is kept so that V8 does not leave the reading out. */
  touched = 0;

  constructor(memory: RingMemory) {
    this.#memory = memory;
    this.#bytes = memory.bytes;
    this.#words = memory.words;
    this.#longWords = memory.longWords;
    this.sizeBytes = memory.bytes.length;
    const bytes = new Uint8Array(INITIAL_PACKET_BYTES);
    this.#packetLongWords = new BigUint64Array(bytes.buffer);
    this.packet = {
      kind: PacketKind.inBand,
      idLow: 0,
      idHigh: 0,
      flags: 0,
      bytes,
      view: new DataView(bytes.buffer),
      offset: 0,
      length: 0,
    };
  }

  /** Bytes taken but not yet released to the producer. */
  get unreleasedBytes(): number {
    const taken = this.#read - this.#released;
    return taken >= 0 ? taken : taken + this.sizeBytes;
  }

  /** True when more is known to be published than was taken, without a look at the producer's index. */
  get hasKnownData(): boolean {
    return this.#read !== this.#write;
  }

  /** True when the producer has published more than was taken. */
  hasData(): boolean {
    if (this.#read !== this.#write) return true;
    if (this.#isFinished) return false;
    const write = this.#memory.load(RingHeader.writeIndex);
    if (write === this.#write) {
      if (this.#memory.isPassedAround) this.#touch();
      return false;
    }
    this.#write = checkIndex('write_index', write, this.sizeBytes);
    return true;
  }

  /** The producer has ended: what it has published by now is all there is, whatever it still does to its ring. */
  finish(): void {
    if (this.#isFinished) return;
    const write = this.#memory.load(RingHeader.writeIndex);
    this.#write = checkIndex('write_index', write, this.sizeBytes);
    this.#isFinished = true;
  }

  /**
   * Holds the cache lines in which the next packet will come, if it is like the last one: while the producer writes them they leave this
   * processor, and the next look at the index asks for them again along with it. Otherwise they are asked for when the index has come,
   * and a packet takes two ways from one processor to the other, one after the other.
   */
  #touch(): void {
    const words = this.#words;
    const first = this.#read >>> 2;
    const last = first + this.#reach;
    if (last < words.length) this.touched = words[first]! ^ words[(first + last) >>> 1]! ^ words[last]!;
  }

  /** As {@link hasData}. */
  isReady(): boolean {
    return this.hasData();
  }

  /**
   * Takes the next packet into {@link packet}.
   *
   * @returns false when there is none.
   */
  next(): boolean {
    if (!this.hasData()) return false;
    const size = this.sizeBytes;
    const start = this.#read;
    const words = this.#words;
    const word = start >>> 2;
    const second = start + 8 === size ? 0 : word + 2;
    const typeAndOffset = words[word]!;
    const lengthAndFlags = words[word + 1]!;
    const idLow = words[second]!;
    const idHigh = words[second + 1]!;
    const kind = typeAndOffset & 0xffff;
    const offset = (typeAndOffset >>> 16) * 8;
    const flags = lengthAndFlags >>> 16;
    const end = (lengthAndFlags & 0xffff) * 8;
    const length = end - offset;
    const ahead = this.#write - start;
    const available = ahead >= 0 ? ahead : ahead + size;
    if (
      offset < PACKET_HEADER_BYTES ||
      length < 0 ||
      length > MAX_PACKET_BYTES ||
      end + PACKET_TRAILER_BYTES > available ||
      (kind !== PacketKind.inBand && kind !== PacketKind.completion) ||
      (flags & ~KNOWN_FLAGS) !== 0
    ) {
      this.#refuse(kind, offset, end, flags, available);
    }
    const packet = this.packet;
    packet.idLow = idLow;
    packet.idHigh = idHigh;
    packet.kind = kind as PacketKind;
    packet.flags = flags;
    packet.length = length;
    if (length > packet.bytes.length) this.#grow(length);
    let from = start + offset;
    if (from >= size) from -= size;
    if (from + length <= size) {
      copyLongWords(packet.bytes, this.#packetLongWords, 0, this.#bytes, this.#longWords, from, length);
    } else {
      const first = size - from;
      copyBytes(packet.bytes, 0, this.#bytes, from, first);
      copyBytes(packet.bytes, first, this.#bytes, 0, length - first);
    }
    this.#reach = (end + PACKET_TRAILER_BYTES - 4) >>> 2;
    const after = start + end + PACKET_TRAILER_BYTES;
    this.#read = after >= size ? after - size : after;
    return true;
  }

  /** Says what is wrong with a packet whose header, in a private copy, was checked against what the producer has published. */
  #refuse(kind: number, offset: number, end: number, flags: number, available: number): never {
    const length = end - offset;
    const at = `a packet at ${this.#read}`;
    let what = `${at} has ${length} payload bytes; the limit is ${MAX_PACKET_BYTES}`;
    if (offset < PACKET_HEADER_BYTES || length < 0 || end + PACKET_TRAILER_BYTES > available) {
      what = `${at} says payload ${offset}..${end} with ${available} bytes published`;
    } else if (kind !== PacketKind.inBand && kind !== PacketKind.completion) {
      what = `${at} has type ${kind}; 6 and 11 are known`;
    } else if ((flags & ~KNOWN_FLAGS) !== 0) {
      what = `${at} has unknown flags 0x${flags.toString(16)}`;
    }
    throw new TransportError('bad-ring', what);
  }

  #grow(length: number): void {
    let capacity = this.packet.bytes.length;
    while (capacity < length) capacity *= 2;
    this.packet.bytes = new Uint8Array(capacity);
    this.packet.view = new DataView(this.packet.bytes.buffer);
    this.#packetLongWords = new BigUint64Array(this.packet.bytes.buffer);
  }

  /**
   * Gives the space of taken packets back.
   *
   * @returns true when the producer must be signalled: it waits for room, there was not enough and now there is.
   */
  release(): boolean {
    const freed = this.unreleasedBytes;
    if (freed === 0) return false;
    this.#released = this.#read;
    const memory = this.#memory;
    memory.store(RingHeader.readIndex, this.#read);
    if ((memory.load(RingHeader.featureBits) & FEATURE_PENDING_SEND_SIZE) === 0) return false;
    const pending = memory.load(RingHeader.pendingSendSize);
    if (pending === 0) return false;
    const write = checkIndex('write_index', memory.load(RingHeader.writeIndex), this.sizeBytes);
    const used = write - this.#read;
    const room = used >= 0 ? this.sizeBytes - used : -used;
    return room - freed <= pending && room > pending;
  }

  /** Tells the producer not to signal while this side drains. */
  mask(): void {
    this.#memory.store(RingHeader.interruptMask, 1);
  }

  /** Asks for signals again. Check {@link hasData} afterwards, or a packet may never be announced. */
  unmask(): void {
    this.#memory.store(RingHeader.interruptMask, 0);
  }
}
