import { parseArgs } from 'node:util';
import { INTERRUPTED_EXIT_CODE, Interruption } from '../interrupted.ts';
import { oneLine } from '../one-line.ts';
import { simulate } from './simulation.ts';

/** `pnpm sim --seed S --steps N`: guests, a host and links under one seeded scheduler with virtual time. */

const USAGE = `usage: pnpm sim [--seed S] [--steps N] [--seeds K]
Runs the real driver, host and link protocol in one process and in virtual time, with crashes, delays, disconnects,
resumes and hung work, and looks at each step whether what must be so is so.
--seed   what everything follows from (default: a new one, printed)
--steps  callbacks of timers and turns after which the world comes to rest (default 20000)
--seeds  how many seeds from there, each with that many steps (default 1)
`;

function fail(message: string): never {
  process.stderr.write(`sim: ${message}\n`);
  process.exit(2);
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) fail(`--${name} takes a whole number from 1, not "${text}"`);
  return value;
}

function readOptions() {
  try {
    return parseArgs({
      options: {
        seed: { type: 'string' },
        steps: { type: 'string', default: '20000' },
        seeds: { type: 'string', default: '1' },
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
const steps = wholeNumber('steps', values.steps);
const seeds = wholeNumber('seeds', values.seeds);
const first = values.seed === undefined ? 1 + (Date.now() % 2 ** 31) : wholeNumber('seed', values.seed);

/** Takes the line of the seed under way off a terminal. */
const CLEAR = process.stdout.isTTY ? '\r\x1b[K' : '';

process.stdout.write(`${seeds} ${seeds === 1 ? 'seed' : 'seeds'} from ${first}, ${steps} steps each\n`);
const startMs = performance.now();
let events = 0;
let stepsRun = 0;
let virtualMs = 0;
let failures = 0;
let shownMs = startMs;
const counts: Record<string, number> = {};
let seedsRun = 0;
const interruption = new Interruption();
for (let seed = first; seed < first + seeds; seed += 1) {
  // Signals are heard between turns only.
  await new Promise((resolve) => setImmediate(resolve));
  if (interruption.hasCome) break;
  seedsRun += 1;
  if (process.stdout.isTTY) {
    const line = `seed ${seed}, ${seed - first + 1} of ${seeds}; ${events} events`;
    process.stdout.write(`\r\x1b[K${line.slice(0, (process.stdout.columns ?? 80) - 1)}`);
  }
  try {
    const result = await simulate({ seed, steps, isStopped: () => interruption.hasCome });
    events += result.events;
    stepsRun += result.steps;
    virtualMs += result.virtualMs;
    for (const [what, count] of Object.entries(result.counts)) counts[what] = (counts[what] ?? 0) + count;
  } catch (error) {
    failures += 1;
    process.stdout.write(`${CLEAR}violated: ${(error as Error).message}\n`);
  }
  if (process.stdout.isTTY || performance.now() - shownMs < 10_000) continue;
  shownMs = performance.now();
  process.stdout.write(`${seed - first + 1} of ${seeds} seeds, ${events} events\n`);
}
const seconds = (performance.now() - startMs) / 1000;
const perSecond = Math.round(events / seconds);
const happened = Object.entries(counts)
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([what, count]) => `${what} ${count}`)
  .join(', ');
process.stdout.write(happened === '' ? CLEAR : `${CLEAR}${happened}\n`);
process.stdout.write(
  `${events} events (${stepsRun} steps and the messages of links) in ${seconds.toFixed(1)} s, ${perSecond} a second; ${(virtualMs / 1000).toFixed(0)} s of virtual time; ` +
    `${failures} of ${seedsRun} seeds violated an invariant\n`,
);
if (interruption.hasCome) process.stdout.write(`interrupted in seed ${first + seedsRun - 1}\n`);
process.exit(failures > 0 ? 1 : interruption.hasCome ? INTERRUPTED_EXIT_CODE : 0);
