/** A range is asked for in pieces of at most this, bytes: Node refuses an ArrayBuffer of more than 4 GiB. */
const PIECE_BYTES = 2 ** 30;

/**
 * A mapped range of a buffer. Its bytes are asked for once, since Dawn gives no byte twice; and in pieces, since Dawn
 * for Node crashes at `unmap` after a range was too large for Node.
 */
export class MappedRange {
  readonly offset: number;
  readonly length: number;
  private readonly buffer: GPUBuffer;
  private readonly pieces: (Uint8Array | undefined)[] = [];

  constructor(buffer: GPUBuffer, offset: number, length: number) {
    this.buffer = buffer;
    this.offset = offset;
    this.length = length;
  }

  /**
   * Visits the bytes of part of the range in order; `position` counts from the part's start.
   * @throws what Dawn throws when the buffer is not mapped.
   */
  visit(start: number, length: number, visit: (bytes: Uint8Array, position: number) => void): void {
    const end = start + length;
    for (let at = start; at < end; ) {
      const index = Math.floor(at / PIECE_BYTES);
      const base = index * PIECE_BYTES;
      const stop = Math.min(end, base + PIECE_BYTES);
      visit(this.piece(index, base).subarray(at - base, stop - base), at - start);
      at = stop;
    }
  }

  /**
   * A few bytes of a range of which nothing was asked for: another part of it than was asked for by this before, and none of it is
   * {@link visit}ed any more.
   * @throws what Dawn throws when the buffer is not mapped.
   */
  part(start: number, length: number): Uint8Array {
    return new Uint8Array(this.buffer.getMappedRange(this.offset + start, length));
  }

  private piece(index: number, base: number): Uint8Array {
    const known = this.pieces[index];
    if (known !== undefined) return known;
    const length = Math.min(PIECE_BYTES, this.length - base);
    const bytes = new Uint8Array(this.buffer.getMappedRange(this.offset + base, length));
    this.pieces[index] = bytes;
    return bytes;
  }
}
