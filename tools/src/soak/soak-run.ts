import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SimRandom } from '../sim/sim-random.ts';
import { HostProcess, runVictim, SurvivorProcess } from './children.ts';
import type { HostCensus } from './host.ts';
import { PROTOCOL_STATES } from './protocol-states.ts';

export const SOAK_TRANSPORTS = ['unix', 'tcp', 'websocket', 'shared-memory'] as const;
export type SoakTransport = (typeof SOAK_TRANSPORTS)[number];

export interface SoakOptions {
  readonly transport: SoakTransport;
  /** Guests that live from the beginning to the end, each a process. */
  readonly guests: number;
  /** Guests to kill. */
  readonly kills: number;
  /** The run ends at the latest then, milliseconds. */
  readonly limitMs: number;
  readonly seed: number;
  /** Place in {@link PROTOCOL_STATES} with which the processes that are killed begin; the others follow in turn. */
  readonly firstState: number;
  /** Guests in a process that is killed. */
  readonly guestsPerProcess: number;
  /** Of so many rounds one, the first, has processes that end in order, for comparison of times; 0: none has. */
  readonly orderlyOneIn: number;
  readonly onProgress?: (kills: number) => void;
}

export interface SoakResult {
  /** Guests killed, and the processes in which they were. */
  readonly kills: number;
  readonly processes: number;
  /** Of them, those whose last command had no answer yet when their process last spoke. */
  readonly unanswered: number;
  /** Guests by the state in which they were killed. */
  readonly states: ReadonlyMap<string, number>;
  /** From the death of a process until everything of its guests was gone, milliseconds. */
  readonly freedMs: readonly number[];
  /**
   * Round trips of the guests that live, while others close in order and while others are killed, milliseconds: a list for
   * each round.
   */
  readonly calmMs: readonly (readonly number[])[];
  readonly killingMs: readonly (readonly number[])[];
  readonly before: HostCensus;
  readonly after: HostCensus;
  /** Of the host, counted from outside once all guests were gone. */
  readonly memoryFiles: number;
  /** Left in the folder in which the host listened, once it was stopped. */
  readonly folderEntries: readonly string[];
  /** What must not have happened; empty when nothing has. */
  readonly failures: readonly string[];
}

/** How long a host keeps what a guest has after its network connection broke, milliseconds. */
export const SOAK_LEASE_MS = 250;
/** How long work of a soak run may take before it counts as hung, milliseconds. */
const TIMEOUT_MS = 300;
/** Until everything of a killed guest must be gone for the run to go on, milliseconds. */
const GONE_WITHIN_MS = 20_000;
/** Processes with guests at a time, and in a row before the mode changes. */
const LANES = 2;
const ROUND = 6;
/** Growth of the host's heap that is no leak: what compiles and grows to fit, bytes. */
const HEAP_SLACK_BYTES = 24 * 1024 * 1024;

class SoakRun {
  readonly #options: SoakOptions;
  readonly #random: SimRandom;
  readonly #folder = mkdtempSync(join(tmpdir(), 'dxgwire-soak-'));
  readonly #failures: string[] = [];
  readonly #states = new Map<string, number>();
  readonly #freedMs: number[] = [];
  readonly #calmMs: number[][] = [];
  readonly #killingMs: number[][] = [];
  readonly #survivors: SurvivorProcess[] = [];
  #host: HostProcess | null = null;
  #kills = 0;
  #unanswered = 0;
  #processes = 0;
  #names = 0;

