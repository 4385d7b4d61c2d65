import { Account } from '../account.ts';
import type {
  AdapterDescription,
  BackendAdapter,
  BackendContext,
  BackendLog,
  ExecutionResult,
} from '../backends/contract.ts';
import type { PageWalker } from '../memory/device-work.ts';
import { Status } from '../memory/status.ts';
import type { HostClock } from './clock.ts';
import type { CpuWaits } from './cpu-waits.ts';
import { DeviceLoss, type LossCallbacks, type LossHost } from './device-loss.ts';
import { EngineNode, type NodeHost } from './engine-node.ts';
import { ExecutionQueue, type QueueHost } from './execution-queue.ts';
import { ExecutionState } from './execution-state.ts';
import { ItemPool, type QueueItem } from './queue-item.ts';
import { type RecoveryHost, ResetRecovery } from './reset-recovery.ts';
import { SchedulerContext, SchedulerDevice } from './scheduler-device.ts';
import { type NodeStatistics, SchedulerProcess } from './scheduler-process.ts';
import type { SyncObjectInstance } from './sync-object.ts';
import { type IntakeHost, WorkIntake } from './work-intake.ts';

export interface SchedulerLimits {
  /** Items that one queue holds at most; one more puts its device out of memory. */
  readonly queueItems: number;
  /** Queues of one device that may still have work after they were destroyed; one more is cut off. */
  readonly closingQueues: number;
  /** How long a backend may take for a reset until the adapter counts as gone, milliseconds. */
  readonly resetTimeoutMs: number;
}

const DEFAULT_LIMITS: SchedulerLimits = { queueItems: 65_536, closingQueues: 256, resetTimeoutMs: 10_000 };

/** Bytes. */
const DEFAULT_QUEUED_BYTES = 256 << 20;

export interface SchedulerOptions {
  readonly adapter: BackendAdapter;
  readonly description: AdapterDescription;
  readonly clock: HostClock;
  readonly log: BackendLog;
  readonly limits?: Partial<SchedulerLimits>;
  /** The account of what the guest's queues hold; default: one of its own, of 256 MiB. */
  readonly queuedBytes?: Account;
  readonly callbacks: LossCallbacks;
}

/**
 * The scheduler of one virtual GPU: decides when which queue's next submission goes to which node, and what happens
 * when work does not end. It keeps no clock and does no I/O of its own.
 *
 * All progress is made in one loop (`run`) over the queues that something happened to. Backends that finish at once,
 * fences that wake other queues and callbacks only put queues on its list, so no chain of events recurses.
 */
export class Scheduler implements QueueHost, NodeHost, LossHost, RecoveryHost, IntakeHost {
  readonly adapter: BackendAdapter;
  readonly clock: HostClock;
  readonly timeoutMs: number;
  readonly pool: ItemPool;
  readonly nodes: readonly EngineNode[];
  /** Where submissions, waits, signals and updates enter the queues. */
  readonly work: WorkIntake;
  readonly #log: BackendLog;
  readonly #limits: SchedulerLimits;
  readonly #loss: DeviceLoss;
  readonly #recovery: ResetRecovery;
  readonly #devices = new Set<SchedulerDevice>();
  /** The first {@link Scheduler.#scheduledCount} count. It never shrinks: an emptied array would allocate again. */
  readonly #scheduled: (ExecutionQueue | null)[] = [];
  #scheduledCount = 0;
  #running = false;
  #stopped = false;

