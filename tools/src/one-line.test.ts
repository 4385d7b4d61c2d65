import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const WRONG = [
  ['fuzz/main', '--target', 'decoder', '--file', '/no such file'],
  ['fuzz/main', '--seconds', '-1'],
  ['sim/sim', '--steps', '-5'],
  ['soak/soak', '--minutes', '-1'],
  ['soak/soak', '--minutes', '0'],
  ['bench/main', '--only', '-x'],
  ['test-model', '--steps', '-5'],
  ['faults', '--count', '-1'],
  ['faults', '--count', '0'],
  ['faults', '--width', '0'],
  ['faults', '--seed', ''],
];

describe('a wrong command line', () => {
  for (const [name, ...args] of WRONG) {
    it(`of ${name}, ${args.join(' ')}, is refused in one line`, () => {
      const path = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
      const { status, stderr, stdout } = spawnSync(process.execPath, [path, ...args], { encoding: 'utf8' });
      assert.deepEqual({ status, stdout }, { status: 2, stdout: '' });
      assert.match(stderr, /^[a-z:]+: [^\n]+\n$/);
    });
  }
});
