import { syncBuiltinESMExports } from 'node:module';
import process from 'node:process';
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

/**
 * Code that a worker gets as text runs at once, whatever it was told to load first: so it is told to load that itself.
 * What the code declares, throws and imports is as without; it has to be CommonJS, for a text that is a module waits.
 */
function behind(preload: string, code: string): string {
  const run = `setImmediate(() => (0, eval)(${JSON.stringify(code)}))`;
  return `import(${JSON.stringify(preload)}).then(() => { ${run}; });`;
}

/** Whether a text will be run as a module: then Node first loads what it is told to load first. */
function isModuleText(code: string, execArgv: readonly string[]): boolean {
  if (execArgv.some((argument) => /^--(input|experimental-default)-type(=module)?$/.test(argument)))
    return true;
  return /^\s*(import\s*[\w{*'"]|export\s)/m.test(code);
}

/** Has every new worker load our preparation first. */
export function patchWorker(): void {
  const { Worker } = threads;
  const preload = new URL('./worker-preload.js', import.meta.url).href;
  class PreparedWorker extends Worker {
    constructor(filename: string | URL, options?: threads.WorkerOptions | null) {
      const given = options?.execArgv ?? process.execArgv;
      const isText = options?.eval === true && typeof filename === 'string' && !isModuleText(filename, given);
      const execArgv = isText ? given : [...given, '--import', preload];
      super(isText ? behind(preload, filename) : filename, { ...options, execArgv });
    }
  }
  Object.defineProperty(PreparedWorker, 'name', { value: 'Worker', configurable: true });
  threads.Worker = PreparedWorker;
  syncBuiltinESMExports();
}
