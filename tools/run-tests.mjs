// Runs the compiled tests and counts them. The list comes from the sources, never from a folder of outputs: a
// test whose source is gone does not run, and a source without its output is an error, so that green means run.
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { run } from 'node:test';
import { collectCoverage, printCoverage, readCoverage } from './coverage.mjs';
import { root } from './steps.mjs';

function* sources(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === 'node_modules' || entry.name === 'dist' || entry.name === 'fixtures') continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* sources(path);
    else if (entry.name.endsWith('.test.ts')) yield path;
  }
}

function output(path) {
  const name = relative(root, path);
  const inPackage = /^packages\/([^/]+)\/src\/(.*)\.ts$/.exec(name);
  if (inPackage) return join(root, 'packages', inPackage[1], 'dist', `${inPackage[2]}.js`);
  const inTest = /^test\/(.*)\.ts$/.exec(name);
  if (inTest) return join(root, 'test', 'dist', `${inTest[1]}.js`);
  const inTools = /^tools\/src\/(.*)\.ts$/.exec(name);
  if (inTools) return join(root, 'tools', 'dist', `${inTools[1]}.js`);
  throw new Error(`${name} lies where no project compiles it`);
}

/** @returns Compiled tests whose sources' paths have one of the filters in them, and are in the folders. */
function testFiles(filters, folders) {
  const files = [];
  for (const folder of folders) {
    for (const source of sources(join(root, folder))) {
      if (filters.length > 0 && !filters.some((filter) => source.includes(filter))) continue;
      const compiled = output(source);
      if (!existsSync(compiled)) throw new Error(`${relative(root, compiled)} is missing: build first`);
      files.push(compiled);
    }
  }
  return files.sort();
}

/**
 * @param filters - Parts of paths; none: all tests in the folders.
 * @param folders - Where to look, from the root.
 * @returns {Promise<{passed: number, failed: number}>}
 */
export async function runTests(filters = [], folders = ['packages', 'test', 'tools']) {
  const files = testFiles(filters, folders);
  if (files.length === 0) throw new Error('no test file matches');
  let passed = 0;
  let failed = 0;
  const slow = [];
  const stream = run({ files, concurrency: Math.max(1, availableParallelism()) });
  const isFile = (data) =>
    files.some((file) => data.name === file || data.name === relative(process.cwd(), file));
  stream.on('test:pass', (data) => {
    if (data.details.type === 'suite' || isFile(data)) return;
    if (data.skip || data.todo) return;
    passed += 1;
    if (data.details.duration_ms > 5000)
      slow.push(`${(data.details.duration_ms / 1000).toFixed(1)} s  ${data.name}`);
  });
  stream.on('test:fail', (data) => {
    // A suite or file fails because something in it did; only count it when the failure is its own.
    const cause = data.details.error?.failureType;
    if ((data.details.type === 'suite' || isFile(data)) && cause === 'subtestsFailed') return;
    failed += 1;
    const where = data.file ? `${relative(root, data.file)}${data.line ? `:${data.line}` : ''}` : '';
    process.stdout.write(`FAILED  ${data.name}  ${where}\n`);
    const error = data.details.error?.cause ?? data.details.error;
    process.stdout.write(`${error?.stack ?? error?.message ?? String(error)}\n`);
  });
  stream.on('test:stderr', (data) => process.stdout.write(data.message));
  await new Promise((resolve, reject) => {
    stream.on('end', resolve);
    stream.on('error', reject);
    stream.resume();
  });
  if (slow.length > 0) process.stdout.write(`slow tests:\n  ${slow.join('\n  ')}\n`);
  process.stdout.write(`${files.length} test files\n`);
  return { passed, failed };
}

if (process.argv[1]?.endsWith('run-tests.mjs')) {
  const args = process.argv.slice(2);
  const filters = args.filter((arg) => arg !== '--coverage');
  const folder = args.length > filters.length ? collectCoverage() : null;
  const { passed, failed } = await runTests(filters);
  if (folder !== null) printCoverage(readCoverage(folder), { worst: 15, isJudged: filters.length === 0 });
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  process.exit(failed === 0 && passed > 0 ? 0 : 1);
}
