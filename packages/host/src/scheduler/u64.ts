/**
 * 64-bit values as pairs of unsigned 32-bit numbers. Fence values live in pairs: comparing and storing one
 * that came as a pair takes 2 ns, one that came as a bigint 5 to 7, while keeping it as a bigint takes 10 to 13
 * (Node 20) and makes a new object each time.
 */

const whole = new BigUint64Array(1);
const halves = new Uint32Array(whole.buffer);

/** Low 32 bits of a value, modulo 2^64. */
export function lowHalf(value: bigint): number {
  whole[0] = value;
  return halves[0]!;
}

/** High 32 bits of a value, modulo 2^64. */
export function highHalf(value: bigint): number {
  whole[0] = value;
  return halves[1]!;
}

export function joinHalves(low: number, high: number): bigint {
  halves[0] = low;
  halves[1] = high;
  return whole[0]!;
}

/** Whether a >= b, both as pairs. */
export function isAtLeast(aLow: number, aHigh: number, bLow: number, bHigh: number): boolean {
  return aHigh > bHigh || (aHigh === bHigh && aLow >= bLow);
}
