import { type ChildProcess, spawn } from 'node:child_process';
import { createServer, type Server } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The command under test: the file that is installed as `dxgwire`. */
export const bin: string = fileURLToPath(new URL('../../bin/dxgwire.js', import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

function collect(child: ChildProcess): Promise<Finished> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/** Where a command runs, and what it reads from standard input. */
export interface Surroundings {
  readonly cwd?: string;
  readonly input?: string;
}

/** Runs Node to its end. */
export function node(
  args: readonly string[],
  environment: Record<string, string> = {},
  { cwd, input }: Surroundings = {},
): Promise<Finished> {
  const env = { ...process.env, DXGWIRE_TOKEN: '', DXGWIRE_DEBUG: '', ...environment };
  const child = spawn(process.execPath, args, {
    env,
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
  });
  child.stdin?.end(input);
  return collect(child);
}

/** Runs one `dxgwire` command to its end. */
export function dxgwire(
  args: readonly string[],
  environment?: Record<string, string>,
  surroundings?: Surroundings,
): Promise<Finished> {
  return node([bin, ...args], environment, surroundings);
}

/** `dxgwire host` in a process of its own, ready for guests. */
export class HostProcess {
  readonly url: string;
  readonly announcement: Record<string, unknown>;
  readonly #child: ChildProcess;
  readonly #finished: Promise<Finished>;

  private constructor(child: ChildProcess, finished: Promise<Finished>, line: string) {
    this.#child = child;
    this.#finished = finished;
    this.announcement = JSON.parse(line) as Record<string, unknown>;
    this.url = String(this.announcement['url']);
  }

  /** Starts it on a free port of the loopback. */
  static async start(args: readonly string[]): Promise<HostProcess> {
    const line = ['host', '--listen', 'ws://127.0.0.1:0', '--json', '--log', 'warn', ...args];
    const child = spawn(process.execPath, [bin, ...line], { stdio: ['ignore', 'pipe', 'pipe'] });
    const finished = collect(child);
    const ready = new Promise<string>((resolve) => {
      createInterface({ input: child.stdout! }).once('line', resolve);
    });
    const early = finished.then(({ code, stderr }) => {
      throw new Error(`the host ended with code ${code}: ${stderr}`);
    });
    early.catch(() => {}); // it ends at last, after it was ready
    return new HostProcess(child, finished, await Promise.race([ready, early]));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Sends a signal and waits for its end. */
  stop(signal: NodeJS.Signals = 'SIGINT'): Promise<Finished> {
    this.#child.kill(signal);
    return this.#finished;
  }
}

/** A TCP port of the loopback that is taken until `close`. */
export async function takePort(): Promise<{ port: number; close(): Promise<void> }> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
