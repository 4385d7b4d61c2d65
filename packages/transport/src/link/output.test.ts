import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FrameFlag, FrameKind } from './frame.ts';
import { FrameDecoder } from './frame-decoder.ts';
import { LinkOutput, Source } from './output.ts';

const MEBIBYTE = 1_048_576;

interface Seen {
  readonly kind: number;
  readonly id: number;
  readonly flags: number;
  readonly length: number;
  readonly first: number;
}

/** Takes everything and returns what it was, and how long the longest chunk is. */
function drain(output: LinkOutput): { seen: Seen[]; longest: number } {
  const seen: Seen[] = [];
  let longest = 0;
  const decoder = new FrameDecoder((_channel, kind, idLow, idHigh, flags, bytes, _view, offset, length) => {
    seen.push({ kind, id: idHigh * 2 ** 32 + idLow, flags, length, first: length > 0 ? bytes[offset]! : -1 });
  });
  for (let chunk = output.take(); chunk !== null; chunk = output.take()) {
    longest = Math.max(longest, chunk.bytes.length);
    decoder.push(chunk.bytes);
    chunk.release();
  }
  return { seen, longest };
}

function packet(output: LinkOutput, id: number, length = 16): void {
  output.frame(1, FrameKind.inBand, id, 0, 0, new Uint8Array(length), 0, length);
}

describe('link output', () => {
  it('gathers the frames of a turn into one run', () => {
    const output = new LinkOutput(() => {});
    for (let id = 0; id < 100; id += 1) packet(output, id);
    const chunk = output.take();
    assert.equal(chunk?.bytes.length, 4000);
    assert.equal(output.take(), null);
    assert.equal(output.queuedBytes, 4000);
    chunk?.release();
    assert.equal(output.queuedBytes, 0);
  });

  it('takes short ranges as they are now, so that a later value is not sent early', () => {
    const output = new LinkOutput(() => {});
    const window = new Uint8Array(16);
    window[0] = 1;
    output.range(FrameKind.windowData, 0, window, 0, 8, Source.staying);
    window[0] = 2;
    output.range(FrameKind.windowData, 0, window, 0, 8, Source.staying);
    assert.deepEqual(
      drain(output).seen.map(({ first }) => first),
      [1, 2],
    );
  });

  it('keeps long ranges in place, in order and in pieces, without memory for them', () => {
    const output = new LinkOutput(() => {});
    const memory = new Uint8Array(64 * MEBIBYTE);
    packet(output, 1);
    output.range(FrameKind.memoryData, 2 ** 33, memory, 0, memory.length, Source.staying);
    packet(output, 2);
    assert.ok(output.queuedBytes < 10_000);
    const { seen, longest } = drain(output);
    assert.ok(longest <= 272 * 1024);
    assert.deepEqual([seen[0]?.id, seen[seen.length - 1]?.id], [1, 2]);
    let at = 2 ** 33;
    for (const { kind, id, length } of seen.slice(1, -1)) {
      assert.equal(kind, FrameKind.memoryData);
      assert.equal(id, at);
      assert.ok(length <= 64 * 1024);
      at += length;
    }
    assert.equal(at, 2 ** 33 + memory.length);
  });

  it('copies long ranges whose source may change, whatever they cost', () => {
    const output = new LinkOutput(() => {});
    const source = new Uint8Array(6 * MEBIBYTE).fill(1);
    output.range(FrameKind.memoryData, 0, source, 0, source.length, Source.passing);
    source.fill(2);
    assert.ok(output.queuedBytes > source.length);
    assert.ok(drain(output).seen.every(({ first }) => first === 1));
  });

  it('lets answers and packets take turns', () => {
    const output = new LinkOutput(() => {});
    const memory = new Uint8Array(4 * MEBIBYTE);
    const last = FrameFlag.answer | FrameFlag.last;
    output.answer(FrameKind.memoryData, 0, memory, 0, memory.length, FrameFlag.answer, last);
    output.answer(FrameKind.memoryData, 4096, memory, 0, 0, FrameFlag.answer, last);
    output.take()?.release();
    packet(output, 7);
    const { seen } = drain(output);
    assert.ok(
      seen.findIndex(({ kind }) => kind === FrameKind.inBand) < 6,
      'the packet waits for one run at most',
    );
    const answers = seen.filter(({ kind }) => kind === FrameKind.memoryData);
    assert.deepEqual(
      answers.filter(({ flags }) => flags === last).map(({ id, length }) => [id + length]),
      [[memory.length], [4096]],
    );
    assert.equal(output.isEmpty, true);
  });

  it('writes urgent frames and what follows them in one run, and a great many urgent ones by themselves', () => {
    const output = new LinkOutput(() => {});
    const none = new Uint8Array(0);
    output.keepForReplay(MEBIBYTE, () => 0);
    const kinds = (count: number): number[] => {
      for (let id = 0; id < count; id += 1) output.urgent(FrameKind.ping, id, 0, none, 0, 0);
      packet(output, 7);
      const seen: number[] = [];
      const decoder = new FrameDecoder((_channel, kind) => seen.push(kind));
      const chunk = output.take();
      decoder.push(chunk?.bytes ?? none);
      assert.ok((chunk?.headroomBytes ?? 0) >= 16, 'a medium has room for its header all the same');
      chunk?.release();
      return seen;
    };
    assert.deepEqual(kinds(2), [FrameKind.ping, FrameKind.ping, FrameKind.inBand]);
    assert.deepEqual(kinds(0), [FrameKind.inBand]);
    assert.deepEqual(
      kinds(5),
      Array.from({ length: 5 }, () => FrameKind.ping),
    );
    drain(output);
    assert.equal(output.queuedBytes, 0);
    // Only the packets are part of the stream that may be sent again.
    output.interrupt();
    output.rewind(0);
    assert.deepEqual(
      drain(output).seen.map(({ kind }) => kind),
      [FrameKind.inBand, FrameKind.inBand, FrameKind.inBand],
    );
  });

  it('drops what was not taken', () => {
    const output = new LinkOutput(() => {});
    packet(output, 1);
    output.range(FrameKind.memoryData, 0, new Uint8Array(8 * MEBIBYTE), 0, 8 * MEBIBYTE, Source.staying);
    output.clear();
    assert.equal(output.take(), null);
    assert.equal(output.queuedBytes, 0);
  });
});
