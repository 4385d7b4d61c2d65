import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isTransportError } from '../errors.ts';
import { FrameKind, frameSize } from './frame.ts';
import { FrameDecoder } from './frame-decoder.ts';
import { LinkOutput } from './output.ts';

interface Frame {
  readonly channel: number;
  readonly kind: number;
  readonly idLow: number;
  readonly idHigh: number;
  readonly flags: number;
  readonly payload: Uint8Array;
}

const frameArbitrary: fc.Arbitrary<Frame> = fc.record(
  {
    channel: fc.nat(0xffff),
    kind: fc.nat(0xffff),
    idLow: fc.nat(0xffff_ffff),
    idHigh: fc.nat(0xffff_ffff),
    flags: fc.nat(0xffff_ffff),
    payload: fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.uint8Array({ minLength: 60, maxLength: 9000, size: 'max' }),
    ),
  },
  { noNullPrototype: true },
);

function encode(frames: readonly Frame[]): Uint8Array {
  const output = new LinkOutput(() => {});
  for (const { channel, kind, idLow, idHigh, flags, payload } of frames) {
    output.frame(channel, kind, idLow, idHigh, flags, payload, 0, payload.length);
  }
  const parts: Uint8Array[] = [];
  for (let chunk = output.take(); chunk !== null; chunk = output.take()) {
    parts.push(chunk.bytes.slice());
    chunk.release();
  }
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function collect(): { decoder: FrameDecoder; frames: Frame[] } {
  const frames: Frame[] = [];
  const decoder = new FrameDecoder((channel, kind, idLow, idHigh, flags, bytes, view, offset, length) => {
    assert.equal(view.buffer, bytes.buffer);
    assert.equal(view.byteOffset, bytes.byteOffset);
    frames.push({ channel, kind, idLow, idHigh, flags, payload: bytes.slice(offset, offset + length) });
  });
  return { decoder, frames };
}

describe('link frames', () => {
  it('are laid out as documented', () => {
    const payload = Uint8Array.of(1, 2, 3);
    const bytes = encode([
      { channel: 2, kind: 11, idLow: 0x44332211, idHigh: 0x88776655, flags: 1, payload },
    ]);
    assert.deepEqual(
      [...bytes],
      [
        [32, 0, 0, 0],
        [2, 0, 11, 0],
        [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88],
        [3, 0, 0, 0],
        [1, 0, 0, 0],
        [1, 2, 3, 0, 0, 0, 0, 0],
      ].flat(),
    );
  });

  it('are handed over with how much of the input is still to come, which is nothing between inputs', () => {
    const frame = (channel: number, kind: number, length: number) => ({
      ...{ channel, kind, idLow: 0, idHigh: 0, flags: 0 },
      payload: new Uint8Array(length),
    });
    const packets = [frame(1, FrameKind.inBand, 64), frame(1, FrameKind.inBand, 64)];
    for (const last of [frame(1, FrameKind.inBand, 64), frame(0, FrameKind.memoryData, 8000)]) {
      const bytes = encode([...packets, last]);
      const rests: number[] = [];
      const decoder = new FrameDecoder(() => rests.push(decoder.restBytes), true);
      const split = bytes.length - 20;
      decoder.push(bytes.subarray(0, split));
      assert.deepEqual(rests.slice(0, 2), [split - 88, split - 176]);
      assert.equal(decoder.restBytes, 0);
      decoder.push(bytes.subarray(split));
      assert.equal(rests.at(-1), 0);
      assert.equal(decoder.restBytes, 0);
    }
  });

  it('come out as they went in, however the bytes are split and joined', () => {
    fc.assert(
      fc.property(
        fc.array(frameArbitrary, { maxLength: 12 }),
        fc.infiniteStream(
          fc.oneof(fc.constantFrom(1, 7, 8, 23, 24, 25), fc.integer({ min: 1, max: 20_000 })),
        ),
        (frames, cuts) => {
          const bytes = encode(frames);
          assert.equal(
            bytes.length,
            frames.reduce((sum, { payload }) => sum + frameSize(payload.length), 0),
          );
          const { decoder, frames: decoded } = collect();
          let at = 0;
          for (const cut of cuts) {
            if (at >= bytes.length) break;
            // A fresh array, spoiled afterwards: the decoder must not keep its input.
            const part = bytes.slice(at, at + cut);
            decoder.push(part);
            part.fill(0xee);
            at += cut;
          }
          assert.deepEqual(decoded, frames);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('that cannot be end in bad-frame, never in anything else', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }),
        fc.array(frameArbitrary, { maxLength: 3 }),
        fc.nat(),
        fc.nat(255),
        (noise, frames, at, byte) => {
          const mutated = encode(frames);
          if (mutated.length > 0) mutated[at % mutated.length] = byte;
          const { decoder } = collect();
          try {
            decoder.push(mutated);
            for (const part of noise) decoder.push(part);
          } catch (error) {
            assert.ok(isTransportError(error) && error.code === 'bad-frame', String(error));
          }
        },
      ),
    );
  });

  it('with lengths above the limit are refused before anything is kept for them', () => {
    const isBadFrame = (error: unknown) => isTransportError(error) && error.code === 'bad-frame';
    const header = (size: number, channel: number, length: number) => {
      const view = new DataView(new ArrayBuffer(24));
      view.setUint32(0, size, true);
      view.setUint16(4, channel, true);
      view.setUint32(16, length, true);
      return new Uint8Array(view.buffer);
    };
    for (const [size, channel, length] of [
      [24 + 131_080, 1, 131_073],
      [24 + 262_152, 0, 262_145],
      [0xffff_fff8, 0, 0xffff_ffe0],
      [16, 1, 0],
      [0, 1, 0],
      [32, 1, 0],
      [28, 1, 4],
    ] as const) {
      assert.throws(
        () => collect().decoder.push(header(size, channel, length)),
        isBadFrame,
        `${size} ${length}`,
      );
    }
  });

  it('that are text are shown: a login shell has greeted, or a library has logged', () => {
    const greeting = new TextEncoder().encode('Welcome to the machine! Last login: yesterday');
    assert.throws(
      () => collect().decoder.push(greeting),
      (error) =>
        isTransportError(error) && error.message.includes('no frame but text: "Welcome to the machine! "'),
    );
  });

  it('are ignored after stop, also within one input', () => {
    const payload = new Uint8Array(0);
    const one = { channel: 1, kind: 6, idLow: 1, idHigh: 0, flags: 0, payload };
    let count = 0;
    const decoder = new FrameDecoder(() => {
      count += 1;
      decoder.stop();
    });
    decoder.push(encode([one, one, one]));
    decoder.push(encode([one]));
    assert.equal(count, 1);
  });
});
