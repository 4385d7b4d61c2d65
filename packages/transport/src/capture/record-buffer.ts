import { copyBytes, copyWholeLongWords, LongViews } from '../copy-bytes.ts';
import { AGAIN_HEAD_BYTES, LastPackets, packetSlot } from './last-packets.ts';
import { bitCount, Pack, packLength, packNumber, swapped, TWO_TO_32 } from './message-pack.ts';
import { MAX_PACKET_HEAD_BYTES, packPacketHead } from './packet-head.ts';
import { RecordKind, STORE_SLOTS, storeSlot } from './records.ts';

/** Large enough that a write costs little for each record, small enough to stay in a processor's cache. */
export const CHUNK_BYTES = 256 * 1024;
/** Chunks that are kept for the next records, unless told otherwise. */
const LEAST_SPARE_CHUNKS = 4;
/** What stands before the payload of a short packet; the record of a store is as long. Whole long words. */
const SHORT_HEAD_BYTES = 24;
/** Bytes of a store's record that names its place by an earlier one. */
const STORE_AGAIN_BYTES = 8;
/** Most microseconds after the record before that a record can tell in one byte. */
const MAX_SINCE_US = 127;
/** Before any time by more than that. */
const NO_TIME_US = -1000;
/** Words are written as this machine has them; MessagePack's own numbers are big-endian. */
const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** A piece of memory as bytes, words, long words and numbers. */
class Chunk {
  readonly bytes = new Uint8Array(CHUNK_BYTES);
  readonly words = new Uint32Array(this.bytes.buffer);
  readonly longs = new BigUint64Array(this.bytes.buffer);
  readonly view = new DataView(this.bytes.buffer);
  length = 0;
}

/**
 * Records behind each other in chunks that are used again and again. The records of which there may be millions a second, packets and
 * stores, are written as MessagePack by hand: without an object, an array or a view for each.
 *
 * Numbers need not be as short as they can be in MessagePack: they are written longer where that brings a payload to a multiple
 * of 8, so that long words can be copied.
 */
export class RecordBuffer {
  /** Bytes in full chunks that no {@link take} has taken. */
  #fullBytes = 0;
  /** Bytes of all records so far, without those in the current chunk. */
  #before = 0;
  #current = new Chunk();
  /** Up to here the short way may write in the current chunk; 0: not at all. */
  #shortEnd = 0;
  /** The time as the first words of a record hold it. */
  #timeHigh = 0;
  #timeLow = 0;
  /** False from 71 minutes on: then only what tells its time since the record before is short. */
  #isTimeShort = true;
  /** The time of short records, and what the last record told; where `#sinceUs` is 0, that was the same. */
  #nowUs = 0;
  #lastUs = NO_TIME_US;
  /** Microseconds between the two; above {@link MAX_SINCE_US} a record has to tell its own time. */
  #sinceUs = MAX_SINCE_US + 1;
  readonly #lastPackets = new LastPackets();
  /** Of each slot the offset and the upper half of the last value; at first an offset of another slot. */
  readonly #lastStores = new Uint32Array(2 * STORE_SLOTS).fill(8, 0, 1);
  readonly #full: Chunk[] = [];
  readonly #spare: Chunk[] = [];
  /** One for each way: what comes and what goes is in other buffers, each used again and again. */
  readonly #incoming = new LongViews();
  readonly #outgoing = new LongViews();
  readonly #taken: Chunk[] = [];
  readonly #mostSpareChunks: number;
  /** Fewest chunks that were to spare since {@link trim} looked. */
  #leastSpareChunks = 0;

  /** @param mostSpareBytes how much memory is kept for the next records: new memory costs three times what a copy into used memory does. */
  constructor(mostSpareBytes = 0) {
    this.#mostSpareChunks = Math.max(LEAST_SPARE_CHUNKS, Math.floor(mostSpareBytes / CHUNK_BYTES));
  }

  /** Bytes that no {@link take} has taken. */
  get bytes(): number {
    return this.#fullBytes + this.#current.length;
  }

  /** Bytes of all records so far. */
  get position(): number {
    return this.#before + this.#current.length;
  }

  /** Whether a chunk is full: time to write it. */
  get hasFullChunk(): boolean {
    return this.#full.length > 0;
  }

