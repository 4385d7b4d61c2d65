import { Buffer } from 'node:buffer';
import { FRAME_HEADER_BYTES, FrameKind, LINK_CHANNEL } from '../link/frame.ts';

/** Nothing else has this id, and no text: a program that uploads its own source does not look like a guest. */
const ID = [0xd7, 0x47, 0x64, 0x78, 0x67, 0x6c, 0x9e, 0x31];

/**
 * What a guest says first over a line that tells nobody of its comings and goings: a pong that answers nothing, which any
 * host ignores, and whole so that it is found in the middle of a frame that a killed guest has left unfinished. A host that
 * finds it answers with another: what the guest has heard before was said to somebody else.
 */
const MARK = Buffer.alloc(FRAME_HEADER_BYTES);
MARK.writeUInt32LE(FRAME_HEADER_BYTES, 0);
MARK.writeUInt16LE(LINK_CHANNEL, 4);
MARK.writeUInt16LE(FrameKind.pong, 6);
MARK.set(ID, 8);

export const MARK_BYTES = MARK.length;

/** A mark to be written. */
export function lineMark(): Uint8Array {
  return Uint8Array.from(MARK);
}

/** Whether bytes, at least one, are what a mark begins with, and not yet the whole of it. */
export function isBeginningOfMark(bytes: Uint8Array): boolean {
  const { length } = bytes;
  return length > 0 && length < MARK_BYTES && MARK.compare(bytes, 0, length, 0, length) === 0;
}

/** Whether bytes begin with a mark. */
export function beginsWithMark(bytes: Uint8Array): boolean {
  return bytes.length >= MARK_BYTES && MARK.compare(bytes, 0, MARK_BYTES) === 0;
}

/** Finds marks in a stream of bytes that may be split and joined anywhere. */
export class MarkFinder {
  /** What came last and may be the beginning of one. */
  readonly #tail = Buffer.alloc(2 * MARK_BYTES);
  #tailBytes = 0;

  /** @returns where the bytes behind the first mark begin that ends in `bytes`, which is then left; -1: there is none. */
  find(bytes: Uint8Array): number {
    const head = bytes.subarray(0, MARK_BYTES - 1);
    this.#tail.set(head, this.#tailBytes);
    const joinedBytes = this.#tailBytes + head.length;
    const across = this.#tail.subarray(0, joinedBytes).indexOf(MARK);
    if (across >= 0) return this.#foundTo(across + MARK_BYTES - this.#tailBytes);
    const within = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(MARK);
    if (within >= 0) return this.#foundTo(within + MARK_BYTES);
    if (bytes.length >= MARK_BYTES) {
      this.#tailBytes = MARK_BYTES - 1;
      this.#tail.set(bytes.subarray(bytes.length - this.#tailBytes));
    } else {
      const from = Math.max(0, joinedBytes - (MARK_BYTES - 1));
      this.#tail.copyWithin(0, from, joinedBytes);
      this.#tailBytes = joinedBytes - from;
    }
    return -1;
  }

  #foundTo(end: number): number {
    this.#tailBytes = 0;
    return end;
  }
}
