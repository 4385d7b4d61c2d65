import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type MessagePort, Worker } from 'node:worker_threads';
import { connect } from '@dxgwire/transport/connect';
import { attachGuestBus, createSharedBus } from '@dxgwire/transport/mock-vmbus/worker';
import { compareAsleep, compareReady, MEMORY_BUS_BYTES, MemoryBus, measureOneWay } from './memory-bus.ts';
import type { Comparison, Figure } from './report.ts';
import { temporaryFolder } from './temporary-folder.ts';

const THREAD = new URL('./memory-host.js', import.meta.url);

type Measured = readonly [Comparison[], Figure[]];

/** How long a pair that is connected and does nothing is watched, milliseconds. */
const IDLE_MS = 3000;

async function withThreads(use: (bus: MemoryBus) => Promise<Measured>): Promise<Measured> {
  const { guest, host } = createSharedBus({ guestMemoryBytes: MEMORY_BUS_BYTES, windowMegabytes: 1 });
  const worker = new Worker(THREAD, {
    workerData: host,
    transferList: [host.port as unknown as MessagePort],
  });
  const exited = once(worker, 'exit');
  const bus = await MemoryBus.open(attachGuestBus(guest));
  const measured = await use(bus);
  await bus.close();
  await exited;
  return measured;
}

async function withProcesses(
  use: (bus: MemoryBus, host: ChildProcess) => Promise<Measured>,
): Promise<Measured> {
  const folder = temporaryFolder();
  const url = `shm:${join(folder, 'bench.sock')}`;
  const child = fork(fileURLToPath(THREAD), [url], { execArgv: [] });
  try {
    await once(child, 'message');
    const bus = await MemoryBus.open(await connect(url));
    const measured = await use(bus, child);
    await bus.close();
    return measured;
  } finally {
    const exited = once(child, 'exit');
    child.disconnect();
    await exited;
    rmSync(folder, { recursive: true });
  }
}

async function busyMsOf(host: ChildProcess): Promise<number> {
  const answer = once(host, 'message');
  host.send('usage');
  const [{ busyMs }] = (await answer) as [{ busyMs: number }];
  const { user, system } = process.cpuUsage();
  return busyMs + (user + system) / 1000;
}

/** Processor time of both processes together while they are connected and do nothing. */
async function measureIdle(host: ChildProcess): Promise<Figure> {
  await new Promise((resolve) => setTimeout(resolve, 200));
  const before = await busyMsOf(host);
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  const value = (100 * ((await busyMsOf(host)) - before)) / IDLE_MS;
  const name = 'shared memory: a connected pair that does nothing, both ends';
  return { suite: 'memory', name, value, unit: '% of a core', target: { most: 1 } };
}

/** Media whose memory both sides see: between threads, and between processes where there is shared memory. */
export async function measure(
  progress: (text: string) => void,
): Promise<{ comparisons: Comparison[]; figures: Figure[] }> {
  progress('mock VMBus, two threads');
  const threads = await withThreads(async (bus) => [
    [...(await compareReady('mock VMBus', bus)), ...(await compareAsleep('mock VMBus', bus))],
    [await measureOneWay('mock VMBus', bus)],
  ]);
  const all = [threads];
  if (process.platform === 'linux') {
    progress('shared memory, two processes');
    const processes = await withProcesses(async (bus, host) => [
      await compareReady('shared memory', bus),
      [await measureOneWay('shared memory', bus), await measureIdle(host)],
    ]);
    all.push(processes);
  }
  return {
    comparisons: all.flatMap(([comparisons]) => comparisons),
    figures: all.flatMap(([, figures]) => figures),
  };
}
