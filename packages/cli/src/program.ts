import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { dirname, extname, join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { CommandFailure, describe, ExitCode, isDebugging } from './errors.ts';

/** What `dxgwire run` runs, before it is run. */
export interface MainProgram {
  /** What messages call it. */
  readonly name: string;
  /** What stands in `process.argv` between Node and the program's own arguments. */
  readonly argv: readonly string[];
  /** Evaluates it as the main module of this process. */
  load(): unknown;
}

/**
 * A program by the name of its file.
 *
 * @throws CommandFailure when there is no such file.
 */
export function programFile(name: string): MainProgram {
  const path = findProgram(name);
  return { name: path, argv: [path], load: () => loadMain(path) };
}

/**
 * The full path of a program's file. As for `node`, a folder stands for its main module, and `.js` may be left out.
 *
 * @throws CommandFailure when there is no such file.
 */
function findProgram(name: string): string {
  const path = resolve(name);
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isFile() === true) return path;
  try {
    return createRequire(path).resolve(path);
  } catch {
    if (stats?.isDirectory() === true) {
      throw new CommandFailure(`${name} is a folder without a main module, not a program`);
    }
    throw new CommandFailure(`there is no program ${name}`);
  }
}

/** Node's exit code for a program whose top level awaits what nothing can settle any more. */
const UNSETTLED_EXIT_CODE = 13;

/**
 * Runs a program in this process as Node would. Resolves when its main module has been evaluated;
 * what it started may go on. What it throws ends the process with code 1 and one line that says what and where.
 *
 * @param prepare called right before, when all of our own listeners are in place.
 * @param beforeFailure what to await between what the program throws and the end of the process; null: nothing.
 */
export async function runProgram(
  program: MainProgram,
  args: readonly string[],
  prepare?: () => void,
  beforeFailure: () => Promise<void> | null = () => null,
): Promise<void> {
  const path = program.name;
  process.argv.splice(1, process.argv.length - 1, ...program.argv, ...args);
  let isFailing = false;
  const fail = (error: unknown): void => {
    // What it throws while it is about to end for an error, nobody would have come to.
    if (isFailing) return;
    isFailing = true;
    const wait = beforeFailure();
    if (wait === null) failWith(path, error);
    void wait.then(() => failWith(path, error));
  };
  process.on('uncaughtException', (error) => {
    // A program that handles such errors itself has added a listener of its own.
    if (process.listenerCount('uncaughtException') > 1) return;
    fail(error);
  });
  let isEvaluated = false;
  let isIdle = false;
  process.on('beforeExit', () => {
    isIdle = true;
  });
  process.once('exit', () => {
    if (isEvaluated || !isIdle || process.exitCode !== undefined) return;
    process.exitCode = UNSETTLED_EXIT_CODE;
    process.stderr.write(`dxgwire: ${path} ended while its top level awaited what nothing can settle\n`);
  });
  prepare?.();
  try {
    await program.load();
    isEvaluated = true;
  } catch (error) {
    fail(error);
  }
}

/** Node's own loader, as far as it is not in the types: what runs `node PROGRAM`. */
const loader = Module as unknown as {
  readonly _extensions: Readonly<Record<string, unknown>>;
  _load(path: string, parent: null, isMain: boolean): unknown;
  runMain(path: string): unknown;
};

/**
 * Evaluates a program as the main module of this process: in CommonJS `require.main === module` holds, and
 * `import.meta.main` where Node has it.
 */
async function loadMain(path: string): Promise<void> {
  if (!isModule(path)) loader._load(path, null, true);
  else if ('main' in import.meta) loader.runMain(path);
  else await import(pathToFileURL(path).href);
}

