import type { QueuedOperation } from '../memory/device-work.ts';
import { Status } from '../memory/status.ts';
import type { ExecutionQueue } from './execution-queue.ts';
import { ExecutionState } from './execution-state.ts';
import { ItemKind, type ItemPool, type QueueItem, type SyncRecord } from './queue-item.ts';
import { QUEUED_ITEM_BYTES, QUEUED_OBJECT_BYTES } from './queued-bytes.ts';
import type { SchedulerDevice } from './scheduler-device.ts';
import { SyncKind, type SyncObject, type SyncObjectInstance } from './sync-object.ts';
import { highHalf, isAtLeast, lowHalf } from './u64.ts';

/** Flags of SignalSyncObject that concern queued signals. */
const SIGNAL_AT_SUBMISSION = 1 << 0;
const SIGNAL_ALLOW_FENCE_REWIND = 1 << 2;

/** What the intake needs of its scheduler. */
export interface IntakeHost {
  readonly pool: ItemPool;
  schedule(queue: ExecutionQueue): void;
  run(): void;
  markDeviceError(device: SchedulerDevice, state: ExecutionState, message: string): void;
}

/**
 * Where work enters the queues of a scheduler: checks whether a queue takes it, and puts it at its end. When it runs is
 * the scheduler's business.
 */
export class WorkIntake {
  readonly #host: IntakeHost;
  readonly #pool: ItemPool;
  readonly #queueItems: number;

  /** @param queueItems items that one queue holds at most. */
  constructor(host: IntakeHost, queueItems: number) {
    this.#host = host;
    this.#pool = host.pool;
    this.#queueItems = queueItems;
  }

  /**
   * Queues a command buffer. The private data `bytes[offset .. offset + length)` is copied.
   *
   * @param progressFenceId for a hardware queue: the value that its progress fence gets, above all before.
   * @returns DEVICE_REMOVED for a device in error, INVALID_PARAMETER for a progress value that does not grow,
   *   NO_MEMORY for a full queue, or when the guest's queues hold all the bytes they may (which also puts the
   *   device into the state out-of-memory).
   */
  submit(
    queue: ExecutionQueue,
    bytes: Uint8Array,
    offset: number,
    length: number,
    commandAddress: bigint,
    commandLengthBytes: number,
    progressFenceId: bigint,
  ): number {
    return this.submitHalves(
      queue,
      bytes,
      offset,
      length,
      lowHalf(commandAddress),
      highHalf(commandAddress),
      commandLengthBytes,
      lowHalf(progressFenceId),
      highHalf(progressFenceId),
    );
  }

  /** As {@link submit}, with numbers of 64 bits in halves: the form of the hot path. */
  submitHalves(
    queue: ExecutionQueue,
    bytes: Uint8Array,
    offset: number,
    length: number,
    commandLow: number,
    commandHigh: number,
    commandLengthBytes: number,
    progressLow: number,
    progressHigh: number,
  ): number {
    if (
      queue.progressFence !== null &&
      isAtLeast(queue.lastProgressLow, queue.lastProgressHigh, progressLow, progressHigh)
    ) {
      return queue.context.device.isActive ? Status.invalidParameter : Status.deviceRemoved;
    }
    const refused = this.#refuse(queue, length);
    if (refused !== Status.success) return refused;
    queue.lastProgressLow = progressLow;
    queue.lastProgressHigh = progressHigh;
    const item = this.#pool.takeItem();
    item.kind = ItemKind.submission;
    item.context = queue.context.backendContext;
    item.copyPrivateData(bytes, offset, length);
    this.#pool.hold(item, length);
    item.commandLow = commandLow;
    item.commandHigh = commandHigh;
    item.commandLengthBytes = commandLengthBytes;
    item.progressLow = progressLow;
    item.progressHigh = progressHigh;
    this.#append(queue, item);
    return Status.success;
  }

  /**
   * Queues a wait for all objects.
   *
   * @param legacy the first value counts for all of them.
   * @returns ACCESS_DENIED when an instance may not be waited on, INVALID_PARAMETER for one mutex or semaphore named
   *   twice, else as {@link submit}.
   */
  waitFromGpu(
    queue: ExecutionQueue,
    instances: readonly SyncObjectInstance[],
    values: ArrayLike<bigint>,
    legacy: boolean,
  ): number {
    if (values.length < (legacy ? Math.min(1, instances.length) : instances.length)) {
      return Status.invalidParameter;
    }
    for (const instance of instances) if (instance.noWait) return Status.accessDenied;
    if (instances.length > 1 && namesCountTwice(instances)) return Status.invalidParameter;
    const refused = this.#refuse(queue, instances.length * QUEUED_OBJECT_BYTES);
    if (refused !== Status.success) return refused;
    const record = this.#pool.takeRecord();
    for (let i = 0; i < instances.length; i += 1) {
      const value = values[legacy ? 0 : i]!;
      record.add(instances[i]!.object, lowHalf(value), highHalf(value));
    }
    record.references = 1;
    const item = this.#pool.takeItem();
    item.kind = ItemKind.wait;
    item.record = record;
    this.#pool.hold(item, 0);
    this.#pool.holdRecord(record);
    this.#append(queue, item);
    return Status.success;
  }

