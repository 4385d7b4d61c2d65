// Line coverage of the packages from what V8 counts in the processes and workers of the ordinary test run
// (NODE_V8_COVERAGE): merged over all of them, taken to TypeScript lines by the compiler's own source maps. A line
// is covered when any part of it ran; lines without a word (braces), comments and types do not count.
//
//     node tools/coverage.mjs FOLDER [--json]
//
// reads what an earlier run with NODE_V8_COVERAGE=FOLDER left, removes it, and fails as `pnpm check` does.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { root } from './steps.mjs';

/** Least share of covered lines, in percent, and the rows where `pnpm check` fails below it. */
export const leastPercent = 95;
export const held = ['protocol', 'transport', 'host core'];

/**
 * The tests that are to cover those lines: what stands beside the code. What thousands of seeds and whole programs happen to reach says
 * less, and counting costs a process that lives for a second a third of that.
 */
export const testsOfHeld = ['packages/protocol', 'packages/transport', 'packages/host'];

/** Not counted among these: what breaks thousands of links as others do, and as slowly. */
export const isCounted = (path) => !/\/faults\/(tcp|websocket|shared-memory)\.test\.ts$/.test(path);

/** Support of tests, which ships but is no part of what it tests. */
const testSupport = /(^|\/)(testing|test-support|compliance|fixtures|model)\/|\.test\.ts$/;
/** What runs inside the GPU process with Dawn, and starts and feeds that process: all of the backend `webgpu`. */
const outsideCore = /^packages\/host\/src\/backends\/webgpu\//;

/** The row of the table a source belongs to. */
function groupOf(source) {
  const name = source.split('/')[1];
  if (name !== 'host') return name;
  return outsideCore.test(source) ? 'host backend webgpu' : 'host core';
}

/** Starts the collection for all processes that this one starts from now on. */
export function collectCoverage() {
  const folder = mkdtempSync(join(tmpdir(), 'dxgwire-coverage-'));
  process.env.NODE_V8_COVERAGE = folder;
  return folder;
}

function* sourcesIn(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* sourcesIn(path);
    else if (entry.name.endsWith('.ts') && !entry.name.endsWith('.d.ts')) yield path;
  }
}

/** Compiled scripts that count, by URL; `ran` holds a byte per character, 1 where any process ran it. */
function scriptsToCover() {
  const scripts = new Map();
  for (const name of readdirSync(join(root, 'packages'))) {
    const folder = join(root, 'packages', name, 'src');
    if (!existsSync(folder)) continue;
    for (const path of sourcesIn(folder)) {
      const source = relative(root, path).replaceAll('\\', '/');
      if (testSupport.test(source)) continue;
      const compiled = join(root, 'packages', name, 'dist', `${relative(folder, path).slice(0, -3)}.js`);
      if (!existsSync(compiled)) throw new Error(`${relative(root, compiled)} is missing: build first`);
      const code = readFileSync(compiled, 'utf8');
      scripts.set(pathToFileURL(compiled).href, { source, compiled, code, ran: new Uint8Array(code.length) });
    }
  }
  return scripts;
}

/** Marks what one process ran of a script. Ranges nest; the innermost one says what is so. */
function mark(script, functions, scratch) {
  const ranges = functions.flatMap((each) => each.ranges);
  ranges.sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset);
  const length = script.code.length;
  const seen = scratch.subarray(0, length).fill(0);
  for (const range of ranges) seen.fill(range.count > 0 ? 1 : 0, range.startOffset, range.endOffset);
  for (let index = 0; index < length; index++) script.ran[index] |= seen[index];
}

/** Source lines that count, and those of them that never ran; both one-based. */
function linesOf(script) {
  const map = new SourceMap(JSON.parse(readFileSync(`${script.compiled}.map`, 'utf8')));
  const written = readFileSync(join(root, script.source), 'utf8').split('\n');
  const lines = new Map();
  const comment = /^\s*(\/\/|\/\*|\*)/;
  let start = 0;
  script.code.split('\n').forEach((text, number) => {
    if (!comment.test(text)) {
      for (const word of text.matchAll(/\w+/g)) {
        const entry = map.findEntry(number, word.index);
        if (entry.generatedLine !== number) continue;
        const line = entry.originalLine;
        const original = written[line] ?? '';
        if (comment.test(original) || !/\w/.test(original)) continue;
        lines.set(line + 1, lines.get(line + 1) || script.ran[start + word.index] === 1);
      }
    }
    start += text.length + 1;
  });
  return { count: lines.size, missed: [...lines].filter(([, ran]) => !ran).map(([line]) => line) };
}

