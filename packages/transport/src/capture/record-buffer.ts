import { copyBytes, PayloadCopier } from '../copy-bytes.ts';
import { RecordKind } from './records.ts';

/** Large enough that a write costs little for each record, small enough to stay in a processor's cache. */
export const CHUNK_BYTES = 256 * 1024;
/** Most bytes of a packet's record before its payload, padding included. */
const MAX_PACKET_HEAD_BYTES = 40;
/** Longest payload that is copied as words, which takes up to 3 bytes more than it has. */
const MAX_SHORT_BYTES = 160;
/** Chunks that are kept for the next records. */
const MAX_SPARE_CHUNKS = 4;
const TWO_TO_32 = 4_294_967_296;
/** A head with short numbers, whole words long: nearly all packets have one. */
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

/** A piece of memory as bytes, words and numbers. */
class Chunk {
  readonly bytes = new Uint8Array(CHUNK_BYTES);
  readonly words = new Uint32Array(this.bytes.buffer);
  readonly view = new DataView(this.bytes.buffer);
  length = 0;
}

/**
 * Records behind each other in chunks that are used again and again. The record of a packet, of which there may be
 * millions a second, is written as MessagePack by hand: without an object, an array or a view for each.
 */
export class RecordBuffer {
  /** Bytes that no {@link take} has taken. */
  bytes = 0;
  #current = new Chunk();
  readonly #full: Chunk[] = [];
  readonly #spare: Chunk[] = [];
  /** One for each way: what comes and what goes is in other buffers, each used again and again. */
  readonly #copiers = [new PayloadCopier(), new PayloadCopier()] as const;
  #taken: Chunk | null = null;

  /** Whether a chunk is full: time to write it. */
  get hasFullChunk(): boolean {
    return this.#full.length > 0;
  }

  /** Appends what is packed already. */
  append(bytes: Uint8Array): void {
    this.#append(bytes, 0, bytes.length);
  }

  /**
   * Appends the record of a packet. Numbers need not be as short as they can be in MessagePack: channel and flags are
   * written longer where that brings the payload to a multiple of 4, so that words can be copied.
   */
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
    if (this.#current.length + MAX_PACKET_HEAD_BYTES + MAX_SHORT_BYTES > CHUNK_BYTES) this.#nextChunk();
    const chunk = this.#current;
    const isShort =
      length <= MAX_SHORT_BYTES &&
      ((chunk.length | length) & 3) === 0 &&
      timeUs < TWO_TO_32 &&
      idHigh < 0x80 &&
      flags < 0x100;
    if (isShort && isLittleEndian) {
      const { bytes: out, length: start, words } = chunk;
      writeShortHead(words, start >>> 2, timeUs, way, channel, kind, idLow, idHigh, flags, length);
      (way === 0 ? this.#copiers[0] : this.#copiers[1]).copy(
        out,
        words,
        start + SHORT_HEAD_BYTES,
        bytes,
        offset,
        length,
      );
      chunk.length = start + SHORT_HEAD_BYTES + length;
      this.bytes += SHORT_HEAD_BYTES + length;
      return;
    }
    this.#longPacket(timeUs, way, channel, kind, idLow, idHigh, flags, bytes, offset, length);
  }

  /** Any packet, byte by byte. */
  #longPacket(
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
    const { bytes: out, length: start, view, words } = this.#current;
    const isShortTime = timeUs < TWO_TO_32;
    const isShortId = idHigh < 0x80;
    const lengthBytes = length < 0x100 ? 2 : length < 0x10000 ? 3 : 5;
    const least = 19 + (isShortTime ? 0 : 4) + (isShortId ? 1 : 5) + lengthBytes;
    const padding = -(start + least) & 3;
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
    if (isShortId) out[at++] = idHigh;
    else {
      out[at] = Pack.uint32;
      view.setUint32(at + 1, idHigh);
      at += 5;
    }
    if ((padding & 1) === 0) {
      out[at++] = Pack.uint8;
    } else {
      out[at++] = Pack.uint16;
      out[at++] = 0;
    }
    out[at++] = flags;
    at = packLength(out, view, at, length);
    this.#current.length = at;
    this.bytes += at - start;
    if (length > MAX_SHORT_BYTES) {
      this.#append(bytes, offset, length);
      return;
    }
    (way === 0 ? this.#copiers[0] : this.#copiers[1]).copy(out, words, at, bytes, offset, length);
    this.#current.length = at + length;
    this.bytes += length;
  }

