import type { ContextServices, ExecutionResult, MemoryRun, PageWalk, Submission } from '../contract.ts';
import { PRIVATE_HEADER_BYTES, RECORD_BYTES, ReferenceOperation } from './commands.ts';
import { copySlices, type ReferenceMemory, type Slice } from './memory.ts';

/** Most bytes of commands in one submission, and most bytes that one command touches. */
const MAX_COMMAND_BYTES = 16 * 2 ** 20;
const MAX_TOUCHED_BYTES = 2 ** 30;
const ZERO_BYTES = 65_536;

const COMPLETED: ExecutionResult = { kind: 'completed' };

/** A picture that was presented. */
export interface ReferenceFrame {
  readonly width: number;
  readonly height: number;
  /** RGBA, rows without padding. */
  readonly pixels: Uint8Array;
}

export interface ExecutorEnvironment {
  readonly memory: ReferenceMemory;
  readonly services: ContextServices;
  readonly readClock: () => bigint;
  readonly present: (frame: ReferenceFrame) => void;
}

/** What `run` says besides a result: the commands never end, or guest pages are on their way. */
export type StepResult = ExecutionResult | 'hang' | Promise<void>;

type GoodWalk = Extract<PageWalk, { readonly ok: true }>;

/** Executes one submission. It can stop to fetch guest pages: `run` is then called again. */
export class ReferenceExecutor {
  readonly #environment: ExecutorEnvironment;
  readonly #submission: Submission;
  #commands: DataView | null = null;
  #position = 0;
  /** The step at `#position` has fetched what it reads. */
  #fetched = false;

  constructor(environment: ExecutorEnvironment, submission: Submission) {
    this.#environment = environment;
    this.#submission = submission;
  }

  /** Goes on with the commands. */
  run(): StepResult {
    if (this.#commands === null) {
      const loaded = this.#load();
      if (loaded !== null) return loaded;
    }
    const commands = this.#commands!;
    while (this.#position < commands.byteLength) {
      const at = this.#position;
      const left = commands.byteLength - at;
      const operation = left < 8 ? -1 : commands.getUint32(at, true);
      const lengthBytes = left < 8 ? 0 : commands.getUint32(at + 4, true);
      if (lengthBytes !== RECORD_BYTES[operation] || lengthBytes > left) {
        return invalid(`operation ${operation} with a record of ${lengthBytes} bytes at offset ${at}`);
      }
      if (operation === ReferenceOperation.end) return COMPLETED;
      const result = this.#step(operation, commands, at);
      if (result !== null) return result;
      this.#position = at + lengthBytes;
      this.#fetched = false;
    }
    return COMPLETED;
  }

  /** Finds the commands and copies them. @returns null when they are there. */
  #load(): StepResult | null {
    const { privateData, commandAddress, commandLengthBytes } = this.#submission;
    if (privateData.length > 0) {
      const view = new DataView(privateData.buffer, privateData.byteOffset, privateData.length);
      const kind = privateData.length < PRIVATE_HEADER_BYTES ? -1 : view.getUint32(0, true);
      if (kind === 0) {
        const lengthBytes = view.getUint32(4, true);
        if (lengthBytes > privateData.length - PRIVATE_HEADER_BYTES) {
          return invalid(`${lengthBytes} bytes of commands in ${privateData.length} bytes of private data`);
        }
        const commands = privateData.slice(PRIVATE_HEADER_BYTES, PRIVATE_HEADER_BYTES + lengthBytes);
        this.#commands = new DataView(commands.buffer);
        return null;
      }
      if (kind !== 1) return invalid(`private data of ${privateData.length} bytes of kind ${kind}`);
    }
    if (commandLengthBytes > MAX_COMMAND_BYTES) return tooLong(commandLengthBytes, MAX_COMMAND_BYTES);
    const walk = this.#submission.walk(commandAddress, commandLengthBytes, 'read');
    if (!walk.ok) return { kind: 'page-fault', address: walk.faultAddress };
    const fetch = this.#fetch(walk);
    if (fetch !== null) return fetch;
    this.#fetched = false;
    const commands = new Uint8Array(commandLengthBytes);
    copySlices(this.#slices(walk), [{ bytes: commands, publish: null, noteRead: null }]);
    this.#commands = new DataView(commands.buffer);
    return null;
  }

