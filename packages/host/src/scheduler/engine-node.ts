import type { BackendAdapter, ExecutionResult, NodeDescription } from '../backends/contract.ts';
import type { HostClock } from './clock.ts';
import type { QueueItem } from './queue-item.ts';
import { ReadyList } from './ready-list.ts';
import { emptyNodeStatistics } from './scheduler-process.ts';

/** A timer so late says that this process was busy elsewhere, and may not have read yet what ended, milliseconds. */
const LATE_MS = 50;
/** How long it then has for that, milliseconds. */
const GRACE_MS = 2000;

/** What a node needs of its scheduler. */
export interface NodeHost {
  readonly adapter: BackendAdapter;
  readonly clock: HostClock;
  readonly timeoutMs: number;
  /** Nothing may be started: a reset is under way or the adapter is gone. */
  readonly isPaused: boolean;
  /** A submission ended: the scheduler settles its queue and device. */
  submissionEnded(item: QueueItem, result: ExecutionResult): void;
  /** A submission started: its queue may go on. */
  submissionStarted(item: QueueItem): void;
  /** The oldest running submission has run for longer than the time-out. */
  timedOut(item: QueueItem): void;
}

/** An engine: takes submissions of ready queues and watches over the time that they take. */
export class EngineNode {
  readonly index: number;
  readonly description: NodeDescription;
  readonly ready = new ReadyList();
  readonly statistics = emptyNodeStatistics();
  readonly #host: NodeHost;
  #inFlight = 0;
  #oldest: QueueItem | null = null;
  #newest: QueueItem | null = null;
  #lastEndMs = 0;
  #cancelTimer: (() => void) | null = null;
  /** The submission that got more time because this process was busy: once each. */
  #excused: QueueItem | null = null;

  constructor(host: NodeHost, index: number, description: NodeDescription) {
    this.#host = host;
    this.index = index;
    this.description = description;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get oldest(): QueueItem | null {
    return this.#oldest;
  }

  /** Starts what can be started. @returns whether anything was. */
  dispatch(): boolean {
    let started = false;
    while (this.#inFlight < this.description.maxInFlight && !this.#host.isPaused) {
      const queue = this.ready.take();
      if (queue === null) break;
      started = true;
      this.#start(queue.takeSubmission());
    }
    return started;
  }

  /** The backend's `done`. */
  ended(item: QueueItem, result: ExecutionResult): void {
    const now = this.#host.clock.nowMs();
    this.#inFlight -= 1;
    this.#unlink(item, now);
    // Overlapping work counts once: each end accounts for the time since the one before.
    const runningMs = now - Math.max(item.startMs, this.#lastEndMs);
    this.#lastEndMs = now;
    const processStatistics = item.queue!.context.device.process.statistics[this.index]!;
    this.statistics.runningMs += runningMs;
    processStatistics.runningMs += runningMs;
    if (result.kind === 'completed') {
      this.statistics.completed += 1;
      processStatistics.completed += 1;
    } else {
      this.statistics.failed += 1;
      processStatistics.failed += 1;
    }
    this.#host.submissionEnded(item, result);
  }

  close(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #start(item: QueueItem): void {
    const now = this.#host.clock.nowMs();
    item.node = this;
    item.startMs = now;
    item.oldestSinceMs = now;
    item.previousRunning = this.#newest;
    if (this.#newest === null) this.#oldest = item;
    else this.#newest.nextRunning = item;
    this.#newest = item;
    this.#inFlight += 1;
    this.statistics.submissions += 1;
    item.queue!.context.device.process.statistics[this.index]!.submissions += 1;
    if (this.#cancelTimer === null) this.#arm(this.#host.timeoutMs);
    this.#host.submissionStarted(item);
    try {
      this.#host.adapter.execute(this.index, item, item.done);
    } catch (error) {
      item.done({ kind: 'fault', message: `the backend threw: ${String(error)}` });
    }
  }

  #unlink(item: QueueItem, now: number): void {
    const { previousRunning, nextRunning } = item;
    if (previousRunning === null) this.#oldest = nextRunning;
    else previousRunning.nextRunning = nextRunning;
    if (nextRunning === null) this.#newest = previousRunning;
    else nextRunning.previousRunning = previousRunning;
    item.previousRunning = null;
    item.nextRunning = null;
    if (this.#excused === item) this.#excused = null;
    if (previousRunning === null && nextRunning !== null) nextRunning.oldestSinceMs = now;
  }

  /** One timer per node, never touched on the hot path: when it fires it looks how long the oldest has run. */
  #arm(delayMs: number): void {
    const dueMs = this.#host.clock.nowMs() + delayMs;
    this.#cancelTimer = this.#host.clock.setTimer(delayMs, () => {
      this.#cancelTimer = null;
      const oldest = this.#oldest;
      if (oldest === null) return;
      const now = this.#host.clock.nowMs();
      const leftMs = oldest.oldestSinceMs + this.#host.timeoutMs - now;
      if (leftMs > 0) {
        this.#arm(leftMs);
      } else if (now - dueMs > LATE_MS && this.#excused !== oldest) {
        this.#excused = oldest;
        this.#arm(Math.min(GRACE_MS, this.#host.timeoutMs));
      } else {
        this.#excused = null;
        this.#host.timedOut(oldest);
      }
    });
  }
}