/** False for what CommonJS reads: also for what has to be looked into, by a loader that does so itself. */
function isModule(path: string): boolean {
  const extension = extname(path);
  // Where CommonJS reads no TypeScript it takes it for JavaScript; the other loader says what is wrong.
  if (/^\.([mc]?tsx?|wasm)$/.test(extension) && !('.ts' in loader._extensions)) return true;
  if (/^\.[mc][jt]s$/.test(extension)) return extension[1] === 'm';
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    try {
      const { type } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { type?: unknown };
      return type === 'module';
    } catch (error) {
      // A package.json that cannot be read is for the loader to complain about.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return false;
    }
    if (dirname(folder) === folder) return false;
  }
}

function failWith(path: string, error: unknown): never {
  const hint = /\.[mc]?tsx?$/.test(path) ? typeScriptHint(error) : null;
  if (hint !== null) {
    process.stderr.write(`dxgwire: ${path} is TypeScript: ${hint}\n`);
    process.exit(ExitCode.failure);
  }
  const where = error instanceof Error ? placeOf(error, path) : null;
  process.stderr.write(`dxgwire: ${path} threw ${nameThrown(error)}${where === null ? '' : ` (${where})`}\n`);
  if (isDebugging() && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  process.exit(ExitCode.failure);
}

/** What to do about a TypeScript file that this Node cannot read; null when that is not what is wrong. */
function typeScriptHint(error: unknown): string | null {
  switch ((error as NodeJS.ErrnoException | null)?.code) {
    case 'ERR_UNKNOWN_FILE_EXTENSION':
      return `Node ${process.versions.node} runs none; use Node 22.18 or newer, or compile it first`;
    case 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX':
      return `Node only strips types: ${describe(error)}`;
    default:
      return null;
  }
}

function nameThrown(error: unknown): string {
  if (!(error instanceof Error)) return describe(typeof error === 'string' ? error : inspect(error));
  if ((error as NodeJS.ErrnoException).code === 'ERR_UNHANDLED_REJECTION') {
    // Node wraps what is not an error in a long explanation.
    const reason = /reason "(.*)"\.$/s.exec(error.message)?.[1];
    if (reason !== undefined) return describe(`in a promise: ${reason}`);
  }
  return `${error.name}: ${describe(error)}`;
}

/** Where this package lies. */
const OWN_FOLDER = fileURLToPath(new URL('.', import.meta.url));

/** A line of a stack that names a place: alone, behind `at`, or in parentheses behind the name of a function. */
const PLACE =
  /^(?:\s*at (?:async )?|.*?\()?(file:\/\/.+?|\/.+?|[A-Z]:\\.+?|\[(?:eval|stdin)\]):(\d+(?::\d+)?)\)?$/;

/** Where an error arose: the first place in the program's own file, else in any file that is neither Node's nor ours. */
function placeOf(error: Error, path: string): string | null {
  const places: string[] = [];
  for (const [index, line] of (error.stack ?? '').split('\n').entries()) {
    const [, file, position] = PLACE.exec(line) ?? [];
    if (file === undefined) continue;
    const name = file.startsWith('file://') ? fileURLToPath(file) : file;
    // What cannot be compiled stands above the message, and those who wanted it below.
    if (index === 0) return `${name}:${position}`;
    if (!name.startsWith(OWN_FOLDER)) places.push(`${name}:${position}`);
  }
  return places.find((place) => place.startsWith(path)) ?? places[0] ?? whereUncompiled(error, path);
}

/** Of a module that cannot be compiled Node tells the place to nobody, but prints it. */
function whereUncompiled(error: Error, path: string): string | null {
  if (error.name !== 'SyntaxError' || path.startsWith('[')) return null;
  const env = { ...process.env, NODE_OPTIONS: '' };
  const { stderr } = spawnSync(process.execPath, ['--check', path], { env, encoding: 'utf8' });
  const [, file, position] = PLACE.exec(stderr.split('\n')[0] ?? '') ?? [];
  return file === undefined ? null : `${file.startsWith('file://') ? fileURLToPath(file) : file}:${position}`;
}
