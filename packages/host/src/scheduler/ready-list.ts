import type { ExecutionQueue } from './execution-queue.ts';
import type { SchedulerProcess } from './scheduler-process.ts';

/** Priorities -7..7 become levels 0..14. */
const LEVELS = 15;
const LEVEL_OF_ZERO = 7;

/** The ready queues of one process at one context priority on one node. */
class ProcessEntry {
  readonly process: SchedulerProcess;
  readonly level: number;
  next: ProcessEntry | null = null;
  previous: ProcessEntry | null = null;
  /** Bit i: a queue of in-process level i is ready. */
  mask = 0;
  readonly first: (ExecutionQueue | null)[] = new Array<ExecutionQueue | null>(LEVELS).fill(null);
  readonly last: (ExecutionQueue | null)[] = new Array<ExecutionQueue | null>(LEVELS).fill(null);

  constructor(process: SchedulerProcess, level: number) {
    this.process = process;
    this.level = level;
  }
}

/**
 * Queues of one node whose next item is a submission. Next is taken: the highest context priority; among processes
 * of the same, each in turn; within a process the highest in-process priority; among equals, the longest ready.
 * Each operation takes constant time, whatever the number of queues.
 */
export class ReadyList {
  #mask = 0;
  /** For each level the process whose turn is next, in a ring. */
  readonly #turn: (ProcessEntry | null)[] = new Array<ProcessEntry | null>(LEVELS).fill(null);
  readonly #entries = new Map<SchedulerProcess, (ProcessEntry | null)[]>();

  get isEmpty(): boolean {
    return this.#mask === 0;
  }

  add(queue: ExecutionQueue): void {
    if (queue.readyEntry !== null) return;
    const level = queue.context.priority + LEVEL_OF_ZERO;
    const entry = this.#entryOf(queue.context.device.process, level);
    if (entry.mask === 0) this.#link(entry);
    const inner = queue.context.inProcessPriority + LEVEL_OF_ZERO;
    const last = entry.last[inner]!;
    queue.readyPrevious = last;
    queue.readyNext = null;
    if (last === null) entry.first[inner] = queue;
    else last.readyNext = queue;
    entry.last[inner] = queue;
    entry.mask |= 1 << inner;
    queue.readyEntry = entry;
    queue.readyLevel = inner;
  }

  remove(queue: ExecutionQueue): void {
    const entry = queue.readyEntry as ProcessEntry | null;
    if (entry === null) return;
    const inner = queue.readyLevel;
    if (queue.readyPrevious === null) entry.first[inner] = queue.readyNext;
    else queue.readyPrevious.readyNext = queue.readyNext;
    if (queue.readyNext === null) entry.last[inner] = queue.readyPrevious;
    else queue.readyNext.readyPrevious = queue.readyPrevious;
    queue.readyPrevious = null;
    queue.readyNext = null;
    queue.readyEntry = null;
    if (entry.first[inner] === null) entry.mask &= ~(1 << inner);
    if (entry.mask === 0) this.#unlink(entry);
  }

  /** Takes the queue that is served next. */
  take(): ExecutionQueue | null {
    if (this.#mask === 0) return null;
    const level = 31 - Math.clz32(this.#mask);
    const entry = this.#turn[level]!;
    const queue = entry.first[31 - Math.clz32(entry.mask)]!;
    this.#turn[level] = entry.next;
    this.remove(queue);
    return queue;
  }

  /** The process is gone; it has no ready queues any more. */
  forget(process: SchedulerProcess): void {
    this.#entries.delete(process);
  }

  #entryOf(process: SchedulerProcess, level: number): ProcessEntry {
    let entries = this.#entries.get(process);
    if (entries === undefined) {
      entries = new Array<ProcessEntry | null>(LEVELS).fill(null);
      this.#entries.set(process, entries);
    }
    let entry = entries[level]!;
    if (entry === null) {
      entry = new ProcessEntry(process, level);
      entries[level] = entry;
    }
    return entry;
  }

  /** Puts a process at the end of its level's round: just before the one whose turn is next. */
  #link(entry: ProcessEntry): void {
    const turn = this.#turn[entry.level]!;
    if (turn === null) {
      entry.next = entry;
      entry.previous = entry;
      this.#turn[entry.level] = entry;
      this.#mask |= 1 << entry.level;
      return;
    }
    entry.next = turn;
    entry.previous = turn.previous;
    turn.previous!.next = entry;
    turn.previous = entry;
  }

  #unlink(entry: ProcessEntry): void {
    if (entry.next === entry) {
      this.#turn[entry.level] = null;
      this.#mask &= ~(1 << entry.level);
    } else {
      if (this.#turn[entry.level] === entry) this.#turn[entry.level] = entry.next;
      entry.previous!.next = entry.next;
      entry.next!.previous = entry.previous;
    }
    entry.next = null;
    entry.previous = null;
  }
}

/** What a queue keeps of its place in a {@link ReadyList}. */
export type ReadyEntry = ProcessEntry;
