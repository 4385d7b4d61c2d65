import { formatTable } from '../table.ts';
import type { Estimate } from './sampling.ts';

/** A measured comparison: the first estimate is what the others' ratios refer to. */
export interface Comparison {
  readonly suite: string;
  /** What is done once. */
  readonly case: string;
  /** Name of the way that counts as 1. */
  readonly baseline: string;
  readonly estimates: readonly Estimate[];
  /** Bytes that one operation moves; then throughput is shown as well. */
  readonly bytes?: number;
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

/** A table of comparisons: time for one operation, spread, rate, and the ratio to the baseline. */
export function formatComparisons(comparisons: readonly Comparison[]): string {
  const rows: string[][] = [];
  for (const comparison of comparisons) {
    const baseline = comparison.estimates.find(({ name }) => name === comparison.baseline);
    for (const [index, estimate] of comparison.estimates.entries()) {
      rows.push([
        index === 0 ? comparison.case : '',
        estimate.name,
        formatDuration(estimate.medianMs),
        `${formatDuration(estimate.lowerQuartileMs)} .. ${formatDuration(estimate.upperQuartileMs)}`,
        rate(comparison, estimate),
        baseline === undefined ? '' : (estimate.medianMs / baseline.medianMs).toFixed(2),
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
    ],
    rows,
  );
}
