/** A host in a worker thread, joined to the main thread by rings in shared memory: `dxgwire run --in-worker`. */
import { parentPort, workerData } from 'node:worker_threads';
import { createHost, createSilentLog } from '@dxgwire/host';
import { attachHostBus, type SharedBusDescriptor } from '@dxgwire/transport/mock-vmbus/worker';
import { type BackendName, openBackend } from './backend.ts';
import { describe } from './errors.ts';
import { openWorkersDoor } from './workers-door.ts';

/** What the thread is started with. */
export interface HostThreadData {
  readonly bus: SharedBusDescriptor<'host'>;
  readonly backend: BackendName;
}

/** What it says: where workers find it, null for nowhere; or why no guest may come. */
export type HostThreadReport = { readonly workersUrl: string | null } | { readonly failure: string };

const { bus, backend: backendName } = workerData as HostThreadData;

async function serve(): Promise<string | null> {
  const log = createSilentLog();
  const { backend, adapters } = await openBackend(backendName, undefined, log);
  const host = createHost({ backend, log });
  host.attach(attachHostBus(bus), { adapters });
  const door = await openWorkersDoor(host, adapters);
  // Anything that comes is the request to end.
  parentPort?.once('message', () => {
    void Promise.resolve(door?.close())
      .then(() => host.close())
      .then(() => backend.close())
      .then(() => parentPort?.close());
  });
  return door?.url ?? null;
}

serve().then(
  (workersUrl) => parentPort?.postMessage({ workersUrl } satisfies HostThreadReport),
  (error: unknown) => parentPort?.postMessage({ failure: describe(error) } satisfies HostThreadReport),
);
