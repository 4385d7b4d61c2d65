import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createGPU, globals } from '@dxgwire/guest/webgpu';
import { createWebgpuBackend } from '@dxgwire/host/backends/webgpu';
import { linkMakers, Stack, sharedMemoryLink } from '../support/stacks.ts';

const { GPUBufferUsage, GPUMapMode } = globals;
const { COPY_DST, COPY_SRC, MAP_READ, MAP_WRITE, STORAGE } = GPUBufferUsage;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Large enough to be lent where that can be. */
const SIZE = 1 << 20;
const HALF = SIZE / 2;

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** Words that are a different one in each place, and for each seed. */
function pattern(seed: number, count = SIZE / 4): Uint32Array {
  return Uint32Array.from({ length: count }, (_, index) => (index * 2654435761 + seed * 40503) >>> 0);
}

function isPattern(range: ArrayBuffer, seed: number, from = 0): boolean {
  const words = new Uint32Array(range);
  return words.every((word, index) => word === ((index + from) * 2654435761 + seed * 40503) >>> 0);
}

for (const [linkName, maker] of Object.entries({ ...linkMakers, 'shared memory': sharedMemoryLink })) {
  describe(`large mapped ranges over ${linkName}`, () => {
    let stack: Stack;
    before(async () => {
      stack = await Stack.start(maker, await createWebgpuBackend());
    });
    after(() => stack.close());

    /** Runs `body` on a device of its own; no error may be left over. */
    async function withDevice(body: (device: GPUDevice) => Promise<void>): Promise<void> {
      const gpu = stack.createGPU();
      const device = await (await gpu.requestAdapter())!.requestDevice();
      const errors: string[] = [];
      device.onuncapturederror = ({ error }) => errors.push(error.message);
      await body(device);
      await device.queue.onSubmittedWorkDone();
      assert.deepEqual(errors, []);
      device.destroy();
      await gpu.close();
    }

    function copy(device: GPUDevice, from: GPUBuffer, to: GPUBuffer): void {
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(from, 0, to, 0, SIZE);
      device.queue.submit([encoder.finish()]);
    }

    test('a buffer mapped at creation shows zeros, again and again, and takes what was written', () =>
      withDevice(async (device) => {
        const target = device.createBuffer({ size: SIZE, usage: MAP_READ | COPY_DST });
        for (let round = 0; round < 6; round += 1) {
          const buffer = device.createBuffer({
            size: SIZE,
            usage: COPY_SRC | STORAGE,
            mappedAtCreation: true,
          });
          // In two halves, or as a whole, or with a part that is left as it is.
          const ends = round % 3 === 0 ? [SIZE] : round % 3 === 1 ? [HALF, SIZE] : [HALF, HALF + 1024];
          const ranges = ends.map((end, index) => {
            const start = ends[index - 1] ?? 0;
            const range = buffer.getMappedRange(start, end - start);
            assert.ok(new Uint8Array(range).every((value) => value === 0));
            new Uint32Array(range).set(pattern(round).subarray(start / 4, end / 4));
            return range;
          });
          assert.throws(() => buffer.getMappedRange(HALF - 8, 16), { name: 'OperationError' });
          assert.throws(() => buffer.getMappedRange(0, SIZE + 8), { name: 'OperationError' });
          assert.equal(buffer.getMappedRange(0, 0).byteLength, 0);
          buffer.unmap();
          assert.ok(ranges.every(({ byteLength }) => byteLength === 0));
          copy(device, buffer, target);
          await target.mapAsync(GPUMapMode.READ);
          const end = ends.at(-1)!;
          assert.ok(isPattern(target.getMappedRange(0, end), round));
          const rest = target.getMappedRange(end);
          assert.ok(new Uint8Array(rest).every((value) => value === 0));
          target.unmap();
          buffer.destroy();
        }
      }));

    test('what a program writes into a range that it reads changes nothing', () =>
      withDevice(async (device) => {
        const source = device.createBuffer({ size: SIZE, usage: COPY_SRC | COPY_DST });
        const target = device.createBuffer({ size: SIZE, usage: MAP_READ | COPY_DST });
        device.queue.writeBuffer(source, 0, pattern(1));
        copy(device, source, target);
        for (const [from, length] of [
          [0, SIZE],
          [HALF, HALF],
        ] as const) {
          await target.mapAsync(GPUMapMode.READ, from);
          const ranges = [target.getMappedRange(from, length / 2), target.getMappedRange(from + length / 2)];
          assert.ok(isPattern(ranges[0]!, 1, from / 4));
          assert.ok(isPattern(ranges[1]!, 1, (from + length / 2) / 4));
          for (const range of ranges) new Uint8Array(range).fill(0xee);
          target.unmap();
          assert.ok(ranges.every(({ byteLength }) => byteLength === 0));
        }
      }));

    test('a buffer mapped for writing shows what was written, and what was sent before stays so', () =>
      withDevice(async (device) => {
        const source = device.createBuffer({
          size: SIZE,
          usage: MAP_WRITE | COPY_SRC,
          mappedAtCreation: true,
        });
        new Uint32Array(source.getMappedRange()).set(pattern(0));
        source.unmap();
        const targets: GPUBuffer[] = [];
        for (let round = 1; round < 6; round += 1) {
          await source.mapAsync(GPUMapMode.WRITE);
          const range = source.getMappedRange();
          assert.ok(isPattern(range, round - 1));
          new Uint32Array(range).set(pattern(round));
          source.unmap();
          assert.equal(range.byteLength, 0);
          const target = device.createBuffer({ size: SIZE, usage: MAP_READ | COPY_DST });
          copy(device, source, target);
          targets.push(target);
        }
        await source.mapAsync(GPUMapMode.WRITE, HALF, HALF);
        const part = source.getMappedRange(HALF, 65_536);
        assert.ok(isPattern(part, 5, HALF / 4));
        new Uint8Array(part).fill(1);
        source.destroy();
        assert.equal(part.byteLength, 0);
        for (const [index, target] of targets.entries()) {
          await target.mapAsync(GPUMapMode.READ);
          assert.ok(isPattern(target.getMappedRange(), index + 1));
          target.unmap();
        }
      }));

    test('a range stays as it is when its buffer is dropped', () =>
      withDevice(async (device) => {
        const source = device.createBuffer({ size: SIZE, usage: COPY_SRC | COPY_DST });
        const readRange = async (seed: number): Promise<ArrayBuffer> => {
          const target = device.createBuffer({ size: SIZE, usage: MAP_READ | COPY_DST });
          device.queue.writeBuffer(source, 0, pattern(seed));
          copy(device, source, target);
          await target.mapAsync(GPUMapMode.READ);
          return target.getMappedRange();
        };
        const kept = await readRange(1);
        const made = device
          .createBuffer({ size: SIZE, usage: COPY_SRC, mappedAtCreation: true })
          .getMappedRange();
        new Uint32Array(made).set(pattern(2));
        for (let round = 3; round < 8; round += 1) {
          collectGarbage();
          await nextTurn();
          assert.ok(isPattern(await readRange(round), round));
        }
        assert.ok(isPattern(kept, 1));
        assert.ok(isPattern(made, 2));
      }));

    test('a range keeps its contents when the link ends, until it is unmapped', async () => {
      const bus = await stack.connect();
      const gpu = createGPU({ connect: bus, log: () => {} });
      const device = await (await gpu.requestAdapter())!.requestDevice();
      const source = device.createBuffer({ size: SIZE, usage: COPY_SRC | COPY_DST });
      const target = device.createBuffer({ size: SIZE, usage: MAP_READ | COPY_DST });
      device.queue.writeBuffer(source, 0, pattern(9));
      copy(device, source, target);
      await target.mapAsync(GPUMapMode.READ);
      const read = target.getMappedRange(0, HALF);
      const made = device.createBuffer({ size: SIZE, usage: COPY_SRC, mappedAtCreation: true });
      const written = made.getMappedRange();
      new Uint32Array(written).set(pattern(8));
      bus.abort(new Error('the test ends it'));
      assert.equal((await device.lost).reason, 'unknown');
      for (let turn = 0; turn < 5; turn += 1) {
        collectGarbage();
        await nextTurn();
      }
      assert.ok(isPattern(read, 9));
      assert.ok(isPattern(written, 8));
      new Uint8Array(written).fill(3);
      assert.ok(isPattern(target.getMappedRange(HALF, HALF), 9, HALF / 4));
      target.unmap();
      made.unmap();
      assert.deepEqual([read.byteLength, written.byteLength], [0, 0]);
      await gpu.close();
    });
  });
}
