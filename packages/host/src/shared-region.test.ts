import assert from 'node:assert/strict';
import { constants } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { createSharedRegionAllocator, mapSharedFile } from './shared-region.ts';

const allocate = createSharedRegionAllocator();

test('a region is zeroed and both of its mappings see the same bytes', { skip: allocate === null }, () => {
  const region = allocate!(10_000);
  assert.equal(region.bytes.length, 10_000);
  assert.ok(region.bytes.every((byte) => byte === 0));
  const other = mapSharedFile(region.path);
  region.bytes[9_999] = 7;
  assert.equal(other.bytes[region.offset + 9_999], 7);
  other.bytes[3] = 9;
  assert.equal(region.bytes[3], 9);
  region.free();
  region.free();
  assert.equal(region.bytes[3], 0);
  assert.equal(other.bytes[3], 9);
  other.release();
});

test('a region that no ArrayBuffer can show is refused: the process ended', {
  skip: allocate === null,
}, () => {
  assert.throws(() => allocate!(constants.MAX_LENGTH + 1), {
    name: 'RangeError',
    message: /maps at most \d+ bytes/,
  });
});

test('another process of the same user reaches a region by its path', { skip: allocate === null }, () => {
  const region = allocate!(4096);
  region.bytes.set([1, 2, 3]);
  const script = `process.stdout.write(require('fs').readFileSync(process.argv[1]).subarray(0, 3).join())`;
  assert.equal(execFileSync(process.execPath, ['-e', script, region.path], { encoding: 'utf8' }), '1,2,3');
  region.free();
  assert.throws(() => mapSharedFile(region.path), { code: 'ENOENT' });
});
