import Module, { createRequire } from 'node:module';
import process from 'node:process';
import threads from 'node:worker_threads';

/** What tools that translate programs as they are loaded put themselves in the place of. */
interface Loader {
  readonly _extensions: Record<string, unknown>;
  _load: unknown;
  _resolveFilename: unknown;
}

/**
 * Loads a module of ours within a call, later, as Node would have now: with a translator in between (tsx and the like) we
 * would be there twice, once as what it makes of us.
 *
 * @returns null where this Node cannot (20.19 and newer can), or where something was loaded before us that may translate.
 */
export function atOnceLoader(): ((path: string) => unknown) | null {
  if ((process.features as { require_module?: boolean }).require_module !== true) return null;
  if (mayBeTranslated()) return null;
  const loader = Module as unknown as Loader;
  const pristine = stateOf(loader);
  const compile = Object.getOwnPropertyDescriptor(Module.prototype, '_compile')!;
  const require = createRequire(import.meta.url);
  return (path) => {
    const state = stateOf(loader);
    const ownCompile = Object.getOwnPropertyDescriptor(Module.prototype, '_compile')!;
    try {
      restore(loader, pristine);
      Object.defineProperty(Module.prototype, '_compile', compile);
      return require(path);
    } finally {
      restore(loader, state);
      Object.defineProperty(Module.prototype, '_compile', ownCompile);
    }
  };
}

/** In a worker what it is told to load comes before us, in a process only what is loaded as CommonJS, or loads the rest. */
function mayBeTranslated(): boolean {
  const before = threads.isMainThread
    ? /^(-r|--require|--(experimental-)?loader)(=|$)/
    : /^(-r|--require|--(experimental-)?loader|--import)(=|$)/;
  const options = [...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(/\s+/)];
  return options.some((option) => before.test(option));
}

function stateOf({ _extensions, _load, _resolveFilename }: Loader): Loader {
  return { _extensions: { ..._extensions }, _load, _resolveFilename };
}

function restore(loader: Loader, { _extensions, _load, _resolveFilename }: Loader): void {
  for (const name of Object.keys(loader._extensions)) {
    if (!Object.hasOwn(_extensions, name)) delete loader._extensions[name];
  }
  Object.assign(loader._extensions, _extensions);
  Object.assign(loader, { _load, _resolveFilename });
}
