import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGPU } from '@dxgwire/guest/webgpu';
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

test('promises and errors of random programs are settled as on the local device', async () => {
  const { gpu: local } = await createLocalGPU();
  const backend = await createWebgpuBackend();
  const host = createHost({ backend });
  const { guest, host: hostBus } = createInProcessBus({ guestMemoryBytes: 64 << 20 });
  host.attach(hostBus);
  const gpu = createGPU({ connect: guest });
  try {
    for (let seed = 0; seed < SEEDS; seed++) {
      const expected = await runProgramOfSeed(local, seed, TURNS);
      const log = await runProgramOfSeed(gpu, seed, TURNS);
      assert.deepEqual(ordered(log), ordered(expected), `order, seed ${seed}`);
      assert.deepEqual(outcomes(log), outcomes(expected), `outcomes, seed ${seed}`);
    }
  } finally {
    await gpu.close();
    await host.close();
    await backend.close();
  }
});
