import childProcess, { ChildProcess } from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';
import process from 'node:process';
import type { ProgramLink } from './workers.ts';

/** The environment variable by which a Node process that the program starts learns how to reach the GPU. */
const VARIABLE = 'DXGWIRE_PROGRAM';

/** What has Node load our preparation before anything of the program's. */
const OPTION = `--import=${new URL('./preload.js', import.meta.url).href}`;

/** What of `ChildProcess.prototype.spawn` concerns us: all that starts a process and does not wait goes through it. */
interface SpawnOptions {
  readonly envPairs?: readonly string[];
}

/** An environment by name, as programs give it. */
type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Gives each Node process that the program starts a GPU of its own, with a connection of its own, also where a shell or
 * another program stands between: with Dawn in the process they would have one too. The program sees nothing of it in
 * its environment.
 */
export function installInChildren(link: ProgramLink): void {
  const added = { [VARIABLE]: JSON.stringify(link) };
  patchSpawn(added);
  for (const name of ['spawnSync', 'execFileSync', 'execSync'] as const) patchSync(name, added);
  syncBuiltinESMExports();
}

/** How to reach the GPU, in a process that a program under `dxgwire run` has started; null in any other. */
export function takeInherited(): ProgramLink | null {
  const text = process.env[VARIABLE];
  const options = process.env['NODE_OPTIONS'];
  delete process.env[VARIABLE];
  const rest = options?.replace(OPTION, '').trim();
  if (rest === '') delete process.env['NODE_OPTIONS'];
  else if (rest !== undefined && rest !== options) process.env['NODE_OPTIONS'] = rest;
  return text === undefined || text === '' ? null : (JSON.parse(text) as ProgramLink);
}

function patchSpawn(added: Environment): void {
  const prototype = ChildProcess.prototype as unknown as { spawn(options: SpawnOptions): unknown };
  const { spawn } = prototype;
  prototype.spawn = function (this: ChildProcess, options: SpawnOptions): unknown {
    if (!Array.isArray(options?.envPairs)) return spawn.call(this, options);
    const environment = Object.fromEntries(options.envPairs.map(splitPair));
    const envPairs = Object.entries(prepared(environment, added)).map(([name, value]) => `${name}=${value}`);
    return spawn.call(this, { ...options, envPairs });
  };
}

function splitPair(pair: string): [string, string] {
  // Windows has names that begin with one.
  const at = pair.indexOf('=', 1);
  return at === -1 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
}

function patchSync(name: 'spawnSync' | 'execFileSync' | 'execSync', added: Environment): void {
  const start = childProcess[name] as (...values: unknown[]) => unknown;
  const patched = (...values: unknown[]): unknown => {
    const given = values.findLast((value) => typeof value === 'object' && value !== null);
    const options = (Array.isArray(given) ? {} : (given ?? {})) as { readonly env?: Environment };
    if (options !== given) {
      while (values.length > 1 && values.at(-1) === undefined) values.pop();
      values.push(options);
    }
    const env = prepared(allOf(options.env ?? process.env), added);
    return start(...values.map((value) => (value === options ? { ...options, env } : value)));
  };
  Object.defineProperty(patched, 'name', { value: name });
  Object.defineProperty(patched, 'length', { value: start.length });
  (childProcess as unknown as Record<string, unknown>)[name] = patched;
}

/** Also what an environment inherits, as Node takes it. */
function allOf(environment: Environment): Record<string, string | undefined> {
  const all: Record<string, string | undefined> = {};
  for (const name in environment) all[name] = environment[name];
  return all;
}

function prepared(environment: Environment, added: Environment): Environment {
  // A process of our own says so by an empty one.
  if (environment[VARIABLE] === '') return environment;
  const options = environment['NODE_OPTIONS'] ?? '';
  return { ...environment, ...added, NODE_OPTIONS: `${OPTION} ${options}`.trim() };
}
