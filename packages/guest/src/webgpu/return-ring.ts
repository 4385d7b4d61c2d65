/** The reader's end of the return ring: records that the backend wrote, copied out in order. */
export class ReturnRing {
  /** Bytes read since the beginning. */
  consumed = 0;
  private readonly bytes: Uint8Array;
  private acknowledged = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /**
   * Copies out what was written up to `total`, all bytes ever written.
   * @throws RangeError when the ring cannot hold that much.
   */
  take(total: number): Uint8Array {
    const { bytes, consumed } = this;
    const length = total - consumed;
    if (length < 0 || length > bytes.length || length % 4 !== 0) {
      throw new RangeError(`return fence at ${total} after ${consumed} in a ring of ${bytes.length} bytes`);
    }
    const start = consumed % bytes.length;
    const copy = new Uint8Array(length);
    const untilEnd = Math.min(length, bytes.length - start);
    copy.set(bytes.subarray(start, start + untilEnd));
    if (untilEnd < length) copy.set(bytes.subarray(0, length - untilEnd), untilEnd);
    this.consumed = total;
    return copy;
  }

  /** True when the backend was not yet told of all that was read. */
  get acknowledgementIsNews(): boolean {
    return this.consumed > this.acknowledged;
  }

  /** True when it should be told without waiting for another reason to send something. */
  get acknowledgementIsDue(): boolean {
    return this.consumed - this.acknowledged >= this.bytes.length / 4;
  }

  /** Says that the backend is being told. */
  acknowledge(): void {
    this.acknowledged = this.consumed;
  }
}
