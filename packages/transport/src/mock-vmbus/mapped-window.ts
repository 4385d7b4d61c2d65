import { TransportError } from '../errors.ts';
import { checkSpan } from '../span.ts';
import type { GuestWindow, HostWindow } from '../transport.ts';

/** The device window where both sides see the same bytes; serves as either side's end. */
export class MappedWindow implements GuestWindow, HostWindow {
  readonly kind = 'mapped';
  readonly lengthBytes: number;
  readonly bytes: Uint8Array;
  readonly #words: BigUint64Array;
  readonly #halves: Uint32Array;
  readonly #file: { readonly path: string; readonly offset: number } | null;
  /** A pair of words and the same as one value, to make a store of 64 bits from two halves. */
  readonly #pair = new Uint32Array(2);
  readonly #value = new BigUint64Array(this.#pair.buffer);

  constructor(bytes: Uint8Array, file: { readonly path: string; readonly offset: number } | null) {
    if (bytes.byteOffset % 8 !== 0 || bytes.length % 8 !== 0) {
      throw new TransportError('out-of-range', 'a device window must be aligned to 8 bytes');
    }
    this.bytes = bytes;
    this.lengthBytes = bytes.length;
    this.#words = new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);
    this.#halves = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    this.#file = file;
  }

  view(offset: number, length: number): Uint8Array {
    checkSpan('view of the device window', offset, length, this.lengthBytes);
    return this.bytes.subarray(offset, offset + length);
  }

  flush(offset: number, length: number): void {
    checkSpan('flush of the device window', offset, length, this.lengthBytes);
  }

  publish(offset: number, length: number): void {
    checkSpan('publish of the device window', offset, length, this.lengthBytes);
  }

  loadU64(offset: number): bigint {
    this.#checkWord(offset);
    return Atomics.load(this.#words, offset / 8);
  }

  storeU64(offset: number, low: number, high: number): void {
    this.#checkWord(offset);
    const half = offset / 4;
    // Fence values grow: nearly always the high half is there already, and one store of the low half makes the new value. No bigint then.
    if (Atomics.load(this.#halves, half + 1) === high >>> 0) {
      Atomics.store(this.#halves, half, low);
      return;
    }
    this.#pair[0] = low;
    this.#pair[1] = high;
    Atomics.store(this.#words, offset / 8, this.#value[0]!);
  }

  #checkWord(offset: number): void {
    if (offset % 8 !== 0) {
      throw new TransportError(
        'out-of-range',
        `a 64-bit value in the device window lies at a multiple of 8, not ${offset}`,
      );
    }
    checkSpan('64-bit value in the device window', offset, 8, this.lengthBytes);
  }

  shareable(): { readonly path: string; readonly offset: number } | null {
    return this.#file;
  }
}
