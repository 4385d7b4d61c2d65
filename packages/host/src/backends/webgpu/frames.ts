/**
 * Frames between the host and a GPU process: u32 length of the whole frame in bytes (a multiple of 8), u32 kind,
 * then the content. Both ends are ours and on one machine, so the content is native little-endian words.
 */

/** From the host. */
export const HostFrame = {
  mapRegion: 1,
  unmapRegion: 2,
  createContext: 3,
  destroyContext: 4,
  submit: 5,
  freeMemory: 6,
} as const;

/** From the GPU process. */
export const GpuFrame = {
  hello: 16,
  failed: 17,
  done: 18,
  returns: 19,
  wrote: 20,
  idle: 21,
} as const;

export const FRAME_HEADER_BYTES = 8;

/** Largest frame, bytes. */
export const MAX_FRAME_BYTES = 0x7fff_fff8;

const encoder = new TextEncoder();

/** Memory of frames that have been sent is used again, up to this much. */
const SPARE_BYTES = 1 << 20;
const FIRST_BYTES = 1 << 16;

/** A reader that had to grow beyond this gives its memory back when it has handed all over. */
const READER_BYTES = 1 << 22;

/** So many pieces of memory are kept: the writes that are under way at once. */
const MAX_SPARES = 4;

/** Frames on their way out, collected so that one write carries all of a turn. */
export class FrameBatch {
  bytes: Uint8Array;
  u32: Uint32Array;
  /** Bytes written. */
  length = 0;
  private readonly spares: ArrayBuffer[] = [];
  private frameStart = -1;

  constructor() {
    const buffer = new ArrayBuffer(FIRST_BYTES);
    this.bytes = new Uint8Array(buffer);
    this.u32 = new Uint32Array(buffer);
  }

  begin(kind: number): void {
    this.frameStart = this.length;
    this.reserve(FRAME_HEADER_BYTES);
    this.u32[(this.length >>> 2) + 1] = kind;
    this.length += FRAME_HEADER_BYTES;
  }

  /** Ends the frame: pads it and writes its length. */
  end(): void {
    const padded = (this.length + 7) & ~7;
    this.reserve(padded - this.length);
    this.bytes.fill(0, this.length, padded);
    this.length = padded;
    this.u32[this.frameStart >>> 2] = padded - this.frameStart;
    this.frameStart = -1;
  }

  /** Takes the open frame back. */
  cancel(): void {
    this.length = this.frameStart;
    this.frameStart = -1;
  }

  /** Content bytes of the open frame. */
  get frameLength(): number {
    return this.length - this.frameStart - FRAME_HEADER_BYTES;
  }

  word(value: number): void {
    if (this.length + 4 > this.bytes.length) this.reserve(4);
    this.u32[this.length >>> 2] = value;
    this.length += 4;
  }

  /** Makes room and moves on. @returns where the room begins, a multiple of 4; what is in it is undefined. */
  skip(lengthBytes: number): number {
    const start = this.length;
    this.reserve((lengthBytes + 3) & ~3);
    this.length += (lengthBytes + 3) & ~3;
    return start;
  }

  /** Copies bytes, padded to whole words. */
  append(data: Uint8Array): void {
    const start = this.skip(data.length);
    this.bytes.set(data, start);
  }

  /** A length in bytes and UTF-8. */
  text(value: string): void {
    const data = encoder.encode(value);
    this.word(data.length);
    this.append(data);
  }

  /**
   * Takes what was written. Give the memory back with {@link recycle} once it has been sent.
   */
  take(): Uint8Array {
    const taken = this.bytes.subarray(0, this.length);
    const buffer = this.spares.pop() ?? new ArrayBuffer(FIRST_BYTES);
    this.bytes = new Uint8Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.length = 0;
    return taken;
  }

  recycle(taken: Uint8Array): void {
    const { spares } = this;
    if (spares.length >= MAX_SPARES || taken.buffer.byteLength > SPARE_BYTES) return;
    spares.push(taken.buffer as ArrayBuffer);
  }

