import type { BackendContext } from '../backends/contract.ts';
import type { DeviceWork, PageWalker, WorkSnapshot } from '../memory/device-work.ts';
import type { CpuWaits } from './cpu-waits.ts';
import type { ExecutionQueue, QueueHost } from './execution-queue.ts';
import { ExecutionState } from './execution-state.ts';
import type { SchedulerProcess } from './scheduler-process.ts';
import { MarkChain, WorkMark } from './work-snapshot.ts';

/** A device: the unit of loss. All work of a device that meets an error is given up. */
export class SchedulerDevice implements DeviceWork {
  readonly process: SchedulerProcess;
  readonly pageWalker: PageWalker;
  readonly cpuWaits: CpuWaits;
  /** Whatever the caller of createDevice wants to find again. */
  readonly owner: object;
  readonly contexts = new Set<SchedulerContext>();
  state: ExecutionState = ExecutionState.active;
  /** After a page fault: the address. */
  faultAddress = 0n;
  /** After an error: what happened, in words. */
  faultMessage = '';
  closing = false;
  onDestroyed: (() => void) | null = null;
  /** Submissions that the backend has. */
  running = 0;
  /** Queues that are being destroyed but still have work. */
  closingQueues = 0;
  readonly #host: QueueHost;
  #holds = 0;
  /** Queues whose front waits for {@link release}. */
  readonly #parked = new Set<ExecutionQueue>();
  readonly #marks = new MarkChain<ExecutionQueue>((queue, mark) => {
    queue.isFresh = false;
    queue.addMark(mark);
  });
  readonly #ableMarks = new MarkChain<ExecutionQueue>((queue, mark) => {
    queue.isFresh = false;
    queue.addAbleMark(mark);
  });

  constructor(
    host: QueueHost,
    process: SchedulerProcess,
    options: { readonly pageWalker: PageWalker; readonly cpuWaits: CpuWaits; readonly owner: object },
  ) {
    this.#host = host;
    this.process = process;
    this.pageWalker = options.pageWalker;
    this.cpuWaits = options.cpuWaits;
    this.owner = options.owner;
  }

  /** Whether it takes work. */
  get isActive(): boolean {
    return this.state === ExecutionState.active && !this.closing;
  }

  get isHeld(): boolean {
    return this.#holds > 0;
  }

  snapshot(): WorkSnapshot | null {
    return this.#marks.mark();
  }

  runningSnapshot(): WorkSnapshot | null {
    if (this.running === 0) return null;
    const mark = new WorkMark();
    for (const context of this.contexts) {
      for (const queue of context.queues) queue.addRunningMark(mark);
    }
    return mark.done ? null : mark;
  }

  ableSnapshot(): WorkSnapshot | null {
    return this.#ableMarks.mark();
  }

  /** A queue got work that no mark stands behind. */
  workAdded(queue: ExecutionQueue): void {
    queue.isFresh = true;
    this.#marks.touch(queue);
    this.#ableMarks.touch(queue);
  }

  /** A queue that stood still can go on. */
  workAwake(queue: ExecutionQueue): void {
    this.#ableMarks.touch(queue);
  }

  /** A queue is gone. */
  queueGone(queue: ExecutionQueue): void {
    this.#marks.forget(queue);
    this.#ableMarks.forget(queue);
  }

  hold(): void {
    this.#holds += 1;
  }

  release(): void {
    this.#holds -= 1;
    if (this.#holds > 0) return;
    for (const queue of this.#parked) {
      queue.isParked = false;
      this.#host.schedule(queue);
    }
    this.#parked.clear();
    this.#host.run();
  }

  /** A queue with a submission at its front waits for the device's release. */
  park(queue: ExecutionQueue): void {
    if (queue.isParked) return;
    queue.isParked = true;
    this.#parked.add(queue);
  }

  unpark(queue: ExecutionQueue): void {
    if (!queue.isParked) return;
    queue.isParked = false;
    this.#parked.delete(queue);
  }
}

/** A context: one queue, or a container for hardware queues. */
export class SchedulerContext {
  readonly device: SchedulerDevice;
  readonly nodeIndex: number;
  readonly backendContext: BackendContext;
  readonly hardwareQueues: boolean;
  /** -7 to 7, across processes. */
  priority = 0;
  /** -7 to 7, among contexts of one process. */
  inProcessPriority = 0;
  /** Its only queue; null when it contains hardware queues. */
  queue: ExecutionQueue | null = null;
  readonly queues = new Set<ExecutionQueue>();
  closing = false;
  onDestroyed: (() => void) | null = null;
  /** For the caller. */
  owner: object | null = null;

  constructor(
    device: SchedulerDevice,
    options: {
      readonly nodeIndex: number;
      readonly backendContext: BackendContext;
      readonly hardwareQueues: boolean;
    },
  ) {
    this.device = device;
    this.nodeIndex = options.nodeIndex;
    this.backendContext = options.backendContext;
    this.hardwareQueues = options.hardwareQueues;
  }
}
