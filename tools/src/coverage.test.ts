import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

// The gate of `pnpm check` is shown to open and to close on counts that are made up, as V8 writes them.

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'dxgwire-'));
after(() => rmSync(folder, { recursive: true }));
// These processes are no part of the run whose coverage is counted.
const env = { ...process.env, NODE_V8_COVERAGE: undefined };
let folders = 0;

type Range = { readonly startOffset: number; readonly endOffset: number; readonly count: number };
type Script = { readonly url: string; readonly functions: readonly { readonly ranges: readonly Range[] }[] };

/** Compiled files of all packages, with their lengths. */
function* scripts(): Generator<{ path: string; length: number }> {
  for (const name of readdirSync(join(root, 'packages'))) {
    const dist = join(root, 'packages', name, 'dist');
    for (const entry of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
      if (!entry.endsWith('.js') || entry.endsWith('.test.js')) continue;
      const path = join(dist, entry);
      yield { path, length: readFileSync(path, 'utf8').length };
    }
  }
}

/** What one process says that ran all of some files. */
function all(wanted: (path: string) => boolean): Script[] {
  return [...scripts()]
    .filter(({ path }) => wanted(path))
    .map(({ path, length }) => ({
      url: pathToFileURL(path).href,
      functions: [{ ranges: [{ startOffset: 0, endOffset: length, count: 1 }] }],
    }));
}

function freshFolder(): string {
  folders += 1;
  const path = join(folder, `${folders}`);
  mkdirSync(path);
  return path;
}

function folderOf(...processes: readonly (readonly Script[])[]): string {
  const path = freshFolder();
  processes.forEach((result, index) => {
    writeFileSync(join(path, `coverage-${index}.json`), JSON.stringify({ result }));
  });
  return path;
}

function judge(path: string, ...options: string[]): { status: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'tools/coverage.mjs'), path, ...options],
    { cwd: root, env, encoding: 'utf8', maxBuffer: 64 << 20 },
  );
  assert.equal(stderr, '');
  return { status, text: stdout };
}

describe('the coverage gate', () => {
  it('opens when everything ran, and says so for each part that it holds', () => {
    const { status, text } = judge(folderOf(all(() => true)));
    assert.equal(status, 0, text);
    for (const name of ['protocol', 'transport', 'host core'])
      assert.match(text, new RegExp(`^ {2}${name} +100\\.00 % of +\\d{4,5} lines  at least 95 %$`, 'm'));
    assert.doesNotMatch(text, /BELOW|FAILED/);
  });

  it('closes when one part is below, and names it', () => {
    const isLeftOut = (path: string) => /packages.transport.dist.link./.test(path);
    const { status, text } = judge(folderOf(all((path) => !isLeftOut(path))));
    assert.equal(status, 1);
    assert.match(text, /^ {2}transport +\d\d\.\d\d % of +\d{4,5} lines {2}BELOW 95 %$/m);
    assert.match(text, /^FAILED {2}transport has \d\d\.\d\d % of its lines covered, not 95 %$/m);
    assert.match(text, /^ {4}(\d+) of \1 {2}packages\/transport\/src\/link\/\S+\.ts: 1/m);
    assert.equal(text.match(/FAILED/g)?.length, 1);
  });

  it('closes when nothing was counted', () => {
    const { status, text } = judge(folderOf());
    assert.equal(status, 1);
    assert.equal(text.match(/FAILED .* 0\.00 %/g)?.length, 3);
  });

  it('does not mind what runs beside: other packages, tests and what cannot be read', () => {
    const path = folderOf(all((file) => /packages.(protocol|transport|host).dist/.test(file)));
    writeFileSync(join(path, 'coverage-cut.json'), '{"result":[{"url":');
    const { status, text } = judge(path);
    assert.equal(status, 0, text);
    assert.match(text, /from 1 processes and workers, 1 unreadable/);
    assert.match(text, /^ {2}guest +0\.00 %/m);
  });
});

describe('lines of several processes', () => {
  const errors = join(root, 'packages/transport/dist/errors.js');

  function missedOf(text: string, source: string): { count: number; missed: number[] } {
    const { files } = JSON.parse(text) as { files: { source: string; count: number; missed: number[] }[] };
    const found = files.find((file) => file.source === source);
    assert.ok(found !== undefined, `${source} is not counted`);
    return found;
  }

  it('count where any of them ran them', () => {
    const { length } = readFileSync(errors, 'utf8');
    const half = length >> 1;
    const part = (startOffset: number, endOffset: number): Script[] => [
      {
        url: pathToFileURL(errors).href,
        functions: [
          {
            ranges: [
              { startOffset: 0, endOffset: length, count: 0 },
              { startOffset, endOffset, count: 3 },
            ],
          },
        ],
      },
    ];
    const [first, second] = [part(0, half), part(half, length)];
    const missed = (...processes: Script[][]) =>
      missedOf(judge(folderOf(...processes), '--json').text, 'packages/transport/src/errors.ts').missed
        .length;
    assert.ok(missed(first) > 0);
    assert.equal(missed(first, second), 0);
  });

  it('are those of children and workers, too', () => {
    const path = freshFolder();
    const at = (name: string) =>
      JSON.stringify(pathToFileURL(join(root, 'packages/transport/dist', name)).href);
    const inWorker = `import(${at('end-notice.js')})`;
    const inChild = `import { Worker } from 'node:worker_threads';
      new Worker(${JSON.stringify(inWorker)}, { eval: true });
      await import(${at('timers.js')});`;
    const parent = `import { spawnSync } from 'node:child_process';
      await import(${at('errors.js')});
      const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', ${JSON.stringify(inChild)}]);
      process.exit(status);`;
    const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', parent], {
      env: { ...env, NODE_V8_COVERAGE: path },
    });
    assert.equal(status, 0);
    const { text } = judge(path, '--json');
    for (const name of ['errors', 'timers', 'end-notice']) {
      const { count, missed } = missedOf(text, `packages/transport/src/${name}.ts`);
      assert.ok(missed.length < count, name);
    }
    const { count, missed } = missedOf(text, 'packages/transport/src/link/host-link.ts');
    assert.equal(missed.length, count);
  });
});