  constructor(options: SchedulerOptions) {
    this.adapter = options.adapter;
    this.clock = options.clock;
    this.timeoutMs = options.description.timeoutMs;
    this.#log = options.log;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.pool = new ItemPool(options.queuedBytes ?? new Account(DEFAULT_QUEUED_BYTES));
    this.work = new WorkIntake(this, this.#limits.queueItems);
    this.#loss = new DeviceLoss(this, options.log, options.callbacks);
    this.#recovery = new ResetRecovery(this, options.log, this.#limits.resetTimeoutMs);
    this.nodes = options.description.nodes.map((node, index) => new EngineNode(this, index, node));
  }

  /** Time-outs that led to a reset. */
  get resets(): number {
    return this.#recovery.resets;
  }

  get isPaused(): boolean {
    return this.#recovery.isResetting || this.#stopped;
  }

  // Objects

  createProcess(): SchedulerProcess {
    return new SchedulerProcess(this.nodes.length);
  }

  /** The process is gone with all its devices. */
  destroyProcess(process: SchedulerProcess): void {
    for (const node of this.nodes) node.ready.forget(process);
  }

  createDevice(
    process: SchedulerProcess,
    options: { readonly pageWalker: PageWalker; readonly owner: object; readonly cpuWaits: CpuWaits },
  ): SchedulerDevice {
    const device = new SchedulerDevice(this, process, options);
    if (this.#stopped) device.state = ExecutionState.stopped;
    this.#devices.add(device);
    return device;
  }

  /** @param options.nodeIndex checked by the caller against the adapter's nodes. */
  createContext(
    device: SchedulerDevice,
    options: {
      readonly nodeIndex: number;
      readonly backendContext: BackendContext;
      readonly hardwareQueues: boolean;
    },
  ): SchedulerContext {
    const context = new SchedulerContext(device, options);
    device.contexts.add(context);
    if (!options.hardwareQueues) {
      context.queue = new ExecutionQueue(this, context, null);
      context.queues.add(context.queue);
    }
    return context;
  }

  createHardwareQueue(context: SchedulerContext, progressFence: SyncObjectInstance): ExecutionQueue {
    const queue = new ExecutionQueue(this, context, progressFence);
    context.queues.add(queue);
    return queue;
  }

  /**
   * Destroys a hardware queue. What is queued still runs, unless the device is in error; what waits for ever goes
   * with the device.
   */
  destroyQueue(queue: ExecutionQueue, done?: () => void): void {
    queue.onFinished = done ?? null;
    this.#closeQueue(queue);
    this.run();
  }

  /**
   * Destroys a context with its queues. What is queued still runs, as for {@link destroyQueue}.
   *
   * @param done called once the backend's context is destroyed, perhaps before the call returns.
   */
  destroyContext(context: SchedulerContext, done?: () => void): void {
    context.onDestroyed = done ?? null;
    context.closing = true;
    for (const queue of [...context.queues]) this.#closeQueue(queue);
    this.#finishContext(context);
    this.run();
  }

  /**
   * Process exit: takes no more work, gives up what is queued, releases the device's CPU waits.
   *
   * @param done called once nothing of the device runs any more, perhaps before the call returns.
   */
  flushDevice(device: SchedulerDevice, done?: () => void): void {
    device.closing = true;
    this.#loss.giveUpAll([device]);
    if (done === undefined) return;
    const mark = device.runningSnapshot();
    if (mark === null) done();
    else mark.onDone(done);
  }

  /** As {@link flushDevice}; then destroys the device's contexts. @param done nothing of the device runs any more. */
  destroyDevice(device: SchedulerDevice, done: () => void): void {
    device.closing = true;
    device.onDestroyed = done;
    this.#loss.giveUpAll([device]);
    for (const context of [...device.contexts]) {
      if (!context.closing) this.destroyContext(context);
    }
    this.#finishDevice(device);
  }

  // Errors

  /** Puts a device into an error state, with all that spec section 7.9 says. The first error stays. */
  markDeviceError(device: SchedulerDevice, state: ExecutionState, message = ''): void {
    this.#loss.lose([device], state, message);
  }

  /**
   * The device behind the adapter is gone. With `stopped` it will not come back, else new devices can be created.
   * The backend has called, or will call, every pending `done`.
   */
  adapterLost(reason: string, state: ExecutionState = ExecutionState.reset): void {
    if (state === ExecutionState.stopped) this.#stopped = true;
    this.#log.warn({ reason, state }, 'adapter lost');
    this.#loss.lose([...this.#devices], state, reason);
  }

  // Priorities

  /** @returns INVALID_PARAMETER outside -7..7. */
  setContextPriority(context: SchedulerContext, priority: number): number {
    if (!isPriority(priority)) return Status.invalidParameter;
    this.#reprioritize(context, () => {
      context.priority = priority;
    });
    return Status.success;
  }

