import { parentPort, workerData } from 'node:worker_threads';
import { isOurs, SampledCoverage } from './coverage.ts';
import { distil } from './distil.ts';
import { FuzzFailure, FuzzRun } from './runner.ts';
import { targets } from './targets/index.ts';

/**
 * The guided part of a run, in a thread of its own: counters are put into code when it is compiled, and would stay there
 * and slow the rest of the run down.
 */

export interface GuidedWork {
  readonly target: string;
  readonly seed: number;
  readonly inputs: number;
  readonly seconds: number;
  readonly corpus: readonly Uint8Array[];
  /** Whether the corpus is made anew from what it was and what is found. */
  readonly isGrowing: boolean;
}

export interface GuidedResult {
  readonly inputs: number;
  readonly seconds: number;
  readonly slowestMs: number;
  readonly found: readonly Uint8Array[];
  readonly coveredCharacters: number;
  readonly corpus: readonly Uint8Array[];
  readonly failure: { readonly message: string; readonly input: Uint8Array } | null;
}

const NOTHING = { inputs: 0, seconds: 0, slowestMs: 0, found: [], coveredCharacters: 0, corpus: [] };

async function work(todo: GuidedWork): Promise<GuidedResult> {
  const coverage = new SampledCoverage(isOurs);
  coverage.start();
  const rejections: unknown[] = [];
  process.on('unhandledRejection', (reason) => rejections.push(reason));
  const target = await targets.find(({ name }) => name === todo.target)!.open();
  try {
    const report = await new FuzzRun(target, { ...todo, coverage }).run();
    if (rejections.length > 0) throw new FuzzFailure(`rejected: ${rejections[0]}`, new Uint8Array(0));
    const { coveredCharacters } = report;
    const all = [...todo.corpus, ...report.found];
    const corpus = todo.isGrowing ? await distil(target, all, coverage) : [];
    return { ...report, coveredCharacters, corpus, failure: null };
  } catch (error) {
    if (!(error instanceof FuzzFailure)) throw error;
    return { ...NOTHING, failure: { message: error.message, input: error.input } };
  } finally {
    coverage.stop();
    await target.close?.();
  }
}

if (parentPort !== null) parentPort.postMessage(await work(workerData as GuidedWork));
