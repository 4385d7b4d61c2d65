import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { SampledCoverage } from './coverage.ts';
import { Mutator } from './mutate.ts';
import { Random } from './random.ts';
import type { FuzzTarget } from './target.ts';

/** No input may take longer, milliseconds of CPU time. */
export const MAX_INPUT_MS = 50;
/** Inputs between two looks at the coverage while it guides. */
const GUIDED_INPUTS = 1024;
/** Most inputs that are kept because they reached new code. */
const MAX_FOUND = 2000;
/** Inputs between two checks of what must hold between inputs. */
const CHECK_INPUTS = 4096;
const PROGRESS_MS = 250;
/** What the heap may grow from its first measurement to the last, bytes. */
const MAX_HEAP_GROWTH_BYTES = 16 << 20;
/** Two looks at the memory in use that differ by less see all that is going gone, bytes. */
const SETTLED_BYTES = 64 << 10;
/** Most looks for one measurement. */
const MAX_LOOKS = 20;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

export interface FuzzOptions {
  readonly seed: number;
  /** Inputs to run; with `seconds` whichever comes first. */
  readonly inputs: number;
  readonly seconds: number;
  readonly corpus: readonly Uint8Array[];
  /**
   * Guides the whole run, where it is given. Started before the target's code was loaded: what was compiled earlier has
   * no counters in its blocks.
   */
  readonly coverage: SampledCoverage | null;
  /** Ends the run early when it says so; it is asked between batches. */
  readonly isStopped?: () => boolean;
  readonly progress?: (inputs: number, seconds: number) => void;
}

export interface FuzzReport {
  readonly inputs: number;
  /** Seconds spent on inputs, without set-up and measurements. */
  readonly seconds: number;
  readonly slowestMs: number;
  /** Inputs that reached new code, smallest first. */
  readonly found: readonly Uint8Array[];
  /** Characters of our source that ran while coverage guided. */
  readonly coveredCharacters: number;
  readonly heapGrowthBytes: number;
}

/** An input did what must not happen. */
export class FuzzFailure extends Error {
  override readonly name = 'FuzzFailure';
  readonly input: Uint8Array;

  constructor(message: string, input: Uint8Array, cause?: unknown) {
    super(message, { cause });
    this.input = input;
  }
}

/**
 * Whatever one guest or context has right now is no growth: the target lets go of it first.
 *
 * A thread of V8's frees the memory of array buffers after the collection that found them, and finalizers run as tasks:
 * on a busy machine either may come late. What goes down from one look to the next is on its way out; a leak stays.
 */
async function memoryInUse(target: FuzzTarget): Promise<number> {
  await target.reset?.();
  let least = Number.POSITIVE_INFINITY;
  for (let look = 0; look < MAX_LOOKS; look += 1) {
    collect();
    await nextTurn();
    // `external` holds the array buffers too.
    const { external, heapUsed } = process.memoryUsage();
    const bytes = heapUsed + external;
    if (bytes > least - SETTLED_BYTES) return Math.min(bytes, least);
    least = bytes;
  }
  return least;
}

/** Milliseconds of CPU time of this process that one run of the input takes, with what is collected for it. */
async function cpuMs(target: FuzzTarget, input: Uint8Array): Promise<number> {
  const before = process.cpuUsage();
  const pending = target.run(input.slice());
  if (pending !== undefined) await pending;
  const { system, user } = process.cpuUsage(before);
  return (system + user) / 1000;
}

/** Runs one target. One instance, one run. */
export class FuzzRun {
  readonly #target: FuzzTarget;
  readonly #options: FuzzOptions;
  readonly #random: Random;
  readonly #mutator: Mutator;
  readonly #corpus: Uint8Array[];
  readonly #found: Uint8Array[] = [];
  #inputs = 0;
  #spentMs = 0;
  #slowestMs = 0;
  #heapAtFirst = 0;
  #lastProgressMs = 0;

  constructor(target: FuzzTarget, options: FuzzOptions) {
    this.#target = target;
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#mutator = new Mutator(this.#random, target.maxInputBytes);
    this.#corpus = [...target.seeds(), ...options.corpus].map((seed) => seed.slice(0, target.maxInputBytes));
  }

