import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readInput, saveFailure } from './corpus.ts';
import { isOurs, SampledCoverage } from './coverage.ts';
import { distil } from './distil.ts';
import { minimise } from './minimise.ts';
import { FuzzFailure, FuzzRun } from './runner.ts';
import type { FuzzTarget } from './target.ts';
import { targets } from './targets/index.ts';

/** What CI runs of `pnpm fuzz`: every target for its default number of inputs, from one seed. */
const SEED = Number(process.env['DXGWIRE_FUZZ_SEED'] ?? 20_261_128);
const main = fileURLToPath(new URL('./main.js', import.meta.url));

/**
 * A process of its own, without coverage: counters in every block would halve the speed. It must be there as
 * undefined, for Node hands the variable on to children whose environment does not have it.
 */
function fuzz(args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const env = { ...process.env, NODE_V8_COVERAGE: undefined };
  const child = spawn(process.execPath, [main, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text: Buffer) => {
      output += text.toString();
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}

for (const { defaultInputs, name } of targets) {
  test(`fuzz ${name}: ${defaultInputs} inputs (seed ${SEED})`, async () => {
    const { code, output } = await fuzz(['--target', name, '--seed', String(SEED)]);
    assert.equal(code, 0, output);
    assert.match(output, /a second/);
  });
}

/** A part with a bug: it fails where the fourth byte is 0x40, and says nothing else. */
const broken: FuzzTarget = {
  name: 'broken',
  summary: '',
  unit: 'inputs',
  maxInputBytes: 64,
  seeds: () => [new Uint8Array(32)],
  run: (input) => {
    if (input[3] === 0x40) throw new TypeError('not a refusal');
  },
};
const options = { seed: 1, inputs: 100_000, seconds: 60, corpus: [], coverage: null };

test('a failure is found, and made small', async () => {
  const failure = await new FuzzRun(broken, options).run().then(
    () => null,
    (error: unknown) => error,
  );
  assert.ok(failure instanceof FuzzFailure);
  assert.match(failure.message, /TypeError: not a refusal/);
  assert.deepEqual([...(await minimise(broken, failure.input))], [0, 0, 0, 0x40]);
});

test('a failure is saved under the path that is printed', () => {
  const input = Uint8Array.of(0, 0, 0, 0x40);
  const path = fileURLToPath(new URL(`../../../${saveFailure('broken', input)}`, import.meta.url));
  assert.match(path, /out\/fuzz\/broken-[0-9a-f]{12}\.bin$/);
  assert.deepEqual(readInput(path), input);
  rmSync(path);
});

test('the corpus is distilled: inputs that reach nothing new are left out, the others made short', async () => {
  // Code without a file counts as ours, as the generated codecs do. It is compiled when it runs: counters are there by then.
  const coverage = new SampledCoverage(isOurs);
  coverage.start();
  const branches = new Function(
    'b',
    'if (b[0] === 7) { b[0] += 1; } if (b.length > 2 && b[2] === 9) { b[1] = 1; }',
  );
  const target = { ...broken, run: (input: Uint8Array) => void branches(input) };
  const long = new Uint8Array(40);
  long[0] = 7;
  const kept = await distil(
    target,
    [long, Uint8Array.of(7, 7, 8), Uint8Array.of(1, 2, 9, 4, 5, 6), long.slice(1)],
    coverage,
  );
  coverage.stop();
  assert.deepEqual(
    kept.map((each) => [...each]),
    [[7], [1, 2, 9]],
  );
});

test('what grows, and what is slow, is a failure too', async () => {
  const kept: Uint8Array[] = [];
  const leaky = { ...broken, run: () => void kept.push(new Uint8Array(4096).fill(1)) };
  await assert.rejects(new FuzzRun(leaky, { ...options, inputs: 20_000 }).run(), /the heap grew/);
  kept.length = 0;
  const slow = {
    ...broken,
    run: () => {
      const end = process.cpuUsage().user + 80_000;
      while (process.cpuUsage().user < end);
    },
  };
  await assert.rejects(new FuzzRun(slow, { ...options, inputs: 10 }).run(), /slow: .* the limit is 50/);
});
