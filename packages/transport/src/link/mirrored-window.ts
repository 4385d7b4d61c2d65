import { TransportError } from '../errors.ts';
import { fileOf, type Region } from '../region.ts';
import { checkSpan } from '../span.ts';
import type { GuestWindow, HostWindow } from '../transport.ts';

/** Queues a range of the window, in order with packets. */
export type PushWindow = (source: Uint8Array, offset: number, length: number) => void;

function wordIndex(offset: number, lengthBytes: number): number {
  if (offset % 8 !== 0) {
    throw new TransportError(
      'out-of-range',
      `a 64-bit value in the device window lies at a multiple of 8, not ${offset}`,
    );
  }
  checkSpan('64-bit value in the device window', offset, 8, lengthBytes);
  return offset / 8;
}

/** The guest's copy of the device window, made when it is first touched. */
export class MirroredGuestWindow implements GuestWindow {
  readonly kind = 'mirrored';
  readonly lengthBytes: number;
  readonly #push: PushWindow;
  #bytes: Uint8Array | null = null;
  #words: BigUint64Array | null = null;

  constructor(lengthBytes: number, push: PushWindow) {
    this.lengthBytes = lengthBytes;
    this.#push = push;
  }

  #whole(): Uint8Array {
    if (this.#bytes !== null) return this.#bytes;
    try {
      const buffer = new ArrayBuffer(this.lengthBytes);
      this.#bytes = new Uint8Array(buffer);
      this.#words = new BigUint64Array(buffer);
      return this.#bytes;
    } catch (error) {
      throw new TransportError('no-memory', `no memory for a device window of ${this.lengthBytes} bytes`, {
        cause: error,
      });
    }
  }

  view(offset: number, length: number): Uint8Array {
    checkSpan('view of the device window', offset, length, this.lengthBytes);
    return this.#whole().subarray(offset, offset + length);
  }

  flush(offset: number, length: number): void {
    checkSpan('flush of the device window', offset, length, this.lengthBytes);
    this.#push(this.#whole(), offset, length);
  }

  loadU64(offset: number): bigint {
    const index = wordIndex(offset, this.lengthBytes);
    this.#whole();
    return this.#words?.[index] ?? 0n;
  }

  /** The host has published bytes. @throws TransportError `out-of-range`. */
  receive(offset: number, bytes: Uint8Array, at: number, length: number): void {
    checkSpan('published bytes of the device window', offset, length, this.lengthBytes);
    writeBytes(this.#whole(), offset, bytes, at, length);
  }
}

/** The host's own bytes of the device window; the guest has a copy. */
export class MirroredHostWindow implements HostWindow {
  readonly kind = 'mirrored';
  readonly lengthBytes: number;
  readonly bytes: Uint8Array;
  readonly #region: Region;
  readonly #push: PushWindow;
  readonly #words: BigUint64Array;
  readonly #pair = new Uint32Array(2);
  readonly #value = new BigUint64Array(this.#pair.buffer);

  constructor(region: Region, lengthBytes: number, push: PushWindow) {
    this.lengthBytes = lengthBytes;
    this.bytes = region.bytes.subarray(0, lengthBytes);
    this.#region = region;
    this.#push = push;
    this.#words = new BigUint64Array(this.bytes.buffer, this.bytes.byteOffset, lengthBytes / 8);
  }

  publish(offset: number, length: number): void {
    checkSpan('publish of the device window', offset, length, this.lengthBytes);
    this.#push(this.bytes, offset, length);
  }

  storeU64(offset: number, low: number, high: number): void {
    const index = wordIndex(offset, this.lengthBytes);
    // One store: a GPU process may have the same bytes mapped.
    this.#pair[0] = low;
    this.#pair[1] = high;
    this.#words[index] = this.#value[0]!;
    this.#push(this.bytes, offset, 8);
  }

  shareable(): { readonly path: string; readonly offset: number } | null {
    return fileOf(this.#region);
  }

  /** The guest has changed bytes. @throws TransportError `out-of-range`. */
  receive(offset: number, bytes: Uint8Array, at: number, length: number): void {
    checkSpan('flushed bytes of the device window', offset, length, this.lengthBytes);
    writeBytes(this.bytes, offset, bytes, at, length);
  }

  free(): void {
    this.#region.free();
  }
}

/** Copies received bytes into place; short runs without a `subarray`, see `copy-bytes.ts`. */
export function writeBytes(
  target: Uint8Array,
  offset: number,
  source: Uint8Array,
  at: number,
  length: number,
): void {
  if (length === 8) {
    for (let i = 0; i < 8; i += 1) target[offset + i] = source[at + i]!;
  } else {
    target.set(source.subarray(at, at + length), offset);
  }
}
