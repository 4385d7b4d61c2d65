import { createGPU, globals } from '@dxgwire/guest/webgpu';
import { createHost, createSharedRegionAllocator } from '@dxgwire/host';
import { createLocalGPU, createWebgpuBackend } from '@dxgwire/host/backends/webgpu';
import { createInProcessBus } from '@dxgwire/transport/mock-vmbus';
import type { DawnCase, DawnRun } from './dawn-case.ts';
import { dawnCases } from './dawn-cases.ts';
import { measureDelay } from './dawn-delay.ts';
import { type BareMedia, openBareMedia } from './dawn-media.ts';
import { measureMemory } from './dawn-memory.ts';
import { type HandWritten, openHandWritten } from './dawn-relay.ts';
import { openDevice, overLink, type Subject } from './dawn-subject.ts';
import { BULK_BYTES } from './dawn-transfers.ts';
import { sharedMemoryUrl } from './host-service.ts';
import type { Comparison, SuiteResult } from './report.ts';
import { sample, type Way } from './sampling.ts';

/** Dawn in this very process. */
async function local(): Promise<Subject> {
  const { gpu } = await createLocalGPU();
  const device = await openDevice(gpu);
  return {
    name: 'local Dawn',
    device,
    async close() {
      device.destroy();
    },
  };
}

/** A host in this process; its GPU process maps the same memory. */
async function overInProcessBus(): Promise<Subject> {
  const backend = await createWebgpuBackend({});
  const host = createHost({ backend });
  const allocateRegion = createSharedRegionAllocator();
  const { guest, host: hostBus } = createInProcessBus({
    guestMemoryBytes: 512 << 20,
    ...(allocateRegion === null ? {} : { allocateRegion }),
  });
  host.attach(hostBus);
  const gpu = createGPU({ connect: guest });
  const device = await openDevice(gpu);
  return {
    name: 'in-process',
    device,
    async close() {
      device.destroy();
      await gpu.close();
      await host.close();
      await backend.close();
    },
  };
}

/** What stands beside a case: bare media, by themselves or behind the same work on local Dawn, and what is written by hand. */
function mediaWays({ media: kind }: DawnCase, local: DawnRun, media: BareMedia & HandWritten): Way[] {
  const way = (name: string, run: (count: number) => Promise<unknown>): Way => ({
    name,
    run: async (count) => {
      await run(count);
      return undefined;
    },
  });
  const behindLocal = (name: string, roundTrips: (count: number) => Promise<void>): Way =>
    way(name, async (count) => {
      await local.run(count);
      await roundTrips(count * 2);
    });
  switch (kind) {
    case 'round trips':
      return [
        behindLocal('local Dawn + 2 socket round trips', (count) => media.socketRoundTrips(count)),
        behindLocal('local Dawn + 2 WebSocket round trips', (count) => media.webSocketRoundTrips(count)),
        way('Dawn behind a relay by hand', (count) => media.readbacks(count)),
      ];
    case 'to the host':
      return [
        way('bare WebSocket', () => media.bulkToHost()),
        way('two copies, two threads', async () => media.copies()),
      ];
    case 'to the guest':
      return [way('bare WebSocket', () => media.bulkToGuest())];
    default:
      return [];
  }
}

async function compare(
  dawnCase: DawnCase,
  subjects: readonly Subject[],
  media: BareMedia & HandWritten,
): Promise<Comparison> {
  const runs = subjects.map(({ device }) => dawnCase.prepare(device));
  const ways = subjects.map(({ name }, index): Way => ({ name, run: (count) => runs[index]!.run(count) }));
  const bare = mediaWays(dawnCase, runs[0]!, media);
  ways.push(...bare);
  const { warmUpCount } = dawnCase;
  if (warmUpCount !== undefined) for (const { run } of ways) await run(warmUpCount);
  const estimates = await sample(ways, dawnCase);
  for (const run of runs) run.dispose();
  return {
    suite: 'dawn',
    case: dawnCase.name,
    baseline: 'local Dawn',
    others: bare.map(({ name }) => name),
    estimates,
    targets: dawnCase.targets,
    ...(dawnCase.bytes === undefined ? {} : { bytes: dawnCase.bytes }),
  };
}

/** Round trips until V8 has compiled what three processes do for one. */
const WARM_UP = 2000;

/** The first thousand round trips take four times as long as all others: three processes share two cores with V8's compilers. */
async function warmUp(device: GPUDevice): Promise<void> {
  for (let i = 0; i < WARM_UP; i += 1) {
    device.queue.submit([]);
    await device.queue.onSubmittedWorkDone();
  }
}

/** WebGPU calls through the projection against the same calls on Dawn in this process. */
export async function measure(progress: (text: string) => void): Promise<SuiteResult> {
  Object.assign(globalThis, globals);
  progress('starting a local device, a host in its own process, and a host in this process');
  const subjects = [
    await local(),
    await overLink('shared memory', sharedMemoryUrl()),
    await overLink('WebSocket', 'ws://127.0.0.1:0'),
    await overInProcessBus(),
  ];
  const [bare, byHand] = [await openBareMedia(BULK_BYTES), await openHandWritten(BULK_BYTES)];
  const media = { ...bare, ...byHand };
  progress('round trips on each, until their code is compiled');
  for (const { device } of subjects) await warmUp(device);
  const comparisons: Comparison[] = [];
  for (const dawnCase of dawnCases) {
    progress(dawnCase.name);
    comparisons.push(await compare(dawnCase, subjects, media));
  }
  await bare.close();
  await byHand.close();
  const [localDawn, ...others] = subjects;
  for (const subject of others.toReversed()) await subject.close();
  progress('a link with 30 ms of delay');
  const delayed = await measureDelay(localDawn!);
  await localDawn!.close();
  progress('memory for 1 GiB of buffers');
  const figures = await measureMemory();
  return { comparisons: [...comparisons, ...delayed.comparisons], figures: [...delayed.figures, ...figures] };
}
