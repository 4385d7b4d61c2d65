// All that CI does, in one command: build, lint, repository rules, generated documents, tests and the lines
// that they cover, the demo.
// Each step and each test counts once in the closing line.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { collectCoverage, held, isCounted, printCoverage, readCoverage, testsOfHeld } from './coverage.mjs';
import { generate } from './docs.mjs';
import { runTests } from './run-tests.mjs';
import { build, root, runNode, toolPath } from './steps.mjs';

const started = Date.now();
let passed = 0;
let failed = 0;

function finish() {
  process.stdout.write(`finished in ${((Date.now() - started) / 1000).toFixed(0)} s\n`);
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  process.exit(failed === 0 ? 0 : 1);
}

async function step(name, action) {
  process.stdout.write(`--- ${name}\n`);
  const begin = Date.now();
  const code = await action();
  process.stdout.write(
    `    ${name}: ${code === 0 ? 'ok' : 'FAILED'}, ${((Date.now() - begin) / 1000).toFixed(1)} s\n`,
  );
  if (code === 0) passed += 1;
  else failed += 1;
  return code === 0;
}

if (!(await step('build', build))) finish();
await step('lint', () =>
  runNode([toolPath('@biomejs/biome', 'bin/biome'), 'check', '--error-on-warnings', '.']),
);
await step('repository rules', () => runNode([join(root, 'tools/tidy.mjs')]));
await step('generated files are fresh', () => generate(['--check']));

async function tests(folders, isWanted) {
  process.stdout.write(`--- tests of ${folders.join(', ')}\n`);
  const counts = await runTests([], folders, isWanted);
  passed += counts.passed;
  failed += counts.failed;
}

const packages = readdirSync(join(root, 'packages')).map((name) => `packages/${name}`);
const coverage = collectCoverage();
await tests(testsOfHeld, isCounted);
await step('line coverage', () => printCoverage(readCoverage(coverage), { rows: held }));
const isHeld = (path) => testsOfHeld.some((folder) => path.startsWith(`${folder}/`));
await tests([...packages, 'test', 'tools'], (path) => !(isHeld(path) && isCounted(path)));

if (existsSync(join(root, 'tools/dist/demo.js'))) {
  await step('demo', () => runNode([join(root, 'tools/dist/demo.js'), '--frames', '2', '--rounds', '1']));
} else {
  process.stdout.write('the demo was not built\n');
  failed += 1;
}
finish();
