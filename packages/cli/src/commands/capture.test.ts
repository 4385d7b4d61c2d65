import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { bin, dxgwire } from '../test-support/dxgwire.ts';

const self = `'${process.execPath}' '${bin}'`;

describe('dxgwire capture', () => {
  it('is what a guest starts, and starts a host, over standard input and output', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dxgwire-capture-'));
    try {
      const file = join(folder, 'guest.dxgcap');
      const host = `${self} host --listen stdio: --backend null --log warn`;
      const between = `${self} capture --listen stdio: --connect "stdio:${host}" '${file}'`;
      const info = await dxgwire(['info', '--connect', `stdio:${between}`]);
      assert.equal(info.code, 0, info.stderr);
      const decoded = await dxgwire(['decode', file]);
      assert.equal(decoded.code, 0, decoded.stderr);
      assert.match(decoded.stdout, /EnumAdapters3|QueryAdapterInfo/);
      assert.match(decoded.stdout, /bus closed\n$/);
      const replayed = await dxgwire(['replay', file, '--backend', 'null']);
      assert.equal(replayed.code, 0, replayed.stdout + replayed.stderr);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('names the way out where nothing can stand between two ends, and leaves no file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dxgwire-capture-'));
    try {
      const file = join(folder, 'none.dxgcap');
      const args = ['--listen', 'shm:gpu', '--connect', 'ws://127.0.0.1:1', file];
      const { code, stderr } = await dxgwire(['capture', ...args]);
      assert.equal(code, 2, stderr);
      assert.match(stderr, /^[^\n]*nothing between its ends[^\n]*--capture FILE[^\n]*\n$/);
      assert.ok(!existsSync(file));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
