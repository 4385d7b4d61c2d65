import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { bin } from './test-support/dxgwire.ts';

const trace = fileURLToPath(
  new URL('../../../test/fixtures/traces/full-v40-sync-gpadl.jsonl', import.meta.url),
);

const COMMANDS = [
  ['--help'],
  ['run', '--help'],
  ['decode', '--help'],
  ['trace', 'show', trace, '--bytes'],
  ['info', '--in-process', '--backend', 'null'],
  ['conformance', '--in-process', '--filter', 'LENGTH-23', '--json'],
];

/** Runs a command whose standard output nobody reads, or all of whose writes fail. */
async function run(
  args: readonly string[],
  out: 'pipe' | number,
): Promise<{ code: unknown; stderr: string }> {
  const child = spawn(process.execPath, [bin, ...args], { stdio: ['ignore', out, 'pipe'] });
  child.stdout?.destroy();
  let stderr = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stderr })));
}

describe('standard output', () => {
  for (const args of COMMANDS) {
    const name = args.map((word) => (word === trace ? 'FILE' : word)).join(' ');

    it(`that nobody reads any more is no error of ${name}`, async () => {
      assert.deepEqual(await run(args, 'pipe'), { code: 0, stderr: '' });
    });

    it(`that cannot be written fails ${name} in a line`, { skip: !existsSync('/dev/full') }, async () => {
      const full = openSync('/dev/full', 'w');
      try {
        assert.deepEqual(await run(args, full), {
          code: 1,
          stderr: 'dxgwire: cannot write to standard output: no space left on device\n',
        });
      } finally {
        closeSync(full);
      }
    });
  }
});
