import { Worker } from 'node:worker_threads';
import type { GuidedResult, GuidedWork } from './guided-worker.ts';
import { FuzzFailure } from './runner.ts';

/** Share of a run that coverage guides: it slows the code down, and most new code is reached early. */
const GUIDED_SHARE = 0.02;
const MAX_GUIDED_INPUTS = 100_000;
const MAX_GUIDED_SECONDS = 20;

/**
 * Lets coverage guide the first part of a run, or all of it where the corpus grows.
 * @param stopped ends it when it resolves.
 * @returns null when it was ended.
 * @throws FuzzFailure with the input that failed.
 */
export async function runGuided(todo: GuidedWork, stopped: Promise<void>): Promise<GuidedResult | null> {
  const share = todo.isGrowing ? 1 : GUIDED_SHARE;
  const workerData: GuidedWork = {
    ...todo,
    inputs: Math.min(MAX_GUIDED_INPUTS, todo.inputs * share),
    seconds: todo.isGrowing ? todo.seconds : Math.min(MAX_GUIDED_SECONDS, todo.seconds * 4 * share),
  };
  const worker = new Worker(new URL('./guided-worker.js', import.meta.url), { workerData });
  const result = await new Promise<GuidedResult | null>((resolve, reject) => {
    void stopped.then(() => resolve(null));
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`the guided part ended with ${code}`)));
  });
  await worker.terminate();
  if (result !== null && result.failure !== null)
    throw new FuzzFailure(result.failure.message, result.failure.input);
  return result;
}
