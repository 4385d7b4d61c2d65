/** Mulberry32: small, fast, and its whole state is one number, so that any moment of a run can be come back to. */
export class Random {
  state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  u32(): number {
    this.state = (this.state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** A number from 0 to `count` - 1. */
  below(count: number): number {
    return this.u32() % count;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.u32() % list.length]!;
  }
}
