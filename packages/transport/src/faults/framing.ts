import { FRAME_HEADER_BYTES } from '../link/frame.ts';
import { Mark } from '../shared-memory/wire.ts';

/**
 * What counts as a frame in a stream of bytes, so that a fault can be placed at its boundary or inside it:
 *
 * - `link`: link frames, as on every byte stream;
 * - `websocket`: the HTTP upgrade, then WebSocket frames, as on the connection below a WebSocket;
 * - `shared-memory`: marks and messages on the socket beside shared memory;
 * - `writes`: each run of bytes as it was written.
 */
export type Framing = 'link' | 'websocket' | 'shared-memory' | 'writes';

/** Bytes of a frame's header, and how long the whole frame is once they are known. */
interface Shape {
  /** How many header bytes are needed to know more, given those that are there. */
  needed(header: Uint8Array, have: number): number;
  /** Bytes of the whole frame. */
  size(header: Uint8Array): number;
}

const MAX_HEADER_BYTES = 24;
/** Longer frames than any that can be are taken as what they say all the same, but not beyond this. */
const MAX_SIZE_BYTES = 0x4000_0000;

const LINK: Shape = {
  needed: () => FRAME_HEADER_BYTES,
  size: (header) => Math.max(FRAME_HEADER_BYTES, viewOf(header).getUint32(0, true)),
};

const SHARED_MEMORY: Shape = {
  needed: (header, have) => (have > 0 && header[0] === Mark.message ? 5 : 1),
  size: (header) => (header[0] === Mark.message ? 5 + viewOf(header).getUint32(1, true) : 1),
};

const WEBSOCKET: Shape = {
  needed(header, have) {
    if (have < 2) return 2;
    const short = header[1]! & 0x7f;
    const mask = header[1]! >= 0x80 ? 4 : 0;
    return 2 + mask + (short === 126 ? 2 : short === 127 ? 8 : 0);
  },
  size(header) {
    const short = header[1]! & 0x7f;
    const mask = header[1]! >= 0x80 ? 4 : 0;
    const view = viewOf(header);
    if (short < 126) return 2 + mask + short;
    if (short === 126) return 4 + mask + view.getUint16(2);
    return 10 + mask + view.getUint32(2) * 0x1_0000_0000 + view.getUint32(6);
  },
};

const END_OF_HTTP = 0x0d0a0d0a;

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Follows one direction of a stream, and knows at each byte which frame it belongs to and where in it. */
export class FrameTracker {
  /** Frames that have begun before the current one. */
  frame = 0;
  /** Bytes of the current frame that have gone by. */
  offset = 0;
  /** First byte of the current frame, -1 before it. */
  firstByte = -1;
  readonly #shape: Shape | null;
  readonly #header = new Uint8Array(MAX_HEADER_BYTES);
  #size = 0;
  #isHttp: boolean;
  #lastFour = 0;

  constructor(framing: Framing) {
    this.#isHttp = framing === 'websocket';
    const shapes = {
      link: LINK,
      websocket: WEBSOCKET,
      'shared-memory': SHARED_MEMORY,
      writes: null,
    } as const;
    this.#shape = shapes[framing];
  }

  /**
   * How many bytes at `bytes[at]` certainly belong together: they are in one frame, and either all in its header or all
   * behind it. At least 1. The caller passes them on and calls {@link passed}.
   */
  run(bytes: Uint8Array, at: number): number {
    const left = bytes.length - at;
    if (this.#isHttp) return 1;
    if (this.#shape === null) return left;
    if (this.#size > 0) return Math.min(left, this.#size - this.offset);
    return Math.min(left, this.#shape.needed(this.#header, this.offset) - this.offset);
  }

  /** `count` bytes of `bytes` from `at`, no more than {@link run} has said, have gone by. */
  passed(bytes: Uint8Array, at: number, count: number): void {
    if (this.offset === 0) this.firstByte = bytes[at]!;
    if (this.#isHttp) this.#passHttp(bytes[at]!);
    else if (this.#shape === null) this.#passRest(count, bytes.length - at);
    else this.#passFrame(this.#shape, bytes, at, count);
  }

  #passHttp(byte: number): void {
    this.offset += 1;
    this.#lastFour = (this.#lastFour << 8) | byte | 0;
    if (this.#lastFour !== END_OF_HTTP) return;
    this.#isHttp = false;
    this.#next();
  }

  #passRest(count: number, left: number): void {
    this.offset += count;
    if (count === left) this.#next();
  }

  #passFrame(shape: Shape, bytes: Uint8Array, at: number, count: number): void {
    if (this.#size === 0) {
      for (let i = 0; i < count; i += 1) this.#header[this.offset + i] = bytes[at + i]!;
      this.offset += count;
      if (this.offset < shape.needed(this.#header, this.offset)) return;
      this.#size = Math.min(MAX_SIZE_BYTES, shape.size(this.#header));
    } else {
      this.offset += count;
    }
    if (this.offset >= this.#size) this.#next();
  }

  #next(): void {
    this.frame += 1;
    this.offset = 0;
    this.firstByte = -1;
    this.#size = 0;
  }
}
