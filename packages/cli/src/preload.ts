/**
 * Loaded before all else in each worker of a program that `dxgwire run` runs, and in each Node process that such a program
 * starts, and in the workers of those. Most of them want no GPU, so this brings little along.
 */
import process from 'node:process';
import threads from 'node:worker_threads';
// A program may replace the clock before it first looks for a GPU, and the rest is loaded.
import '@dxgwire/transport/timers';
import { installInChildren, takeInherited } from './children.ts';
import { GLOBAL_NAMES } from './global-names.ts';
import { atOnceLoader } from './load-at-once.ts';
import { installGlobals, installGlobalsLazily } from './program-globals.ts';
import { forgetPreload, installInWorkers, PROGRAM_LINK, type ProgramLink, patchWorker } from './workers.ts';

if (!threads.isMainThread) forgetPreload();
const inherited = threads.isMainThread ? takeInherited() : null;
const link = inherited ?? (threads.getEnvironmentData(PROGRAM_LINK) as unknown as ProgramLink | undefined);

if (link !== undefined) {
  await installGpu(link);
  if (inherited !== null) installInWorkers(link);
  else patchWorker();
  installInChildren(link);
}

async function installGpu(link: ProgramLink): Promise<void> {
  const foreignListeners = process.listenerCount('beforeExit');
  const load = atOnceLoader();
  if (link.kind === 'host' && load !== null) {
    installGlobalsLazily(GLOBAL_NAMES, () => {
      const { openRemote } = load('./program-gpu.js') as typeof import('./program-gpu.ts');
      return openRemote(link, foreignListeners);
    });
    return;
  }
  const { openLocal, openRemote } = await import('./program-gpu.ts');
  installGlobals(link.kind === 'local' ? await openLocal(link.adapter) : openRemote(link, foreignListeners));
}
