/** Entries are found by the pieces of this size that they touch, bytes. */
const BUCKET_BYTES = 1 << 20;

interface Entry {
  /** Grows from entry to entry. */
  readonly order: number;
  readonly start: number;
  readonly bytes: Uint8Array;
  /** The parts that still count: ranges from and to, in absolute offsets. */
  live: (readonly [from: number, to: number])[];
}

/**
 * What a host has published of one memory, each publication with the bytes that it had. The memory of another host, as
 * its guest saw it, is held against it in order: no content that was published is lost by a later one.
 */
export class PublicationLog {
  /** Bytes of copies that are kept. */
  keptBytes = 0;
  readonly #buckets = new Map<number, Entry[]>();
  #order = 0;

  /** These bytes were published; they are copied. */
  add(start: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#order += 1;
    const entry: Entry = {
      order: this.#order,
      start,
      bytes: bytes.slice(),
      live: [[start, start + bytes.length]],
    };
    this.keptBytes += bytes.length;
    for (const key of bucketsOf(start, bytes.length)) {
      const bucket = this.#buckets.get(key);
      if (bucket === undefined) this.#buckets.set(key, [entry]);
      else bucket.push(entry);
    }
  }

  /**
   * Whether the range once had these bytes, then or after all that was taken before. What was there before is forgotten.
   * A range may have been read while it was published again: then it has a part of the one and a part of the other.
   */
  take(start: number, wanted: Uint8Array): boolean {
    const end = start + wanted.length;
    const found = this.#overlapping(start, end);
    const state = new Uint8Array(wanted.length);
    const isKnown = new Uint8Array(wanted.length);
    let unknown = wanted.length;
    for (const [index, entry] of found.entries()) {
      for (const [from, to] of entry.live) {
        const [low, high] = [Math.max(from, start), Math.min(to, end)];
        if (low >= high) continue;
        state.set(entry.bytes.subarray(low - entry.start, high - entry.start), low - start);
        if (unknown > 0) {
          for (let at = low - start; at < high - start; at += 1) unknown -= isKnown[at] === 0 ? 1 : 0;
          isKnown.fill(1, low - start, high - start);
        }
      }
      if (unknown > 0 || Buffer.compare(state, wanted) !== 0) continue;
      this.#settle(found.slice(0, index + 1), start, end);
      return true;
    }
    return false;
  }

  /** Forgets the oldest publication of a range whose bytes nobody has kept. */
  skip(start: number, length: number): void {
    const [oldest] = this.#overlapping(start, start + length);
    if (oldest !== undefined) this.#cut(oldest, start, start + length);
  }

  /** Forgets all of a range: it is gone. */
  forget(start: number, length: number): void {
    for (const entry of this.#overlapping(start, start + length)) this.#cut(entry, start, start + length);
  }

  /** The newest bytes of a range; undefined where nothing was published. */
  newest(start: number, length: number): (number | undefined)[] {
    const values: (number | undefined)[] = Array.from({ length });
    for (const entry of this.#overlapping(start, start + length)) {
      for (const [from, to] of entry.live) {
        for (let at = Math.max(from, start); at < Math.min(to, start + length); at += 1)
          values[at - start] = entry.bytes[at - entry.start];
      }
    }
    return values;
  }

  /** In the order in which they were added. */
  #overlapping(start: number, end: number): Entry[] {
    const found = new Set<Entry>();
    for (const key of bucketsOf(start, end - start)) {
      for (const entry of this.#buckets.get(key) ?? []) {
        if (entry.live.some(([from, to]) => from < end && start < to)) found.add(entry);
      }
    }
    return [...found].sort((a, b) => a.order - b.order);
  }

  /** The last of these is what the range has now; what the others had there was before. */
  #settle(entries: readonly Entry[], start: number, end: number): void {
    let uncovered: (readonly [number, number])[] = [[start, end]];
    for (const entry of entries.toReversed()) {
      const before = entry.live;
      entry.live = before.flatMap(([from, to]) => {
        const outside = subtract([[from, to]], start, end);
        const inside = intersect(uncovered, from, to);
        return [...outside, ...inside];
      });
      for (const [from, to] of before) uncovered = subtract(uncovered, from, to);
      this.#dropIfDead(entry);
    }
  }

  #cut(entry: Entry, start: number, end: number): void {
    entry.live = subtract(entry.live, start, end);
    this.#dropIfDead(entry);
  }

  #dropIfDead(entry: Entry): void {
    if (entry.live.length > 0) return;
    this.keptBytes -= entry.bytes.length;
    for (const key of bucketsOf(entry.start, entry.bytes.length)) {
      const bucket = this.#buckets.get(key)!;
      bucket.splice(bucket.indexOf(entry), 1);
      if (bucket.length === 0) this.#buckets.delete(key);
    }
  }
}

function bucketsOf(start: number, length: number): number[] {
  const first = Math.floor(start / BUCKET_BYTES);
  const last = Math.floor((start + Math.max(1, length) - 1) / BUCKET_BYTES);
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function subtract(
  ranges: readonly (readonly [number, number])[],
  start: number,
  end: number,
): (readonly [number, number])[] {
  return ranges.flatMap(([from, to]): (readonly [number, number])[] => {
    if (to <= start || from >= end) return [[from, to]];
    const rest: (readonly [number, number])[] = [];
    if (from < start) rest.push([from, start]);
    if (to > end) rest.push([end, to]);
    return rest;
  });
}

function intersect(
  ranges: readonly (readonly [number, number])[],
  start: number,
  end: number,
): (readonly [number, number])[] {
  return ranges.flatMap(([from, to]): (readonly [number, number])[] => {
    const [low, high] = [Math.max(from, start), Math.min(to, end)];
    return low < high ? [[low, high]] : [];
  });
}
