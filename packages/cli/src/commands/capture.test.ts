import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { bin, dxgwire, HostProcess, takePort } from '../test-support/dxgwire.ts';

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

  it('leaves a capture that is there alone when it cannot listen, as a host does: it may be under way', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dxgwire-capture-'));
    const port = await takePort();
    try {
      const file = join(folder, 'guest.dxgcap');
      writeFileSync(file, 'something');
      for (const scheme of ['tcp:', 'ws://']) {
        const listen = `${scheme}127.0.0.1:${port.port}`;
        for (const args of [
          ['capture', '--listen', listen, '--connect', 'tcp:127.0.0.1:1', file],
          ['host', '--backend', 'null', '--listen', listen, '--capture', file],
        ]) {
          const { code, stderr } = await dxgwire(args);
          assert.equal(code, 1);
          assert.match(stderr, /^dxgwire: cannot listen on [^\n]*: the port is in use\. Stop [^\n]*\n$/);
          assert.equal(readFileSync(file, 'utf8'), 'something', args[0]);
        }
      }
    } finally {
      await port.close();
      rmSync(folder, { recursive: true });
    }
  });

  it('empties a file that is there, whether or not a guest comes', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dxgwire-capture-'));
    try {
      const file = join(folder, 'guest.dxgcap');
      for (const hasGuest of [false, true]) {
        writeFileSync(file, Buffer.alloc(1 << 20, 0xc1));
        const host = await HostProcess.start(['--backend', 'null', '--capture', file]);
        if (hasGuest) assert.equal((await dxgwire(['info', '--connect', host.url])).code, 0);
        assert.equal((await host.stop()).code, 0);
        if (!hasGuest) assert.equal(readFileSync(file).length, 0);
        else assert.match((await dxgwire(['decode', file])).stdout, /bus closed\n$/);
      }
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
