import type { Packet } from '../transport.ts';

/** Small reproducible generators, so that both ends of a test know the same bytes without sending them twice. */

/** A seeded generator of numbers (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** An unsigned 32-bit number. */
  u32(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let x = this.#state;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return (x ^ (x >>> 14)) >>> 0;
  }

  /** A whole number from 0 to `end - 1`. */
  below(end: number): number {
    return this.u32() % end;
  }

  fill(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i += 1) bytes[i] = this.u32();
  }
}

/** Bytes that a seed stands for. */
export function bytesOfSeed(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const words = new Uint32Array(bytes.buffer, 0, length >>> 2);
  const random = new Random(seed);
  for (let i = 0; i < words.length; i += 1) words[i] = random.u32();
  for (let i = length & ~3; i < length; i += 1) bytes[i] = random.u32();
  return bytes;
}

/** True when `bytes` are the ones that the seed stands for. */
export function isOfSeed(seed: number, bytes: Uint8Array): boolean {
  const expected = bytesOfSeed(seed, bytes.length);
  for (let i = 0; i < bytes.length; i += 1) if (bytes[i] !== expected[i]) return false;
  return true;
}

/**
 * A running digest of packets (FNV-1a, 32 bits): kind, id, flags, and the payload zero padded to 8 bytes, because
 * a medium may deliver the padding.
 */
export class PacketDigest {
  count = 0;
  value = 0x811c9dc5;

  add(
    kind: number,
    idLow: number,
    idHigh: number,
    flags: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void {
    this.count += 1;
    this.#word(kind);
    this.#word(idLow);
    this.#word(idHigh);
    this.#word(flags);
    const padded = (length + 7) & ~7;
    this.#word(padded);
    for (let i = 0; i < padded; i += 1) this.#byte(i < length ? bytes[offset + i]! : 0);
  }

  #word(word: number): void {
    for (let shift = 0; shift < 32; shift += 8) this.#byte((word >>> shift) & 0xff);
  }

  #byte(byte: number): void {
    this.value = Math.imul(this.value ^ byte, 0x01000193) >>> 0;
  }
}

/** True when a packet's `bytes` and `view` cover the same bytes, and its payload lies in them. */
export function isWhole({ bytes, view, offset, length }: Packet): boolean {
  const isSame = view.buffer === bytes.buffer && view.byteOffset === bytes.byteOffset;
  return isSame && offset + length <= Math.min(bytes.length, view.byteLength);
}

/** One generated packet; its payload is `bytes[0 .. length)`. */
export interface GeneratedPacket {
  readonly kind: 6 | 11;
  readonly idLow: number;
  readonly idHigh: number;
  readonly length: number;
  readonly bytes: Uint8Array;
}

/** The packets that a seed stands for: mixed kinds, 64-bit ids, mostly small payloads, some large. */
export function* packetsOfSeed(seed: number, count: number, maxBytes: number): Generator<GeneratedPacket> {
  const random = new Random(seed);
  const bytes = new Uint8Array(maxBytes);
  for (let i = 0; i < count; i += 1) {
    const limit = random.below(16) === 0 ? maxBytes : Math.min(200, maxBytes);
    const length = random.below(limit + 1);
    const payload = bytes.subarray(0, length);
    random.fill(payload);
    yield {
      kind: random.below(2) === 0 ? 6 : 11,
      idLow: random.u32(),
      idHigh: random.u32(),
      length,
      bytes: payload,
    };
  }
}