  constructor(options: SoakOptions) {
    this.#options = options;
    // Also where Ctrl-C ends the run.
    process.once('exit', () => rmSync(this.#folder, { recursive: true, force: true }));
    this.#random = new SimRandom(options.seed);
  }

  get #listenUrl(): string {
    const urls: Readonly<Record<SoakTransport, string>> = {
      unix: `unix:${this.#folder}/host`,
      'shared-memory': `shm:${this.#folder}/host`,
      tcp: 'tcp:127.0.0.1:0',
      websocket: 'ws://127.0.0.1:0',
    };
    return urls[this.#options.transport];
  }

  #fail(message: string): void {
    if (this.#failures.length < 50) this.#failures.push(message);
  }

  async run(): Promise<SoakResult> {
    const onFailure = (message: string) => this.#fail(message);
    const task = { url: this.#listenUrl, leaseMs: SOAK_LEASE_MS, timeoutMs: TIMEOUT_MS };
    const host = await HostProcess.start(task, onFailure);
    this.#host = host;
    // What is made on first use is there before counting begins.
    await this.#victim('nobody', PROTOCOL_STATES.length - 1);
    const before = await host.census();
    for (let i = 0; i < this.#options.guests; i += 1) {
      const guest = { url: host.url, name: `survivor ${i}`, seed: this.#random.u32() };
      this.#survivors.push(await SurvivorProcess.start(guest, onFailure));
    }
    await this.#rounds();
    await Promise.all(this.#survivors.map((survivor) => survivor.stop()));
    const after = await this.#settledCensus(host);
    this.#compare(before, after);
    const memoryFiles = memoryFilesOf(host.pid);
    if (memoryFiles > 0) this.#fail(`the host has ${memoryFiles} memory files`);
    await host.stop();
    const folderEntries = readdirSync(this.#folder);
    if (folderEntries.length > 0) this.#fail(`files are left: ${folderEntries.join()}`);
    rmSync(this.#folder, { recursive: true, force: true });
    return {
      kills: this.#kills,
      unanswered: this.#unanswered,
      processes: this.#processes,
      states: this.#states,
      freedMs: this.#freedMs,
      calmMs: this.#calmMs,
      killingMs: this.#killingMs,
      before,
      after,
      memoryFiles,
      folderEntries,
      failures: this.#failures,
    };
  }

  async #rounds(): Promise<void> {
    const { kills, limitMs, orderlyOneIn } = this.#options;
    const endMs = performance.now() + limitMs;
    await this.#takeTimes(null);
    for (let round = 0; this.#kills < kills && performance.now() < endMs; round += 1) {
      const isCalm = orderlyOneIn > 0 && round % orderlyOneIn === 0;
      const lane = async () => {
        for (let i = 0; i < ROUND / LANES && (isCalm || this.#kills < kills); i += 1)
          await this.#next(isCalm);
      };
      await Promise.all(Array.from({ length: LANES }, lane));
      await this.#takeTimes(isCalm ? this.#calmMs : this.#killingMs);
      if (this.#failures.length > 20) break;
    }
  }

  /** States take turns; who kills is drawn. */
  async #next(isCalm: boolean): Promise<void> {
    if (isCalm) return await this.#victim('nobody', this.#random.below(PROTOCOL_STATES.length));
    const state = (this.#options.firstState + this.#processes) % PROTOCOL_STATES.length;
    this.#processes += 1;
    await this.#victim(this.#random.oneIn(2) ? 'itself' : 'the runner', state);
  }

  async #victim(killer: 'itself' | 'the runner' | 'nobody', state: number): Promise<void> {
    const host = this.#host!;
    this.#names += 1;
    const name = `victim ${this.#names}-`;
    const guests = this.#options.guestsPerProcess;
    const seed = this.#random.u32();
    const end = await runVictim({ url: host.url, name, guests, state, seed, killer });
    const deathMs = performance.now();
    const isRight = killer === 'nobody' ? end.code === 0 : end.signal === 'SIGKILL';
    if (!isRight)
      this.#fail(
        `${name} (seed ${seed}, ${PROTOCOL_STATES[state]![0]}) ended with ${end.signal ?? end.code}`,
      );
    if (killer !== 'nobody') {
      this.#unanswered += end.unanswered;
      for (const reached of end.states) {
        this.#kills += 1;
        this.#states.set(reached, (this.#states.get(reached) ?? 0) + 1);
      }
      this.#options.onProgress?.(this.#kills);
    }
    const isGone = await host.gone(name, GONE_WITHIN_MS);
    if (!isGone) this.#fail(`of ${name} (seed ${seed}) something is left after ${GONE_WITHIN_MS} ms`);
    if (killer !== 'nobody') this.#freedMs.push(performance.now() - deathMs);
  }

  async #takeTimes(into: number[][] | null): Promise<void> {
    const times = await Promise.all(this.#survivors.map((survivor) => survivor.times()));
    into?.push(times.flat());
  }

  /** A connection that was made at the moment of death may still have to be refused. */
  async #settledCensus(host: HostProcess): Promise<HostCensus> {
    let census = await host.census();
    for (let i = 0; i < 100 && Object.values(census.left).some((count) => count !== 0); i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      census = await host.census();
    }
    return census;
  }

  #compare(before: HostCensus, after: HostCensus): void {
    for (const [kind, count] of Object.entries(after.left)) {
      if (count !== 0) this.#fail(`${count} ${kind} are left on the host`);
    }
    if (after.files > before.files)
      this.#fail(`the host has ${after.files} files open, ${before.files} before`);
    if (after.sockets > before.sockets)
      this.#fail(`the host has ${after.sockets} sockets open, ${before.sockets} before`);
    if (after.timers > before.timers)
      this.#fail(`the host has ${after.timers} timers, ${before.timers} before`);
    const grown = after.heapBytes - before.heapBytes;
    if (grown > HEAP_SLACK_BYTES) this.#fail(`the host's heap has grown by ${grown} bytes`);
  }
}

/** Memory files of a process, as the system sees them. */
function memoryFilesOf(pid: number): number {
  const names = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return '';
    }
  });
  return names.filter((name) => name.includes('memfd:dxgwire')).length;
}

/** Guests under random load, others killed in the middle of a command beside them; then counts what is left. */
export async function soak(options: SoakOptions): Promise<SoakResult> {
  return await new SoakRun(options).run();
}
