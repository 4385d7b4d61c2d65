import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { globals } from '@dxgwire/guest/webgpu';
import { createWebgpuBackend } from '@dxgwire/host/backends/webgpu';
import { linkMakers, Stack } from '../support/stacks.ts';

const { GPUBufferUsage, GPUShaderStage, GPUTextureUsage, GPUOutOfMemoryError } = globals;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const MEBIBYTE = 1 << 20;
const MEMORY_BYTES = 128 * MEBIBYTE;
const BIG_BYTES = 16 * MEBIBYTE;

/** Most looks at the host until it has freed what is to be freed: each is a turn of the loop and a round trip. */
const LOOKS = 20_000;

for (const linkName of Object.keys(linkMakers)) {
  describe(`memory over ${linkName}`, () => {
    let stack: Stack;
    let gpu: ReturnType<Stack['createGPU']>;

    before(async () => {
      stack = await Stack.start(linkName, await createWebgpuBackend({ memoryBytes: MEMORY_BYTES }));
      gpu = stack.createGPU();
    });
    after(async () => {
      await gpu.close();
      await stack.close();
    });

    /** Runs `body` on a device; its memory is the host's again afterwards. */
    async function withDevice(body: (device: GPUDevice) => Promise<void>): Promise<void> {
      const device = await (await gpu.requestAdapter())!.requestDevice();
      await body(device);
      device.destroy();
      await until(async () => (await gpu.videoMemory())[0]!.usageBytes === 0);
    }

    async function usageBytes(device: GPUDevice): Promise<number> {
      await device.queue.onSubmittedWorkDone();
      return (await gpu.videoMemory())[0]!.usageBytes;
    }

    /** @returns the names of the errors that making a buffer of this size gave. */
    async function tryBuffer(device: GPUDevice, size: number): Promise<{ buffer: GPUBuffer; error: string }> {
      device.pushErrorScope('validation');
      device.pushErrorScope('out-of-memory');
      const buffer = device.createBuffer({ size, usage: GPUBufferUsage.COPY_DST });
      const [memory, validation] = await Promise.all([device.popErrorScope(), device.popErrorScope()]);
      assert.equal(validation, null);
      if (memory !== null) assert.ok(memory instanceof GPUOutOfMemoryError);
      return { buffer, error: memory?.message ?? '' };
    }

    test('what is used is seen, and what is given back', () =>
      withDevice(async (device) => {
        const [memory] = await gpu.videoMemory();
        assert.equal(memory!.group, 'local');
        assert.equal(memory!.budgetBytes, MEMORY_BYTES);
        const before = await usageBytes(device);
        const buffer = device.createBuffer({ size: BIG_BYTES, usage: GPUBufferUsage.COPY_DST });
        assert.equal((await usageBytes(device)) - before, BIG_BYTES);
        const texture = device.createTexture({
          size: [1024, 1024, 2],
          mipLevelCount: 2,
          format: 'rgba8unorm',
          usage: GPUTextureUsage.TEXTURE_BINDING,
        });
        assert.equal((await usageBytes(device)) - before, BIG_BYTES + 2 * 4 * (1024 * 1024 + 512 * 512));
        texture.destroy();
        buffer.destroy();
        await until(async () => (await usageBytes(device)) === before);
      }));

    test('over the budget there is an out-of-memory error, and the device goes on', () =>
      withDevice(async (device) => {
        const held: GPUBuffer[] = [];
        let { buffer, error } = await tryBuffer(device, BIG_BYTES);
        for (; error === ''; { buffer, error } = await tryBuffer(device, BIG_BYTES)) held.push(buffer);
        assert.match(error, /no memory/i);
        // Some is taken by the device's own memory: the return ring, staging.
        assert.ok(held.length >= MEMORY_BYTES / BIG_BYTES - 2, `${held.length} buffers`);
        assert.ok((await usageBytes(device)) <= MEMORY_BYTES);
        // What could not be made is an invalid buffer.
        device.pushErrorScope('validation');
        device.queue.writeBuffer(buffer, 0, new Uint8Array(4));
        assert.match((await device.popErrorScope())!.message, /nvalid/);
        for (const each of held) each.destroy();
        await until(async () => (await usageBytes(device)) < BIG_BYTES);
        for (let count = 0; count < held.length; count++)
          assert.equal((await tryBuffer(device, BIG_BYTES)).error, '');
      }));

    test('a program that destroys before it makes the next never runs out', () =>
      withDevice(async (device) => {
        device.pushErrorScope('out-of-memory');
        for (let round = 0; round < 6; round++) {
          const buffer = device.createBuffer({ size: MEMORY_BYTES / 2, usage: GPUBufferUsage.COPY_DST });
          device.queue.writeBuffer(buffer, 0, new Uint8Array(16));
          buffer.destroy();
        }
        assert.equal(await device.popErrorScope(), null);
      }));

    test('memory is taken over in order, also while all that was recorded waits for room', () =>
      withDevice(async (device) => {
        const size = 4 * MEBIBYTE;
        const { MAP_READ, COPY_DST, COPY_SRC } = GPUBufferUsage;
        const reads = Array.from({ length: 10 }, async (_, round) => {
          // Larger than the staging memory that is there at first: what follows is held back.
          const source = device.createBuffer({ size, usage: COPY_SRC | COPY_DST });
          const target = device.createBuffer({ size, usage: MAP_READ | COPY_DST });
          device.queue.writeBuffer(source, 0, new Uint32Array(size / 4).fill(round));
          const encoder = device.createCommandEncoder();
          encoder.copyBufferToBuffer(source, target);
          device.queue.submit([encoder.finish()]);
          source.destroy();
          await target.mapAsync(globals.GPUMapMode.READ);
          const values = new Uint32Array(target.getMappedRange());
          const isRight = values.every((value) => value === round);
          target.destroy();
          return isRight;
        });
        assert.deepEqual(await Promise.all(reads), Array(reads.length).fill(true));
      }));

    test('a buffer that a bind group, a view, commands or a bundle need counts until they are gone', () =>
      withDevice(async (device) => {
        const before = await usageBytes(device);
        const layout = device.createBindGroupLayout({
          entries: [{ binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: 'uniform' } }],
        });
        const make = (usage: number): GPUBuffer => device.createBuffer({ size: MEBIBYTE, usage });
        const group = (): GPUBindGroup => {
          const buffer = make(GPUBufferUsage.UNIFORM);
          return device.createBindGroup({
            layout,
            entries: [{ binding: 0, resource: { buffer, size: 16 } }],
          });
        };
        const texture = {
          size: { width: 512, height: 512 },
          format: 'rgba8unorm',
          usage: GPUTextureUsage.TEXTURE_BINDING,
        } as const;
        const holders: Record<string, () => object> = {
          group,
          view: () => device.createTexture(texture).createView(),
          commands: () => {
            const encoder = device.createCommandEncoder();
            encoder.clearBuffer(make(GPUBufferUsage.COPY_DST));
            return encoder.finish();
          },
          'commands in a pass': () => {
            const encoder = device.createCommandEncoder();
            const pass = encoder.beginComputePass();
            pass.setBindGroup(0, group());
            pass.end();
            return encoder.finish();
          },
          bundle: () => {
            const encoder = device.createRenderBundleEncoder({ colorFormats: ['rgba8unorm'] });
            encoder.setVertexBuffer(0, make(GPUBufferUsage.VERTEX));
            return encoder.finish();
          },
        };
        for (const [name, hold] of Object.entries(holders)) {
          let held: object | null = hold();
          for (let look = 0; look < 5; look++) {
            collectGarbage();
            assert.equal((await usageBytes(device)) - before, MEBIBYTE, `held by ${name}`);
          }
          if (name.startsWith('commands')) {
            device.pushErrorScope('validation');
            device.queue.submit([held as GPUCommandBuffer]);
            assert.equal(await device.popErrorScope(), null);
          }
          held = null;
          await until(async () => {
            collectGarbage();
            return (await usageBytes(device)) === before;
          }, `dropped by ${name}`);
        }
      }));
  });
}

async function until(condition: () => Promise<boolean>, what = 'freed'): Promise<void> {
  for (let look = 0; look < LOOKS; look++) {
    if (await condition()) return;
    await new Promise(setImmediate);
  }
  assert.fail(`not ${what} after ${LOOKS} looks`);
}
