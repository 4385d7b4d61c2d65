import { parseArgs } from 'node:util';
import { runResidencyModel, runSchedulerModel } from '@dxgwire/host/model';
import { oneLine } from './one-line.ts';

/** `pnpm test:model --steps N --seed S`: the two managers against their models, for as long as one likes. */

const USAGE = `usage: pnpm test:model [--steps N] [--seed S] [--only residency|scheduler]
Compares the memory manager and the scheduler with simple models over random calls.
--steps  calls to make of each (default 200000)
--seed   what the calls follow from (default: a new one, printed)
`;

function fail(message: string): never {
  process.stderr.write(`test:model: ${message}\n`);
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
        steps: { type: 'string', default: '200000' },
        seed: { type: 'string' },
        only: { type: 'string' },
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
const seed = values.seed === undefined ? Date.now() % 2 ** 31 : wholeNumber('seed', values.seed);
const models = { residency: runResidencyModel, scheduler: runSchedulerModel };
const { only } = values;
if (only !== undefined && !(only in models)) fail(`--only takes residency or scheduler, not "${only}"`);

let failures = 0;
for (const [name, run] of Object.entries(models)) {
  if (only !== undefined && only !== name) continue;
  const started = performance.now();
  process.stdout.write(`${name}: ${steps} steps, seed ${seed} ...\n`);
  try {
    const { counts } = await run({ steps, seed });
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    process.stdout.write(`${name}: no difference in ${seconds} s; calls made: ${JSON.stringify(counts)}\n`);
  } catch (error) {
    failures += 1;
    process.stdout.write(`${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    if (error instanceof Error && error.cause instanceof Error)
      process.stdout.write(`${error.cause.message}\n`);
  }
}
process.exit(failures === 0 ? 0 : 1);
