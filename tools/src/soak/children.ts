import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { getPriority, setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { FromHost, HostCensus, HostTask, ToHost } from './host.ts';
import type { FromSurvivor, SurvivorTask, ToSurvivor } from './survivor.ts';
import type { LastWords, VictimTask } from './victim.ts';

const fileOf = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const running = new Set<ChildProcess>();

/** No child outlives this process. */
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    process.stdout.write('interrupted: nothing was checked at the end\n');
    process.exit(1);
  });
}

function keep(child: ChildProcess): ChildProcess {
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** The host of a soak run, in a process of its own. */
export class HostProcess {
  url = '';
  /** Guests by name prefix that have been let in and are not gone yet, and when the last one went, milliseconds. */
  readonly #present = new Map<string, number>();
  readonly #child: ChildProcess;
  readonly #onFailure: (message: string) => void;
  readonly #census: ((census: HostCensus) => void)[] = [];
  readonly #changes = new Set<() => void>();
  #isStopping = false;

  private constructor(task: HostTask, onFailure: (message: string) => void) {
    this.#onFailure = onFailure;
    this.#child = keep(
      fork(fileOf('host.js'), [JSON.stringify(task)], {
        execArgv: ['--expose-gc'],
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      }),
    );
    this.#child.on('exit', (code, signal) => {
      if (!this.#isStopping || code !== 0) onFailure(`the host ended with ${signal ?? code}`);
    });
  }

  static async start(task: HostTask, onFailure: (message: string) => void): Promise<HostProcess> {
    const host = new HostProcess(task, onFailure);
    await new Promise<void>((resolve, reject) => {
      host.#child.once('exit', () => reject(new Error('the host ended at once')));
      host.#child.on('message', (message) => host.#received(message as FromHost, resolve));
    });
    return host;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  #received(message: FromHost, ready: () => void): void {
    if (message.type === 'listening') {
      this.url = message.url;
      ready();
    } else if (message.type === 'census') {
      this.#census.shift()?.(message.census);
    } else if (message.type === 'failure') {
      this.#onFailure(`the host: ${message.message}`);
    } else {
      const prefix = message.name.replace(/\d+$/, '');
      const count = (this.#present.get(prefix) ?? 0) + (message.type === 'attached' ? 1 : -1);
      if (count === 0) this.#present.delete(prefix);
      else this.#present.set(prefix, count);
      for (const changed of this.#changes) changed();
    }
  }

  async census(): Promise<HostCensus> {
    this.#child.send({ type: 'census' } satisfies ToHost);
    return await new Promise((resolve) => this.#census.push(resolve));
  }

  /** Resolves when nothing of the guests whose names start so is there, or after a time. @returns whether it is so. */
  async gone(prefix: string, withinMs: number): Promise<boolean> {
    if (!this.#present.has(prefix)) return true;
    return await new Promise((resolve) => {
      const end = (isGone: boolean) => {
        clearTimeout(timer);
        this.#changes.delete(changed);
        resolve(isGone);
      };
      const timer = setTimeout(() => end(false), withinMs);
      const changed = () => {
        if (!this.#present.has(prefix)) end(true);
      };
      this.#changes.add(changed);
    });
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    const exited = once(this.#child, 'exit');
    this.#child.send({ type: 'stop' } satisfies ToHost);
    await exited;
  }
}

/** A guest that is to live, in a process of its own. */
export class SurvivorProcess {
  readonly #child: ChildProcess;
  readonly #onFailure: (message: string) => void;
  readonly #reports: ((times: readonly number[]) => void)[] = [];
  readonly #ended: Promise<void>;
  #isDone = false;

  private constructor(task: SurvivorTask, onFailure: (message: string) => void) {
    this.#onFailure = onFailure;
    this.#child = keep(fork(fileOf('survivor.js'), [JSON.stringify(task)]));
    // What a process said last may be read after its end was seen.
    const ended = Promise.all([once(this.#child, 'exit'), once(this.#child, 'disconnect')]);
    this.#ended = ended.then(([[code, signal]]) => {
      if (!this.#isDone) onFailure(`${task.name} ended with ${signal ?? code}`);
      for (const report of this.#reports.splice(0)) report([]);
    });
  }

  static async start(task: SurvivorTask, onFailure: (message: string) => void): Promise<SurvivorProcess> {
    const survivor = new SurvivorProcess(task, onFailure);
    await new Promise<void>((resolve, reject) => {
      survivor.#child.once('exit', () => reject(new Error(`${task.name} ended at once`)));
      survivor.#child.on('message', (message) => survivor.#received(message as FromSurvivor, resolve));
    });
    return survivor;
  }

  #received(message: FromSurvivor, ready: () => void): void {
    if (message.type === 'ready') ready();
    else if (message.type === 'times') this.#reports.shift()?.(message.times);
    else if (message.type === 'done') this.#isDone = true;
    else this.#onFailure(message.message);
  }

  /** Round trips since the last report, milliseconds. */
  async times(): Promise<readonly number[]> {
    if (this.#child.exitCode !== null || !this.#child.connected) return [];
    this.#child.send({ type: 'report' } satisfies ToSurvivor);
    return await new Promise((resolve) => this.#reports.push(resolve));
  }

  async stop(): Promise<void> {
    if (this.#child.connected) this.#child.send({ type: 'stop' } satisfies ToSurvivor);
    await this.#ended;
  }
}

/** How a victim ended. */
export interface VictimEnd extends LastWords {
  readonly signal: string | null;
  readonly code: number | null;
}

/** How much the system prefers host and guests that live to processes that start, which keep a processor busy. */
const VICTIM_NICENESS = 10;
const LEAST_PRIORITY = 19;

/** Runs a process with guests until somebody kills it, or it ends by itself. */
export async function runVictim(task: VictimTask): Promise<VictimEnd> {
  const child = keep(
    spawn(process.execPath, [fileOf('victim.js'), JSON.stringify(task)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  if (child.pid !== undefined) {
    setPriority(child.pid, Math.min(LEAST_PRIORITY, getPriority() + VICTIM_NICENESS));
  }
  let words: LastWords = { states: [], unanswered: 0 };
  const lines = createInterface({ input: child.stdout! });
  lines.on('line', (line) => {
    words = JSON.parse(line) as LastWords;
    if (task.killer === 'the runner') child.kill('SIGKILL');
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { ...words, signal, code };
}