  /**
   * Queues a signal: it takes effect when all work before it on all given queues has ended (with the flag
   * signal-at-submission: has been handed to its node). Without queues it takes effect at once.
   *
   * @param values one for each object; null: `legacyValue` for all.
   * @param event called at the same moment (enqueue_cpu_event), or when the signal is lost with its device.
   * @returns ACCESS_DENIED when an instance may not be signalled, else as {@link submit}.
   */
  signalFromGpu(
    queues: readonly ExecutionQueue[],
    instances: readonly SyncObjectInstance[],
    values: ArrayLike<bigint> | null,
    legacyValue: bigint,
    flags: number,
    event: (() => void) | null,
  ): number {
    if (values !== null && values.length < instances.length) return Status.invalidParameter;
    for (const instance of instances) if (instance.noSignal) return Status.accessDenied;
    const others = Math.max(0, queues.length - 1) * QUEUED_ITEM_BYTES;
    for (const queue of queues) {
      const refused = this.#refuse(queue, others + instances.length * QUEUED_OBJECT_BYTES);
      if (refused !== Status.success) return refused;
    }
    const record = this.#pool.takeRecord();
    for (let i = 0; i < instances.length; i += 1) {
      const value = values === null ? legacyValue : values[i]!;
      record.add(instances[i]!.object, lowHalf(value), highHalf(value));
    }
    record.remaining = Math.max(1, queues.length);
    record.references = record.remaining;
    record.atSubmission = (flags & SIGNAL_AT_SUBMISSION) !== 0;
    record.allowRewind = (flags & SIGNAL_ALLOW_FENCE_REWIND) !== 0;
    record.event = event;
    if (queues.length === 0) {
      this.#signalNow(record);
      return Status.success;
    }
    this.#pool.holdRecord(record);
    for (const queue of queues) {
      const item = this.#pool.takeItem();
      item.kind = ItemKind.signal;
      item.record = record;
      this.#pool.hold(item, 0);
      queue.append(item);
      this.#host.schedule(queue);
    }
    this.#host.run();
    return Status.success;
  }

  /**
   * Queues an operation that runs when all work before it has ended and `fence` has reached `fenceValue` (unless
   * `doNotWait`); afterwards the fence is signalled to `fenceValue` + 1.
   */
  update(
    queue: ExecutionQueue,
    operation: QueuedOperation,
    fence: SyncObjectInstance | null,
    fenceValue: bigint,
    doNotWait: boolean,
  ): number {
    const refused = fence?.noSignal ? Status.accessDenied : this.#refuse(queue, operation.heldBytes);
    if (refused !== Status.success) {
      operation.drop();
      return refused;
    }
    const item = this.#pool.takeItem();
    item.kind = ItemKind.update;
    item.operation = operation;
    this.#pool.hold(item, operation.heldBytes);
    item.fence = fence === null ? null : fence.object;
    item.fenceLow = lowHalf(fenceValue);
    item.fenceHigh = highHalf(fenceValue);
    item.doNotWait = doNotWait;
    this.#append(queue, item);
    return Status.success;
  }

  // Inside

  /** @param bytes what the work holds besides one item. */
  #refuse(queue: ExecutionQueue, bytes: number): number {
    const { device } = queue.context;
    if (!device.isActive) return Status.deviceRemoved;
    if (queue.closing) return Status.invalidParameter;
    if (queue.count >= this.#queueItems) {
      const message = `a queue holds ${queue.count} items, the limit (queueItems)`;
      this.#host.markDeviceError(device, ExecutionState.outOfMemory, message);
      return Status.noMemory;
    }
    const { held } = this.#pool;
    if (!held.hasRoomFor(QUEUED_ITEM_BYTES + bytes)) {
      const more = QUEUED_ITEM_BYTES + bytes;
      const message = `the guest's queues hold ${held.used} bytes; ${more} more exceed the limit of ${held.limit} (queuedBytes)`;
      this.#host.markDeviceError(device, ExecutionState.outOfMemory, message);
      return Status.noMemory;
    }
    return Status.success;
  }

  #append(queue: ExecutionQueue, item: QueueItem): void {
    if (!queue.append(item)) return;
    this.#host.schedule(queue);
    this.#host.run();
  }

  #signalNow(record: SyncRecord): void {
    const item = this.#pool.takeItem();
    item.record = record;
    for (let i = 0; i < record.objects.length; i += 1) {
      record.objects[i]!.signal(record.lows[i]!, record.highs[i]!, record.allowRewind);
    }
    record.event?.();
    this.#pool.giveItem(item);
  }
}

/** Whether a wait would take two of one mutex or semaphore, where it was looked at whether there is one. */
function namesCountTwice(instances: readonly SyncObjectInstance[]): boolean {
  const counting = new Set<SyncObject>();
  for (const { object } of instances) {
    if (object.type !== SyncKind.mutex && object.type !== SyncKind.semaphore) continue;
    if (counting.has(object)) return true;
    counting.add(object);
  }
  return false;
}
