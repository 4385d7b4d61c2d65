import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { headerSize, MOST_HEADER_BYTES, placeHeader } from './message-header.ts';

/** The header alone, between bytes that must stay. */
function header(length: number, isMasked: boolean): string {
  const size = headerSize(length, isMasked);
  const bytes = new Uint8Array(size + 2).fill(0xee);
  placeHeader(bytes, 1, length, isMasked);
  assert.equal(bytes[0], 0xee);
  assert.equal(bytes[size + 1], 0xee);
  return Buffer.from(bytes.subarray(1, size + 1)).toString('hex');
}

describe('the header of a WebSocket message', () => {
  it('is as RFC 6455 has it, by length', () => {
    assert.equal(header(0, false), '8200');
    assert.equal(header(125, false), '827d');
    assert.equal(header(126, false), '827e007e');
    // Of the examples in section 5.7.
    assert.equal(header(256, false), '827e0100');
    assert.equal(header(65535, false), '827effff');
    assert.equal(header(65536, false), '827f0000000000010000');
    assert.equal(header(2 ** 32 + 0x0102_0304, false), '827f0000000101020304');
  });

  it('of a client has a mask of zeros', () => {
    assert.equal(header(5, true), '828500000000');
    assert.equal(header(4096, true), '82fe100000000000');
    assert.equal(header(0x12_3456, true), '82ff000000000012345600000000');
    assert.equal(headerSize(2 ** 40, true), MOST_HEADER_BYTES);
  });
});
