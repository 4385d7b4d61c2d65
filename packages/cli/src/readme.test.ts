import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { dxgwire } from './test-support/dxgwire.ts';

describe('README.md', () => {
  it('shows a program that runs as it stands', async () => {
    const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
    const source = /```js\n(.*?)```/s.exec(readme)?.[1];
    assert.ok(source, 'there is a block of JavaScript');
    const folder = mkdtempSync(join(tmpdir(), 'dxgwire-readme-'));
    try {
      const program = join(folder, 'squares.mjs');
      writeFileSync(program, source);
      const { code, stdout, stderr } = await dxgwire(['run', '--in-process', program]);
      assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '1 4 9 16\n', stderr: '' });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
