import { copyBytes } from './copy-bytes.ts';
import { MAX_PACKET_BYTES, type PacketKind } from './transport.ts';

const RECORD_HEADER_BYTES = 24;
/** Room for any packet. */
const CHUNK_BYTES = MAX_PACKET_BYTES + 16 * 1024;
/** Spare chunks kept for all queues of this thread together. */
const SPARE_CHUNKS = 8;

interface Chunk {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  start: number;
  end: number;
}

const spare: Chunk[] = [];

function takeChunk(): Chunk {
  const found = spare.pop();
  if (found !== undefined) return found;
  const buffer = new ArrayBuffer(CHUNK_BYTES);
  return { bytes: new Uint8Array(buffer), words: new Uint32Array(buffer), start: 0, end: 0 };
}

function giveChunk(chunk: Chunk): void {
  if (spare.length >= SPARE_CHUNKS) return;
  chunk.start = 0;
  chunk.end = 0;
  spare.push(chunk);
}

/**
 * Packets that wait for their turn, copied into chunks: no allocation for each packet. The head packet's fields
 * are read in place with the `head…` members.
 */
export class PacketQueue {
  readonly #chunks: Chunk[] = [];
  #first = 0;
  #bytes = 0;
  #count = 0;

  /** Packets waiting. */
  get count(): number {
    return this.#count;
  }

  /** Payload and record bytes waiting. */
  get lengthBytes(): number {
    return this.#bytes;
  }

  push(
    kind: PacketKind,
    idLow: number,
    idHigh: number,
    flags: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void {
    const total = RECORD_HEADER_BYTES + ((length + 7) & ~7);
    const chunk = this.#chunkWithRoom(total);
    const word = chunk.end >>> 2;
    chunk.words[word] = kind;
    chunk.words[word + 1] = idLow;
    chunk.words[word + 2] = idHigh;
    chunk.words[word + 3] = flags;
    chunk.words[word + 4] = length;
    copyBytes(chunk.bytes, chunk.end + RECORD_HEADER_BYTES, bytes, offset, length);
    chunk.end += total;
    this.#bytes += total;
    this.#count += 1;
  }

  #chunkWithRoom(total: number): Chunk {
    const last = this.#chunks[this.#chunks.length - 1];
    if (last !== undefined && last.end + total <= CHUNK_BYTES) return last;
    const chunk = takeChunk();
    this.#chunks.push(chunk);
    return chunk;
  }

  #head(): Chunk {
    return this.#chunks[this.#first]!;
  }

  get headKind(): PacketKind {
    const chunk = this.#head();
    return chunk.words[chunk.start >>> 2]! as PacketKind;
  }

  get headIdLow(): number {
    const chunk = this.#head();
    return chunk.words[(chunk.start >>> 2) + 1]!;
  }

  get headIdHigh(): number {
    const chunk = this.#head();
    return chunk.words[(chunk.start >>> 2) + 2]!;
  }

  get headFlags(): number {
    const chunk = this.#head();
    return chunk.words[(chunk.start >>> 2) + 3]!;
  }

  get headLength(): number {
    const chunk = this.#head();
    return chunk.words[(chunk.start >>> 2) + 4]!;
  }

  /** The head's payload is `headBytes[headOffset .. headOffset + headLength)`. */
  get headBytes(): Uint8Array {
    return this.#head().bytes;
  }

  get headOffset(): number {
    return this.#head().start + RECORD_HEADER_BYTES;
  }

  /** Drops the head. The queue must not be empty. */
  shift(): void {
    const chunk = this.#head();
    const total = RECORD_HEADER_BYTES + ((this.headLength + 7) & ~7);
    chunk.start += total;
    this.#bytes -= total;
    this.#count -= 1;
    if (this.#count === 0) {
      this.clear();
    } else if (chunk.start === chunk.end) {
      giveChunk(chunk);
      this.#first += 1;
      // Drop the spent part of the array now and then rather than shift it each time.
      if (this.#first >= 64) {
        this.#chunks.splice(0, this.#first);
        this.#first = 0;
      }
    }
  }

  /** Drops everything. */
  clear(): void {
    for (let at = this.#first; at < this.#chunks.length; at += 1) giveChunk(this.#chunks[at]!);
    this.#chunks.length = 0;
    this.#first = 0;
    this.#bytes = 0;
    this.#count = 0;
  }
}
