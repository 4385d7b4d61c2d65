import { ProtocolError } from '../errors.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Strings up to this many bytes are read without the TextDecoder when they are ASCII. */
const SHORT_STRING_BYTES = 24;

/** A stream that is being read: views of its words, and the readers of what has a length of its own. */
export class StreamReader {
  readonly u32: Uint32Array;
  readonly i32: Int32Array;
  readonly f32: Float32Array;
  readonly bytes: Uint8Array;
  /** Whole words. */
  readonly words: number;
  /** Next word to read: kept by the interpreter only. */
  position = 0;

  /**
   * @param bytes whole records, in memory that nobody changes meanwhile. Copied once when not aligned to words.
   * @throws ProtocolError when the length is no multiple of 4.
   */
  constructor(bytes: Uint8Array) {
    if ((bytes.length & 3) !== 0) {
      throw new ProtocolError('bad-stream', `stream of ${bytes.length} bytes, not a multiple of 4`);
    }
    const aligned = (bytes.byteOffset & 3) === 0 ? bytes : bytes.slice();
    this.bytes = aligned;
    this.words = aligned.length >>> 2;
    this.u32 = new Uint32Array(aligned.buffer, aligned.byteOffset, this.words);
    this.i32 = new Int32Array(aligned.buffer, aligned.byteOffset, this.words);
    this.f32 = new Float32Array(aligned.buffer, aligned.byteOffset, this.words);
  }

  /** An error about the word at `position`. */
  fail(position: number, message: string): ProtocolError {
    return new ProtocolError('bad-stream', `${message} (byte ${position * 4} of the stream)`);
  }

  /** Reads `length` bytes behind the length word at `position` as UTF-8. */
  string(position: number, length: number): string {
    const start = (position + 1) * 4;
    const { bytes } = this;
    if (length <= SHORT_STRING_BYTES) {
      let text = '';
      let all = 0;
      for (let index = start; index < start + length; index++) {
        const byte = bytes[index]!;
        all |= byte;
        text += String.fromCharCode(byte);
      }
      if (all < 0x80) return text;
    }
    try {
      return decoder.decode(bytes.subarray(start, start + length));
    } catch {
      throw this.fail(position, `string of ${length} bytes is not UTF-8`);
    }
  }

  /** The bytes behind the length word at `position`; a view. */
  data(position: number, length: number): Uint8Array {
    const start = (position + 1) * 4;
    return this.bytes.subarray(start, start + length);
  }

  /** The words behind the count at `position`; a view. */
  list(position: number, count: number): Uint32Array {
    return this.u32.subarray(position + 1, position + 1 + count);
  }
}
