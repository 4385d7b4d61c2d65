import { ItemKind, type ItemPool, ItemState, type QueueItem, type SyncRecord } from './queue-item.ts';
import type { ReadyEntry } from './ready-list.ts';
import type { SchedulerContext } from './scheduler-device.ts';
import type { SyncObject, SyncObjectInstance } from './sync-object.ts';
import { WaitNode } from './wait-heap.ts';
import { MarkList, type WorkMark } from './work-snapshot.ts';

/** What a queue needs of its scheduler. */
export interface QueueHost {
  readonly pool: ItemPool;
  /** Has the queue looked at soon: something that it waited for may have happened. */
  schedule(queue: ExecutionQueue): void;
  /** Looks at all scheduled queues, unless that is going on already. */
  run(): void;
  makeReady(queue: ExecutionQueue): void;
  makeUnready(queue: ExecutionQueue): void;
  /** A queue that was to be destroyed is empty and nothing of it runs. */
  queueFinished(queue: ExecutionQueue): void;
}

/** What was to be signalled by work that is given up. */
export class LostWork {
  readonly objects = new Set<SyncObject>();
  readonly events: (() => void)[] = [];
}

class QueueWaitNode extends WaitNode {
  readonly #queue: ExecutionQueue;

  constructor(queue: ExecutionQueue) {
    super();
    this.#queue = queue;
  }

  override wake(): void {
    this.#queue.context.device.workAwake(this.#queue);
    this.#queue.host.schedule(this.#queue);
    this.#queue.host.run();
  }
}

/**
 * A context's or hardware queue's strict FIFO of submissions, waits, signals and address updates.
 *
 * Items from `#head` up to, not including, `#cursor` were started or passed; `#cursor` is next. A submission is
 * handed to its node without waiting for earlier ones to end, so the node can have several; signals that stand behind
 * running work are passed and take effect when that work has ended. A wait or an update stops the cursor.
 */
export class ExecutionQueue {
  readonly host: QueueHost;
  readonly context: SchedulerContext;
  /** Advanced by each submission's end, hardware queues only. */
  readonly progressFence: SyncObjectInstance | null;
  #head: QueueItem | null = null;
  #cursor: QueueItem | null = null;
  #tail: QueueItem | null = null;
  #count = 0;
  /** Submissions of this queue that the backend has, abandoned ones included. */
  #running = 0;
  #workQueued = 0;
  #workEnded = 0;
  /** Number of the last submission that the backend was given. */
  #workStarted = 0;
  /** Marks behind all work. */
  readonly #marks = new MarkList();
  /** Marks behind what ran when they were made. */
  readonly #runningMarks = new MarkList();
  /** Marks that pass also when the queue can go no further by itself. */
  readonly #ableMarks = new MarkList();
  readonly #waitNode: QueueWaitNode;

  /** The last progress fence value that a submission announced. */
  lastProgressLow = 0;
  lastProgressHigh = 0;
  /** No more work is taken. It is destroyed once it is empty. */
  closing = false;
  finished = false;
  onFinished: (() => void) | null = null;
  /** For the caller. */
  owner: object | null = null;
  /** Its device knows that it has work which no mark stands behind. */
  isFresh = false;

  // Places in the scheduler's lists.
  isScheduled = false;
  isParked = false;
  readyEntry: ReadyEntry | null = null;
  readyLevel = 0;
  readyNext: ExecutionQueue | null = null;
  readyPrevious: ExecutionQueue | null = null;

  constructor(host: QueueHost, context: SchedulerContext, progressFence: SyncObjectInstance | null) {
    this.host = host;
    this.context = context;
    this.progressFence = progressFence;
    this.#waitNode = new QueueWaitNode(this);
  }

  /** Items that are queued or under way. */
  get count(): number {
    return this.#count;
  }

  get running(): number {
    return this.#running;
  }

  /** Whether a wait at its front is not satisfied. */
  get isBlocked(): boolean {
    return this.#waitNode.heap !== null;
  }

