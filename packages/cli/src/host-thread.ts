/** A host in a worker thread, joined to the main thread by rings in shared memory: `dxgwire run --in-worker`. */
import { parentPort, workerData } from 'node:worker_threads';
import { createHost, createSilentLog } from '@dxgwire/host';
import { attachHostBus, type SharedBusDescriptor } from '@dxgwire/transport/mock-vmbus/worker';
import { type BackendName, openBackend } from './backend.ts';
import { describe } from './errors.ts';

/** What the thread is started with. */
export interface HostThreadData {
  readonly bus: SharedBusDescriptor<'host'>;
  readonly backend: BackendName;
}

/** What it says: null when guests may come, else why not. */
export type HostThreadReport = string | null;

const { bus, backend: backendName } = workerData as HostThreadData;

async function serve(): Promise<void> {
  const log = createSilentLog();
  const { backend, adapters } = await openBackend(backendName, undefined, log);
  const host = createHost({ backend, log });
  host.attach(attachHostBus(bus), { adapters });
  // Anything that comes is the request to end.
  parentPort?.once('message', () => {
    void host
      .close()
      .then(() => backend.close())
      .then(() => parentPort?.close());
  });
}

serve().then(
  () => parentPort?.postMessage(null satisfies HostThreadReport),
  (error: unknown) => parentPort?.postMessage(describe(error) satisfies HostThreadReport),
);
