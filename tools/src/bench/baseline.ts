import { type Comparison, type Figure, ratioOf } from './report.ts';

/** Ratios of a run that others are held against, by suite, case and way. */
export type Ratios = Readonly<Record<string, number>>;

/** A ratio that grew by more than this is worth a warning; beyond {@link FAILURE} it fails the run. */
export const WARNING = 0.15;
export const FAILURE = 0.3;

/** A ratio whose middle half spans more than this factor says nothing: nothing is held against it later. */
const MOST_SPREAD = 3;

/** One ratio with its spread: a bar of the picture. */
export interface ResultRow {
  readonly suite: string;
  readonly case: string;
  /** The way that counts as 1. */
  readonly baseline: string;
  readonly name: string;
  readonly median: number;
  /** The middle half. */
  readonly low: number;
  readonly high: number;
}

/** A baseline as it is stored. */
export interface Baseline {
  readonly machine: Readonly<Record<string, unknown>>;
  readonly ratios: Ratios;
  readonly rows: readonly ResultRow[];
  /** To be read, not compared: most of them are as good as the machine. */
  readonly figures: readonly Figure[];
}

/** One ratio beside the stored one. */
export interface Change {
  readonly key: string;
  readonly before: number;
  readonly after: number;
  /** Growth of the ratio: 0.2 is 20 % slower against the same contender. */
  readonly growth: number;
  readonly verdict: 'same' | 'slower' | 'failed' | 'faster';
  /** Growth when it was measured first, where its suite was measured twice. */
  readonly firstGrowth?: number;
}

/** The ratios of a run that later ones are held against. The ways that count as 1, and those of others, are left out. */
export function ratiosOf(comparisons: readonly Comparison[]): Ratios {
  const ratios: Record<string, number> = {};
  for (const comparison of comparisons) {
    for (const estimate of comparison.estimates) {
      const ratio = ratioOf(comparison, estimate);
      if (estimate.name === comparison.baseline || ratio === null) continue;
      if (comparison.others?.includes(estimate.name) === true) continue;
      ratios[`${comparison.suite} / ${comparison.case} / ${estimate.name}`] = Number(
        ratio.median.toPrecision(4),
      );
    }
  }
  return ratios;
}

/** The ratios of a run with their spreads. */
export function rowsOf(comparisons: readonly Comparison[]): ResultRow[] {
  return comparisons.flatMap((comparison) =>
    comparison.estimates.flatMap((estimate): ResultRow[] => {
      const ratio = ratioOf(comparison, estimate);
      if (estimate.name === comparison.baseline || ratio === null) return [];
      const short = (value: number) => Number(value.toPrecision(4));
      const { baseline, case: what, suite } = comparison;
      const { lowerQuartile, median, upperQuartile } = ratio;
      const spread = { median: short(median), low: short(lowerQuartile), high: short(upperQuartile) };
      return [{ suite, case: what, baseline, name: estimate.name, ...spread }];
    }),
  );
}

/** What of a run is worth to be stored: ratios that its rounds agree on. */
export function steadyOnly(run: Baseline): Baseline {
  const rows = run.rows.filter(({ high, low }) => high <= low * MOST_SPREAD);
  const keys = new Set(rows.map((row) => `${row.suite} / ${row.case} / ${row.name}`));
  const ratios = Object.fromEntries(Object.entries(run.ratios).filter(([key]) => keys.has(key)));
  return { ...run, rows, ratios };
}

/** A new baseline: suites that were measured have the new numbers only, the others keep theirs. `suites` is their order. */
export function mergeBaseline(
  before: Baseline | null,
  now: Baseline,
  measured: ReadonlySet<string>,
  suites: readonly string[],
): Baseline {
  const isKept = (suite: string) => suites.includes(suite) && !measured.has(suite);
  const placeOf = (suite: string) => suites.indexOf(suite);
  const suiteOf = (key: string) => key.split(' / ')[0]!;
  const ratios = [
    ...Object.entries(before?.ratios ?? {}).filter(([key]) => isKept(suiteOf(key))),
    ...Object.entries(now.ratios),
  ].sort(([a], [b]) => placeOf(suiteOf(a)) - placeOf(suiteOf(b)));
  const rows = [...(before?.rows ?? []).filter(({ suite }) => isKept(suite)), ...now.rows].sort(
    (a, b) => placeOf(a.suite) - placeOf(b.suite),
  );
  const figures = [...(before?.figures ?? []).filter(({ suite }) => isKept(suite)), ...now.figures].sort(
    (a, b) => placeOf(a.suite) - placeOf(b.suite),
  );
  return { machine: now.machine, ratios: Object.fromEntries(ratios), rows, figures };
}