  /** Appends what is packed already. @param timeUs that its record tells; a header tells none. */
  append(bytes: Uint8Array, timeUs = NO_TIME_US): void {
    this.#append(bytes, 0, bytes.length);
    this.#tellTime(timeUs);
  }

  /** Lets {@link shortPacket} and {@link shortStore} write so many bytes, with this time. */
  allowShort(timeUs: number, roomBytes: number): void {
    if (!isLittleEndian) return;
    this.#isTimeShort = timeUs < TWO_TO_32;
    this.#shortEnd = Math.min(CHUNK_BYTES, this.#current.length + roomBytes);
    this.#timeHigh = (timeUs & 0xff00_0000) >>> 0;
    this.#timeLow = ((timeUs >>> 16) & 0xff) | (timeUs & 0xff00) | ((timeUs & 0xff) << 16);
    const lastUs = this.#sinceUs === 0 ? this.#nowUs : this.#lastUs;
    this.#nowUs = timeUs;
    this.#tellTime(lastUs);
  }

  /** From now on what is short goes the long way as well. */
  forbidShort(): void {
    this.#shortEnd = 0;
  }

  /**
   * Appends the record of a packet as nearly all are: a head of {@link SHORT_HEAD_BYTES} and a payload of whole long words. Of one like the
   * last of its length only what is not as it was there: comparing takes longer than copying, but the file is a fifth as long, and so
   * is what its thread takes from this one's cache.
   *
   * @returns false for any other and where {@link allowShort} has not given room: {@link packet} takes it.
   */
  shortPacket(
    way: number,
    channel: number,
    kind: number,
    idLow: number,
    idHigh: number,
    flags: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): boolean {
    const chunk = this.#current;
    const start = chunk.length;
    const end = start + SHORT_HEAD_BYTES + length;
    const slot = packetSlot(way, length);
    if (end > this.#shortEnd || slot === -1 || (start & 7) !== 0 || idHigh >>> 7 !== 0 || flags >= 0x100)
      return false;
    const last = this.#lastPackets;
    const isAgain = this.#sinceUs <= MAX_SINCE_US && last.isAlike(slot, channel, kind, idHigh, flags);
    if (!isAgain && !this.#isTimeShort) return false;
    const payload = start + SHORT_HEAD_BYTES;
    let source = (way === 0 ? this.#incoming : this.#outgoing).of(bytes, offset, length);
    let from = offset >>> 3;
    if (source === null) {
      // Where a whole record has it.
      copyBytes(chunk.bytes, payload, bytes, offset, length);
      source = chunk.longs;
      from = payload >>> 3;
    }
    if (isAgain) {
      const to = (start + AGAIN_HEAD_BYTES) >>> 3;
      const changes = last.takeChanges(slot, chunk.longs, to, source, from, length >>> 3);
      const changedBytes = bitCount(changes) << 3;
      this.#againHead(start >>> 2, slot, idLow, changes, changedBytes);
      chunk.length = start + AGAIN_HEAD_BYTES + changedBytes;
    } else {
      if (source !== chunk.longs) copyWholeLongWords(chunk.longs, payload >>> 3, source, from, length >>> 3);
      last.remember(slot, channel, kind, idHigh, flags, chunk.bytes, payload, length);
      this.#shortHead(start >>> 2, way, channel, kind, idLow, idHigh, flags, length);
      chunk.length = end;
    }
    this.#sinceUs = 0;
    return true;
  }

  /** Array of 6: kind of record, time since the record before, slot; id and changes as uint32, length as bin8. */
  #againHead(at: number, slot: number, idLow: number, changes: number, changedBytes: number): void {
    const { words } = this.#current;
    const id = swapped(idLow);
    const bits = swapped(changes);
    words[at] = Pack.arrayOf6 | (RecordKind.packetAgain << 8) | (this.#sinceUs << 16) | (slot << 24);
    words[at + 1] = Pack.uint32 | (id << 8);
    words[at + 2] = (id >>> 24) | (Pack.uint32 << 8) | (bits << 16);
    words[at + 3] = (bits >>> 16) | (Pack.bin8 << 16) | (changedBytes << 24);
  }

  /** Array of 9: kind of record, time as uint32, way, channel as uint32, kind, id as uint32 and fixint, flags as uint8, length as bin8. */
  #shortHead(
    at: number,
    way: number,
    channel: number,
    kind: number,
    idLow: number,
    idHigh: number,
    flags: number,
    length: number,
  ): void {
    const { words } = this.#current;
    words[at] = 0xce_01_99 | this.#timeHigh;
    words[at + 1] = this.#timeLow | (way << 24);
    words[at + 2] = 0xce | ((channel >>> 24) << 8) | (channel & 0xff_0000) | ((channel & 0xff00) << 16);
    words[at + 3] = (channel & 0xff) | (kind << 8) | 0xce_0000 | (idLow & 0xff00_0000);
    words[at + 4] = ((idLow >>> 16) & 0xff) | (idLow & 0xff00) | ((idLow & 0xff) << 16) | (idHigh << 24);
    words[at + 5] = 0xcc | (flags << 8) | 0xc4_0000 | (length << 24);
  }

  /** Appends the record of a 64-bit value stored in the window. @returns false: {@link windowStore} takes it. */
  shortStore(offset: number, low: number, high: number): boolean {
    const chunk = this.#current;
    const start = chunk.length;
    if (start + SHORT_HEAD_BYTES > this.#shortEnd || (start & 7) !== 0 || offset >= TWO_TO_32) return false;
    const { words } = chunk;
    const at = start >>> 2;
    const slot = storeSlot(offset);
    const stores = this.#lastStores;
    const since = this.#sinceUs;
    const isAgain =
      since <= MAX_SINCE_US && stores[2 * slot] === offset && stores[2 * slot + 1] === high >>> 0;
    if (!isAgain && !this.#isTimeShort) return false;
    this.#sinceUs = 0;
    if (isAgain) {
      // Kind of record with the slot, time since the record before, low half as uint32.
      words[at] =
        Pack.arrayOf3 | ((RecordKind.windowStoreAgain + slot) << 8) | (since << 16) | (Pack.uint32 << 24);
      words[at + 1] = swapped(low);
      chunk.length = start + STORE_AGAIN_BYTES;
      return true;
    }
    stores[2 * slot] = offset;
    stores[2 * slot + 1] = high;
    // Array of 5 with a length of 16 bits, kind of record, time, offset and the two halves as uint32.
    words[at] = 0x0b_05_00_dc;
    words[at + 1] = 0xce | (this.#timeHigh >>> 16) | ((this.#timeLow & 0xffff) << 16);
    words[at + 2] = (this.#timeLow >>> 16) | 0xce00 | ((offset >>> 24) << 16) | ((offset << 8) & 0xff00_0000);
    words[at + 3] = ((offset >>> 8) & 0xff) | ((offset & 0xff) << 8) | 0xce_0000 | (low & 0xff00_0000);
    words[at + 4] = ((low >>> 16) & 0xff) | (low & 0xff00) | ((low & 0xff) << 16) | 0xce00_0000;
    words[at + 5] = (high >>> 24) | ((high >>> 8) & 0xff00) | ((high << 8) & 0xff_0000) | (high << 24);
    chunk.length = start + SHORT_HEAD_BYTES;
    return true;
  }

  /** Appends the record of any packet, byte by byte. */
  packet(
    timeUs: number,
    way: number,
    channel: number,
    kind: number,
    idLow: number,
    idHigh: number,
    flags: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void {
    if (this.#current.length + MAX_PACKET_HEAD_BYTES > CHUNK_BYTES) this.#nextChunk();
    const { bytes: out, length: start, view } = this.#current;
    const at = packPacketHead(out, view, start, timeUs, way, channel, kind, idLow, idHigh, flags, length);
    this.#current.length = packLength(out, view, at, length);
    this.#append(bytes, offset, length);
    this.#tellTime(timeUs);
    const slot = packetSlot(way, length);
    if (slot !== -1) this.#lastPackets.remember(slot, channel, kind, idHigh, flags, bytes, offset, length);
  }

  /** Appends the record of any 64-bit value stored in the window. */
  windowStore(timeUs: number, offset: number, low: number, high: number): void {
    if (this.#current.length + MAX_PACKET_HEAD_BYTES > CHUNK_BYTES) this.#nextChunk();
    const { bytes: out, length: start, view } = this.#current;
    out[start] = Pack.arrayOf5;
    out[start + 1] = RecordKind.windowStore;
    let at = packNumber(out, view, start + 2, timeUs);
    at = packNumber(out, view, at, offset);
    at = packNumber(out, view, at, low >>> 0);
    this.#current.length = packNumber(out, view, at, high >>> 0);
    this.#tellTime(timeUs);
    if (offset >= TWO_TO_32) return;
    const slot = storeSlot(offset);
    this.#lastStores[2 * slot] = offset;
    this.#lastStores[2 * slot + 1] = high;
  }

  /** Appends the record of a publication; null: its bytes are not kept. */
  publish(
    kind: number,
    timeUs: number,
    way: number,
    offset: number,
    length: number,
    bytes: Uint8Array | null,
  ): void {
    if (this.#current.length + MAX_PACKET_HEAD_BYTES > CHUNK_BYTES) this.#nextChunk();
    const { bytes: out, length: start, view } = this.#current;
    out[start] = Pack.arrayOf6;
    out[start + 1] = kind;
    let at = packNumber(out, view, start + 2, timeUs);
    out[at++] = way;
    at = packNumber(out, view, at, offset);
    at = packNumber(out, view, at, length);
    if (bytes === null) out[at++] = Pack.nil;
    else at = packLength(out, view, at, bytes.length);
    this.#current.length = at;
    if (bytes !== null) this.#append(bytes, 0, bytes.length);
    this.#tellTime(timeUs);
  }

  /** The next bytes to write, or null; with all others that were taken they are this buffer's again with {@link giveBack}. */
  take(): Uint8Array | null {
    if (this.#full.length === 0 && this.#current.length > 0) this.#nextChunk();
    const chunk = this.#full.shift();
    if (chunk === undefined) return null;
    this.#taken.push(chunk);
    this.#fullBytes -= chunk.length;
    return chunk.bytes.subarray(0, chunk.length);
  }

  /** Hands out one chunk after the other that none has taken, for as long as they are taken; their memory is this buffer's again at once. */
  drain(takes: (bytes: Uint8Array) => boolean): void {
    if (this.#full.length === 0 && this.#current.length > 0) this.#nextChunk();
    for (let chunk = this.#full[0]; chunk !== undefined; chunk = this.#full[0]) {
      if (!takes(chunk.bytes.subarray(0, chunk.length))) return;
      this.#full.shift();
      this.#fullBytes -= chunk.length;
      chunk.length = 0;
      if (this.#spare.length < this.#mostSpareChunks) this.#spare.push(chunk);
    }
  }

  giveBack(): void {
    for (const chunk of this.#taken) {
      if (this.#spare.length >= this.#mostSpareChunks) break;
      chunk.length = 0;
      this.#spare.push(chunk);
    }
    this.#taken.length = 0;
  }

  /** Lets go of half of the memory that nobody has used since the last call. */
  trim(): void {
    const unused = Math.min(this.#leastSpareChunks, this.#spare.length - LEAST_SPARE_CHUNKS);
    if (unused > 0) this.#spare.length -= Math.ceil(unused / 2);
    this.#leastSpareChunks = this.#spare.length;
  }

  /** Forgets all. */
  clear(): void {
    this.#full.length = 0;
    this.#fullBytes = 0;
    this.#current.length = 0;
    this.#shortEnd = 0;
  }

  #append(bytes: Uint8Array, offset: number, length: number): void {
    let done = 0;
    while (done < length) {
      if (this.#current.length === CHUNK_BYTES) this.#nextChunk();
      const part = Math.min(length - done, CHUNK_BYTES - this.#current.length);
      copyBytes(this.#current.bytes, this.#current.length, bytes, offset + done, part);
      this.#current.length += part;
      done += part;
    }
  }

  /** The last record told this time: the next may say how much later it is. */
  #tellTime(timeUs: number): void {
    this.#lastUs = timeUs;
    const since = this.#nowUs - timeUs;
    this.#sinceUs = since >= 0 && since <= MAX_SINCE_US ? since : MAX_SINCE_US + 1;
  }

  #nextChunk(): void {
    const { length } = this.#current;
    this.#full.push(this.#current);
    this.#fullBytes += length;
    this.#before += length;
    this.#shortEnd = 0;
    this.#current = this.#spare.pop() ?? new Chunk();
    if (this.#spare.length < this.#leastSpareChunks) this.#leastSpareChunks = this.#spare.length;
  }
}
