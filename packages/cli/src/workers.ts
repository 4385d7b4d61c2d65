import { syncBuiltinESMExports } from 'node:module';
import process from 'node:process';
import threads from 'node:worker_threads';
import type { Codec } from '@dxgwire/transport';

/** How a worker, or a process, of the program connects to the host by itself. */
export interface HostLink {
  readonly kind: 'host';
  readonly url: string;
  readonly token: string | undefined;
  readonly adapter: string | undefined;
  readonly codec: Codec | undefined;
}

/** What a worker, or a process, of the program needs to have a GPU by itself. */
export type ProgramLink = HostLink | { readonly kind: 'local'; readonly adapter: string | undefined };

/** The name under which workers, and their workers, find it. */
export const PROGRAM_LINK = 'dxgwire run';

/**
 * Gives each worker that the program starts a `navigator.gpu` of its own, with a connection of its own, which is made
 * when the worker first asks for an adapter.
 */
export function installInWorkers(link: ProgramLink): void {
  threads.setEnvironmentData(PROGRAM_LINK, { ...link });
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

/** Our preparation, as workers are told to load it. */
const PRELOAD = new URL('./preload.js', import.meta.url).href;

/** Has every new worker load our preparation first. */
export function patchWorker(): void {
  const { Worker } = threads;
  const prepared: typeof Worker = new Proxy(Worker, {
    construct(target, values: [string | URL, threads.WorkerOptions | null | undefined], newTarget) {
      const [filename, options] = values;
      const start = (...args: unknown[]): object => Reflect.construct(target, args, newTarget) as object;
      const given = options?.execArgv ?? process.execArgv;
      const isText = options?.eval === true && typeof filename === 'string';
      if (isText && !isModuleText(filename, given)) return start(behind(PRELOAD, filename), options);
      const withPreload = (execArgv: readonly string[]): object =>
        start(filename, { ...options, execArgv: [...execArgv, '--import', PRELOAD] });
      try {
        return withPreload(given);
      } catch (error) {
        // What a worker takes over from its process may hold options that no worker may be given.
        const refused = given === process.execArgv ? refusedOptions(error) : [];
        if (refused.length === 0) throw error;
        return withPreload(given.filter((option) => !refused.includes(option)));
      }
    },
  });
  Object.defineProperty(Worker.prototype, 'constructor', { value: prepared });
  threads.Worker = prepared;
  syncBuiltinESMExports();
}

/** In a worker: the options are again what they are without us. */
export function forgetPreload(): void {
  const at = process.execArgv.lastIndexOf(PRELOAD);
  if (at > 0) process.execArgv.splice(at - 1, 2);
}

function refusedOptions(error: unknown): readonly string[] {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code !== 'ERR_WORKER_INVALID_EXEC_ARGV') return [];
  return message
    .slice(message.indexOf(':') + 1)
    .split(',')
    .map((option) => option.trim());
}