/** Holds ratios against stored ones; cases that only one of them has are no change. */
export function compareRatios(before: Ratios, after: Ratios): Change[] {
  const changes: Change[] = [];
  for (const [key, now] of Object.entries(after)) {
    const then = Object.hasOwn(before, key) ? before[key] : undefined;
    if (then === undefined) continue;
    const growth = now / then - 1;
    changes.push({ key, before: then, after: now, growth, verdict: verdictOn(growth) });
  }
  return changes;
}

function verdictOn(growth: number): Change['verdict'] {
  if (growth > FAILURE) return 'failed';
  if (growth > WARNING) return 'slower';
  return growth < -WARNING ? 'faster' : 'same';
}

/** The suites of ratios that failed: worth a second look, since a machine that was busy for a moment fails any of them. */
export function failedSuites(changes: readonly Change[]): Set<string> {
  return new Set(
    changes.filter(({ verdict }) => verdict === 'failed').map(({ key }) => key.split(' / ')[0]!),
  );
}

/**
 * Two runs together: what was measured twice is as good as its better run. A ratio that has grown is worse in both; chance would have
 * to strike the same one twice.
 */
export function bestOf(first: readonly Change[], again: readonly Change[]): Change[] {
  const second = new Map(again.map((change) => [change.key, change]));
  return first.map((change) => {
    const other = second.get(change.key);
    if (other === undefined) return change;
    const better = other.growth < change.growth ? other : change;
    return { ...better, firstGrowth: change.growth };
  });
}

/**
 * Reads stored ratios: a baseline, or what `--json` wrote.
 *
 * @throws Error for what is neither.
 */
export function parseRatios(text: string): Ratios {
  const value = JSON.parse(text) as { ratios?: unknown } | null;
  const ratios = value?.ratios;
  if (typeof ratios !== 'object' || ratios === null) throw new Error('it holds no ratios');
  for (const [key, ratio] of Object.entries(ratios)) {
    if (typeof ratio !== 'number' || !(ratio > 0))
      throw new Error(`the ratio of "${key}" is ${String(ratio)}`);
  }
  return ratios as Ratios;
}

function percent(growth: number): string {
  return `${growth > 0 ? '+' : ''}${(growth * 100).toFixed(0)} %`;
}

/** What changed, for people, worst first. */
export function formatChanges(changes: readonly Change[]): string {
  const words = { failed: 'FAILED', slower: 'warning', faster: 'faster', same: '' };
  const lines = changes
    .filter(({ verdict }) => verdict !== 'same')
    .toSorted((a, b) => b.growth - a.growth)
    .map(({ after, before, growth, key, verdict }) => {
      return `${words[verdict].padEnd(7)}  ${percent(growth).padStart(6)}  ${before} -> ${after}  ${key}\n`;
    });
  const once = changes.filter(
    ({ firstGrowth, verdict }) =>
      firstGrowth !== undefined && verdictOn(firstGrowth) === 'failed' && verdict !== 'failed',
  );
  for (const { firstGrowth = 0, growth, key } of once)
    lines.push(
      `chance   ${percent(firstGrowth).padStart(6)}  then ${percent(growth)} when measured again  ${key}\n`,
    );
  const failed = changes.filter(({ verdict }) => verdict === 'failed').length;
  const slower = changes.filter(({ verdict }) => verdict === 'slower').length;
  return `${lines.join('')}${changes.length} ratios compared: ${failed} failed (more than 30 % worse), ${slower} warnings (more than 15 %)\n`;
}
