import { type Profiler, Session } from 'node:inspector';

/** Whether the scripts of this name are ours. Generated codecs have none. */
export function isOurs(url: string): boolean {
  return url === '' || /\/packages\/[^/]+\/dist\//.test(url);
}

/**
 * Which code has run, by the engine's precise coverage: a mark for each character of a script. Taking it costs
 * milliseconds, so it is asked once for many inputs; {@link SampledCoverage.take} then says whether any of them
 * reached code that none had reached before.
 */
export class SampledCoverage {
  readonly #session = new Session();
  readonly #seen = new Map<string, Uint8Array>();
  /** Whether the scripts of this name count. */
  readonly #counts: (url: string) => boolean;
  #isOn = false;
  #characters = 0;

  constructor(counts: (url: string) => boolean) {
    this.#counts = counts;
  }

  /** Characters of source that have run. */
  get characters(): number {
    return this.#characters;
  }

  start(): void {
    this.#session.connect();
    this.#post('Profiler.enable');
    this.#post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
    this.#isOn = true;
  }

  #post(method: string, params?: object): Profiler.TakePreciseCoverageReturnType | undefined {
    let result: Profiler.TakePreciseCoverageReturnType | undefined;
    let failure: Error | null = null;
    // The inspector of this very process answers before `post` returns.
    this.#session.post(method, params, (error: Error | null, answer: unknown) => {
      failure = error;
      result = answer as Profiler.TakePreciseCoverageReturnType;
    });
    if (failure !== null) throw failure;
    return result;
  }

  /**
   * Whether code has run since the last call that had not before.
   * @param remember whether it counts as run from now on.
   */
  take(remember: boolean): boolean {
    return this.#taken(remember, !remember) > 0;
  }

  /** How many characters of source have run since the last call that had not before. */
  fresh(remember: boolean): number {
    return this.#taken(remember, false);
  }

  #taken(remember: boolean, isOneEnough: boolean): number {
    let count = 0;
    for (const script of this.#post('Profiler.takePreciseCoverage')?.result ?? []) {
      if (this.#counts(script.url)) count += this.#merge(script, remember, isOneEnough);
    }
    return count;
  }

  #merge({ functions, scriptId }: Profiler.ScriptCoverage, remember: boolean, isOneEnough: boolean): number {
    const length = functions.reduce((end, { ranges }) => Math.max(end, ranges[0]?.endOffset ?? 0), 0);
    const now = new Uint8Array(length);
    // Outer functions and ranges come before those within.
    for (const { ranges } of functions) {
      for (const { count, endOffset, startOffset } of ranges) {
        now.fill(count > 0 ? 1 : 0, startOffset, endOffset);
      }
    }
    const seen = this.#seenOf(scriptId, length);
    let fresh = 0;
    for (let index = 0; index < length; index += 1) {
      if (now[index] === 0 || seen[index] === 1) continue;
      fresh += 1;
      if (isOneEnough) break;
      if (!remember) continue;
      seen[index] = 1;
      this.#characters += 1;
    }
    return fresh;
  }

  #seenOf(scriptId: string, length: number): Uint8Array {
    const seen = this.#seen.get(scriptId);
    if (seen !== undefined && seen.length >= length) return seen;
    const grown = new Uint8Array(length);
    if (seen !== undefined) grown.set(seen);
    this.#seen.set(scriptId, grown);
    return grown;
  }

  /** Nothing counts as run any more. */
  forget(): void {
    this.fresh(false);
    this.#seen.clear();
    this.#characters = 0;
  }

  /** Code that was compiled meanwhile keeps its counters. */
  stop(): void {
    if (!this.#isOn) return;
    this.#isOn = false;
    this.#post('Profiler.stopPreciseCoverage');
    this.#post('Profiler.disable');
    this.#session.disconnect();
  }
}
