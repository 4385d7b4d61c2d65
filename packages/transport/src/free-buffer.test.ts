import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { freeBuffer } from './free-buffer.ts';

describe('memory of buffers that were read', () => {
  it('is given back at once', () => {
    const before = process.memoryUsage().arrayBuffers;
    for (let round = 0; round < 1000; round += 1) {
      const bytes = Buffer.from(new ArrayBuffer(1 << 20));
      freeBuffer(bytes);
      assert.equal(bytes.length, 0);
    }
    assert.ok(process.memoryUsage().arrayBuffers - before < 8 << 20);
  });

  it('stays where others may have a part of it, or where it is short', () => {
    const whole = new Uint8Array(1 << 20).fill(1);
    freeBuffer(whole.subarray(1));
    freeBuffer(whole.subarray(0, 1 << 19));
    assert.equal(whole[5], 1);
    const short = new Uint8Array(100).fill(1);
    freeBuffer(short);
    assert.equal(short[5], 1);
    const shared = new Uint8Array(new SharedArrayBuffer(1 << 20));
    freeBuffer(shared);
    assert.equal(shared.length, 1 << 20);
  });
});
