import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGPU, globals } from '@dxgwire/guest/webgpu';
import { createHost } from '@dxgwire/host';
import { createLocalGPU, createWebgpuBackend } from '@dxgwire/host/backends/webgpu';
import { createInProcessBus } from '@dxgwire/transport/mock-vmbus';
import { runProgramOfSeed } from '../support/call-programs.ts';

const SEEDS = 16;
const TURNS = 6;

/**
 * What Dawn itself settles in the same order in each run: not the ends of work and of maps, which come when the device
 * is done, nor maps at all, whose failures come with them.
 */
function ordered(log: readonly string[]): string[] {
  return log.filter((line) => !/^\d+ (work|map)/.test(line));
}

/** What became of each call, whenever. Maps that the end of the device cancels are told so sooner here than by Dawn. */
function outcomes(log: readonly string[]): string[] {
  const end = log.indexOf(`turn ${TURNS - 1}`);
  return log.filter((line, index) => index < end || !/^\d+ map/.test(line)).sort();
}

/** Hands over the projected device of a host in this process. */
async function withProjected(use: (gpu: GPU) => Promise<void>, windowMegabytes = 64): Promise<void> {
  const backend = await createWebgpuBackend();
  const host = createHost({ backend });
  const { guest, host: hostBus } = createInProcessBus({ guestMemoryBytes: 64 << 20, windowMegabytes });
  host.attach(hostBus);
  const gpu = createGPU({ connect: guest });
  try {
    await use(gpu);
  } finally {
    await gpu.close();
    await host.close();
    await backend.close();
  }
}

test('promises and errors of random programs are settled as on the local device', async () => {
  const { gpu: local } = await createLocalGPU();
  await withProjected(async (gpu) => {
    for (let seed = 0; seed < SEEDS; seed++) {
      const expected = await runProgramOfSeed(local, seed, TURNS);
      const log = await runProgramOfSeed(gpu, seed, TURNS);
      assert.deepEqual(ordered(log), ordered(expected), `order, seed ${seed}`);
      assert.deepEqual(outcomes(log), outcomes(expected), `outcomes, seed ${seed}`);
    }
  });
});

/** How maps end that are asked for before and after their buffer is destroyed, by turns for reading and writing. */
async function mapsAroundDestroy(gpu: GPU): Promise<string[]> {
  const { READ, WRITE } = globals.GPUMapMode;
  const { MAP_READ, MAP_WRITE } = globals.GPUBufferUsage;
  const device = await (await gpu.requestAdapter())!.requestDevice();
  const results: Promise<string>[] = [];
  const nameOf = (map: Promise<void>) => {
    results.push(
      map.then(
        () => 'mapped',
        (error: Error) => error.name,
      ),
    );
  };
  device.pushErrorScope('validation');
  for (let index = 0; index < 4; index++) {
    const mode = index % 2 === 0 ? READ : WRITE;
    const buffer = device.createBuffer({ size: 16, usage: mode === READ ? MAP_READ : MAP_WRITE });
    nameOf(buffer.mapAsync(mode));
    buffer.destroy();
    nameOf(buffer.mapAsync(mode));
  }
  results.push(device.popErrorScope().then((error) => (error === null ? 'no error' : 'error')));
  const ended = await Promise.all(results);
  device.destroy();
  return ended;
}

test('maps of destroyed buffers are refused, and those before cancelled, as on the local device', async () => {
  const { gpu: local } = await createLocalGPU();
  await withProjected(async (gpu) => {
    const ended = await mapsAroundDestroy(gpu);
    assert.deepEqual(ended, await mapsAroundDestroy(local));
    assert.deepEqual(ended.slice(0, 2), ['AbortError', 'OperationError']);
  });
});

test('a device for which the host has no room is an OperationError; the others go on, and room comes back', async () => {
  await withProjected(async (gpu) => {
    const make = async () => (await gpu.requestAdapter())!.requestDevice();
    const devices: GPUDevice[] = [];
    let refusal: unknown;
    while (devices.length < 50 && refusal === undefined) {
      await make().then(
        (device) => devices.push(device),
        (error: unknown) => {
          refusal = error;
        },
      );
    }
    assert.ok(refusal instanceof DOMException);
    assert.equal(refusal.name, 'OperationError');
    assert.match(refusal.message, /^requestDevice: \w+ failed with ENOMEM \(-12\)$/);
    for (const device of devices) await device.queue.onSubmittedWorkDone();
    devices.pop()!.destroy();
    let again: GPUDevice | null = null;
    while (again === null) again = await make().catch(() => null);
    await again.queue.onSubmittedWorkDone();
  }, 2);
});
