import { parseArgs } from 'node:util';
import { SCENARIO_TRANSPORTS, type ScenarioTransport, scenarioRunner } from '@dxgwire/transport/faults';
import { oneLine } from './one-line.ts';

/** `pnpm faults --transport T --seed S --count N`: the seeded faults of the tests, one by one or for as long as one likes. */

const USAGE = `usage: pnpm faults [--transport T] [--seed S] [--count N] [--width W]
Runs an exchange between a guest and a host over a connection that goes wrong as the seed says. Each must end in the
right result or in one typed error, with nothing left over.
--transport  ${SCENARIO_TRANSPORTS.join(', ')} (default: all)
--seed       the first seed (default 0)
--count      how many seeds from there (default 1 with --seed, else 1000)
--width      how many at a time (default 50; in virtual time always 1)
`;

function fail(message: string): never {
  process.stderr.write(`faults: ${message}\n`);
  process.exit(2);
}

function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < least)
    fail(`--${name} takes a whole number from ${least}, not "${text}"`);
  return value;
}

function readOptions() {
  try {
    return parseArgs({
      options: {
        transport: { type: 'string' },
        seed: { type: 'string' },
        count: { type: 'string' },
        width: { type: 'string', default: '50' },
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
const known = SCENARIO_TRANSPORTS.find((name) => name === values.transport);
if (values.transport !== undefined && known === undefined) {
  fail(`--transport takes one of ${SCENARIO_TRANSPORTS.join(', ')}, not "${values.transport}"`);
}
const first = wholeNumber('seed', values.seed ?? '0', 0);
const count = wholeNumber('count', values.count ?? (values.seed === undefined ? '1000' : '1'), 1);
const width = wholeNumber('width', values.width, 1);

async function runTransport(transport: ScenarioTransport): Promise<number> {
  const runner = scenarioRunner(transport);
  const startMs = performance.now();
  const ends = new Map<string, number>();
  let failures = 0;
  let next = first;
  const lane = async () => {
    while (next < first + count) {
      const seed = next;
      next += 1;
      const { text, end, wrong } = await runner.run(seed);
      ends.set(end, (ends.get(end) ?? 0) + 1);
      if (count === 1) process.stdout.write(`${transport}: ${text}: ${end}\n`);
      if (wrong.length === 0) continue;
      failures += 1;
      process.stdout.write(
        `${text}: ${wrong.join('; ')}\n  pnpm faults --transport ${transport} --seed ${seed}\n`,
      );
    }
  };
  const lanes = transport.startsWith('link') ? 1 : width;
  await Promise.all(Array.from({ length: lanes }, lane));
  await runner.close();
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  const kinds = [...ends].map(([end, times]) => `${end} ${times}`).join(', ');
  process.stdout.write(
    `${transport}: ${count} seeds from ${first} in ${seconds} s, ${failures} wrong; ends: ${kinds}\n`,
  );
  return failures;
}

let failures = 0;
for (const transport of known === undefined ? SCENARIO_TRANSPORTS : [known])
  failures += await runTransport(transport);
process.exit(failures === 0 ? 0 : 1);
