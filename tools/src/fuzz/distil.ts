import type { SampledCoverage } from './coverage.ts';
import type { FuzzTarget } from './target.ts';

/** Runs of one input while it is made small: each looks at the coverage, which takes milliseconds. */
const MAX_TRIES = 60;
/** Inputs that are left after this time are kept as long as they are, milliseconds. */
const MAX_SHRINK_MS = 30_000;

/** Which code of a target some inputs reach. */
class Reach {
  readonly #target: FuzzTarget;
  readonly #coverage: SampledCoverage;

  constructor(target: FuzzTarget, coverage: SampledCoverage) {
    this.#target = target;
    this.#coverage = coverage;
    coverage.forget();
  }

  /** Runs an input. @returns characters of source that none had reached before, counted as reached if `remember`. */
  async of(input: Uint8Array, remember: boolean): Promise<number> {
    await this.#target.run(input.slice());
    return this.#coverage.fresh(remember);
  }
}

/** The shortest input that this finds which still reaches as much new code. */
async function shrink(reach: Reach, input: Uint8Array, least: number): Promise<Uint8Array> {
  let best = input;
  let tries = 0;
  for (let piece = Math.max(1, best.length >>> 1); piece >= 1; piece >>>= 1) {
    for (let at = 0; at < best.length && tries < MAX_TRIES; tries += 1) {
      const candidate = new Uint8Array([...best.subarray(0, at), ...best.subarray(at + piece)]);
      if ((await reach.of(candidate, false)) >= least) best = candidate;
      else at += piece;
    }
  }
  return best;
}

/**
 * The inputs that together reach what all of them reach and the target's own seeds do not: the shortest first, each made
 * small as long as it reaches as much.
 */
export async function distil(
  target: FuzzTarget,
  inputs: readonly Uint8Array[],
  coverage: SampledCoverage,
): Promise<Uint8Array[]> {
  const reach = new Reach(target, coverage);
  const kept: Uint8Array[] = [];
  const end = performance.now() + MAX_SHRINK_MS;
  for (const seed of target.seeds()) await reach.of(seed, true);
  for (const input of [...inputs].sort((a, b) => a.length - b.length)) {
    const isNew = (await reach.of(input, false)) > 0;
    // The same once more: what a run reaches by chance is no reason to keep it.
    const gain = isNew ? await reach.of(input, false) : 0;
    if (gain === 0) continue;
    const small = performance.now() < end ? await shrink(reach, input, gain) : input;
    await reach.of(small, true);
    kept.push(small);
  }
  return kept;
}
