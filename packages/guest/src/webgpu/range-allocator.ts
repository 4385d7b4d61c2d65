/**
 * Free-list allocation of ranges in a block of memory: first fit, freed neighbours are joined. Sizes and offsets
 * are bytes, multiples of the granule.
 */
export class RangeAllocator {
  readonly lengthBytes: number;
  readonly granuleBytes: number;
  /** Free ranges in order of their offsets: two arrays of equal length. */
  private readonly offsets: number[] = [0];
  private readonly lengths: number[];
  private free_ = 0;

  constructor(lengthBytes: number, granuleBytes: number) {
    if (lengthBytes <= 0 || lengthBytes % granuleBytes !== 0) {
      throw new RangeError(`length ${lengthBytes} is not a positive multiple of ${granuleBytes} bytes`);
    }
    this.lengthBytes = lengthBytes;
    this.granuleBytes = granuleBytes;
    this.lengths = [lengthBytes];
    this.free_ = lengthBytes;
  }

  /** Bytes that are free, in however many pieces. */
  get freeBytes(): number {
    return this.free_;
  }

  /** True when nothing is taken. */
  get isEmpty(): boolean {
    return this.free_ === this.lengthBytes;
  }

  /** What `allocate` takes for a length: rounded up to granules, at least one. */
  roundUp(lengthBytes: number): number {
    const granules = Math.ceil(lengthBytes / this.granuleBytes);
    return Math.max(1, granules) * this.granuleBytes;
  }

  /** Takes a range. @returns its offset, or -1 when no free range is long enough. */
  allocate(lengthBytes: number): number {
    const wanted = this.roundUp(lengthBytes);
    const { offsets, lengths } = this;
    for (let i = 0; i < lengths.length; i++) {
      const length = lengths[i]!;
      if (length < wanted) continue;
      const offset = offsets[i]!;
      if (length === wanted) {
        offsets.splice(i, 1);
        lengths.splice(i, 1);
      } else {
        offsets[i] = offset + wanted;
        lengths[i] = length - wanted;
      }
      this.free_ -= wanted;
      return offset;
    }
    return -1;
  }

  /** Gives a range back: the offset that `allocate` returned, and the length it was asked for. */
  free(offset: number, lengthBytes: number): void {
    const length = this.roundUp(lengthBytes);
    const { offsets, lengths } = this;
    const next = this.firstAtOrBehind(offset);
    const before = next - 1;
    const endBefore = before >= 0 ? offsets[before]! + lengths[before]! : 0;
    const startNext = next < offsets.length ? offsets[next]! : this.lengthBytes;
    if (offset < endBefore || offset + length > startNext) {
      throw new RangeError(`range ${offset}+${length} is free already, at least in part`);
    }
    this.free_ += length;
    const joinsBefore = before >= 0 && endBefore === offset;
    const joinsNext = next < offsets.length && offset + length === startNext;
    if (joinsBefore && joinsNext) {
      lengths[before] = lengths[before]! + length + lengths[next]!;
      offsets.splice(next, 1);
      lengths.splice(next, 1);
    } else if (joinsBefore) {
      lengths[before] = lengths[before]! + length;
    } else if (joinsNext) {
      offsets[next] = offset;
      lengths[next] = lengths[next]! + length;
    } else {
      offsets.splice(next, 0, offset);
      lengths.splice(next, 0, length);
    }
  }

  /** Index of the first free range that begins at or behind an offset. */
  private firstAtOrBehind(offset: number): number {
    let low = 0;
    let high = this.offsets.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.offsets[middle]! < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
