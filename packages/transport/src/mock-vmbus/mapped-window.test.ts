import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isTransportError } from '../errors.ts';
import { MappedWindow } from './mapped-window.ts';

const LOW = [0, 1, 7, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 8] as const;
const HIGH = [0, 0, 0, 1, 1, 0x8000_0000, 0x8000_0000, 0xffff_ffff, 0] as const;

describe('a 64-bit value in a mapped window', () => {
  for (const buffer of [new ArrayBuffer(64), new SharedArrayBuffer(64)]) {
    it(`is what was stored, whatever lay there, and nothing beside it changes (${buffer.constructor.name})`, () => {
      const window = new MappedWindow(new Uint8Array(buffer, 8, 32).fill(0x55), null);
      for (const high of HIGH) {
        for (const low of LOW) {
          window.storeU64(16, low, high);
          assert.equal(window.loadU64(16), (BigInt(high) << 32n) | BigInt(low));
        }
      }
      // Halves as signed numbers mean the same bits.
      window.storeU64(16, -1, -2);
      assert.equal(window.loadU64(16), 0xffff_fffe_ffff_ffffn);
      window.storeU64(16, -3, -2);
      assert.equal(window.loadU64(16), 0xffff_fffe_ffff_fffdn);
      const others = [...window.bytes.subarray(0, 16), ...window.bytes.subarray(24)];
      assert.deepEqual(others, Array(24).fill(0x55));
    });
  }

  it('is whole where the other side has changed what lay there', () => {
    const window = new MappedWindow(new Uint8Array(32), null);
    window.storeU64(8, 5, 0);
    window.bytes.fill(0xff);
    window.storeU64(8, 6, 0);
    assert.equal(window.loadU64(8), 6n);
  });

  it('lies at a multiple of 8 within the window', () => {
    const window = new MappedWindow(new Uint8Array(32), null);
    for (const offset of [-8, 4, 28, 32, 0.5, Number.NaN]) {
      for (const access of [() => window.storeU64(offset, 0, 0), () => window.loadU64(offset)]) {
        assert.throws(access, (error) => isTransportError(error) && error.code === 'out-of-range');
      }
    }
  });
});
