import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type MessagePort, Worker } from 'node:worker_threads';
import { connect } from '@dxgwire/transport/connect';
import { attachGuestBus, createSharedBus, type SharedBusOptions } from '@dxgwire/transport/mock-vmbus/worker';
import { compareAsleep, compareReady, MEMORY_BUS_BYTES, MemoryBus } from './memory-bus.ts';
import type { Comparison } from './report.ts';

const THREAD = new URL('./memory-host.js', import.meta.url);

async function withThreads(
  options: SharedBusOptions,
  use: (bus: MemoryBus) => Promise<Comparison[]>,
): Promise<Comparison[]> {
  const { guest, host } = createSharedBus({
    guestMemoryBytes: MEMORY_BUS_BYTES,
    windowMegabytes: 1,
    ...options,
  });
  const worker = new Worker(THREAD, {
    workerData: host,
    transferList: [host.port as unknown as MessagePort],
  });
  const exited = once(worker, 'exit');
  const bus = await MemoryBus.open(attachGuestBus(guest));
  const comparisons = await use(bus);
  await bus.close();
  await exited;
  return comparisons;
}

async function withProcesses(use: (bus: MemoryBus) => Promise<Comparison[]>): Promise<Comparison[]> {
  const folder = mkdtempSync(join(tmpdir(), 'dxgwire-'));
  const url = `shm:${join(folder, 'bench.sock')}`;
  const child = fork(fileURLToPath(THREAD), [url], { execArgv: [] });
  try {
    await once(child, 'message');
    const bus = await MemoryBus.open(await connect(url));
    const comparisons = await use(bus);
    await bus.close();
    return comparisons;
  } finally {
    const exited = once(child, 'exit');
    child.disconnect();
    await exited;
    rmSync(folder, { recursive: true });
  }
}

/** Media whose memory both sides see: between threads, and between processes where there is shared memory. */
export async function measure(progress: (text: string) => void): Promise<Comparison[]> {
  const comparisons: Comparison[] = [];
  progress('mock VMBus, two threads');
  comparisons.push(...(await withThreads({}, (bus) => compareReady('mock VMBus', bus))));
  progress('mock VMBus, two threads, asleep');
  comparisons.push(
    ...(await withThreads({ spinMicroseconds: 0 }, async (bus) => [await compareAsleep('mock VMBus', bus)])),
  );
  progress('shared memory, two processes');
  comparisons.push(...(await withProcesses((bus) => compareReady('shared memory', bus))));
  return comparisons;
}
