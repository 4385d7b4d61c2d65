import type { Loan } from '@dxgwire/transport';
import { handOut, takeBack } from './array-buffers.ts';
import { operationError } from './errors.ts';
import { LENT_BYTES, type StagingRegion } from './staging.ts';

/** Ranges of at least this length keep their memory for the next time, bytes. */
const SPARE_RANGE_BYTES = 65_536;

/** A range that the program got from getMappedRange: memory of its own, or part of the region, lent. */
type MappedRange = { readonly start: number; readonly end: number } & (
  | { readonly data: ArrayBuffer; readonly loan: null }
  | { readonly data: null; readonly loan: Loan }
);

/** A range that the program has given back. */
export interface ReturnedRange {
  readonly start: number;
  readonly lengthBytes: number;
  /** What it holds; null: that is in the region. */
  readonly data: ArrayBuffer | null;
}

/**
 * The buffer of each ArrayBuffer that was lent. While the program has it, its buffer is not collected: the memory would go to
 * somebody else.
 */
const lenders = new WeakMap<ArrayBuffer, object>();

/** Where what a mapped buffer shows comes from. */
export interface MappingSource {
  readonly writable: boolean;
  /** What is mapped of the buffer, bytes. */
  readonly start: number;
  readonly end: number;
  /** Memory that both sides see, or null. */
  readonly region: StagingRegion | null;
  /** The bytes themselves, where there is no region; null: zeros. */
  readonly contents: ArrayBuffer | null;
  /** Which byte of the buffer region or contents begin with. */
  readonly origin: number;
  /** Nothing of worth is in the region: what is handed out must be cleared first. */
  readonly isBlank: boolean;
}

/** An active buffer mapping of the standard. */
export class Mapping {
  readonly writable: boolean;
  readonly start: number;
  readonly end: number;
  readonly origin: number;
  region: StagingRegion | null;
  contents: ArrayBuffer | null;
  /** True when the program has moved lent bytes elsewhere: the region cannot be used any more. */
  isRegionGone = false;
  private readonly isBlank: boolean;
  private readonly ranges: MappedRange[] = [];

  constructor({ writable, start, end, region, contents, origin, isBlank }: MappingSource) {
    this.writable = writable;
    this.start = start;
    this.end = end;
    this.region = region;
    this.contents = contents;
    this.origin = origin;
    this.isBlank = isBlank;
  }

  /**
   * GPUBuffer.getMappedRange()
   * @param buffer the interface object.
   * @param spare memory that may be used for the range.
   * @throws OperationError for a range that cannot be.
   */
  range(buffer: object, offset: number, length: number, spare: () => ArrayBuffer | null): ArrayBuffer {
    const end = offset + length;
    if (offset % 8 !== 0) throw operationError(`getMappedRange: offset ${offset} is no multiple of 8`);
    if (length % 4 !== 0) throw operationError(`getMappedRange: size ${length} is no multiple of 4`);
    if (offset < this.start || end > this.end) {
      throw operationError(
        `getMappedRange: ${offset} to ${end} is outside what is mapped, ${this.start} to ${this.end}`,
      );
    }
    for (const range of this.ranges) {
      if (offset < range.end && range.start < end) {
        throw operationError(`getMappedRange: ${offset} to ${end} overlaps ${range.start} to ${range.end}`);
      }
    }
    const loan = length < LENT_BYTES ? null : (this.region?.lend(offset - this.origin, length) ?? null);
    const lent = loan?.buffer;
    if (loan !== null && lent !== undefined) {
      if (this.isBlank) new Uint8Array(lent).fill(0);
      lenders.set(lent, buffer);
      this.ranges.push({ start: offset, end, data: null, loan });
      return lent;
    }
    const data = handOut(this.copy(offset, length, spare));
    this.ranges.push({ start: offset, end, data, loan: null });
    return data;
  }

  private copy(offset: number, length: number, spare: () => ArrayBuffer | null): ArrayBuffer {
    const { contents, region, origin } = this;
    if (contents !== null && length === contents.byteLength && this.writable) return contents;
    const isCopied = region !== null && !this.isBlank;
    // Memory that was used before is written over as a whole, or else it must be new.
    const used = isCopied && length >= SPARE_RANGE_BYTES ? spare() : null;
    const data = used !== null && used.byteLength === length ? used : new ArrayBuffer(length);
    if (isCopied) new Uint8Array(data).set(region.view(offset - origin, length));
    else if (contents !== null) new Uint8Array(data).set(new Uint8Array(contents, offset - origin, length));
    return data;
  }

  /** Detaches what the program has. What it has moved elsewhere itself is left out. */
  takeBack(): ReturnedRange[] {
    const returned: ReturnedRange[] = [];
    for (const { start, end, data, loan } of this.ranges) {
      const lengthBytes = end - start;
      if (loan !== null) {
        if (loan.takeBack()) returned.push({ start, lengthBytes, data: null });
        else this.isRegionGone = true;
        continue;
      }
      const own = takeBack(data);
      if (data === this.contents) this.contents = own;
      if (own.byteLength === lengthBytes && lengthBytes > 0) returned.push({ start, lengthBytes, data: own });
    }
    this.ranges.length = 0;
    return returned;
  }

  /**
   * Takes what the program reads into memory of its own.
   *
   * @returns the region, which the caller gives back; null when the program has part of it, or writes into it.
   */
  leaveRegion(): StagingRegion | null {
    const { region } = this;
    if (region === null || this.writable || this.ranges.some(({ loan }) => loan !== null)) return null;
    this.keepData();
    return region;
  }

  /** The region is about to go: what was not handed out yet is kept. */
  keepData(): void {
    const { region } = this;
    if (region === null) return;
    this.region = null;
    if (!this.isBlank) this.contents = new Uint8Array(region.view(0, region.lengthBytes)).buffer;
  }
}

/** Memory of a range that was read, when it is worth keeping for the next one. */
export function spareOf({ data }: ReturnedRange): ArrayBuffer | null {
  return data !== null && data.byteLength >= SPARE_RANGE_BYTES ? data : null;
}
