import { syncBuiltinESMExports } from 'node:module';
import threads from 'node:worker_threads';
import type { Codec } from '@dxgwire/transport';

/** What a worker needs to connect by itself. */
export interface WorkerLink {
  readonly url: string;
  readonly token: string | undefined;
  readonly adapter: string | undefined;
  readonly codec: Codec | undefined;
}

/** The name under which workers, and their workers, find it. */
export const WORKER_LINK = 'dxgwire run';

/**
 * Gives each worker that the program starts a `navigator.gpu` of its own, with a connection of its own, which is made
 * when the worker first asks for an adapter.
 */
export function installInWorkers(link: WorkerLink): void {
  threads.setEnvironmentData(WORKER_LINK, { ...link });
  patchWorker();
}

/** Has every new worker load our preparation first. */
export function patchWorker(): void {
  const { Worker } = threads;
  const preload = new URL('./worker-preload.js', import.meta.url).href;
  class PreparedWorker extends Worker {
    constructor(filename: string | URL, options: threads.WorkerOptions = {}) {
      const execArgv = [...(options.execArgv ?? process.execArgv), '--import', preload];
      super(filename, { ...options, execArgv });
    }
  }
  Object.defineProperty(PreparedWorker, 'name', { value: 'Worker', configurable: true });
  threads.Worker = PreparedWorker;
  syncBuiltinESMExports();
}
