import Module from 'node:module';
import { basename } from 'node:path';
import type { ProgramGpu } from './program-globals.ts';

/** Dawn for Node: the file that the package `webgpu`, and others, load into the process. */
const ADDON = 'dawn.node';

type Load = (module: { exports: unknown }, filename: string) => unknown;

/** Node's own loader, as far as it is not in the types. Tools of all kinds replace these two. */
const loader = Module as unknown as {
  readonly _extensions: Record<string, Load | undefined>;
  _resolveFilename(request: string, ...rest: unknown[]): string;
};

/**
 * Lets a program that brings Dawn itself have our GPU: `create()` of the package `webgpu` gives the one that is also
 * `navigator.gpu`. Done at the addon that such packages load, so that it holds for modules, for CommonJS and for any
 * package, also where it has no addon for this platform. The options of `create()` are for a device in the process,
 * and change nothing.
 *
 * What has been loaded before stays as it is. `program` is called when there is something to give.
 */
export function replaceDawnAddon(program: () => ProgramGpu): void {
  const create = (flags: unknown): object => {
    checkFlags(flags);
    return program().gpu;
  };
  const load = loader._extensions['.node'];
  loader._extensions['.node'] = (module, filename) => {
    if (basename(filename) === ADDON) module.exports = { create, globals: program().globals };
    else load?.(module, filename);
  };
  const resolve = loader._resolveFilename;
  loader._resolveFilename = function (this: unknown, request: string, ...rest: unknown[]): string {
    try {
      return resolve.call(this as typeof loader, request, ...rest);
    } catch (error) {
      if (basename(request) === ADDON) return request;
      throw error;
    }
  };
}

/** Throws what Dawn throws. */
function checkFlags(flags: unknown): void {
  if (!Array.isArray(flags)) throw new Error('value is not an array');
  if (flags.every((flag) => typeof flag === 'string' && flag.includes('='))) return;
  throw new Error('Flags expected argument format is <key>=<value>');
}
