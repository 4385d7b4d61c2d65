import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytesOfSeed } from '../compliance/data.ts';
import { FaultPipe } from './fault-pipe.ts';
import type { Framing } from './framing.ts';
import type { DirectionPlan, Fault } from './plan.ts';
import { VirtualClock } from './virtual-clock.ts';

function open(plan: Partial<DirectionPlan>, framing: Framing = 'writes', windowBytes = 1 << 20) {
  const clock = new VirtualClock();
  const heard: { readonly atMs: number; readonly bytes: Uint8Array }[] = [];
  const events: string[] = [];
  const pipe = new FaultPipe({
    clock,
    seed: 1,
    framing,
    windowBytes,
    plan: { delayMs: 0, bitsPerSecond: Number.POSITIVE_INFINITY, chunking: 'whole', faults: [], ...plan },
    reader: {
      bytes: (bytes) => {
        heard.push({ atMs: clock.now(), bytes: bytes.slice() });
        return true;
      },
      ended: () => events.push('end'),
    },
    onRoom: () => events.push('room'),
    onCut: () => events.push('cut'),
    onStall: (forMs) => pipe.stall(forMs),
  });
  const all = () => Buffer.concat(heard.map(({ bytes }) => bytes));
  return { clock, pipe, heard, events, all };
}

/** A link frame with nothing in it but its length. */
function frame(payload: number): Uint8Array {
  const bytes = new Uint8Array(24 + payload);
  new DataView(bytes.buffer).setUint32(0, bytes.length, true);
  return bytes;
}

describe('a pipe with faults', () => {
  for (const chunking of ['whole', 'bytes', 'split', 'joined'] as const) {
    it(`brings every byte, in order, ${chunking}`, async () => {
      const { clock, pipe, heard, all } = open({ chunking, delayMs: 3, bitsPerSecond: 8e6 });
      const parts = Array.from({ length: 40 }, (_, i) => bytesOfSeed(i, i * 10));
      for (const part of parts) pipe.write(part);
      await clock.advance(1000);
      assert.deepEqual(all(), Buffer.concat(parts));
      const sizes = heard.map(({ bytes }) => bytes.length);
      if (chunking === 'whole')
        assert.deepEqual(
          sizes,
          parts.slice(1).map((part) => part.length),
        );
      if (chunking === 'bytes') assert.ok(sizes.every((size) => size === 1));
      if (chunking === 'split') assert.ok(new Set(sizes).size > 10);
      if (chunking === 'joined') assert.ok(sizes.length <= 3, `${sizes.length} pieces`);
    });
  }

  it('takes the time that delay and rate make', async () => {
    const { clock, pipe, heard } = open({ delayMs: 150, bitsPerSecond: 1e6 });
    pipe.write(new Uint8Array(12_500));
    pipe.write(new Uint8Array(12_500));
    await clock.advance(1000);
    assert.deepEqual(
      heard.map(({ atMs }) => Math.round(atMs)),
      [250, 350],
    );
  });

  it('cuts before and inside the frame that is asked for, however the bytes come', async () => {
    const stream = Buffer.concat([frame(8), frame(40), frame(0), frame(16)]);
    const starts = [0, 32, 96, 120];
    for (const [index, start] of starts.entries()) {
      for (const offset of [0, 1, 23]) {
        for (const size of [1, 7, 1000]) {
          const { clock, pipe, events, all } = open(
            { faults: [{ kind: 'drop', at: { frame: index, offset } }] },
            'link',
          );
          for (let at = 0; at < stream.length; at += size) pipe.write(stream.subarray(at, at + size));
          await clock.settle();
          assert.deepEqual(events, ['cut']);
          assert.equal(all().length, start + offset);
        }
      }
    }
  });

  const kinds: readonly [Fault, (after: Buffer, before: Buffer) => void][] = [
    [
      { kind: 'corrupt', at: { frame: 1, offset: 3 }, mask: 0x40 },
      (after, before) => {
        const differing = [...after].flatMap((byte, i) => (byte === before[i] ? [] : [i]));
        assert.deepEqual(differing, [32 + 3]);
      },
    ],
    [
      { kind: 'oversize', at: { frame: 1, offset: 0 } },
      (after, before) => {
        assert.equal(after.readUInt32LE(32), 0xffff_ffff);
        assert.equal(after.length, before.length);
      },
    ],
    [
      { kind: 'garbage', at: { frame: 1, offset: 0 }, lengthBytes: 5 },
      (after, before) => {
        assert.equal(after[32], 0xff);
        assert.deepEqual(Buffer.concat([after.subarray(0, 32), after.subarray(37)]), before);
      },
    ],
  ];
  for (const [fault, check] of kinds) {
    it(`changes what ${fault.kind} says and nothing else`, async () => {
      const before = Buffer.concat([frame(8), frame(40), frame(0)]);
      const { clock, pipe, all } = open({ faults: [fault] }, 'link');
      pipe.write(before);
      await clock.settle();
      check(all(), before);
    });
  }

  it('ends half way, stalls for a time, and stops a writer whose reader is deaf', async () => {
    const at = { frame: 1, offset: 0 };
    const half = open({ faults: [{ kind: 'half-close', at }] }, 'link');
    half.pipe.write(Buffer.concat([frame(8), frame(8)]));
    await half.clock.settle();
    assert.deepEqual([half.events, half.all().length], [['end'], 32]);

    const stalled = open({ faults: [{ kind: 'stall', at, forMs: 500 }] }, 'link');
    stalled.pipe.write(Buffer.concat([frame(8), frame(8)]));
    await stalled.clock.advance(499);
    assert.equal(stalled.all().length, 0);
    await stalled.clock.advance(2);
    assert.equal(stalled.all().length, 64);

    const deaf = open({ faults: [{ kind: 'deaf', at }] }, 'link', 100);
    deaf.pipe.write(Buffer.concat([frame(8), frame(100)]));
    await deaf.clock.advance(60_000);
    assert.equal(deaf.pipe.hasRoom, false);
    assert.deepEqual(deaf.events, []);
    deaf.pipe.stop();
    assert.equal(deaf.clock.timerCount, 0);
  });

  it('finds the frames of WebSockets and of the socket beside shared memory', async () => {
    const upgrade = Buffer.from('GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n');
    const small = Buffer.from([0x82, 0x80 | 3, 1, 2, 3, 4, 9, 9, 9]);
    const medium = Buffer.concat([Buffer.from([0x82, 126, 0, 200]), Buffer.alloc(200)]);
    const large = Buffer.concat([Buffer.from([0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]), Buffer.alloc(65_536)]);
    const socket = open({}, 'websocket');
    socket.pipe.write(Buffer.concat([upgrade, small, medium, large, small]));
    assert.equal(socket.pipe.frames, 5);

    const message = Buffer.concat([Buffer.from([2, 4, 0, 0, 0]), Buffer.from('{"a"')]);
    const beside = open({ faults: [{ kind: 'bells', how: 'lost', every: 2, lateMs: 0 }] }, 'shared-memory');
    beside.pipe.write(Buffer.concat([Buffer.of(0), message, Buffer.of(0, 1, 0)]));
    await beside.clock.settle();
    assert.equal(beside.pipe.frames, 5);
    assert.deepEqual(beside.all(), Buffer.concat([Buffer.of(0), message, Buffer.of(1, 0)]));
  });
});
