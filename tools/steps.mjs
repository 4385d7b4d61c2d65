// Shared by the commands of this folder: runs a step, shows it, says how it ended. Node built-ins only, since
// these run before anything was built.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

const require = createRequire(import.meta.url);

/** The path of a development tool's entry file, found through the root's own dependencies. */
export function toolPath(packageName, entry) {
  return join(dirname(require.resolve(`${packageName}/package.json`, { paths: [root] })), entry);
}

/** Runs a Node script in the root folder with this terminal. Resolves with the exit code. */
export function runNode(args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit', ...options });
    const stop = (signal) => child.kill(signal);
    process.once('SIGINT', stop);
    process.once('SIGTERM', stop);
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      process.off('SIGINT', stop);
      process.off('SIGTERM', stop);
      resolve(signal ? 1 : (code ?? 1));
    });
  });
}

/** Compiles the whole workspace; unchanged projects are skipped by the compiler. */
export function build() {
  return runNode([toolPath('typescript', 'bin/tsc'), '-b', ...(process.stdout.isTTY ? ['--pretty'] : [])]);
}

/** Builds, then runs a compiled tool with the rest of the command line, and exits as it does. */
export async function buildAndRun(script) {
  process.stdout.write('building ... ');
  const started = Date.now();
  const code = await build();
  if (code !== 0) {
    process.stderr.write('\nThe build failed; the messages above say where.\n');
    process.exit(code);
  }
  process.stdout.write(`done in ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
  process.exit(await runNode([join(root, script), ...process.argv.slice(2)]));
}
