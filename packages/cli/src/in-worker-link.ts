import { once } from 'node:events';
import process from 'node:process';
import { Worker } from 'node:worker_threads';
import { attachGuestBus, createSharedBus } from '@dxgwire/transport/mock-vmbus/worker';
import type { BackendName } from './backend.ts';
import { CommandFailure } from './errors.ts';
import type { HostThreadData, HostThreadReport } from './host-thread.ts';
import { GUEST_MEMORY_BYTES, type Link } from './link.ts';

/**
 * Starts a host in a thread of its own in this process and joins it by rings in shared memory.
 *
 * @throws CommandFailure when its backend does not start.
 */
export async function inWorkerLink(backend: BackendName): Promise<Link> {
  const ends = createSharedBus({
    guestMemoryBytes: GUEST_MEMORY_BYTES,
    peerName: `dxgwire ${process.pid}`,
  });
  const data: HostThreadData = { bus: ends.host, backend };
  const worker = new Worker(new URL('./host-thread.js', import.meta.url), {
    workerData: data,
    transferList: [ends.host.port as never],
    // What a program was started with is not for its host.
    execArgv: [],
    // Its memory files are made by a native call and closed by Node, which would warn of it.
    trackUnmanagedFds: false,
  });
  const ended = once(worker, 'exit');
  const [report] = (await once(worker, 'message')) as [HostThreadReport];
  if ('failure' in report) {
    await worker.terminate();
    throw new CommandFailure(report.failure);
  }
  worker.unref();
  const bus = attachGuestBus(ends.guest);
  return {
    bus,
    workersUrl: report.workersUrl,
    needsFarewell: false,
    async close() {
      await bus.close();
      worker.ref();
      worker.postMessage('end');
      await ended;
    },
  };
}
