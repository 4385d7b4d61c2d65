import { createGPU, globals } from '@dxgwire/guest/webgpu';
import { createHost, createSharedRegionAllocator } from '@dxgwire/host';
import { createLocalGPU, createWebgpuBackend } from '@dxgwire/host/backends/webgpu';
import { connect } from '@dxgwire/transport/connect';
import { createInProcessBus } from '@dxgwire/transport/mock-vmbus';
import { type DawnCase, dawnCases } from './dawn-cases.ts';
import { sharedMemoryUrl, startHost } from './host-service.ts';
import type { Comparison } from './report.ts';
import { sample, type Way } from './sampling.ts';

/** A device to measure, and how to let go of it. */
interface Subject {
  readonly name: string;
  readonly device: GPUDevice;
  close(): Promise<void>;
}

async function openDevice(gpu: GPU): Promise<GPUDevice> {
  const adapter = await gpu.requestAdapter();
  if (adapter === null) throw new Error('no adapter');
  const device = await adapter.requestDevice();
  device.addEventListener('uncapturederror', (event) => {
    throw new Error(`the device refused a call: ${event.error.message}`);
  });
  return device;
}

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

/** A host in a process of its own. */
async function overLink(name: string, listenUrl: string): Promise<Subject> {
  const { service, url } = await startHost(listenUrl);
  const gpu = createGPU({ connect: () => connect(url) });
  const device = await openDevice(gpu);
  return {
    name,
    device,
    async close() {
      device.destroy();
      await gpu.close();
      await service.stop();
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

async function compare(dawnCase: DawnCase, subjects: readonly Subject[]): Promise<Comparison> {
  const runs = subjects.map(({ device }) => dawnCase.prepare(device));
  const ways = subjects.map(({ name }, index): Way => ({ name, run: (count) => runs[index]!.run(count) }));
  const estimates = await sample(ways, dawnCase);
  for (const run of runs) run.dispose();
  return {
    suite: 'dawn',
    case: dawnCase.name,
    baseline: 'local Dawn',
    estimates,
    ...(dawnCase.bytes === undefined ? {} : { bytes: dawnCase.bytes }),
  };
}

/** WebGPU calls through the projection against the same calls on Dawn in this process. */
export async function measure(progress: (text: string) => void): Promise<Comparison[]> {
  Object.assign(globalThis, globals);
  progress('starting a local device, a host in its own process, and a host in this process');
  const subjects = [
    await local(),
    await overLink('shared memory', sharedMemoryUrl()),
    await overLink('WebSocket', 'ws://127.0.0.1:0'),
    await overInProcessBus(),
  ];
  const comparisons: Comparison[] = [];
  for (const dawnCase of dawnCases) {
    progress(dawnCase.name);
    comparisons.push(await compare(dawnCase, subjects));
  }
  for (const subject of subjects.toReversed()) await subject.close();
  return comparisons;
}
