/**
 * Comparing ways of doing the same thing: samples of all ways are taken in turns, so that a machine that slows
 * down, slows all of them down.
 */

/** One way of doing what a case measures. */
export interface Way {
  readonly name: string;
  /**
   * Does it `count` times. What it returns is the time that counts, milliseconds; undefined: all the time that
   * the call took.
   */
  readonly run: (count: number) => number | undefined | Promise<number | undefined>;
}

/** Per operation: the median of the samples and the range that holds the middle half of them. Milliseconds. */
export interface Estimate {
  readonly name: string;
  readonly medianMs: number;
  readonly lowerQuartileMs: number;
  readonly upperQuartileMs: number;
  readonly samples: number;
  readonly countPerSample: number;
  /** The middle half of this way's time over the first way's in the same round. */
  readonly ratioQuartiles?: readonly [number, number];
  /** The median of the same. */
  readonly ratioMedian?: number;
}

export interface SamplingOptions {
  /** Samples of each way. */
  readonly samples: number;
  /** Operations in a sample are chosen so that it lasts about this long. */
  readonly sampleMs: number;
  /** Upper limit for the operations in a sample. */
  readonly maxCount?: number;
}

/** Samples of all ways: a row of times for each, and how many operations a sample of it has. */
export interface Samples {
  readonly names: readonly string[];
  readonly counts: readonly number[];
  /** By way and round: milliseconds for an operation. */
  readonly times: readonly (readonly number[])[];
}

async function time(way: Way, count: number): Promise<number> {
  const begin = performance.now();
  const counted = await way.run(count);
  return counted ?? performance.now() - begin;
}

/** Runs in a row that took as long as they should: then how often is known. */
const STEADY_RUNS = 3;
/** Most runs for that. */
const MOST_RUNS = 40;

/**
 * Finds how often to do it in a sample; this also warms it up. What runs for the first time may take a hundred times as long: a count
 * stands only when several runs with it took about as long as a sample shall.
 */
async function calibrate(way: Way, options: SamplingOptions): Promise<number> {
  const limit = options.maxCount ?? 1e7;
  let count = 1;
  let steady = 0;
  for (let run = 0; run < MOST_RUNS && steady < STEADY_RUNS; run += 1) {
    const elapsed = await time(way, count);
    const wanted = Math.round((count * options.sampleMs) / Math.max(elapsed, 1e-3));
    // Growing step by step: a run that was short by chance shall not make one that lasts for minutes.
    const next = Math.max(1, Math.min(limit, wanted, count * 8));
    steady = next < count * 1.5 && next > count / 1.5 ? steady + 1 : 0;
    count = next;
  }
  return count;
}

function quantile(sorted: readonly number[], fraction: number): number {
  const at = fraction * (sorted.length - 1);
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

/** Measures all ways in turns. */
export async function sample(ways: readonly Way[], options: SamplingOptions): Promise<Estimate[]> {
  return estimatesOf([await takeSamples(ways, options)]);
}

/** Measures all ways in turns; the first goes first in every other round only, since what goes first may have it worse. */
export async function takeSamples(ways: readonly Way[], options: SamplingOptions): Promise<Samples> {
  const counts: number[] = [];
  for (const way of ways) counts.push(await calibrate(way, options));
  const times: number[][] = ways.map(() => []);
  for (let round = 0; round < options.samples; round++) {
    const order = [...ways.entries()];
    if (round % 2 === 1) order.reverse();
    for (const [index, way] of order) {
      const count = counts[index] ?? 1;
      times[index]?.push((await time(way, count)) / count);
    }
  }
  return { names: ways.map(({ name }) => name), counts, times };
}

/**
 * What samples of the same ways say together. Of one set, the ratios are those of its rounds; of several (other processes, in
 * which the same code may be compiled and laid out in other ways), they are the medians of each set's rounds.
 */
export function estimatesOf(sets: readonly Samples[]): Estimate[] {
  const first = sets[0]!;
  return first.names.map((name, index) => {
    const sorted = sets.flatMap(({ times }) => times[index] ?? []).toSorted((a, b) => a - b);
    const roundsOf = ({ times }: Samples) =>
      (times[index] ?? [])
        .map((each, round) => each / (times[0]?.[round] ?? Number.NaN))
        .toSorted((a, b) => a - b);
    const ratios =
      sets.length === 1
        ? roundsOf(first)
        : sets.map((set) => quantile(roundsOf(set), 0.5)).toSorted((a, b) => a - b);
    return {
      name,
      medianMs: quantile(sorted, 0.5),
      lowerQuartileMs: quantile(sorted, 0.25),
      upperQuartileMs: quantile(sorted, 0.75),
      samples: sorted.length,
      countPerSample: first.counts[index] ?? 1,
      ratioQuartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
      ratioMedian: quantile(ratios, 0.5),
    };
  });
}
