import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Random } from '../compliance/data.ts';
import { FRAME_HEADER_BYTES, FrameKind } from './frame.ts';
import { FrameDecoder } from './frame-decoder.ts';
import { Lane, laneOf } from './lanes.ts';
import { giveChunk } from './output-chunk.ts';
import { OutputQueue } from './output-queue.ts';

const MEBIBYTE = 1_048_576;

type What = 'packet' | 'silent packet' | 'memory' | 'control' | 'ordered' | 'release';

interface Queued {
  readonly what: What;
  readonly channel: number;
  /** Where its bytes end among all of its kind of frame: memory by address, others by id. */
  readonly id: number;
  readonly length: number;
  left: number;
}

/** Queues what a test asks for and checks each frame that leaves against all rules of order. */
class Checker {
  readonly queue = new OutputQueue();
  readonly queued: Queued[] = [];
  readonly memory = new Uint8Array(8 * MEBIBYTE);
  #address = 0;
  leaving: string[] = [];

  add(what: What, channel = 0, length = 0): void {
    const id = this.queued.length;
    const isMemory = what === 'memory';
    const entry = { what, channel, id: isMemory ? this.#address : id, length, left: isMemory ? length : 1 };
    this.queued.push(entry);
    if (isMemory) {
      this.#address += length;
      if (length > 64 * 1024) {
        this.queue.range(
          FrameKind.memoryData,
          entry.id,
          this.memory,
          entry.id % MEBIBYTE,
          length,
          id % 2 === 0,
        );
      } else {
        const { memoryData } = FrameKind;
        this.queue.frame(Lane.memory, 0, memoryData, entry.id, 0, 0, this.memory, 0, length);
      }
      return;
    }
    const isPacket = what === 'packet' || what === 'silent packet';
    const kind = isPacket ? FrameKind.inBand : FrameKind.control;
    const lane = isPacket
      ? laneOf(channel, kind, what === 'packet')
      : { control: Lane.control, ordered: Lane.ordered, release: Lane.release }[what];
    this.queue.frame(lane, channel, kind, id, 0, 0, this.memory, 0, length);
  }

  /** Takes one run. @returns false when there was none. */
  take(gathers: boolean): boolean {
    const run = this.queue.take(true, gathers);
    if (run === null) return false;
    const decoder = new FrameDecoder(
      (channel, kind, idLow, _idHigh, _flags, _bytes, _view, _offset, length) => {
        this.#left(channel, kind, idLow, length);
      },
    );
    decoder.push(run.chunk.bytes.subarray(0, run.chunk.used));
    if (run.payload !== null) decoder.push(run.payload);
    giveChunk(run.chunk);
    return true;
  }

  #left(channel: number, kind: number, idLow: number, length: number): void {
    const isMemory = kind === FrameKind.memoryData;
    const index = this.queued.findIndex(({ what, id, left, length: whole }) =>
      isMemory
        ? what === 'memory' && left > 0 && idLow === id + whole - left
        : what !== 'memory' && id === idLow && left > 0,
    );
    const entry = this.queued[index];
    assert.ok(entry !== undefined, `frame of kind ${kind}, id ${idLow} was not queued, or came twice`);
    assert.equal(channel, entry.channel);
    if (!isMemory) assert.equal(length, entry.length);
    for (let i = 0; i < index; i += 1) {
      const earlier = this.queued[i]!;
      if (earlier.left > 0) this.#mustBeAllowed(entry, earlier);
    }
    entry.left -= isMemory ? length : 1;
    this.leaving.push(entry.what);
  }

  /** The rules in words: which frames may leave while one that was queued before them waits. */
  #mustBeAllowed(later: Queued, earlier: Queued): void {
    const pair = `${later.what} (channel ${later.channel}) left before ${earlier.what} (channel ${earlier.channel})`;
    assert.ok(!['control', 'ordered'].includes(earlier.what), pair);
    assert.ok(!['ordered', 'release'].includes(later.what), pair);
    const isPacket = (entry: Queued) => entry.what === 'packet' || entry.what === 'silent packet';
    if (isPacket(later) && isPacket(earlier)) assert.notEqual(later.channel, earlier.channel, pair);
    if (earlier.what === 'memory')
      assert.ok(later.what === 'silent packet' || later.what === 'control', pair);
    if (earlier.what === 'release') assert.ok(isPacket(later), pair);
  }
}

