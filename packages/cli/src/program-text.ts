import Module, { createRequire } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { constants, Script } from 'node:vm';
import type { MainProgram } from './program.ts';

/** A program that is given as a text, as with `node --eval`. */
export function programText(text: string): MainProgram {
  return { name: '[eval]', argv: [], load: () => evaluate('[eval]', text) };
}

/** A program that comes over standard input, as with `node -`. Resolves when all of it is there. */
export async function programFromInput(): Promise<MainProgram> {
  process.stdin.setEncoding('utf8');
  let text = '';
  for await (const chunk of process.stdin) text += String(chunk);
  return { name: '[stdin]', argv: ['-'], load: () => evaluate('[stdin]', text) };
}

/** Lets a script import, as from a file in the current folder. Node 20.11 has no such thing. */
const { USE_MAIN_CONTEXT_DEFAULT_LOADER: loader } = constants ?? {};
const IMPORTING = loader === undefined ? {} : { importModuleDynamically: loader };

/** Node warns, once, of the first import in such a script, as of something experimental: this is the first. */
function takeWarning(): void {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    void new Script("import('node:os')", IMPORTING).runInThisContext().catch(() => {});
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** As Node evaluates it: as CommonJS in the global scope, with what it needs of that; else as a module. */
function evaluate(name: string, text: string): unknown {
  let script: Script;
  try {
    script = new Script(text, { filename: name, ...IMPORTING });
  } catch (error) {
    if (!isOfModule(error)) throw error;
    return evaluateModule(text);
  }
  takeWarning();
  const path = join(process.cwd(), name);
  const module = new Module(name);
  const require = createRequire(path);
  Object.assign(module, { filename: path, paths: require.resolve.paths('any') ?? [] });
  const scope = { module, exports: module.exports, require, __filename: name, __dirname: '.' };
  for (const [key, value] of Object.entries(scope))
    Object.defineProperty(globalThis, key, { configurable: true, writable: true, value });
  return script.runInThisContext({ displayErrors: true });
}

/** Whether a text is no script for what only a module may have; the messages are V8's. */
function isOfModule(error: unknown): boolean {
  return (
    error instanceof SyntaxError &&
    /^(Cannot use import statement outside|Unexpected token 'export'|Cannot use 'import\.meta' outside|await is only valid)/.test(
      error.message,
    )
  );
}

/** Evaluates a module that has no file, but imports as if it lay in the current folder, under the name that Node gives it. */
async function evaluateModule(text: string): Promise<void> {
  const href = `${pathToFileURL(join(process.cwd(), '/')).href}[eval1]`;
  const data = { href, text };
  const hooks = `
    let own;
    export function initialize(data) { own = data; }
    export const resolve = (specifier, context, next) =>
      specifier === own.href ? { url: own.href, format: 'module', shortCircuit: true } : next(specifier, context);
    export const load = (url, context, next) =>
      url === own.href ? { format: 'module', source: own.text, shortCircuit: true } : next(url, context);`;
  Module.register(`data:text/javascript,${encodeURIComponent(hooks)}`, { data });
  await import(href);
}