  /** @throws FuzzFailure with the input that failed. */
  async run(): Promise<FuzzReport> {
    // A trace of the stack for each refusal would cost more than the refusal. A failure is run again with traces.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    try {
      for (const seed of this.#corpus) await this.#one(seed.slice());
      const { coverage } = this.#options;
      if (coverage === null) await this.#plain();
      else await this.#guided(coverage);
      await this.#check();
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
    // Counters and inputs that are found grow by themselves.
    const isFlat = this.#options.coverage === null;
    const heapGrowthBytes = isFlat ? (await memoryInUse(this.#target)) - this.#heapAtFirst : 0;
    if (heapGrowthBytes > MAX_HEAP_GROWTH_BYTES) {
      throw new FuzzFailure(
        `the heap grew by ${heapGrowthBytes} bytes; the limit is ${MAX_HEAP_GROWTH_BYTES}`,
        new Uint8Array(0),
      );
    }
    return {
      inputs: this.#inputs,
      seconds: this.#spentMs / 1000,
      slowestMs: this.#slowestMs,
      found: this.#found.sort((a, b) => a.length - b.length),
      coveredCharacters: this.#options.coverage?.characters ?? 0,
      heapGrowthBytes,
    };
  }

  get #isOver(): boolean {
    return (
      this.#inputs >= this.#options.inputs ||
      this.#spentMs >= this.#options.seconds * 1000 ||
      this.#options.isStopped?.() === true
    );
  }

  /** Looks at the coverage after every batch, and keeps the inputs that reached new code. */
  async #guided(coverage: SampledCoverage): Promise<void> {
    coverage.take(true);
    while (!this.#isOver && this.#found.length < MAX_FOUND) {
      const states: number[] = [];
      // What is found joins the corpus after the batch, so that the batch can be made again.
      for (let index = 0; index < GUIDED_INPUTS; index += 1) {
        states.push(this.#random.state);
        await this.#one(this.#mutator.next(this.#corpus));
      }
      const after = this.#random.state;
      if (coverage.take(false)) {
        const found: Uint8Array[] = [];
        await this.#keepOf(coverage, states, found);
        this.#corpus.push(...found);
        this.#found.push(...found);
      }
      this.#random.state = after;
    }
  }

  /** Runs the inputs of these states again, by halves, down to those that reach new code. */
  async #keepOf(coverage: SampledCoverage, states: readonly number[], found: Uint8Array[]): Promise<void> {
    let input: Uint8Array = this.#mutator.bytes;
    for (const state of states) {
      this.#random.state = state;
      input = this.#mutator.next(this.#corpus);
      await this.#one(input);
    }
    if (states.length === 1) {
      if (coverage.take(true)) found.push(input.slice());
      return;
    }
    if (!coverage.take(false)) return;
    const half = states.length >>> 1;
    await this.#keepOf(coverage, states.slice(0, half), found);
    await this.#keepOf(coverage, states.slice(half), found);
  }

  async #plain(): Promise<void> {
    const warmUp = Math.min(this.#options.inputs * 0.2, 200_000);
    while (!this.#isOver) {
      const count = Math.min(CHECK_INPUTS, this.#options.inputs - this.#inputs);
      for (let index = 0; index < count && !this.#isOver; index += 1) {
        const pending = this.#one(this.#mutator.next(this.#corpus));
        if (pending !== undefined) await pending;
      }
      await this.#check();
      if (this.#heapAtFirst === 0 && this.#inputs >= warmUp)
        this.#heapAtFirst = await memoryInUse(this.#target);
    }
    if (this.#heapAtFirst === 0) this.#heapAtFirst = await memoryInUse(this.#target);
  }

  /** One input, timed. Not an async function: most targets have done when they return. */
  #one(input: Uint8Array): Promise<void> | undefined {
    const begin = performance.now();
    let pending: Promise<void> | void;
    try {
      pending = this.#target.run(input);
    } catch (error) {
      throw this.#failed(input, error);
    }
    if (pending === undefined) return this.#done(input, begin);
    return pending.then(
      () => this.#done(input, begin),
      (error: unknown) => {
        throw this.#failed(input, error);
      },
    );
  }

  #failed(input: Uint8Array, error: unknown): FuzzFailure {
    const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return new FuzzFailure(reason, input.slice(), error);
  }

  #done(input: Uint8Array, begin: number): Promise<void> | undefined {
    const now = performance.now();
    const tookMs = now - begin;
    this.#spentMs += tookMs;
    this.#inputs += 1;
    if (now - this.#lastProgressMs > PROGRESS_MS) {
      this.#lastProgressMs = now;
      this.#options.progress?.(this.#inputs, this.#spentMs / 1000);
    }
    if (tookMs > MAX_INPUT_MS) return this.#judgeSlow(input.slice());
    if (tookMs > this.#slowestMs) this.#slowestMs = tookMs;
    return this.#target.afterInput?.();
  }

  /**
   * The machine may have been busy with something else, or with what earlier inputs left: such an input is run by
   * itself, as its file will be, and its CPU time counts.
   */
  async #judgeSlow(input: Uint8Array): Promise<void> {
    let least = Number.POSITIVE_INFINITY;
    for (let attempt = 0; attempt < 3 && least > MAX_INPUT_MS; attempt += 1) {
      await this.#target.reset?.();
      // The first input after that makes what it needs.
      await cpuMs(this.#target, new Uint8Array(0));
      collect();
      least = Math.min(least, await cpuMs(this.#target, input));
    }
    if (least > this.#slowestMs) this.#slowestMs = least;
    if (least > MAX_INPUT_MS) {
      throw new FuzzFailure(`slow: ${least.toFixed(1)} ms of CPU time; the limit is ${MAX_INPUT_MS}`, input);
    }
  }

  async #check(): Promise<void> {
    // Signals are heard between turns only.
    if (this.#options.isStopped !== undefined) await new Promise((resolve) => setImmediate(resolve));
    try {
      await this.#target.check?.();
    } catch (error) {
      throw this.#failed(new Uint8Array(0), error);
    }
  }
}