  /** @returns INVALID_PARAMETER outside -7..7. */
  setInProcessPriority(context: SchedulerContext, priority: number): number {
    if (!isPriority(priority)) return Status.invalidParameter;
    this.#reprioritize(context, () => {
      context.inProcessPriority = priority;
    });
    return Status.success;
  }

  // Sight

  nodeStatistics(nodeIndex: number): NodeStatistics {
    return this.nodes[nodeIndex]!.statistics;
  }

  processStatistics(process: SchedulerProcess, nodeIndex: number): NodeStatistics {
    return process.statistics[nodeIndex]!;
  }

  /** Whether nothing is queued and nothing runs. */
  idle(): boolean {
    const counts = this.census();
    return counts['queueItems'] === 0 && counts['running'] === 0;
  }

  census(): Record<string, number> {
    let contexts = 0;
    let queues = 0;
    let queueItems = 0;
    let running = 0;
    for (const device of this.#devices) {
      contexts += device.contexts.size;
      for (const context of device.contexts) {
        queues += context.queues.size;
        for (const queue of context.queues) queueItems += queue.count;
      }
    }
    for (const node of this.nodes) running += node.inFlight;
    return { schedulerDevices: this.#devices.size, schedulerContexts: contexts, queues, queueItems, running };
  }

  /** Stops timers. Devices must be destroyed before. */
  close(): void {
    this.#stopped = true;
    this.#recovery.close();
    for (const node of this.nodes) node.close();
  }

  // For queues and nodes

  schedule(queue: ExecutionQueue): void {
    if (queue.isScheduled) return;
    queue.isScheduled = true;
    this.#scheduled[this.#scheduledCount] = queue;
    this.#scheduledCount += 1;
  }

  run(): void {
    if (this.#running) return;
    this.#running = true;
    try {
      let again = true;
      while (again) {
        again = false;
        for (let i = 0; i < this.#scheduledCount; i += 1) {
          const queue = this.#scheduled[i]!;
          this.#scheduled[i] = null;
          queue.isScheduled = false;
          queue.advance();
        }
        this.#scheduledCount = 0;
        for (let i = 0; i < this.nodes.length; i += 1) again = this.nodes[i]!.dispatch() || again;
        again ||= this.#scheduledCount > 0;
      }
    } finally {
      this.#running = false;
    }
  }

  makeReady(queue: ExecutionQueue): void {
    if (queue.context.device.isHeld) queue.context.device.park(queue);
    else this.nodes[queue.context.nodeIndex]!.ready.add(queue);
  }

  makeUnready(queue: ExecutionQueue): void {
    queue.context.device.unpark(queue);
    this.nodes[queue.context.nodeIndex]!.ready.remove(queue);
  }

  queueFinished(queue: ExecutionQueue): void {
    const { context } = queue;
    context.queues.delete(queue);
    context.device.queueGone(queue);
    context.device.closingQueues -= 1;
    queue.onFinished?.();
    this.#finishContext(context);
  }

  submissionStarted(item: QueueItem): void {
    this.schedule(item.queue!);
  }

  submissionEnded(item: QueueItem, result: ExecutionResult): void {
    const queue = item.queue!;
    const { device } = queue.context;
    if (result.kind !== 'completed' && !item.abandoned) this.#loss.submissionFailed(device, result);
    queue.submissionEnded(item);
    this.schedule(queue);
    this.run();
  }

  timedOut(item: QueueItem): void {
    this.#recovery.timedOut(item);
  }

  whileStopped(action: () => void): void {
    const outermost = !this.#running;
    this.#running = true;
    try {
      action();
    } finally {
      if (outermost) this.#running = false;
    }
    this.run();
  }

  // Inside

  #closeQueue(queue: ExecutionQueue): void {
    if (queue.closing) return;
    const { device } = queue.context;
    queue.closing = true;
    device.closingQueues += 1;
    this.schedule(queue);
    if (queue.count === 0 || device.closingQueues <= this.#limits.closingQueues) return;
    this.#loss.giveUp([queue], []);
  }

  #finishContext(context: SchedulerContext): void {
    if (!context.closing || context.queues.size > 0 || !context.device.contexts.delete(context)) return;
    this.adapter.destroyContext(context.backendContext);
    context.onDestroyed?.();
    this.#finishDevice(context.device);
  }

  #finishDevice(device: SchedulerDevice): void {
    if (device.onDestroyed === null || device.contexts.size > 0 || !this.#devices.delete(device)) return;
    device.onDestroyed();
  }

  #reprioritize(context: SchedulerContext, change: () => void): void {
    const { ready } = this.nodes[context.nodeIndex]!;
    const readyQueues = [...context.queues].filter((queue) => queue.readyEntry !== null);
    for (const queue of readyQueues) ready.remove(queue);
    change();
    for (const queue of readyQueues) ready.add(queue);
  }
}

function isPriority(value: number): boolean {
  return Number.isInteger(value) && value >= -7 && value <= 7;
}