  private reserve(lengthBytes: number): void {
    const needed = this.length + lengthBytes;
    if (needed <= this.bytes.length) return;
    if (needed > MAX_FRAME_BYTES) {
      throw new RangeError(
        `frames of ${needed} bytes to or from the GPU process, at most ${MAX_FRAME_BYTES}`,
      );
    }
    const grown = new ArrayBuffer(
      (Math.min(MAX_FRAME_BYTES, Math.max(needed, this.bytes.length * 2)) + 7) & ~7,
    );
    new Uint8Array(grown).set(this.bytes.subarray(0, this.length));
    this.bytes = new Uint8Array(grown);
    this.u32 = new Uint32Array(grown);
  }
}

const decoder = new TextDecoder();

/** One frame's content; valid during the call that hands it over. */
export class FrameView {
  bytes: Uint8Array;
  u32: Uint32Array;
  kind = 0;
  /** Next word to read, and the end of the content, as indices into `u32`. */
  position = 0;
  end = 0;

  constructor(buffer: ArrayBuffer) {
    this.bytes = new Uint8Array(buffer);
    this.u32 = new Uint32Array(buffer);
  }

  word(): number {
    const value = this.u32[this.position]!;
    this.position += 1;
    return value;
  }

  /** The next `lengthBytes` bytes; a view. */
  data(lengthBytes: number): Uint8Array {
    const start = this.position * 4;
    this.position += (lengthBytes + 3) >>> 2;
    return this.bytes.subarray(start, start + lengthBytes);
  }

  /** The next words; a view. */
  words(count: number): Uint32Array {
    const start = this.position;
    this.position += count;
    return this.u32.subarray(start, start + count);
  }

  text(): string {
    return decoder.decode(this.data(this.word()));
  }
}

/**
 * Hands over what a batch holds, where it lies: for ends that pass it from hand to hand.
 *
 * @param taken - As {@link FrameBatch.take} gave it.
 * @throws RangeError when a frame's length cannot be.
 */
export function readBatch(taken: Uint8Array, onFrame: (frame: FrameView) => void): void {
  const read = handOver(new FrameView(taken.buffer as ArrayBuffer), taken.length, onFrame);
  if (read < taken.length) throw new RangeError(`a batch ends ${taken.length - read} bytes into a frame`);
}

/** Hands over the whole frames among the first bytes of a view. @returns where the first that is not whole begins. */
function handOver(view: FrameView, lengthBytes: number, onFrame: (frame: FrameView) => void): number {
  let start = 0;
  while (lengthBytes - start >= FRAME_HEADER_BYTES) {
    const length = view.u32[start >>> 2]!;
    if (length < FRAME_HEADER_BYTES || length % 8 !== 0 || length > MAX_FRAME_BYTES) {
      throw new RangeError(`frame of ${length} bytes between host and GPU process`);
    }
    if (lengthBytes - start < length) break;
    view.kind = view.u32[(start >>> 2) + 1]!;
    view.position = (start >>> 2) + 2;
    view.end = (start + length) >>> 2;
    onFrame(view);
    start += length;
  }
  return start;
}

/** Puts frames together from the pieces in which they arrive. */
export class FrameReader {
  private view = new FrameView(new ArrayBuffer(FIRST_BYTES));
  private filled = 0;

  /**
   * Takes what arrived and hands over every frame that is complete.
   * @throws RangeError when a frame's length cannot be: the other process is not what it should be.
   */
  push(chunk: Uint8Array, onFrame: (frame: FrameView) => void): void {
    this.reserve(this.filled + chunk.length);
    this.view.bytes.set(chunk, this.filled);
    this.filled += chunk.length;
    const start = handOver(this.view, this.filled, onFrame);
    if (start === 0) {
      if (this.filled >= FRAME_HEADER_BYTES) this.reserve(this.view.u32[0]!);
      return;
    }
    this.view.bytes.copyWithin(0, start, this.filled);
    this.filled -= start;
    if (this.filled === 0 && this.view.bytes.length > READER_BYTES) {
      this.view = new FrameView(new ArrayBuffer(FIRST_BYTES));
    }
  }

  private reserve(lengthBytes: number): void {
    if (lengthBytes <= this.view.bytes.length) return;
    const grown = new FrameView(
      new ArrayBuffer((Math.max(lengthBytes, this.view.bytes.length * 2) + 7) & ~7),
    );
    grown.bytes.set(this.view.bytes.subarray(0, this.filled));
    this.view = grown;
  }
}
