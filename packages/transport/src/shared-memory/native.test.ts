import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { describe, it } from 'node:test';
import { isTransportError } from '../errors.ts';
import { checkPlatform, nativeMemory } from './native.ts';

describe('the C library', { skip: process.platform !== 'linux' }, () => {
  // A host that listened on a Unix socket first had no shared memory with its GPU process, and none to offer, where
  // packages are symbolic links, as pnpm lays them out: Node 20 and 22 did not follow them.
  it('is found after a socket was looked at', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'dxgwire-')), 'x.sock');
    const server = createServer().listen(path);
    await once(server, 'listening');
    // Node goes by what it has found out about the folders on the way to another package.
    createRequire(import.meta.url)('ws');
    assert.ok(statSync(path).isSocket());
    try {
      // Nothing in this process has loaded koffi yet.
      nativeMemory();
    } finally {
      server.close();
      rmSync(dirname(path), { recursive: true });
    }
  });
});

describe('shared memory by platform', () => {
  it('is there on Linux on x64 and arm64', () => {
    checkPlatform('linux', 'x64');
    checkPlatform('linux', 'arm64');
  });

  for (const [platform, arch] of [
    ['darwin', 'arm64'],
    ['win32', 'x64'],
    ['freebsd', 'x64'],
    ['linux', 'riscv64'],
    ['linux', 'ia32'],
  ] as const) {
    it(`on ${platform} ${arch} says what it needs and what to use instead`, () => {
      assert.throws(
        () => checkPlatform(platform, arch),
        (error) => {
          assert.ok(isTransportError(error) && error.code === 'unsupported', String(error));
          assert.ok(error.message.includes(`not on ${platform} ${arch}`), error.message);
          assert.match(error.message, /unix:PATH or tcp:HOST:PORT/);
          return true;
        },
      );
    });
  }
});
