import { copyBytes } from '../copy-bytes.ts';

/** Longest payload that is remembered, bytes: a record holds its length as one number below 32. */
export const MAX_REMEMBERED_BYTES = 248;
const LONGS = MAX_REMEMBERED_BYTES >>> 3;
/** One for each way and each number of long words. */
const SLOTS = 2 * (LONGS + 1);
/** Bytes of a record that names its payload by the last one, before the long words that differ. */
export const AGAIN_HEAD_BYTES = 16;

/** Which of the last packets a packet is held against; none for one whose payload is long or no whole long words. */
export function packetSlot(way: number, length: number): number {
  return length <= MAX_REMEMBERED_BYTES && (length & 7) === 0 ? way * (LONGS + 1) + (length >>> 3) : -1;
}

/**
 * The last packet of each way and length: what a program sends is mostly what it has sent before, with another number in one place.
 * Who writes a capture and who reads it remember alike.
 */
export class LastPackets {
  /** Of each slot: channel, kind of packet, upper half of the id, flags; channel -1 for none. */
  readonly #heads = new Int32Array(4 * SLOTS).fill(-1);
  readonly #longs = new BigUint64Array(LONGS * SLOTS);
  readonly #bytes = new Uint8Array(this.#longs.buffer);

  /** Whether the last packet had the same head. */
  isAlike(slot: number, channel: number, kind: number, idHigh: number, flags: number): boolean {
    const heads = this.#heads;
    const at = slot << 2;
    return (
      heads[at] === channel &&
      heads[at + 1] === kind &&
      heads[at + 2] === (idHigh | 0) &&
      heads[at + 3] === flags
    );
  }

  /** Remembers a packet. */
  remember(
    slot: number,
    channel: number,
    kind: number,
    idHigh: number,
    flags: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void {
    const heads = this.#heads;
    const at = slot << 2;
    heads[at] = channel;
    heads[at + 1] = kind;
    heads[at + 2] = idHigh | 0;
    heads[at + 3] = flags;
    copyBytes(this.#bytes, slot * LONGS * 8, bytes, offset, length);
  }

  /**
   * Writes those long words of a payload that are not as they were last time, and remembers them.
   *
   * @param target where to, from `to` on: at most `count` long words. It may be the source, at `from` or before.
   * @returns a bit for each long word that is another one.
   */
  takeChanges(
    slot: number,
    target: BigUint64Array,
    to: number,
    source: BigUint64Array,
    from: number,
    count: number,
  ): number {
    const own = this.#longs;
    const start = slot * LONGS;
    let mask = 0;
    let out = to;
    for (let index = 0; index < count; index += 1) {
      const value = source[from + index]!;
      if (value === own[start + index]) continue;
      own[start + index] = value;
      target[out] = value;
      out += 1;
      mask |= 1 << index;
    }
    return mask;
  }
}
