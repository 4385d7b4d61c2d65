import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isTransportError } from '../errors.ts';
import { checkPlatform } from './native.ts';

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
