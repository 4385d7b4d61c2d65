/// <reference types="@webgpu/types" />
import { createFaultProxy, type DirectionPlan } from '@dxgwire/transport/faults';
import { createBodies } from './dawn-bodies.ts';
import { overLink, type Subject } from './dawn-subject.ts';
import { createReadback } from './dawn-transfers.ts';
import type { Comparison, Figure } from './report.ts';
import { sample } from './sampling.ts';

/** Round trip through the proxy, milliseconds. */
const DELAY_MS = 30;
/** What our own part may add to it in a step that reads back, milliseconds. */
const OVERHEAD_MS = 5;
const FRAMES = 30;
const BODIES = 1024;

/** A proxy that takes {@link DELAY_MS} there and back. */
async function delayed(hostUrl: string): Promise<{ readonly url: string; close(): Promise<void> }> {
  const direction: DirectionPlan = {
    delayMs: DELAY_MS / 2,
    bitsPerSecond: Number.POSITIVE_INFINITY,
    chunking: 'whole',
    faults: [],
  };
  const proxy = await createFaultProxy({
    target: { port: Number(new URL(hostUrl).port) },
    plan: { seed: 1, connections: [{ toHost: direction, toGuest: direction }], text: 'delay' },
    framing: 'websocket',
  });
  const url = new URL(hostUrl);
  url.port = String((proxy.address as { readonly port: number }).port);
  return { url: url.href, close: () => proxy.close() };
}

/**
 * Frames handed over one after the other, without waiting for any. The first frame's end begins the time, so that what
 * counts is how often a frame ends and not how long one takes to get there.
 */
async function steadyFrame(
  device: GPUDevice,
  count: number,
  encode: () => GPUCommandBuffer,
): Promise<number> {
  device.queue.submit([encode()]);
  const first = device.queue.onSubmittedWorkDone().then(() => performance.now());
  for (let frame = 0; frame < count; frame += 1) {
    device.queue.submit([encode()]);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await device.queue.onSubmittedWorkDone();
  return performance.now() - (await first);
}

/** What a link costs that is far away: frames do not wait for it, a readback waits once. */
export async function measureDelay(
  local: Subject,
): Promise<{ comparisons: Comparison[]; figures: Figure[] }> {
  const far = `WebSocket, ${DELAY_MS} ms away`;
  const subjects = [
    local,
    await overLink('WebSocket', 'ws://127.0.0.1:0'),
    await overLink(far, 'ws://127.0.0.1:0', delayed),
  ];
  const bodies = subjects.map(({ device }) => createBodies(device, BODIES));
  const frames = await sample(
    subjects.map(({ name, device }, index) => ({
      name,
      run: (count) => steadyFrame(device, count, bodies[index]!.encode),
    })),
    { samples: 7, sampleMs: 1000, maxCount: FRAMES },
  );
  const readbacks = subjects.map(({ device }) => createReadback(device, 256));
  const steps = await sample(
    subjects.map(({ name }, index) => ({ name, run: (count) => readbacks[index]!.run(count) })),
    { samples: 9, sampleMs: 100, maxCount: 20 },
  );
  for (const { dispose } of [...bodies, ...readbacks]) dispose();
  for (const subject of subjects.slice(1).toReversed()) await subject.close();
  const stepMs = (name: string) => steps.find((step) => step.name === name)?.medianMs ?? Number.NaN;
  return {
    comparisons: [
      {
        suite: 'dawn',
        case: 'steady frame, nothing read back',
        baseline: local.name,
        estimates: frames,
        targets: { [far]: { most: 1.02, against: 'WebSocket' } },
      },
    ],
    figures: [
      {
        suite: 'dawn',
        name: `step with one readback, ${DELAY_MS} ms away, beyond the same on local Dawn`,
        value: stepMs(far) - stepMs(local.name),
        unit: 'ms',
        target: { most: DELAY_MS + OVERHEAD_MS },
      },
    ],
  };
}
