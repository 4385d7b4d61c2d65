import type { Account } from '../account.ts';
import type { BackendContext, ExecutionResult, PageWalk, Submission } from '../backends/contract.ts';
import type { QueuedOperation } from '../memory/device-work.ts';
import type { EngineNode } from './engine-node.ts';
import type { ExecutionQueue } from './execution-queue.ts';
import { QUEUED_ITEM_BYTES, QUEUED_OBJECT_BYTES } from './queued-bytes.ts';
import type { SyncObject } from './sync-object.ts';
import { joinHalves } from './u64.ts';

export const ItemKind = { submission: 0, wait: 1, signal: 2, update: 3 } as const;

/** `passed`: a signal or wait that the queue went over while earlier work still runs. */
export const ItemState = { queued: 0, running: 1, passed: 2, ended: 3 } as const;

/** Private data up to this size is kept in the pooled item for the next submission. */
const KEPT_BUFFER_BYTES = 4096;
const NO_BYTES = new Uint8Array(0);
const NO_CONTEXT: BackendContext = {};

/**
 * Objects and values of a wait or a signal. A signal on several queues (WDDM: broadcast) is one record that all
 * their items share; it fires when the last of them reaches it.
 */
export class SyncRecord {
  readonly objects: SyncObject[] = [];
  readonly lows: number[] = [];
  readonly highs: number[] = [];
  /** Queues that have not reached the signal yet. */
  remaining = 0;
  /** Items that refer to the record; it goes back to the pool with the last. */
  references = 0;
  atSubmission = false;
  allowRewind = false;
  event: (() => void) | null = null;
  /** What it counts in the guest's account, bytes. */
  heldBytes = 0;

  add(object: SyncObject, low: number, high: number): void {
    this.objects.push(object);
    this.lows.push(low);
    this.highs.push(high);
  }

  clear(): void {
    // Setting a length costs as much as all the rest, and most items have none.
    if (this.objects.length !== 0) this.objects.length = 0;
    if (this.lows.length !== 0) this.lows.length = 0;
    if (this.highs.length !== 0) this.highs.length = 0;
    this.remaining = 0;
    this.references = 0;
    this.atSubmission = false;
    this.allowRewind = false;
    this.event = null;
    this.heldBytes = 0;
  }
}

/**
 * One entry of a queue. Items are pooled and carry what any kind needs, so that queueing work allocates nothing
 * once the pool is warm.
 */
export class QueueItem implements Submission {
  kind = 0;
  state = 0;
  queue: ExecutionQueue | null = null;
  next: QueueItem | null = null;
  /** Number of the submission or update among those of its queue. */
  workSerial = 0;
  /** What it counts in the guest's account, bytes; 0 unless it is in a queue. */
  heldBytes = 0;

  // Submission
  context: BackendContext = NO_CONTEXT;
  privateData: Uint8Array = NO_BYTES;
  commandLow = 0;
  commandHigh = 0;
  commandLengthBytes = 0;
  progressLow = 0;
  progressHigh = 0;
  node: EngineNode | null = null;
  /** Neighbours among the node's running submissions, oldest first. */
  previousRunning: QueueItem | null = null;
  nextRunning: QueueItem | null = null;
  startMs = 0;
  /** Since when it is the oldest running one of its node. */
  oldestSinceMs = 0;
  /** Its queue gave it up; its end only frees what it holds. */
  abandoned = false;
  result: ExecutionResult | null = null;
  #buffer: Uint8Array = NO_BYTES;

  // Wait, signal
  record: SyncRecord | null = null;

  // Update of GPU virtual addresses
  operation: QueuedOperation | null = null;
  fence: SyncObject | null = null;
  fenceLow = 0;
  fenceHigh = 0;
  doNotWait = false;

  /** Bound once per pooled item: handed to the backend as it is. */
  readonly done: (result: ExecutionResult) => void = (result) => {
    if (this.state !== ItemState.running || this.node === null) return;
    this.node.ended(this, result);
  };

  walk(address: bigint, lengthBytes: number, access: 'read' | 'write'): PageWalk {
    return this.queue!.context.device.pageWalker.walk(address, lengthBytes, access);
  }

  get commandAddress(): bigint {
    return joinHalves(this.commandLow, this.commandHigh);
  }

  /** Copies the private data: the packet it came in is gone when the call returns. */
  copyPrivateData(bytes: Uint8Array, offset: number, length: number): void {
    if (length === 0) {
      this.privateData = NO_BYTES;
      return;
    }
    if (length > this.#buffer.length) {
      this.#buffer = new Uint8Array(
        Math.max(256, length <= KEPT_BUFFER_BYTES ? roundUpToPowerOfTwo(length) : length),
      );
      this.privateData = NO_BYTES;
    }
    // It is either empty or a view on the buffer.
    if (this.privateData.length !== length) this.privateData = this.#buffer.subarray(0, length);
    // Copying all of an array costs a third of copying some bytes one by one; a view on a part of it costs the most.
    if (offset === 0 && length === bytes.length) {
      this.privateData.set(bytes);
    } else if (length <= 64) {
      const buffer = this.#buffer;
      for (let i = 0; i < length; i += 1) buffer[i] = bytes[offset + i]!;
    } else {
      this.privateData.set(bytes.subarray(offset, offset + length));
    }
  }

  clear(): void {
    this.queue = null;
    this.next = null;
    this.context = NO_CONTEXT;
    this.node = null;
    this.previousRunning = null;
    this.nextRunning = null;
    this.abandoned = false;
    this.result = null;
    this.record = null;
    this.operation = null;
    this.fence = null;
    if (this.#buffer.length > KEPT_BUFFER_BYTES) {
      this.#buffer = NO_BYTES;
      this.privateData = NO_BYTES;
    }
  }
}

function roundUpToPowerOfTwo(value: number): number {
  return 2 ** Math.ceil(Math.log2(value));
}

/** Free items and records of one scheduler, and the account of what those in use hold. */
export class ItemPool {
  readonly held: Account;
  readonly #items: QueueItem[] = [];
  readonly #records: SyncRecord[] = [];
  readonly #keep: number;

  /**
   * @param held the guest's account.
   * @param keep most free objects kept of each kind.
   */
  constructor(held: Account, keep = 1024) {
    this.held = held;
    this.#keep = keep;
  }

  /** Counts an item that goes into a queue with `bytes` of data. */
  hold(item: QueueItem, bytes: number): void {
    item.heldBytes = QUEUED_ITEM_BYTES + bytes;
    this.held.add(item.heldBytes);
  }

  /** Counts the objects of a record whose items go into queues. */
  holdRecord(record: SyncRecord): void {
    record.heldBytes = record.objects.length * QUEUED_OBJECT_BYTES;
    this.held.add(record.heldBytes);
  }

  /** The item counts no longer, though the backend still has it. */
  release(item: QueueItem): void {
    this.held.remove(item.heldBytes);
    item.heldBytes = 0;
  }

  takeItem(): QueueItem {
    return this.#items.pop() ?? new QueueItem();
  }

  giveItem(item: QueueItem): void {
    const record = item.record;
    if (record !== null) {
      record.references -= 1;
      if (record.references === 0) this.#giveRecord(record);
    }
    this.release(item);
    item.clear();
    if (this.#items.length < this.#keep) this.#items.push(item);
  }

  takeRecord(): SyncRecord {
    return this.#records.pop() ?? new SyncRecord();
  }

  #giveRecord(record: SyncRecord): void {
    this.held.remove(record.heldBytes);
    record.clear();
    if (this.#records.length < this.#keep) this.#records.push(record);
  }
}
