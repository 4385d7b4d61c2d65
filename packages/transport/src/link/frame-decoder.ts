import { copyBytes } from '../copy-bytes.ts';
import { TransportError } from '../errors.ts';
import { FRAME_HEADER_BYTES, maxPayload } from './frame.ts';

/** One whole frame, payload at `bytes[offset .. offset + length)`. Valid during the call only. */
export type OnFrame = (
  channel: number,
  kind: number,
  idLow: number,
  idHigh: number,
  flags: number,
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  length: number,
) => void;

/** Inputs up to this long are copied into the decoder's own buffer: cheaper than a `DataView` for each. */
const SMALL_INPUT_BYTES = 4096;

/**
 * Finds frames in a stream of bytes that may be split and joined anywhere. Whole frames are handed over where
 * they lie; only a frame that spans inputs is put together in a buffer of the decoder, once.
 */
export class FrameDecoder {
  readonly #onFrame: OnFrame;
  #own: Uint8Array = new Uint8Array(SMALL_INPUT_BYTES);
  #ownView = new DataView(this.#own.buffer);
  /** Bytes of an unfinished frame at the start of `#own`. */
  #pending = 0;
  #stopped = false;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  /** Ignores all further input, also the rest of the input being decoded. */
  stop(): void {
    this.#stopped = true;
  }

  /**
   * Takes the next bytes. `input` is not kept.
   * @throws TransportError `bad-frame` for bytes that cannot be a frame; the decoder is of no use afterwards.
   */
  push(input: Uint8Array): void {
    let at = 0;
    if (this.#pending > 0) at = this.#complete(input);
    const rest = input.length - at;
    if (rest === 0 || this.#stopped) return;
    if (rest <= SMALL_INPUT_BYTES && this.#pending === 0) {
      copyBytes(this.#own, 0, input, at, rest);
      const used = this.#decode(this.#own, this.#ownView, 0, rest);
      this.#own.copyWithin(0, used, rest);
      this.#pending = rest - used;
    } else if (this.#pending === 0) {
      // Not as a Node `Buffer`, should it be one: its `slice` would not copy.
      const bytes = new Uint8Array(input.buffer, input.byteOffset, input.length);
      const view = new DataView(input.buffer, input.byteOffset, input.length);
      this.#keep(bytes, this.#decode(bytes, view, at, input.length));
    }
  }

  /** Finishes the unfinished frame; returns how much of the input that took. */
  #complete(input: Uint8Array): number {
    let at = 0;
    if (this.#pending < FRAME_HEADER_BYTES) {
      at = Math.min(FRAME_HEADER_BYTES - this.#pending, input.length);
      copyBytes(this.#own, this.#pending, input, 0, at);
      this.#pending += at;
      if (this.#pending < FRAME_HEADER_BYTES) return at;
    }
    const size = this.#checkedSize(this.#ownView, 0);
    const taken = Math.min(size - this.#pending, input.length - at);
    this.#reserve(size);
    copyBytes(this.#own, this.#pending, input, at, taken);
    this.#pending += taken;
    if (this.#pending === size) {
      this.#pending = 0;
      this.#decode(this.#own, this.#ownView, 0, size);
    }
    return at + taken;
  }

  #keep(input: Uint8Array, from: number): void {
    if (this.#stopped) return;
    const rest = input.length - from;
    this.#reserve(rest);
    copyBytes(this.#own, 0, input, from, rest);
    this.#pending = rest;
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#own.length) return;
    let capacity = this.#own.length;
    while (capacity < bytes) capacity *= 2;
    const grown = new Uint8Array(capacity);
    grown.set(this.#own.subarray(0, this.#pending));
    this.#own = grown;
    this.#ownView = new DataView(grown.buffer);
  }

  /** Hands over the whole frames in `bytes[at .. end)`; returns where the first unfinished one starts. */
  #decode(bytes: Uint8Array, view: DataView, from: number, end: number): number {
    let at = from;
    while (end - at >= FRAME_HEADER_BYTES && !this.#stopped) {
      const size = this.#checkedSize(view, at);
      if (end - at < size) break;
      this.#onFrame(
        view.getUint16(at + 4, true),
        view.getUint16(at + 6, true),
        view.getUint32(at + 8, true),
        view.getUint32(at + 12, true),
        view.getUint32(at + 20, true),
        bytes,
        view,
        at + FRAME_HEADER_BYTES,
        view.getUint32(at + 16, true),
      );
      at += size;
    }
    return at;
  }

  /** The size field of the header at `at`, checked against the payload length and the limits. */
  #checkedSize(view: DataView, at: number): number {
    const size = view.getUint32(at, true);
    const channel = view.getUint16(at + 4, true);
    const length = view.getUint32(at + 16, true);
    const limit = maxPayload(channel);
    if (length > limit) {
      throw new TransportError(
        'bad-frame',
        `a frame on channel ${channel} has ${length} payload bytes; the limit is ${limit}`,
      );
    }
    const expected = FRAME_HEADER_BYTES + ((length + 7) & ~7);
    if (size !== expected) {
      throw new TransportError(
        'bad-frame',
        `a frame on channel ${channel} says ${size} bytes in all with ${length} of payload; that makes ${expected}`,
      );
    }
    return size;
  }
}
