import { formatTable } from '../table.ts';
import type { Estimate } from './sampling.ts';

/** What is demanded of a number: at most `most`, or at least `least`. */
export type Target = { readonly most: number } | { readonly least: number };

/** A measured comparison: the first estimate is what the others' ratios refer to. */
export interface Comparison {
  readonly suite: string;
  /** What is done once. */
  readonly case: string;
  /** Name of the way that counts as 1. */
  readonly baseline: string;
  readonly estimates: readonly Estimate[];
  /** Ways that are not this project's: shown, but nothing that {@link ratioOf} says of them is better or worse. */
  readonly others?: readonly string[];
  /** Bytes that one operation moves; then throughput is shown as well. */
  readonly bytes?: number;
  /**
   * By a way's name, what is demanded of its time as a multiple of another way's: `against`, else the baseline. Below
   * 1 it must be faster.
   */
  readonly targets?: Readonly<Record<string, RatioTarget | readonly RatioTarget[]>>;
}

export interface RatioTarget {
  readonly most: number;
  readonly against?: string;
}

/** A number that is no time: bytes of heap for a message, copies of a byte, memory of a process, operations a second. */
export interface Figure {
  readonly suite: string;
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly target?: Target;
}

/** What a suite hands back: comparisons alone, or figures as well. */
export type SuiteResult =
  | readonly Comparison[]
  | { readonly comparisons: readonly Comparison[]; readonly figures: readonly Figure[] };

/** A ratio with the range that holds the middle half of its samples. */
export interface Ratio {
  readonly median: number;
  readonly lowerQuartile: number;
  readonly upperQuartile: number;
}

/** A way's time as a multiple of the baseline's; null when the baseline is not there. */
export function ratioOf(comparison: Comparison, estimate: Estimate): Ratio | null {
  const baseline = comparison.estimates.find(({ name }) => name === comparison.baseline);
  if (baseline === undefined) return null;
  // Round by round where the samples were taken in turns: what slows a round down slows both.
  const { ratioMedian, ratioQuartiles } = baseline === comparison.estimates[0] ? estimate : {};
  const median = ratioMedian ?? estimate.medianMs / baseline.medianMs;
  const [lowerQuartile, upperQuartile] = ratioQuartiles ?? [
    estimate.lowerQuartileMs / baseline.medianMs,
    estimate.upperQuartileMs / baseline.medianMs,
  ];
  return { median, lowerQuartile, upperQuartile };
}

/** What is demanded of a way, and whether it is met, as a table shows it; empty when nothing is. */
export function formatRatioTarget(comparison: Comparison, estimate: Estimate): string {
  const targets = comparison.targets?.[estimate.name] ?? [];
  return [targets]
    .flat()
    .map((target) => formatOneTarget(comparison, estimate, target))
    .join('; ');
}

function formatOneTarget(comparison: Comparison, estimate: Estimate, target: RatioTarget): string {
  const { against = comparison.baseline, most } = target;
  const other = comparison.estimates.find(({ name }) => name === against);
  if (other === undefined)
    throw new Error(`${comparison.case}: a target against "${against}", which is none`);
  const isShown = against === comparison.baseline;
  const value = isShown ? ratioOf(comparison, estimate)!.median : estimate.medianMs / other.medianMs;
  const of = against === comparison.baseline ? '' : ` of ${against}`;
  return `<= ${formatNumber(most)} x${of}: ${value <= most ? 'met' : `NOT MET (${formatNumber(value)})`}`;
}

/** The same for a figure. */
export function formatTarget({ target, value }: Figure): string {
  if (target === undefined) return '';
  const isMet = 'most' in target ? value <= target.most : value >= target.least;
  const demand = 'most' in target ? `<= ${formatNumber(target.most)}` : `>= ${formatNumber(target.least)}`;
  return `${demand}: ${isMet ? 'met' : 'NOT MET'}`;
}

/** A number for people: three digits, grouped from 10,000 on. */
export function formatNumber(value: number): string {
  if (Math.abs(value) >= 10_000) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}

/** A duration for people: three digits. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toPrecision(3)} s`;
  if (milliseconds >= 1) return `${milliseconds.toPrecision(3)} ms`;
  if (milliseconds >= 1e-3) return `${(milliseconds * 1e3).toPrecision(3)} us`;
  return `${(milliseconds * 1e6).toPrecision(3)} ns`;
}

function rate(comparison: Comparison, estimate: Estimate): string {
  const perSecond = 1000 / estimate.medianMs;
  if (comparison.bytes !== undefined) return `${((comparison.bytes * perSecond) / 1e9).toPrecision(3)} GB/s`;
  return perSecond >= 1e5
    ? `${(perSecond / 1e6).toPrecision(3)} M/s`
    : `${perSecond.toFixed(perSecond < 10 ? 2 : 0)}/s`;
}

/** A table of comparisons: time for one operation, rate, the ratio to the baseline with its spread, the target. */
export function formatComparisons(comparisons: readonly Comparison[]): string {
  const rows: string[][] = [];
  for (const comparison of comparisons) {
    for (const [index, estimate] of comparison.estimates.entries()) {
      const ratio = ratioOf(comparison, estimate);
      const isBaseline = estimate.name === comparison.baseline;
      rows.push([
        index === 0 ? comparison.case : '',
        estimate.name,
        formatDuration(estimate.medianMs),
        `${formatDuration(estimate.lowerQuartileMs)} .. ${formatDuration(estimate.upperQuartileMs)}`,
        rate(comparison, estimate),
        ratio === null ? '' : ratio.median.toFixed(2),
        ratio === null || isBaseline
          ? ''
          : `${ratio.lowerQuartile.toFixed(2)} .. ${ratio.upperQuartile.toFixed(2)}`,
        formatRatioTarget(comparison, estimate),
      ]);
    }
  }
  return formatTable(
    [
      { heading: 'what' },
      { heading: 'way' },
      { heading: 'median', number: true },
      { heading: 'middle half', number: true },
      { heading: 'rate', number: true },
      { heading: 'ratio', number: true },
      { heading: 'its middle half', number: true },
      { heading: 'target' },
    ],
    rows,
  );
}

/** A table of figures. */
export function formatFigures(figures: readonly Figure[]): string {
  return formatTable(
    [{ heading: 'figure' }, { heading: 'value', number: true }, { heading: 'unit' }, { heading: 'target' }],
    figures.map((figure) => [figure.name, formatNumber(figure.value), figure.unit, formatTarget(figure)]),
  );
}
