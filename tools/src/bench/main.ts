import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { INTERRUPTED_EXIT_CODE, Interruption } from '../interrupted.ts';
import { oneLine } from '../one-line.ts';
import {
  type Baseline,
  bestOf,
  type Change,
  compareRatios,
  failedSuites,
  formatChanges,
  mergeBaseline,
  parseRatios,
  type Ratios,
  ratiosOf,
  rowsOf,
  steadyOnly,
} from './baseline.ts';
import { drawRows } from './picture.ts';
import { type Comparison, type Figure, formatComparisons, formatFigures } from './report.ts';
import { SUITES } from './suites.ts';

const FOLDER = fileURLToPath(new URL('../../../docs/benchmarks/', import.meta.url));
const BASELINE = `${FOLDER}baseline.json`;
const PICTURE = `${FOLDER}results.svg`;

const HELP = `bench: measures this project against bare media and other libraries

Options:
  --only NAME[,NAME]  these suites
  --list              their names
  --json FILE         all numbers for machines
  --compare           hold the ratios against the stored baseline: over 15 % worse warns, over 30 % fails (exit code 1).
                      A suite in which something fails is measured again, and the better run counts
  --against FILE      the same, against another baseline or what --json wrote
  --save-baseline     store the ratios of this run; those of suites that did not run stay as they are
  --picture FILE      the ratios as an SVG; with all suites or --save-baseline, docs/benchmarks/results.svg too
  --help              this text
`;

const { values } = readArguments();
process.exitCode = await bench();

function readArguments() {
  try {
    return parseArgs({
      options: {
        json: { type: 'string' },
        only: { type: 'string' },
        list: { type: 'boolean', default: false },
        compare: { type: 'boolean', default: false },
        against: { type: 'string' },
        'save-baseline': { type: 'boolean', default: false },
        picture: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    process.stderr.write(`bench: ${oneLine(error)}\n`);
    process.exit(2);
  }
}

async function bench(): Promise<number> {
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (values.list) {
    for (const { name, summary } of SUITES) process.stdout.write(`${name.padEnd(12)} ${summary}\n`);
    return 0;
  }
  const wanted = values.only?.split(',');
  const unknown = wanted?.find((name) => SUITES.every((suite) => suite.name !== name));
  if (unknown !== undefined) {
    const names = SUITES.map(({ name }) => name).join(', ');
    process.stderr.write(`bench: --only takes some of ${names}, not "${unknown}"\n`);
    return 2;
  }
  // Read first: a missing file is better known before minutes of measuring.
  const stored =
    values.compare || values.against !== undefined ? readStored(values.against ?? BASELINE) : null;
  if (stored === undefined) return 2;
  const loadAverage = Number(loadavg()[0]!.toFixed(2));
  if (loadAverage > availableParallelism() / 4) {
    process.stdout.write(
      `the machine is busy (load average ${loadAverage} on ${availableParallelism()} cores): ratios are of little worth then\n`,
    );
  }
  const comparisons: Comparison[] = [];
  const figures: Figure[] = [];
  let hasWritten = false;
  tellWhenInterrupted(comparisons, figures, () => hasWritten);
  await measure(wanted, comparisons, figures);
  const ratios = ratiosOf(comparisons);
  if (comparisons.length > 0) process.stdout.write(`\n${formatComparisons(comparisons)}`);
  if (figures.length > 0) process.stdout.write(`\n${formatFigures(figures)}`);
  const machine = {
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    // Before the run.
    loadAverage,
  };
  let isAllWritten = true;
  const write = (path: string, text: string) => {
    try {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    } catch (error) {
      // What else there is to write and to say is worth having.
      process.stderr.write(`bench: cannot write ${path}: ${oneLine(error)}\n`);
      isAllWritten = false;
      return;
    }
    hasWritten = true;
    process.stdout.write(`\nwritten to ${path}\n`);
  };
  if (values.json !== undefined) {
    write(values.json, `${JSON.stringify({ machine, ratios, comparisons, figures }, null, 2)}\n`);
  }
  const now = { machine, ratios, rows: rowsOf(comparisons), figures };
  if (values.picture !== undefined) write(values.picture, draw(now));
  if (values['save-baseline']) {
    const names = SUITES.map(({ name }) => name);
    const whole = mergeBaseline(readBaseline(), steadyOnly(now), new Set(wanted ?? names), names);
    write(BASELINE, `${JSON.stringify(whole, null, 2)}\n`);
    write(PICTURE, draw(whole));
  } else if (wanted === undefined) write(PICTURE, draw(now));
  if (stored === null) return isAllWritten ? 0 : 1;
  const changes = await compareTwice(stored, ratios);
  process.stdout.write(`\n${formatChanges(changes)}`);
  return isAllWritten && failedSuites(changes).size === 0 ? 0 : 1;
}

/** Holds a run against what is stored; suites in which something fails are measured again, once, and their better run counts. */
async function compareTwice(stored: Ratios, ratios: Ratios): Promise<Change[]> {
  const first = compareRatios(stored, ratios);
  const suites = failedSuites(first);
  if (suites.size === 0) return first;
  process.stdout.write(`\nmore than 30 % worse: measured again, since chance may have done that\n`);
  const comparisons: Comparison[] = [];
  await measure([...suites], comparisons, []);
  return bestOf(first, compareRatios(stored, ratiosOf(comparisons)));
}

/** What Ctrl-C ends: the suites that are done are shown, and nothing is stored. */
function tellWhenInterrupted(
  comparisons: readonly Comparison[],
  figures: readonly Figure[],
  hasWritten: () => boolean,
): void {
  void new Interruption().first.then(() => {
    if (comparisons.length > 0) process.stdout.write(`\n${formatComparisons(comparisons)}`);
    if (figures.length > 0) process.stdout.write(`\n${formatFigures(figures)}`);
    process.stdout.write(hasWritten() ? '\ninterrupted\n' : '\ninterrupted: nothing was written\n');
    process.exit(INTERRUPTED_EXIT_CODE);
  });
}

/** Adds what the suites find, each when it is done. */
async function measure(
  wanted: readonly string[] | undefined,
  comparisons: Comparison[],
  figures: Figure[],
): Promise<void> {
  for (const suite of SUITES.filter(({ name }) => wanted?.includes(name) ?? true)) {
    process.stdout.write(`... ${suite.name}: ${suite.summary}\n`);
    const { measure: measureSuite } = await suite.load();
    const result = await measureSuite((text) => process.stdout.write(`    ${text}\n`));
    if ('figures' in result) {
      comparisons.push(...result.comparisons);
      figures.push(...result.figures);
    } else comparisons.push(...result);
  }
}

function draw({ machine, rows }: Baseline): string {
  return drawRows(
    rows,
    `${machine['cpu']}, ${machine['cores']} cores, Node ${machine['node']}, load average before ${machine['loadAverage']}`,
  );
}

/** What is stored, or null when there is nothing. */
function readBaseline(): Baseline | null {
  try {
    const text = readFileSync(BASELINE, 'utf8');
    const { figures = [], machine = {}, rows = [] } = JSON.parse(text) as Partial<Baseline>;
    return { machine, ratios: parseRatios(text), rows, figures };
  } catch {
    return null;
  }
}

/** Undefined, and a line that says why, when there is none that can be read. */
function readStored(path: string): Ratios | undefined {
  try {
    return parseRatios(readFileSync(path, 'utf8'));
  } catch (error) {
    process.stderr.write(`bench: cannot compare with ${path}: ${(error as Error).message}\n`);
    return undefined;
  }
}
