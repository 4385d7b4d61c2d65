import type { Clock } from '../clock.ts';
import { Random } from '../compliance/data.ts';
import { FrameTracker, type Framing } from './framing.ts';
import type { DirectionPlan, Fault, FramePoint } from './plan.ts';

/** What the reading end of a pipe is told. */
export interface PipeReader {
  /** Bytes have come, in order; they are the reader's own. @returns false to be given no more until `resume`. */
  bytes(bytes: Uint8Array): boolean | undefined;
  /** The writer has ended; nothing more comes. */
  ended(): void;
}

export interface FaultPipeOptions {
  readonly clock: Clock;
  readonly seed: number;
  readonly framing: Framing;
  readonly plan: DirectionPlan;
  readonly reader: PipeReader;
  /** Bytes that the pipe holds before it asks its writer to stop. Default 256 KiB. */
  readonly windowBytes?: number;
  /** There is room again after {@link FaultPipe.hasRoom} was false. */
  readonly onRoom: () => void;
  /** A fault cuts the whole connection. */
  readonly onCut: () => void;
  /** A fault stalls the whole connection for a time, milliseconds. */
  readonly onStall: (forMs: number) => void;
}

const DEFAULT_WINDOW_BYTES = 256 * 1024;
/** After this much one byte at a time, random pieces follow: the point is made. */
const SINGLE_BYTES = 16 * 1024;
/** Joined writes arrive together at multiples of this, milliseconds. */
const JOIN_MS = 8;

interface Arrival {
  readonly atMs: number;
  /** Null: the end. 'cut': the connection is cut when what was before it has arrived. */
  readonly what: Uint8Array | 'end' | 'cut';
}

/** One direction of a connection, with delay, rate, pieces and faults as planned. Reproducible on a virtual clock. */
export class FaultPipe {
  readonly #options: FaultPipeOptions;
  readonly #tracker: FrameTracker;
  readonly #random: Random;
  readonly #windowBytes: number;
  #faults: readonly Fault[];
  readonly #arrivals: Arrival[] = [];
  #bufferedBytes = 0;
  #lineFreeMs = 0;
  #lastArrivalMs = 0;
  #stalledUntilMs = 0;
  #isDeaf = false;
  /** The end has been put into the line: later bytes are lost. */
  #hasEnded = false;
  #isOver = false;
  #isPaused = false;
  #isFull = false;
  #cancel: (() => void) | null = null;
  #isScheduled = false;
  #singleBytes = 0;
  #bells = 0;

  constructor(options: FaultPipeOptions) {
    this.#options = options;
    this.#tracker = new FrameTracker(options.framing);
    this.#random = new Random(options.seed);
    this.#windowBytes = options.windowBytes ?? DEFAULT_WINDOW_BYTES;
    this.#faults = options.plan.faults;
  }

  /** Whether the writer may go on. What is written beyond is taken as well. */
  get hasRoom(): boolean {
    return this.#bufferedBytes < this.#windowBytes;
  }

  /** Frames that have begun to go through. */
  get frames(): number {
    return this.#tracker.frame;
  }

  /** Takes the next bytes; they are copied. */
  write(bytes: Uint8Array): void {
    /** What is passed on unchanged goes as it came: one piece from here to the next fault. */
    let from = 0;
    let at = 0;
    const pass = () => {
      if (at > from) this.#queue(bytes.slice(from, at));
    };
    while (at < bytes.length && !this.#hasEnded && !this.#isOver) {
      const fault = this.#faults.length === 0 ? undefined : this.#faultHere();
      if (fault !== undefined) {
        pass();
        this.#faults = this.#faults.filter((entry) => entry !== fault);
        at += this.#apply(fault, bytes, at);
        from = at;
      } else if (this.#isBell(bytes[at]!)) {
        pass();
        this.#tracker.passed(bytes, at, 1);
        this.#passBell(bytes.slice(at, at + 1));
        at += 1;
        from = at;
      } else {
        const count = this.#untilFault(this.#tracker.run(bytes, at));
        this.#tracker.passed(bytes, at, count);
        at += count;
      }
    }
    if (!this.#hasEnded) pass();
    if (!this.hasRoom) this.#isFull = true;
  }

  #faultHere(): Fault | undefined {
    return this.#faults.find((entry) => entry.kind !== 'bells' && this.#isAt(entry.at));
  }

