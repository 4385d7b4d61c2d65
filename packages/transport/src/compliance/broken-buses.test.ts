import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import process from 'node:process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { defects } from './testing/broken-bus.ts';

const SUITE = fileURLToPath(new URL('./testing/broken-bus-suite.js', import.meta.url));

/** Runs tests of the suite over a bus in a process of its own. @returns what its reporter says. */
async function judge(defect: string, tests: readonly string[]): Promise<string> {
  const patterns = tests.map((name) => `--test-name-pattern=^${name.replace(/[()]/g, '\\$&')}$`);
  // Else it would report to the runner of this file.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return await new Promise((resolve) => {
    execFile(
      process.execPath,
      [...patterns, '--test-reporter=tap', SUITE, defect],
      { env, timeout: 120_000, maxBuffer: 16 << 20 },
      (_error, out) => resolve(out),
    );
  });
}

const plain = (text: string) => text.replaceAll('\\', '');

describe('the compliance suite', { concurrency: 2 }, () => {
  it('finds nothing wrong with a bus that is right', async () => {
    const names = [...new Set(Object.values(defects).map(({ foundBy }) => foundBy))];
    const out = plain(await judge('none', names));
    assert.doesNotMatch(out, /^\s*not ok/m);
    for (const name of names)
      assert.match(out, new RegExp(`^\\s*ok \\d+ - ${name.replace(/[()]/g, '\\$&')}$`, 'm'));
  });

  for (const [name, { foundBy, isWaitedFor }] of Object.entries(defects)) {
    it(`finds a bus that ${name}`, async () => {
      const out = plain(await judge(name, [foundBy]));
      assert.match(out, new RegExp(`^\\s*not ok \\d+ - ${foundBy.replace(/[()]/g, '\\$&')}$`, 'm'));
      assert.equal(/nothing came any more/.test(out), isWaitedFor === true);
    });
  }
});
