import { copyBytes, LongCopier } from '../copy-bytes.ts';
import { RecordKind } from './records.ts';

/** Large enough that a write costs little for each record, small enough to stay in a processor's cache. */
export const CHUNK_BYTES = 256 * 1024;
/** Most bytes of a packet's record before its payload, padding included. */
const MAX_PACKET_HEAD_BYTES = 40;
/** Longest payload of a short record: its length is one byte. */
const MAX_SHORT_BYTES = 248;
/** Chunks that are kept for the next records, unless told otherwise. */
const LEAST_SPARE_CHUNKS = 4;
const TWO_TO_32 = 4_294_967_296;
/** What stands before the payload of a short packet; the record of a store is as long. Whole long words. */
const SHORT_HEAD_BYTES = 24;
/** Words are written as this machine has them; MessagePack's own numbers are big-endian. */
const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

const Pack = {
  arrayOf5: 0x95,
  arrayOf6: 0x96,
  arrayOf9: 0x99,
  nil: 0xc0,
  bin8: 0xc4,
  bin16: 0xc5,
  bin32: 0xc6,
  float64: 0xcb,
  uint8: 0xcc,
  uint16: 0xcd,
  uint32: 0xce,
} as const;

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
  readonly #full: Chunk[] = [];
  readonly #spare: Chunk[] = [];
  /** One for each way: what comes and what goes is in other buffers, each used again and again. */
  readonly #incoming = new LongCopier();
  readonly #outgoing = new LongCopier();
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

  /** Appends what is packed already. */
  append(bytes: Uint8Array): void {
    this.#append(bytes, 0, bytes.length);
  }

  /** Lets {@link shortPacket} and {@link shortStore} write so many bytes, with this time. */
  allowShort(timeUs: number, roomBytes: number): void {
    if (!isLittleEndian || timeUs >= TWO_TO_32) return;
    this.#shortEnd = Math.min(CHUNK_BYTES, this.#current.length + roomBytes);
    this.#timeHigh = (timeUs & 0xff00_0000) >>> 0;
    this.#timeLow = ((timeUs >>> 16) & 0xff) | (timeUs & 0xff00) | ((timeUs & 0xff) << 16);
  }

  /** From now on what is short goes the long way as well. */
  forbidShort(): void {
    this.#shortEnd = 0;
  }

  /**
   * Appends the record of a packet as nearly all are: a head of {@link SHORT_HEAD_BYTES} and a payload of whole long words.
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
    if (
      end > this.#shortEnd ||
      length > MAX_SHORT_BYTES ||
      ((start | length) & 7) !== 0 ||
      idHigh >>> 7 !== 0 ||
      flags >= 0x100
    )
      return false;
    const { words } = chunk;
    const at = start >>> 2;
    // Array of 9, kind of record, time as uint32, way, channel as uint32, kind, id as uint32 and fixint, flags as uint8,
    // length as bin8.
    words[at] = 0xce_01_99 | this.#timeHigh;
    words[at + 1] = this.#timeLow | (way << 24);
    words[at + 2] = 0xce | ((channel >>> 24) << 8) | (channel & 0xff_0000) | ((channel & 0xff00) << 16);
    words[at + 3] = (channel & 0xff) | (kind << 8) | 0xce_0000 | (idLow & 0xff00_0000);
    words[at + 4] = ((idLow >>> 16) & 0xff) | (idLow & 0xff00) | ((idLow & 0xff) << 16) | (idHigh << 24);
    words[at + 5] = 0xcc | (flags << 8) | 0xc4_0000 | (length << 24);
    const copier = way === 0 ? this.#incoming : this.#outgoing;
    copier.copy(chunk.bytes, chunk.longs, start + SHORT_HEAD_BYTES, bytes, offset, length);
    chunk.length = end;
    return true;
  }

  /** Appends the record of a 64-bit value stored in the window. @returns false: {@link windowStore} takes it. */
  shortStore(offset: number, low: number, high: number): boolean {
    const chunk = this.#current;
    const start = chunk.length;
    if (start + SHORT_HEAD_BYTES > this.#shortEnd || (start & 7) !== 0 || offset >= TWO_TO_32) return false;
    const { words } = chunk;
    const at = start >>> 2;
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
    const isShortTime = timeUs < TWO_TO_32;
    let padding = 0;
    let isLongId = idHigh >= 0x80;
    const lengthBytes = length < 0x100 ? 2 : length < 0x10000 ? 3 : 5;
    padding = -(start + 19 + (isShortTime ? 0 : 4) + (isLongId ? 5 : 1) + lengthBytes) & 7;
    if (!isLongId && padding >= 4) {
      isLongId = true;
      padding -= 4;
    }
    let at = start;
    out[at++] = Pack.arrayOf9;
    out[at++] = RecordKind.packet;
    if (isShortTime) {
      out[at] = Pack.uint32;
      view.setUint32(at + 1, timeUs);
      at += 5;
    } else {
      out[at] = Pack.float64;
      view.setFloat64(at + 1, timeUs);
      at += 9;
    }
    out[at++] = way;
    if ((padding & 2) === 0) {
      out[at] = Pack.uint16;
      view.setUint16(at + 1, channel);
      at += 3;
    } else {
      out[at] = Pack.uint32;
      view.setUint32(at + 1, channel);
      at += 5;
    }
    out[at++] = kind;
    out[at] = Pack.uint32;
    view.setUint32(at + 1, idLow);
    at += 5;
    if (isLongId) {
      out[at] = Pack.uint32;
      view.setUint32(at + 1, idHigh);
      at += 5;
    } else out[at++] = idHigh;
    if ((padding & 1) === 0) {
      out[at++] = Pack.uint8;
    } else {
      out[at++] = Pack.uint16;
      out[at++] = 0;
    }
    out[at++] = flags;
    this.#current.length = packLength(out, view, at, length);
    this.#append(bytes, offset, length);
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

/** A whole number up to 2^53. */
function packNumber(out: Uint8Array, view: DataView, at: number, value: number): number {
  if (value < TWO_TO_32) {
    out[at] = Pack.uint32;
    view.setUint32(at + 1, value);
    return at + 5;
  }
  out[at] = Pack.float64;
  view.setFloat64(at + 1, value);
  return at + 9;
}

function packLength(out: Uint8Array, view: DataView, at: number, length: number): number {
  if (length < 0x100) {
    out[at] = Pack.bin8;
    out[at + 1] = length;
    return at + 2;
  }
  if (length < 0x10000) {
    out[at] = Pack.bin16;
    view.setUint16(at + 1, length);
    return at + 3;
  }
  out[at] = Pack.bin32;
  view.setUint32(at + 1, length);
  return at + 5;
}