/** Reads and removes what the processes left in `folder`. One row per source file with lines that count. */
export function readCoverage(folder) {
  delete process.env.NODE_V8_COVERAGE;
  const scripts = scriptsToCover();
  const scratch = new Uint8Array(Math.max(0, ...[...scripts.values()].map((each) => each.code.length)));
  let processes = 0;
  let unreadable = 0;
  for (const name of readdirSync(folder)) {
    let results;
    try {
      results = JSON.parse(readFileSync(join(folder, name), 'utf8')).result;
    } catch {
      // A process that was killed while it wrote.
      unreadable += 1;
      continue;
    }
    processes += 1;
    for (const each of results) {
      const script = scripts.get(each.url);
      if (script) mark(script, each.functions, scratch);
    }
  }
  rmSync(folder, { recursive: true, force: true });
  const files = [...scripts.values()].map((script) => ({
    source: script.source,
    group: groupOf(script.source),
    ...linesOf(script),
  }));
  return { processes, unreadable, files: files.filter((file) => file.count > 0) };
}

/** Line numbers as runs: `3-5, 9`. */
function runs(lines) {
  const parts = [];
  for (const line of [...lines].sort((a, b) => a - b)) {
    const last = parts.at(-1);
    if (last && line === last[1] + 1) last[1] = line;
    else parts.push([line, line]);
  }
  return parts.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ');
}

/** Adds files up by group. A group that is held has a row in any case: without lines it has nothing covered. */
function groupsOf(files) {
  const groups = new Map(held.map((name) => [name, { count: 0, missed: 0, files: [] }]));
  for (const file of files) {
    const group = groups.get(file.group) ?? { count: 0, missed: 0, files: [] };
    group.count += file.count;
    group.missed += file.missed.length;
    group.files.push(file);
    groups.set(file.group, group);
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1));
}

function printFile({ source, count, missed }) {
  const lines = runs(missed);
  const shown = lines.length > 100 ? `${lines.slice(0, 100)} ...` : lines;
  process.stdout.write(`    ${missed.length} of ${count}  ${source}: ${shown}\n`);
}

/**
 * Prints a line per group and its `worst` files by lines missed, and says which group that is held is too low.
 * @param isJudged - False for a part of the tests, which covers what it may
 * @param rows - The groups to print; null: all
 * @returns 0, or 1 when a group among `held` is below `leastPercent`: an exit code
 */
export function printCoverage(
  { processes, unreadable, files },
  { worst = 5, isJudged = true, rows = null } = {},
) {
  const lost = unreadable > 0 ? `, ${unreadable} unreadable` : '';
  process.stdout.write(`line coverage, from ${processes} processes and workers${lost}\n`);
  const low = [];
  for (const [name, group] of groupsOf(files)) {
    if (rows !== null && !rows.includes(name)) continue;
    const covered = group.count - group.missed;
    // Whole numbers are compared: a share that is just below is not rounded up to the limit.
    const isHeld = isJudged && held.includes(name);
    const isLow = isHeld && (group.count === 0 || 100 * covered < leastPercent * group.count);
    const percent = group.count === 0 ? 0 : Math.floor((10_000 * covered) / group.count) / 100;
    const verdict = isHeld ? `  ${isLow ? 'BELOW' : 'at least'} ${leastPercent} %` : '';
    const size = `${percent.toFixed(2).padStart(6)} % of ${String(group.count).padStart(6)} lines`;
    process.stdout.write(`  ${name.padEnd(20)} ${size}${verdict}\n`);
    if (isLow) low.push(`${name} has ${percent.toFixed(2)} % of its lines covered, not ${leastPercent} %`);
    group.files.sort((a, b) => b.missed.length - a.missed.length);
    for (const file of group.files.slice(0, worst)) if (file.missed.length > 0) printFile(file);
  }
  for (const each of low) process.stdout.write(`FAILED  ${each}\n`);
  return low.length === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder, option] = process.argv.slice(2);
  if (folder === undefined || (option !== undefined && option !== '--json'))
    throw new Error('usage: node tools/coverage.mjs FOLDER [--json]');
  const coverage = readCoverage(folder);
  if (option === '--json') process.stdout.write(`${JSON.stringify(coverage)}\n`);
  else process.exitCode = printCoverage(coverage, { worst: 15 });
}