  /** Appends the record of a 64-bit value stored in the window. */
  windowStore(timeUs: number, offset: number, low: number, high: number): void {
    if (this.#current.length + MAX_PACKET_HEAD_BYTES > CHUNK_BYTES) this.#nextChunk();
    const { bytes: out, length: start, view } = this.#current;
    out[start] = Pack.arrayOf5;
    out[start + 1] = RecordKind.windowStore;
    let at = packNumber(out, view, start + 2, timeUs);
    at = packNumber(out, view, at, offset);
    at = packNumber(out, view, at, low >>> 0);
    if (high >>> 0 < 0x10000) {
      // Whole words long, as is a packet: what follows stays aligned.
      out[at] = Pack.uint16;
      view.setUint16(at + 1, high);
      at += 3;
    } else at = packNumber(out, view, at, high >>> 0);
    this.#current.length = at;
    this.bytes += at - start;
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
    this.bytes += at - start;
    if (bytes !== null) this.#append(bytes, 0, bytes.length);
  }

  /** The next bytes to write, or null; they are this buffer's again with {@link giveBack}. One at a time. */
  take(): Uint8Array | null {
    if (this.#full.length === 0 && this.#current.length > 0) this.#nextChunk();
    const chunk = this.#full.shift();
    if (chunk === undefined) return null;
    this.#taken = chunk;
    this.bytes -= chunk.length;
    return chunk.bytes.subarray(0, chunk.length);
  }

  giveBack(): void {
    const chunk = this.#taken;
    this.#taken = null;
    if (chunk === null || this.#spare.length >= MAX_SPARE_CHUNKS) return;
    chunk.length = 0;
    this.#spare.push(chunk);
  }

  /** Forgets all. */
  clear(): void {
    this.#full.length = 0;
    this.#current.length = 0;
    this.bytes = 0;
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
    this.bytes += length;
  }

  #nextChunk(): void {
    this.#full.push(this.#current);
    this.#current = this.#spare.pop() ?? new Chunk();
  }
}

/**
 * What {@link RecordBuffer.packet} writes before a payload of up to {@link MAX_SHORT_BYTES}, as six words: array of 9, kind
 * of record, time as uint32, way, channel as uint32, kind, id as uint32 and fixint, flags as uint8, length as bin8.
 */
function writeShortHead(
  words: Uint32Array,
  at: number,
  timeUs: number,
  way: number,
  channel: number,
  kind: number,
  idLow: number,
  idHigh: number,
  flags: number,
  length: number,
): void {
  words[at] = 0xce_01_99 | (timeUs & 0xff00_0000);
  words[at + 1] = ((timeUs >>> 16) & 0xff) | (timeUs & 0xff00) | ((timeUs & 0xff) << 16) | (way << 24);
  words[at + 2] = 0xce | ((channel >>> 24) << 8) | (channel & 0xff_0000) | ((channel & 0xff00) << 16);
  words[at + 3] = (channel & 0xff) | (kind << 8) | 0xce_0000 | (idLow & 0xff00_0000);
  words[at + 4] = ((idLow >>> 16) & 0xff) | (idLow & 0xff00) | ((idLow & 0xff) << 16) | (idHigh << 24);
  words[at + 5] = 0xcc | (flags << 8) | 0xc4_0000 | (length << 24);
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
