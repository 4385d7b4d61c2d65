import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { ChunkKeeper } from './chunk-keeper.ts';

const LONG = 64 * 1024;

/** A connection with one listener, as `ws` has one, and a keeper. */
function connection(onData: (bytes: Uint8Array) => void) {
  const stream = new PassThrough();
  stream.on('data', onData);
  return { stream, keeper: new ChunkKeeper(stream) };
}

function read(stream: PassThrough): Uint8Array {
  const bytes = new Uint8Array(LONG).fill(1);
  stream.emit('data', bytes);
  return bytes;
}

describe('reads that WebSocket messages are made of', () => {
  it('are given back with the message, but the one that has its end', () => {
    let isWhole = false;
    const { stream, keeper } = connection(() => {
      if (isWhole) keeper.messageTaken();
    });
    const early = [read(stream), read(stream)];
    assert.deepEqual(
      early.map(({ length }) => length),
      [LONG, LONG],
    );
    isWhole = true;
    const last = read(stream);
    assert.deepEqual(
      [...early, last].map(({ length }) => length),
      [0, 0, LONG],
    );
    // The next message begins in it.
    read(stream);
    assert.equal(last.length, 0);
  });

  it('stay where the message comes later than its end was read', () => {
    const { stream, keeper } = connection(() => {});
    const reads = [read(stream), read(stream)];
    keeper.messageTaken();
    assert.deepEqual(
      reads.map(({ length }) => length),
      [LONG, LONG],
    );
  });

  it('stay where somebody else listens, and where there is no end of them', () => {
    let isWhole = false;
    const { stream, keeper } = connection(() => {
      if (isWhole) keeper.messageTaken();
    });
    const other = () => {};
    stream.on('data', other);
    const shared = read(stream);
    stream.off('data', other);
    const many = Array.from({ length: 65 }, () => read(stream));
    isWhole = true;
    read(stream);
    assert.equal(shared.length, LONG);
    assert.equal(many[0]!.length, LONG);
    assert.equal(many[64]!.length, 0);
  });
});
