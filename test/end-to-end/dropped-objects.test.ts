import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createGPU } from '@dxgwire/guest/webgpu';
import { createHost } from '@dxgwire/host';
import { createWebgpuBackend } from '@dxgwire/host/backends/webgpu';
import { createInProcessBus } from '@dxgwire/transport/mock-vmbus';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Objects of each kind and round; more rounds than here make a soak test of it. */
const OBJECTS = 2500;
const ROUNDS = Number(process.env['DXGWIRE_DROP_ROUNDS'] ?? 2);

/** Most looks at the host until it has freed all: each is a turn of the loop and a round trip. */
const LOOKS = 500;

const UNIFORM_COPY_DST = 64 | 8;
const TEXTURE_BINDING = 4;
const COMPUTE = 4;

/** Makes objects of all small kinds that nothing holds. */
function makeAndDrop(device: GPUDevice, layout: GPUBindGroupLayout, texture: GPUTexture): void {
  for (let index = 0; index < OBJECTS; index++) {
    const buffer = device.createBuffer({ size: 64, usage: UNIFORM_COPY_DST });
    device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer } }] });
    texture.createView();
    device.createSampler();
    device.createCommandEncoder().finish();
  }
}

test('objects that a program drops by the thousand are freed on the host', async () => {
  const backend = await createWebgpuBackend();
  const host = createHost({ backend });
  const { guest, host: hostBus } = createInProcessBus({ guestMemoryBytes: 64 << 20 });
  host.attach(hostBus);
  const gpu = createGPU({ connect: guest });
  try {
    const device = await (await gpu.requestAdapter())!.requestDevice();
    const texture = device.createTexture({ size: [4, 4], format: 'rgba8unorm', usage: TEXTURE_BINDING });
    const layout = device.createBindGroupLayout({
      entries: [{ binding: 0, visibility: COMPUTE, buffer: { type: 'uniform' } }],
    });
    await device.queue.onSubmittedWorkDone();
    const before = host.census();
    for (let round = 0; round < ROUNDS; round++) {
      makeAndDrop(device, layout, texture);
      await device.queue.onSubmittedWorkDone();
      let looks = 0;
      for (; looks < LOOKS && !sameCounts(host.census(), before); looks++) {
        collectGarbage();
        await new Promise(setImmediate);
        await device.queue.onSubmittedWorkDone();
      }
      assert.deepEqual(host.census(), before, `round ${round}`);
    }
    device.pushErrorScope('validation');
    device.createBindGroup({
      layout,
      entries: [{ binding: 0, resource: { buffer: device.createBuffer({ size: 64, usage: 64 }) } }],
    });
    assert.equal(await device.popErrorScope(), null);
  } finally {
    await gpu.close();
    await host.close();
    await backend.close();
  }
});

function sameCounts(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): boolean {
  return Object.entries(b).every(([kind, count]) => a[kind] === count);
}

/**
 * Buffers that a program drops, and how many of them the host may have at a time; nobody here calls the collector. More
 * of them make a soak test of it.
 */
const DROPPED = Number(process.env['DXGWIRE_DROP_OBJECTS'] ?? 60_000);
const MOST_ALIVE = 48_000;

test('a program that only makes and drops stays flat, without anybody asking for a garbage collection', async () => {
  const backend = await createWebgpuBackend();
  const host = createHost({ backend });
  const { guest, host: hostBus } = createInProcessBus({ guestMemoryBytes: 64 << 20 });
  host.attach(hostBus);
  const gpu = createGPU({ connect: guest });
  try {
    const device = await (await gpu.requestAdapter())!.requestDevice();
    let mostAlive = 0;
    for (let made = 0; made < DROPPED; made += 1000) {
      for (let count = 0; count < 1000; count++) device.createBuffer({ size: 64, usage: UNIFORM_COPY_DST });
      await device.queue.onSubmittedWorkDone();
      mostAlive = Math.max(mostAlive, host.census()['memory.allocations'] ?? 0);
    }
    assert.ok(mostAlive > 0 && mostAlive < MOST_ALIVE, `${mostAlive} of ${DROPPED} at a time`);
  } finally {
    await gpu.close();
    await host.close();
    await backend.close();
  }
});
