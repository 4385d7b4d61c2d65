import { copyBytes } from '../copy-bytes.ts';
import { TransportError } from '../errors.ts';
import { FRAME_HEADER_BYTES, FrameFlag, FrameKind, LINK_CHANNEL, maxPayload } from './frame.ts';

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
/** Memory that comes in frames longer than this may be handed over in parts, as it comes. */
const WHOLE_BYTES = 4096;
const TWO_32 = 0x1_0000_0000;
const NO_VIEW = new DataView(new ArrayBuffer(0));

/** The frame of memory whose payload is coming. */
interface Body {
  readonly kind: number;
  readonly flags: number;
  readonly frameBytes: number;
  address: number;
  payloadLeft: number;
  paddingLeft: number;
}

/**
 * Finds frames in a stream of bytes that may be split and joined anywhere. Whole frames are handed over where
 * they lie; a frame that spans inputs is put together in a buffer of the decoder, once. A long frame of memory that
 * spans inputs is not even that where `splitsMemory` is set: it is handed over in parts, each as if it were a frame.
 */
export class FrameDecoder {
  readonly #onFrame: OnFrame;
  #own: Uint8Array = new Uint8Array(SMALL_INPUT_BYTES);
  #ownView = new DataView(this.#own.buffer);
  /** Bytes of an unfinished frame at the start of `#own`. */
  #pending = 0;
  #stopped = false;
  readonly #splitsMemory: boolean;
  #body: Body | null = null;
  /** What the frame being handed over takes of the stream, bytes; 0 for a part before the last. */
  frameBytes = 0;
  /** Bytes of the input at hand behind the frame that is being handed over; 0 between inputs. */
  restBytes = 0;

  constructor(onFrame: OnFrame, splitsMemory = false) {
    this.#onFrame = onFrame;
    this.#splitsMemory = splitsMemory;
  }

  /** Ignores all further input, also the rest of the input being decoded. */
  stop(): void {
    this.#stopped = true;
  }

  /**
   * Takes the next bytes. `input` is not kept.
   * @returns how many of them, at the end, were ignored behind the frame at which the decoder was stopped.
   * @throws TransportError `bad-frame` for bytes that cannot be a frame; the decoder is of no use afterwards.
   */
  push(input: Uint8Array): number {
    let at = 0;
    if (this.#pending > 0) at = this.#complete(input);
    if (this.#body !== null) at = this.#continue(this.#body, input, at, input.length);
    const rest = input.length - at;
    if (rest <= 0 || this.#stopped) return rest;
    let used = 0;
    if (rest <= SMALL_INPUT_BYTES && this.#pending === 0) {
      copyBytes(this.#own, 0, input, at, rest);
      used = this.#decode(this.#own, this.#ownView, 0, rest);
      this.#own.copyWithin(0, used, rest);
      this.#pending = rest - used;
    } else if (this.#pending === 0) {
      // Not as a Node `Buffer`, should it be one: its `slice` would not copy.
      const bytes = new Uint8Array(input.buffer, input.byteOffset, input.length);
      const view = new DataView(input.buffer, input.byteOffset, input.length);
      const end = this.#decode(bytes, view, at, input.length);
      this.#keep(bytes, end);
      used = end - at;
    }
    return this.#stopped ? rest - used : 0;
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
    if (this.#startsBody(this.#ownView, 0, size)) {
      // Only its header waited: of a frame that comes in parts nothing else is kept.
      this.#pending = 0;
      return at;
    }
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

  /** Whether the frame at `at` is to be handed over in parts; then `#body` is set. */
  #startsBody(view: DataView, at: number, size: number): boolean {
    if (!this.#splitsMemory || size <= WHOLE_BYTES) return false;
    const kind = view.getUint16(at + 6, true);
    const isMemory = kind === FrameKind.windowData || kind === FrameKind.memoryData;
    const high = view.getUint32(at + 12, true);
    // An address that cannot be is for whoever takes whole frames to refuse.
    if (!isMemory || view.getUint16(at + 4, true) !== LINK_CHANNEL || high >= 0x20_0000) return false;
    const length = view.getUint32(at + 16, true);
    this.#body = {
      kind,
      flags: view.getUint32(at + 20, true),
      frameBytes: size,
      address: high * TWO_32 + view.getUint32(at + 8, true),
      payloadLeft: length,
      paddingLeft: size - FRAME_HEADER_BYTES - length,
    };
    return true;
  }

  /** Hands over what has come of a body; returns where the input goes on. */
  #continue(body: Body, input: Uint8Array, from: number, end: number): number {
    let at = from;
    const part = Math.min(body.payloadLeft, end - at);
    if (part > 0) {
      const { address, kind } = body;
      body.address += part;
      body.payloadLeft -= part;
      const isLast = body.payloadLeft === 0;
      const flags = isLast ? body.flags : body.flags & ~FrameFlag.last;
      this.frameBytes = isLast ? body.frameBytes : 0;
      const high = Math.floor(address / TWO_32);
      this.#onFrame(LINK_CHANNEL, kind, address >>> 0, high, flags, input, NO_VIEW, at, part);
      at += part;
    }
    const padding = Math.min(body.paddingLeft, end - at);
    body.paddingLeft -= padding;
    if (body.payloadLeft === 0 && body.paddingLeft === 0) this.#body = null;
    return at + padding;
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
      if (end - at < size) {
        if (!this.#startsBody(view, at, size)) break;
        this.restBytes = 0;
        return this.#continue(this.#body as unknown as Body, bytes, at + FRAME_HEADER_BYTES, end);
      }
      this.frameBytes = size;
      this.restBytes = end - at - size;
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
    this.restBytes = 0;
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
        `a frame on channel ${channel} has ${length} payload bytes; the limit is ${limit}${asText(view, at)}`,
      );
    }
    const expected = FRAME_HEADER_BYTES + ((length + 7) & ~7);
    if (size !== expected) {
      throw new TransportError(
        'bad-frame',
        `a frame on channel ${channel} says ${size} bytes in all with ${length} of payload; that makes ${expected}${asText(view, at)}`,
      );
    }
    return size;
  }
}

/** What a header says that is readable text: somebody writes to the line who does not speak this protocol. */
function asText(view: DataView, at: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, FRAME_HEADER_BYTES);
  const text = new TextDecoder().decode(bytes);
  return /^[\x20-\x7e\r\n\t]+$/.test(text) ? `. It is no frame but text: ${JSON.stringify(text)}` : '';
}
