// Runs the compiled tests and counts them. The list comes from the sources, never from a folder of outputs: a
// test whose source is gone does not run, and a source without its output is an error, so that green means run.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { run } from 'node:test';
import { pathToFileURL } from 'node:url';
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

/**
 * What a test file may do that others in its process would feel: processes, threads, sockets, time, the heap, hooks of
 * the whole run, the process itself. (Words of the source; one too many costs a process, no more.)
 */
const needsItsOwnProcess =
  /node:(child_process|worker_threads|net|http|https|tls|dgram|timers|vm|v8|inspector|module)\b|\bmock\.|\b(before|after)(Each)?\b[^;]*from 'node:test'|globalThis|\bprocess\.(env|exit|on|once|emit|chdir|memoryUsage|cpuUsage|kill|std|exec)|\bgc\(|koffi|shared-memory|testing\/(rig|describe-scenarios)/;

/** Files that share a process, which takes half a second to start and load what they all need. */
const GROUP_FILES = 10;

/**
 * Puts small, quiet test files of one folder together: each group is a file that imports them one after the other.
 *
 * @returns files to run, in place of `tests`.
 */
function grouped(tests, folder) {
  const alone = [];
  const groups = new Map();
  for (const { source, compiled } of tests) {
    if (needsItsOwnProcess.test(readFileSync(source, 'utf8'))) {
      alone.push(compiled);
      continue;
    }
    const place = relative(root, source).split('/').slice(0, 2).join('-');
    if (!groups.has(place)) groups.set(place, []);
    groups.get(place).push(compiled);
  }
  for (const [place, members] of groups) {
    // Spread over the groups, so that neighbours, which often take long for the same reason, are apart.
    const count = Math.ceil(members.length / GROUP_FILES);
    for (let index = 0; index < count; index++) {
      const own = members.filter((_, at) => at % count === index);
      const lines = own.map((file) => `await import(${JSON.stringify(pathToFileURL(file).href)});\n`);
      const path = join(folder, `${place}-${index + 1}.mjs`);
      writeFileSync(path, lines.join(''));
      alone.push(path);
    }
  }
  return alone;
}

/** @returns Compiled tests whose sources' paths have one of the filters in them, and are in the folders and wanted. */
function testFiles(filters, folders, isWanted) {
  const files = [];
  for (const folder of folders) {
    for (const source of sources(join(root, folder))) {
      if (filters.length > 0 && !filters.some((filter) => source.includes(filter))) continue;
      if (!isWanted(relative(root, source))) continue;
      const compiled = output(source);
      if (!existsSync(compiled)) throw new Error(`${relative(root, compiled)} is missing: build first`);
      files.push({ source, compiled });
    }
  }
  return files.sort((a, b) => (a.compiled < b.compiled ? -1 : 1));
}

/**
 * @param filters - Parts of paths; none: all tests in the folders.
 * @param folders - Where to look, from the root.
 * @param isWanted - Told the path of a source from the root.
 * @returns {Promise<{passed: number, failed: number}>}
 */
export async function runTests(filters = [], folders = ['packages', 'test', 'tools'], isWanted = () => true) {
  const tests = testFiles(filters, folders, isWanted);
  if (tests.length === 0) throw new Error('no test file matches');
  const scratch = mkdtempSync(join(tmpdir(), 'dxgwire-tests-'));
  try {
    return await runFiles(grouped(tests, scratch), tests.length);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function runFiles(files, count) {
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
  process.stdout.write(`${count} test files in ${files.length} processes\n`);
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
