import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { type Comparison, formatComparisons } from './report.ts';

/** A group of comparisons that are measured together. */
export interface Suite {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<{ measure(progress: (text: string) => void): Promise<Comparison[]> }>;
}

const SUITES: readonly Suite[] = [
  {
    name: 'codec',
    summary: 'one message encoded, decoded and read, against hand-written code, protobufjs and msgpackr',
    load: () => import('./codec.ts'),
  },
  {
    name: 'bus',
    summary: 'round trips and messages on each transport, against the bare medium',
    load: () => import('./bus.ts'),
  },
  {
    name: 'links',
    summary: 'Unix socket, TCP and WebSocket links to another process, against the bare medium',
    load: () => import('./links.ts'),
  },
  {
    name: 'dawn',
    summary: 'WebGPU calls through the projection, against Dawn directly',
    load: () => import('./dawn.ts'),
  },
  {
    name: 'mesh',
    summary: 'a frame of examples/mesh through the projection, against Dawn directly',
    load: () => import('./mesh.ts'),
  },
];

const { values } = readArguments();
process.exitCode = await bench();

function readArguments() {
  try {
    return parseArgs({
      options: {
        json: { type: 'string' },
        only: { type: 'string' },
        list: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(2);
  }
}

async function bench(): Promise<number> {
  if (values.list) {
    for (const { name, summary } of SUITES) process.stdout.write(`${name.padEnd(6)} ${summary}\n`);
    return 0;
  }
  const chosen = SUITES.filter(({ name }) => values.only === undefined || name === values.only);
  if (chosen.length === 0) {
    const names = SUITES.map(({ name }) => name).join(', ');
    process.stderr.write(`bench: --only takes one of ${names}, not "${values.only}"\n`);
    return 2;
  }
  const comparisons: Comparison[] = [];
  for (const suite of chosen) {
    process.stdout.write(`... ${suite.name}: ${suite.summary}\n`);
    const { measure } = await suite.load();
    comparisons.push(...(await measure((text) => process.stdout.write(`    ${text}\n`))));
  }
  process.stdout.write(`\n${formatComparisons(comparisons)}`);
  if (values.json !== undefined) {
    const machine = {
      node: process.version,
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: availableParallelism(),
    };
    writeFileSync(values.json, `${JSON.stringify({ machine, comparisons }, null, 2)}\n`);
    process.stdout.write(`\nwritten to ${values.json}\n`);
  }
  return 0;
}
