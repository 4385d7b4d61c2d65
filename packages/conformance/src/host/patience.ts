import { ConformanceFailure } from '../failure.ts';

/** How long the kit waits for a host, and how often it has waited for nothing. */
export class Patience {
  readonly timeoutMs: number;
  /** Waits that ended without what was waited for. */
  vain = 0;

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
  }

  /**
   * What `work` comes to, if it does so in time.
   *
   * @param late takes what comes afterwards.
   * @throws ConformanceFailure when it does not.
   */
  async within<Value>(
    work: Promise<Value>,
    expected: string,
    late: (value: Value) => void = () => {},
  ): Promise<Value> {
    const nothing = Symbol('nothing');
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeout = new Promise<typeof nothing>((resolve) => {
      timer = setTimeout(() => resolve(nothing), this.timeoutMs);
    });
    try {
      const value = await Promise.race([work, timeout]);
      if (value !== nothing) return value;
    } finally {
      clearTimeout(timer);
    }
    work.then(late, () => {});
    this.vain += 1;
    throw new ConformanceFailure(expected, `nothing of it within ${this.timeoutMs} ms`);
  }
}
