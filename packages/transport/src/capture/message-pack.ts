/** The first bytes of MessagePack values, as records have them. */
export const Pack = {
  arrayOf3: 0x93,
  arrayOf5: 0x95,
  arrayOf6: 0x96,
  arrayOf9: 0x99,
  nil: 0xc0,
  bin8: 0xc4,
  bin16: 0xc5,
  bin32: 0xc6,
  float64: 0xcb,
  uint8: 0xcc,
  uint16: 0xcd,
  uint32: 0xce,
} as const;

export const TWO_TO_32 = 4_294_967_296;

/** Writes a whole number up to 2^53. @returns where the next value goes. */
export function packNumber(out: Uint8Array, view: DataView, at: number, value: number): number {
  if (value < TWO_TO_32) {
    out[at] = Pack.uint32;
    view.setUint32(at + 1, value);
    return at + 5;
  }
  out[at] = Pack.float64;
  view.setFloat64(at + 1, value);
  return at + 9;
}

/** Writes what stands before so many bytes. @returns where they go. */
export function packLength(out: Uint8Array, view: DataView, at: number, length: number): number {
  if (length < 0x100) {
    out[at] = Pack.bin8;
    out[at + 1] = length;
    return at + 2;
  }
  if (length < 0x10000) {
    out[at] = Pack.bin16;
    view.setUint16(at + 1, length);
    return at + 3;
  }
  out[at] = Pack.bin32;
  view.setUint32(at + 1, length);
  return at + 5;
}

/** How many bits of 32 are set. */
export function bitCount(bits: number): number {
  if ((bits & (bits - 1)) === 0) return bits === 0 ? 0 : 1;
  const pairs = bits - ((bits >>> 1) & 0x5555_5555);
  const fours = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}

/** A number of 32 bits the other way round: MessagePack's are big-endian, this machine's words are not. */
export function swapped(value: number): number {
  return (value >>> 24) | ((value >>> 8) & 0xff00) | ((value << 8) & 0xff_0000) | (value << 24);
}