  #isBell(byte: number): boolean {
    return byte === 0 && this.#options.framing === 'shared-memory' && this.#tracker.offset === 0;
  }

  #isAt({ frame, offset }: FramePoint): boolean {
    const here = this.#tracker;
    return here.frame > frame || (here.frame === frame && here.offset >= offset);
  }

  /** No fault lies within the run that is returned. */
  #untilFault(run: number): number {
    let count = run;
    if (this.#faults.length === 0) return count;
    for (const fault of this.#faults) {
      if (fault.kind === 'bells' || fault.at.frame !== this.#tracker.frame) continue;
      const before = fault.at.offset - this.#tracker.offset;
      if (before > 0) count = Math.min(count, before);
    }
    return count;
  }

  #passBell(piece: Uint8Array): void {
    const fault = this.#faults.find((entry) => entry.kind === 'bells');
    this.#bells += 1;
    if (fault?.kind !== 'bells' || this.#bells % fault.every !== 0) {
      this.#queue(piece);
    } else if (fault.how === 'twice') {
      this.#queue(piece);
      this.#queue(piece.slice());
    } else if (fault.how === 'late') {
      this.#options.clock.setTimer(() => {
        if (!this.#hasEnded && !this.#isOver) this.#queue(piece);
      }, fault.lateMs);
    }
  }

  /** @returns how many bytes of the input it has taken. */
  #apply(fault: Fault, bytes: Uint8Array, at: number): number {
    switch (fault.kind) {
      case 'drop':
        this.#hasEnded = true;
        this.#arrive('cut');
        return 0;
      case 'half-close':
        this.#hasEnded = true;
        this.#arrive('end');
        return 0;
      case 'stall':
        this.#options.onStall(fault.forMs);
        return 0;
      case 'deaf':
        this.#isDeaf = true;
        return 0;
      case 'corrupt':
        this.#replace(bytes, at, Uint8Array.of(bytes[at]! ^ fault.mask));
        return 1;
      case 'garbage':
        this.#queue(this.#garbage(fault.lengthBytes));
        return 0;
      case 'oversize': {
        const length = Math.min(4, this.#tracker.run(bytes, at));
        this.#replace(bytes, at, new Uint8Array(length).fill(0xff));
        return length;
      }
      case 'bells':
        return 0;
    }
  }

  #replace(bytes: Uint8Array, at: number, by: Uint8Array): void {
    // Boundaries stay where the writer has them.
    this.#tracker.passed(bytes, at, Math.min(by.length, this.#tracker.run(bytes, at)));
    this.#queue(by);
  }

  #garbage(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.#random.fill(bytes);
    bytes[0] = 0xff;
    return bytes;
  }

  #queue(bytes: Uint8Array): void {
    const { clock, plan } = this.#options;
    this.#bufferedBytes += bytes.length;
    const startMs = Math.max(clock.now(), this.#lineFreeMs);
    this.#lineFreeMs = startMs + (bytes.length * 8000) / plan.bitsPerSecond;
    this.#arrive(bytes);
  }

  #arrive(what: Arrival['what']): void {
    const { clock, plan } = this.#options;
    let atMs = Math.max(clock.now(), this.#lineFreeMs) + plan.delayMs;
    if (plan.chunking === 'joined') atMs = Math.ceil(atMs / JOIN_MS) * JOIN_MS;
    atMs = Math.max(atMs, this.#lastArrivalMs);
    this.#lastArrivalMs = atMs;
    this.#arrivals.push({ atMs, what });
    this.#schedule();
  }

  /** The writer has ended in order. */
  end(): void {
    if (this.#hasEnded || this.#isOver) return;
    this.#hasEnded = true;
    this.#arrive('end');
  }

  /** Nothing gets through for a time. */
  stall(forMs: number): void {
    this.#stalledUntilMs = Math.max(this.#stalledUntilMs, this.#options.clock.now() + forMs);
    this.#cancel?.();
    this.#cancel = null;
    this.#schedule();
  }

  /** The reader takes more again. */
  resume(): void {
    this.#isPaused = false;
    this.#schedule();
  }

  /** The connection is gone: nothing is delivered any more, and no timer stays. */
  stop(): void {
    this.#isOver = true;
    this.#cancel?.();
    this.#cancel = null;
    this.#arrivals.length = 0;
    this.#bufferedBytes = 0;
  }

  get #isBlocked(): boolean {
    return (
      this.#isOver || this.#isDeaf || this.#isPaused || this.#stalledUntilMs === Number.POSITIVE_INFINITY
    );
  }

  #schedule(): void {
    const head = this.#arrivals[0];
    if (head === undefined || this.#cancel !== null || this.#isScheduled || this.#isBlocked) return;
    const { clock } = this.#options;
    const delayMs = Math.max(head.atMs, this.#stalledUntilMs) - clock.now();
    if (delayMs > 0) {
      this.#cancel = clock.setTimer(() => {
        this.#cancel = null;
        this.#deliver();
      }, delayMs);
      return;
    }
    this.#isScheduled = true;
    clock.defer(() => {
      this.#isScheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    const { clock, reader, onCut, onRoom } = this.#options;
    while (!this.#isBlocked && this.#stalledUntilMs <= clock.now()) {
      const head = this.#arrivals[0];
      // Timers of some clocks fire a little early.
      if (head === undefined || head.atMs > clock.now() + 0.5) break;
      this.#arrivals.shift();
      if (head.what === 'cut') onCut();
      else if (head.what === 'end') reader.ended();
      else this.#give(head.what);
    }
    if (this.#isFull && this.hasRoom && !this.#isOver) {
      this.#isFull = false;
      onRoom();
    }
    this.#schedule();
  }

  #give(first: Uint8Array): void {
    let bytes = first;
    if (this.#options.plan.chunking === 'joined') bytes = this.#join(first);
    this.#bufferedBytes -= bytes.length;
    let at = 0;
    while (at < bytes.length && !this.#isOver) {
      const count = Math.min(bytes.length - at, this.#pieceBytes(bytes.length));
      const isTaken = this.#options.reader.bytes(bytes.subarray(at, at + count));
      at += count;
      if (isTaken === false) this.#isPaused = true;
    }
  }

  #join(first: Uint8Array): Uint8Array {
    const parts = [first];
    let length = first.length;
    for (;;) {
      const next = this.#arrivals[0];
      if (next === undefined || typeof next.what === 'string' || next.atMs > this.#options.clock.now()) break;
      this.#arrivals.shift();
      parts.push(next.what);
      length += next.what.length;
    }
    const joined = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      joined.set(part, at);
      at += part.length;
    }
    return joined;
  }

  #pieceBytes(length: number): number {
    const { chunking } = this.#options.plan;
    if (chunking === 'whole' || chunking === 'joined') return length;
    if (chunking === 'bytes' && this.#singleBytes < SINGLE_BYTES) {
      this.#singleBytes += 1;
      return 1;
    }
    return 1 + this.#random.below(this.#random.below(4) === 0 ? 8192 : 64);
  }
}