  /** @returns whether it is next. Behind others it changes nothing: whatever lets those go on has the queue looked at. */
  append(item: QueueItem): boolean {
    item.queue = this;
    item.state = ItemState.queued;
    item.next = null;
    if (item.kind === ItemKind.submission || item.kind === ItemKind.update) {
      this.#workQueued += 1;
      item.workSerial = this.#workQueued;
      if (!this.isFresh) this.context.device.workAdded(this);
    }
    if (this.#tail === null) this.#head = item;
    else this.#tail.next = item;
    this.#tail = item;
    this.#count += 1;
    if (this.#cursor !== null) return false;
    this.#cursor = item;
    return true;
  }

  /** Goes on as far as possible. Called by the scheduler's loop only. */
  advance(): void {
    do {
      this.#retire();
    } while (this.#cursor !== null && this.#step(this.#cursor));
    if (this.#isStuck && !this.#ableMarks.isEmpty) this.#ableMarks.passUpTo(this.#workQueued);
    this.#finishIfEmpty();
  }

  /** Takes the submission at the cursor for its node. */
  takeSubmission(): QueueItem {
    const item = this.#cursor!;
    this.#cursor = item.next;
    item.state = ItemState.running;
    this.#running += 1;
    this.context.device.running += 1;
    this.#workStarted = item.workSerial;
    return item;
  }

  /** The backend has ended a submission; its result is kept in the item. */
  submissionEnded(item: QueueItem): void {
    this.#running -= 1;
    this.context.device.running -= 1;
    item.state = ItemState.ended;
    if (!item.abandoned) return;
    this.host.pool.giveItem(item);
    if (this.#running === 0) this.settle();
  }

  /**
   * Gives up everything that is queued or runs. Adds to `lost` what was to be signalled. Marks are passed by
   * {@link settle}, so that the caller can first do what has to come before.
   */
  abandon(lost: LostWork): void {
    this.#waitNode.leave();
    this.#waitNode.takeTurn()?.wakeWaiters();
    this.host.makeUnready(this);
    let item = this.#head;
    while (item !== null) {
      const next: QueueItem | null = item.next;
      this.#lose(item, lost);
      if (item.state === ItemState.running) {
        item.abandoned = true;
        item.next = null;
        // The backend has few, and one that is lost may never say that they ended.
        this.host.pool.release(item);
      } else {
        this.host.pool.giveItem(item);
      }
      item = next;
    }
    this.#head = null;
    this.#cursor = null;
    this.#tail = null;
    this.#count = 0;
  }

  /** After {@link abandon}: passes the marks, and finishes the queue, unless the backend still runs something of it. */
  settle(): void {
    if (this.#running > 0 || this.#count > 0) return;
    this.#workEnded = this.#workQueued;
    this.#passMarks();
    this.#finishIfEmpty();
  }

  /** Whether work is queued or running. */
  get hasWork(): boolean {
    return this.#workEnded < this.#workQueued || this.#running > 0;
  }

  /** Puts a mark behind all work. */
  addMark(mark: WorkMark): void {
    if (this.hasWork) this.#marks.add(this.#workQueued, mark);
  }

  /** Puts a mark behind the work that runs now. */
  addRunningMark(mark: WorkMark): void {
    // Without items, what runs was given up: it ends when the queue settles.
    if (this.#running > 0)
      this.#runningMarks.add(this.#head === null ? this.#workQueued : this.#workStarted, mark);
  }

  /** Puts a mark behind all work that can go on without a signal from elsewhere. */
  addAbleMark(mark: WorkMark): void {
    if (this.hasWork && !this.#isStuck) this.#ableMarks.add(this.#workQueued, mark);
  }

  get #isStuck(): boolean {
    return this.isBlocked && this.#running === 0;
  }

  #retire(): void {
    while (this.#head !== null && this.#head !== this.#cursor) {
      const item = this.#head;
      if (item.state === ItemState.running) return;
      this.#head = item.next;
      if (this.#head === null) this.#tail = null;
      this.#count -= 1;
      if (item.kind === ItemKind.submission) {
        if (this.progressFence !== null) {
          this.progressFence.object.signal(item.progressLow, item.progressHigh, false);
        }
        this.#workDone(item);
      } else if (item.state === ItemState.passed && item.kind === ItemKind.signal) {
        reach(item.record!);
      }
      this.host.pool.giveItem(item);
    }
  }

  #workDone(item: QueueItem): void {
    this.#workEnded = item.workSerial;
    this.#passMarks();
  }

  #passMarks(): void {
    if (!this.#runningMarks.isEmpty) this.#runningMarks.passUpTo(this.#workEnded);
    if (!this.#marks.isEmpty) this.#marks.passUpTo(this.#workEnded);
    if (!this.#ableMarks.isEmpty) this.#ableMarks.passUpTo(this.#workEnded);
  }

  /** @returns whether the cursor moved on. */
  #step(item: QueueItem): boolean {
    switch (item.kind) {
      case ItemKind.submission:
        this.host.makeReady(this);
        return false;
      case ItemKind.wait:
        if (!this.#passWait(item.record!)) return false;
        break;
      case ItemKind.signal:
        if (item === this.#head || item.record!.atSubmission) {
          this.#pass(item, ItemState.ended);
          reach(item.record!);
          return true;
        }
        break;
      default:
        return this.#update(item);
    }
    this.#pass(item, ItemState.passed);
    return true;
  }

  #pass(item: QueueItem, state: number): void {
    item.state = state;
    this.#cursor = item.next;
  }

  #passWait(record: SyncRecord): boolean {
    if (this.#waitNode.heap !== null) return false;
    const turn = this.#waitNode.takeTurn();
    const passes = this.#takeAll(record);
    turn?.wakeWaiters();
    return passes;
  }

  #takeAll(record: SyncRecord): boolean {
    for (let i = 0; i < record.objects.length; i += 1) {
      const object = record.objects[i]!;
      const low = record.lows[i]!;
      const high = record.highs[i]!;
      if (object.isSatisfied(low, high)) continue;
      object.addWaiter(this.#waitNode, low, high);
      return false;
    }
    for (const object of record.objects) object.acquire();
    return true;
  }

  #update(item: QueueItem): boolean {
    // Work that was started before may still use the old mappings.
    if (item !== this.#head || this.#waitNode.heap !== null) return false;
    const fence = item.fence;
    const turn = this.#waitNode.takeTurn();
    const waits = fence !== null && !item.doNotWait && !fence.isSatisfied(item.fenceLow, item.fenceHigh);
    if (waits) fence.addWaiter(this.#waitNode, item.fenceLow, item.fenceHigh);
    turn?.wakeWaiters();
    if (waits) return false;
    this.#pass(item, ItemState.ended);
    item.operation!.execute();
    this.#workDone(item);
    if (fence !== null) {
      const low = (item.fenceLow + 1) >>> 0;
      fence.signal(low, low === 0 ? (item.fenceHigh + 1) >>> 0 : item.fenceHigh, false);
    }
    return true;
  }

  #lose(item: QueueItem, lost: LostWork): void {
    if (item.kind === ItemKind.submission) {
      if (this.progressFence !== null) lost.objects.add(this.progressFence.object);
    } else if (item.kind === ItemKind.update) {
      if (item.state !== ItemState.ended) item.operation!.drop();
      if (item.fence !== null) lost.objects.add(item.fence);
    } else if (item.kind === ItemKind.signal && item.state !== ItemState.ended) {
      const record = item.record!;
      for (const object of record.objects) lost.objects.add(object);
      if (record.event !== null) lost.events.push(record.event);
      // Other queues that share the signal must not fire it: its objects are lost already.
      record.objects.length = 0;
      record.event = null;
    }
  }

  #finishIfEmpty(): void {
    if (!this.closing || this.finished || this.#count > 0 || this.#running > 0) return;
    this.finished = true;
    this.host.queueFinished(this);
  }
}

/** One queue has reached a signal; the last one makes it take effect. */
function reach(record: SyncRecord): void {
  record.remaining -= 1;
  if (record.remaining > 0) return;
  const { objects, lows, highs, event } = record;
  for (let i = 0; i < objects.length; i += 1) {
    objects[i]!.signal(lows[i]!, highs[i]!, record.allowRewind);
  }
  if (event !== null) event();
}
