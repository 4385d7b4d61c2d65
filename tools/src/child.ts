import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

/** The `dxgwire` command's own file, found through its package. */
export const dxgwirePath: string = join(
  dirname(createRequire(import.meta.url).resolve('@dxgwire/cli')),
  '../bin/dxgwire.js',
);

/** How a child process ended. */
export interface ChildResult {
  readonly code: number;
  readonly output: string;
}

const running = new Set<ChildProcess>();

/** A child must not outlive this process, whatever ends it. */
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    // Whoever else hears of it may have something to say first.
    setImmediate(() => process.exit(1));
  });
}

function start(args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  running.add(child);
  child.once('close', () => running.delete(child));
  return child;
}

function ended(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (signal === null) resolve(code ?? 1);
      else reject(new Error(`a child process was ended by ${signal}`));
    });
  });
}

/** Runs a Node program to its end and collects what it prints. Its errors go to this terminal. */
export async function runToEnd(args: readonly string[]): Promise<ChildResult> {
  const child = start(args);
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  return { code: await ended(child), output };
}

/** A child that serves until it is told to stop. */
export interface Service {
  /** The first line that it printed. */
  readonly firstLine: string;
  /** Its process id. */
  readonly pid: number;
  /** Asks it to end, as Ctrl-C does, and waits. @returns its exit code. */
  stop(): Promise<number>;
}

/** Starts a Node program that prints a line when it is ready. */
export async function startService(args: readonly string[]): Promise<Service> {
  const child = start(args);
  const end = ended(child);
  const lines = createInterface({ input: child.stdout! });
  const firstLine = await Promise.race([
    new Promise<string>((resolve) => lines.once('line', resolve)),
    end.then((code) => Promise.reject(new Error(`it ended with code ${code} before it was ready`))),
  ]);
  return {
    firstLine,
    pid: child.pid ?? 0,
    stop() {
      child.kill('SIGINT');
      return end;
    },
  };
}