  /** @returns null when the command is done. */
  #step(operation: number, commands: DataView, at: number): StepResult | null {
    const first = commands.byteLength >= at + 16 ? commands.getBigUint64(at + 8, true) : 0n;
    switch (operation) {
      case ReferenceOperation.copy:
        return this.#copy(first, commands.getBigUint64(at + 16, true), commands.getBigUint64(at + 24, true));
      case ReferenceOperation.fill:
        return this.#fill(first, commands.getBigUint64(at + 16, true), commands.getUint32(at + 24, true));
      case ReferenceOperation.timestamp: {
        const bytes = new Uint8Array(8);
        new DataView(bytes.buffer).setBigUint64(0, this.#environment.readClock(), true);
        return this.#write(first, bytes);
      }
      case ReferenceOperation.present:
        return this.#present(
          first,
          commands.getUint32(at + 16, true),
          commands.getUint32(at + 20, true),
          commands.getUint32(at + 24, true),
        );
      case ReferenceOperation.hang:
        return 'hang';
      case ReferenceOperation.fault:
        return invalid('the fault command');
      default: {
        const handle = commands.getUint32(at + 8, true);
        const low = commands.getUint32(at + 16, true);
        const high = commands.getUint32(at + 20, true);
        const { services } = this.#environment;
        return services.signalFence(handle, low, high) ? null : invalid(`no fence with handle ${handle}`);
      }
    }
  }

  #copy(source: bigint, target: bigint, length: bigint): StepResult | null {
    if (length > MAX_TOUCHED_BYTES) return tooLong(length, MAX_TOUCHED_BYTES);
    const from = this.#submission.walk(source, Number(length), 'read');
    if (!from.ok) return { kind: 'page-fault', address: from.faultAddress };
    const to = this.#submission.walk(target, Number(length), 'write');
    if (!to.ok) return { kind: 'page-fault', address: to.faultAddress };
    const fetch = this.#fetch(from);
    if (fetch !== null) return fetch;
    copySlices(this.#slices(from), this.#slices(to));
    return null;
  }

  #fill(target: bigint, length: bigint, value: number): StepResult | null {
    if (length % 4n !== 0n) return invalid(`a fill of ${length} bytes, not a multiple of 4`);
    if (length > MAX_TOUCHED_BYTES) return tooLong(length, MAX_TOUCHED_BYTES);
    const to = this.#submission.walk(target, Number(length), 'write');
    if (!to.ok) return { kind: 'page-fault', address: to.faultAddress };
    const pattern = new Uint8Array(4);
    new DataView(pattern.buffer).setUint32(0, value, true);
    let phase = 0;
    for (const { bytes, publish } of this.#slices(to)) {
      for (let i = 0; i < bytes.length; i += 1) bytes[i] = pattern[(phase + i) & 3]!;
      phase = (phase + bytes.length) & 3;
      publish?.();
    }
    return null;
  }

  #write(target: bigint, bytes: Uint8Array): StepResult | null {
    const to = this.#submission.walk(target, bytes.length, 'write');
    if (!to.ok) return { kind: 'page-fault', address: to.faultAddress };
    copySlices([{ bytes, publish: null, noteRead: null }], this.#slices(to));
    return null;
  }

  #present(source: bigint, width: number, height: number, pitchBytes: number): StepResult | null {
    const rowBytes = width * 4;
    if (width === 0 || height === 0 || pitchBytes < rowBytes) {
      return invalid(`a picture of ${width} x ${height} with a pitch of ${pitchBytes} bytes`);
    }
    const spanBytes = pitchBytes * (height - 1) + rowBytes;
    if (spanBytes > MAX_TOUCHED_BYTES) return tooLong(spanBytes, MAX_TOUCHED_BYTES);
    const from = this.#submission.walk(source, spanBytes, 'read');
    if (!from.ok) return { kind: 'page-fault', address: from.faultAddress };
    const fetch = this.#fetch(from);
    if (fetch !== null) return fetch;
    const span = new Uint8Array(spanBytes);
    copySlices(this.#slices(from), [{ bytes: span, publish: null, noteRead: null }]);
    const pixels = new Uint8Array(rowBytes * height);
    for (let row = 0; row < height; row += 1) {
      pixels.set(span.subarray(row * pitchBytes, row * pitchBytes + rowBytes), row * rowBytes);
    }
    this.#environment.present({ width, height, pixels });
    return null;
  }

  /** Asks for guest pages that have to be asked for, once per step. @returns null when nothing is to wait for. */
  #fetch(walk: GoodWalk): Promise<void> | null {
    if (this.#fetched) return null;
    const { memory } = this.#environment;
    const runs = walk.runs.filter((run): run is MemoryRun => 'view' in run && memory.needsFetch(run.view));
    if (runs.length === 0) return null;
    this.#fetched = true;
    return Promise.all(runs.map((run) => memory.fetch(run))).then(() => {});
  }

  /** What zero pages read as, and what is written to them, is a shared block that nobody looks at. */
  #slices(walk: GoodWalk): Slice[] {
    const slices: Slice[] = [];
    for (const run of walk.runs) {
      if ('view' in run) {
        slices.push(...this.#environment.memory.slices(run.view, run.offset, run.length));
        continue;
      }
      for (let left = run.length; left > 0; left -= ZERO_BYTES) {
        slices.push({ bytes: new Uint8Array(Math.min(left, ZERO_BYTES)), publish: null, noteRead: null });
      }
    }
    return slices;
  }
}

function invalid(what: string): ExecutionResult {
  return { kind: 'fault', message: `reference commands: ${what}` };
}

function tooLong(lengthBytes: number | bigint, limit: number): ExecutionResult {
  return invalid(`${lengthBytes} bytes, the limit is ${limit}`);
}
