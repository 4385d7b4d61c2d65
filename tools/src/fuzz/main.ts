import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { INTERRUPTED_EXIT_CODE, Interruption } from '../interrupted.ts';
import { oneLine } from '../one-line.ts';
import { readCorpus, readInput, saveFailure, writeCorpus } from './corpus.ts';
import { runGuided } from './guided.ts';
import { failureOf, minimise } from './minimise.ts';
import { createProgress } from './progress.ts';
import { FuzzFailure, type FuzzReport, FuzzRun } from './runner.ts';
import type { FuzzTargetEntry } from './target.ts';
import { targets } from './targets/index.ts';

/** `pnpm fuzz`: hostile inputs for as long as one likes. */

const USAGE = `usage: pnpm fuzz [--target NAME[,NAME]] [--seconds S | --inputs N] [--seed N]
       pnpm fuzz --target NAME --file PATH
Feeds hostile inputs to one part after another (default: to each), and says how many a second.
--seconds  how long each target runs
--inputs   how many inputs each target gets (default: what CI runs)
--seed     what the inputs follow from (default: a new one, printed)
--file     runs this one input, as a failure left it
--grow     adds inputs that reached new code to the corpus of the repository
targets:
${targets.map(({ name, summary }) => `  ${name.padEnd(12)} ${summary}`).join('\n')}
`;

function fail(message: string): never {
  process.stderr.write(`fuzz: ${message}\n`);
  process.exit(2);
}

function positive(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!(value > 0)) fail(`--${name} takes a number above 0, not "${text}"`);
  return value;
}

function wholeSeed(text: string | undefined): number {
  if (text === undefined) return Date.now() % 2 ** 31;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0 || value >= 2 ** 32) {
    fail(`--seed takes a whole number from 0 to 4294967295, not "${text}"`);
  }
  return value;
}

function readOptions() {
  try {
    return parseArgs({
      options: {
        target: { type: 'string' },
        seconds: { type: 'string' },
        inputs: { type: 'string' },
        seed: { type: 'string' },
        file: { type: 'string' },
        grow: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    fail(oneLine(error));
  }
}

const values = readOptions();
if (values.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}

function chosen(names: string | undefined): readonly FuzzTargetEntry[] {
  if (names === undefined) return targets;
  return names.split(',').map((name) => {
    const entry = targets.find((each) => each.name === name);
    if (entry === undefined)
      fail(`no target "${name}": there are ${targets.map((each) => each.name).join(', ')}`);
    return entry;
  });
}

const entries = chosen(values.target);
const seed = wholeSeed(values.seed);
const interruption = new Interruption();
const rejections: unknown[] = [];
process.on('unhandledRejection', (reason) => rejections.push(reason));

/** Seen from where the command was called; pnpm runs scripts in the root. */
function inputAt(path: string): Uint8Array {
  try {
    return readInput(resolve(process.env['INIT_CWD'] ?? '.', path));
  } catch (error) {
    fail(`cannot read ${path}: ${oneLine(error)}`);
  }
}

async function runFile(entry: FuzzTargetEntry, path: string): Promise<boolean> {
  const input = inputAt(path);
  const target = await entry.open();
  try {
    const failure = await failureOf(target, input);
    process.stdout.write(failure === null ? `${entry.name}: no failure\n` : `${failure.stack}\n`);
    return failure === null;
  } finally {
    await target.close?.();
  }
}

function tell(entry: FuzzTargetEntry, unit: string, report: FuzzReport, about: string): void {
  const { inputs, seconds, slowestMs, heapGrowthBytes } = report;
  const rate = Math.round(inputs / seconds).toLocaleString('en');
  process.stdout.write(
    `${entry.name}: ${inputs.toLocaleString('en')} ${unit} in ${seconds.toFixed(1)} s, ${rate} a second, ` +
      `slowest ${slowestMs.toFixed(1)} ms, heap ${(heapGrowthBytes / 2 ** 20).toFixed(1)} MiB more` +
      `${about === '' ? '' : `; ${about}`}\n`,
  );
}

/** The guided part. @returns inputs that reached new code. */
async function guide(
  entry: FuzzTargetEntry,
  inputs: number,
  seconds: number,
  corpus: readonly Uint8Array[],
): Promise<readonly Uint8Array[]> {
  const work = { target: entry.name, seed, inputs, seconds, corpus, isGrowing: values.grow };
  const result = await runGuided(work, interruption.first);
  if (result === null) return [];
  process.stdout.write(
    `${entry.name}: coverage guided ${result.inputs.toLocaleString('en')} inputs: ${result.found.length} reached new ` +
      `code, ${result.coveredCharacters.toLocaleString('en')} characters of it in all\n`,
  );
  if (values.grow) process.stdout.write(`corpus: ${writeCorpus(entry.name, result.corpus)} inputs\n`);
  return result.found;
}

async function runTarget(entry: FuzzTargetEntry): Promise<boolean> {
  const target = await entry.open();
  const seconds = positive('seconds', values.seconds, Number.POSITIVE_INFINITY);
  const otherwise = values.seconds === undefined ? entry.defaultInputs : Number.POSITIVE_INFINITY;
  const inputs = positive('inputs', values.inputs, otherwise);
  const progress = createProgress(entry.name, target.unit, inputs, seconds);
  const corpus = [entry.name, ...(entry.alsoCorpus ?? [])].flatMap(readCorpus);
  try {
    const found = entry.isGuided ? await guide(entry, inputs, seconds, corpus) : [];
    const options = {
      seed,
      inputs,
      seconds,
      corpus: [...corpus, ...found],
      coverage: null,
      isStopped: () => interruption.hasCome,
      progress: progress.show,
    };
    const report = await new FuzzRun(target, options).run();
    if (rejections.length > 0) throw new FuzzFailure(`rejected: ${rejections[0]}`, new Uint8Array(0));
    progress.end();
    tell(entry, target.unit, report, target.describe?.() ?? '');
    return true;
  } catch (error) {
    progress.end();
    if (!(error instanceof FuzzFailure)) throw error;
    process.stdout.write(`${entry.name}: FAILED: ${error.message}\n`);
    const small = await minimise(target, error.input);
    const path = saveFailure(entry.name, small);
    const failure = (await failureOf(target, small)) ?? error.cause;
    if (failure instanceof Error) process.stdout.write(`${failure.stack}\n`);
    process.stdout.write(
      `${small.length} bytes in ${path}; once more: pnpm fuzz --target ${entry.name} --file ${path}\n` +
        `the whole run: pnpm fuzz --target ${entry.name} --seed ${seed} --inputs ${inputs}\n`,
    );
    return false;
  } finally {
    await target.close?.();
  }
}

let failures = 0;
if (values.file !== undefined) {
  if (entries.length !== 1) fail('--file needs one --target');
  if (!(await runFile(entries[0]!, values.file))) failures += 1;
} else {
  process.stdout.write(`seed ${seed}\n`);
  for (const entry of entries) {
    if (interruption.hasCome) break;
    if (!(await runTarget(entry))) failures += 1;
  }
  if (interruption.hasCome) process.stdout.write('interrupted\n');
}
process.exit(failures > 0 ? 1 : interruption.hasCome ? INTERRUPTED_EXIT_CODE : 0);
