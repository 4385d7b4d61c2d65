/** Loaded in each worker of a program that `dxgwire run` runs, before the worker's own module. */
import process from 'node:process';
import threads from 'node:worker_threads';
import { createGPU, globals } from '@dxgwire/guest/webgpu';
import { adapterSelector } from './adapter-selector.ts';
import { holdEnd } from './ending.ts';
import { connectLink } from './link.ts';
import { installGlobals } from './program.ts';
import { patchWorker, WORKER_LINK, type WorkerLink } from './workers.ts';

const link = threads.getEnvironmentData(WORKER_LINK) as unknown as WorkerLink;

const gpu = createGPU({
  connect: async () => {
    const { bus } = await connectLink(link.url, link.token, link.codec);
    bus.unref?.();
    process.once('exit', () => {
      void gpu.close({ silently: true });
      void bus.close();
    });
    return bus;
  },
  log: (message) => process.stderr.write(`dxgwire: ${message}\n`),
  ...adapterSelector(link.adapter),
});
installGlobals({ gpu, globals });
holdEnd(gpu);
patchWorker();
