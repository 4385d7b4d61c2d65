/**
 * Loaded before all else in each worker of a program that `dxgwire run` runs, and in each Node process that such a program
 * starts, and in the workers of those.
 */
import threads from 'node:worker_threads';
import { installInChildren, takeInherited } from './children.ts';
import { holdEnd } from './ending.ts';
import { installGlobals } from './program.ts';
import { openProgramGpu } from './program-gpu.ts';
import { forgetPreload, installInWorkers, PROGRAM_LINK, type ProgramLink, patchWorker } from './workers.ts';

if (!threads.isMainThread) forgetPreload();
const inherited = threads.isMainThread ? takeInherited() : null;
const link = inherited ?? (threads.getEnvironmentData(PROGRAM_LINK) as unknown as ProgramLink | undefined);

if (link !== undefined) {
  const program = await openProgramGpu(link);
  installGlobals(program);
  if (program.remote !== null) holdEnd(program.remote);
  if (inherited !== null) installInWorkers(link);
  else patchWorker();
  installInChildren(link);
}
