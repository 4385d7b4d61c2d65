import process from 'node:process';
import { replaceDawnAddon } from './dawn-addon.ts';

/** What a program finds: `navigator.gpu`, and the classes and constants of WebGPU as globals. */
export interface ProgramGpu {
  readonly gpu: object;
  readonly globals: Readonly<Record<string, unknown>>;
}

/** As in Node without us, where a program that brings a GPU itself puts it there. */
const REPLACEABLE = { configurable: true, writable: true };

/** Gives this process what a WebGPU program expects to find, or to load. */
export function installGlobals(program: ProgramGpu): void {
  replaceDawnAddon(() => program);
  for (const [name, value] of Object.entries(program.globals)) {
    Object.defineProperty(globalThis, name, { ...REPLACEABLE, value, enumerable: false });
  }
  Object.defineProperty(navigatorOfProgram(), 'gpu', {
    ...REPLACEABLE,
    value: program.gpu,
    enumerable: true,
  });
}

/**
 * The same, but made when the program first looks at any of it, within that very look: most processes and workers that
 * programs start never do.
 *
 * @param names the names of the globals that `load` will give.
 */
export function installGlobalsLazily(names: readonly string[], load: () => ProgramGpu): void {
  let loaded: ProgramGpu | null = null;
  const program = (): ProgramGpu => {
    loaded ??= load();
    return loaded;
  };
  replaceDawnAddon(program);
  for (const name of names) defineLazily(globalThis, name, false, () => program().globals[name]);
  defineLazily(navigatorOfProgram(), 'gpu', true, () => program().gpu);
}

/** A property that becomes a plain one when it is first read or written. */
function defineLazily(target: object, name: string, enumerable: boolean, load: () => unknown): void {
  const define = (value: unknown): void => {
    Object.defineProperty(target, name, { ...REPLACEABLE, value, enumerable });
  };
  Object.defineProperty(target, name, {
    configurable: true,
    enumerable,
    get() {
      const value = load();
      define(value);
      return value;
    },
    set: define,
  });
}

function navigatorOfProgram(): object {
  if (globalThis.navigator === undefined) {
    // Node has had a navigator since version 21.
    const value = { userAgent: `Node.js/${process.versions.node}`, language: 'en-US' };
    Object.defineProperty(globalThis, 'navigator', { ...REPLACEABLE, value, enumerable: false });
  }
  return globalThis.navigator;
}