describe('output queue', () => {
  it('lets nothing pass what it must not pass, and loses nothing (seeded)', () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const random = new Random(seed);
      const checker = new Checker();
      const whats: What[] = ['packet', 'silent packet', 'memory', 'control', 'ordered', 'release'];
      try {
        for (let step = 0; step < 300; step += 1) {
          // Mostly packets and memory: what nothing passes would hide what may.
          const at = random.below(40);
          const what = whats[at < 38 ? at % 3 : 3 + random.below(3)]!;
          const isPacket = what === 'packet' || what === 'silent packet';
          const long = what === 'memory' ? random.below(MEBIBYTE) : random.below(100_000);
          checker.add(
            what,
            isPacket ? 1 + random.below(3) : 0,
            1 + (random.below(4) === 0 ? long : random.below(100)),
          );
          while (random.below(5) === 0 && checker.take(random.below(2) === 0));
        }
        while (checker.take(random.below(2) === 0));
        assert.ok(
          checker.queued.every(({ left }) => left === 0),
          'something was lost',
        );
        assert.equal(checker.queue.waitingBytes, 0);
        for (const channel of [1, 2, 3]) assert.equal(checker.queue.channelBytes(channel), 0);
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
      }
    }
  });

  it('lets packets that announce nothing, and other channels, share with bulk data', () => {
    const checker = new Checker();
    checker.add('memory', 0, 8 * MEBIBYTE);
    for (let i = 0; i < 40; i += 1) checker.add('silent packet', 1, 100_000);
    checker.add('silent packet', 2, 64);
    checker.add('packet', 3, 64);
    for (let i = 0; i < 6; i += 1) assert.ok(checker.take(false));
    assert.ok(
      checker.queued.find(({ channel }) => channel === 2)?.left === 0,
      'the small packet waits behind others',
    );
    assert.ok(
      checker.queued.find(({ channel }) => channel === 3)?.left === 1,
      'a packet passed what it may announce',
    );
    assert.ok(checker.queued[0]!.left < 8 * MEBIBYTE, 'the bulk data stand still');
  });

  it('shares fairly between channels when one of them has much to say', () => {
    const checker = new Checker();
    for (let i = 0; i < 100; i += 1) checker.add('packet', 1, 120_000);
    for (let i = 0; i < 100; i += 1) checker.add('packet', 2, 64);
    // The first run was queued in order before there was anything to sort.
    for (let i = 0; i < 5; i += 1) assert.ok(checker.take(false));
    assert.ok(checker.queued.filter(({ channel }) => channel === 2).every(({ left }) => left === 0));
    assert.ok(checker.queue.channelBytes(1) > 10 * MEBIBYTE);
    assert.equal(checker.queue.channelBytes(2), 0);
  });

  it('writes long ranges from where they are when it may, in frames of their own', () => {
    const queue = new OutputQueue();
    const memory = Uint8Array.from({ length: 300_007 }, (_, at) => at);
    queue.range(FrameKind.memoryData, 4096, memory, 1, 300_003, true);
    const parts: Uint8Array[] = [];
    let inPlace = 0;
    for (let run = queue.take(true, true); run !== null; run = queue.take(true, true)) {
      parts.push(run.chunk.bytes.slice(0, run.chunk.used));
      if (run.payload === null) continue;
      assert.equal(run.chunk.used, FRAME_HEADER_BYTES);
      assert.equal(run.payload.buffer, memory.buffer);
      inPlace += run.payload.length;
      parts.push(run.payload);
    }
    assert.ok(inPlace > 250_000);
    let at = 0;
    const decoder = new FrameDecoder(
      (_channel, _kind, idLow, _high, _flags, bytes, _view, offset, length) => {
        assert.equal(idLow, 4096 + at);
        assert.deepEqual(bytes.slice(offset, offset + length), memory.slice(1 + at, 1 + at + length));
        at += length;
      },
    );
    decoder.push(Buffer.concat(parts));
    assert.equal(at, 300_003);
  });

  it('joins a range to one that waits and covers it, unless an older copy of its bytes waits behind', () => {
    const queue = new OutputQueue();
    const memory = new Uint8Array(MEBIBYTE);
    queue.range(FrameKind.windowData, 0, memory, 0, MEBIBYTE, false);
    const one = queue.waitingBytes;
    for (let i = 0; i < 1000; i += 1) queue.range(FrameKind.windowData, 4096, memory, 4096, 100_000, false);
    assert.equal(queue.waitingBytes, one);
    queue.frame(Lane.memory, 0, FrameKind.windowData, 0, 0, 0, memory, 0, 8);
    queue.range(FrameKind.windowData, 0, memory, 0, MEBIBYTE, false);
    assert.ok(queue.waitingBytes > one + 32, 'the range must come again after the copy');
  });

  it('forgets ranges of memory that goes away', () => {
    const queue = new OutputQueue();
    const memory = new Uint8Array(4 * MEBIBYTE);
    queue.range(FrameKind.memoryData, 0, memory, 0, MEBIBYTE, false);
    queue.range(FrameKind.memoryData, 2 * MEBIBYTE, memory, 2 * MEBIBYTE, MEBIBYTE, false);
    queue.dropRangesOf(memory.buffer, 0, MEBIBYTE);
    const run = queue.take(true, false);
    assert.equal(run?.chunk.words[2], 2 * MEBIBYTE);
    queue.dropRangesOf(memory.buffer, 0, memory.length);
    assert.equal(queue.take(true, false), null);
    assert.equal(queue.waitingBytes, 0);
  });
});
