import type { HostWindow } from '@dxgwire/transport';
import { highHalf, lowHalf } from './u64.ts';
import type { WaitNode } from './wait-heap.ts';

/** Kinds of synchronization objects, numbered as on the wire (d3dddi_synchronizationobject_type). */
export const SyncKind = {
  mutex: 1,
  semaphore: 2,
  fence: 3,
  cpuNotification: 4,
  monitoredFence: 5,
  periodicMonitoredFence: 6,
} as const;

/** Flags of creation and opening that concern what an instance may do. */
export const FLAG_NO_SIGNAL = 1 << 4;
const FLAG_NO_WAIT = 1 << 5;
const FLAG_NO_GPU_ACCESS = 1 << 7;

/**
 * What a synchronization object is, whoever has it open. It lives as long as an instance, a queued wait or a
 * queued signal refers to it.
 */
export abstract class SyncObject {
  readonly type: number;
  /** Instances whose page in the device window shows the value, in no order. */
  readonly published: SyncObjectInstance[] = [];
  /** Instances that are open. */
  openCount = 0;

  constructor(type: number) {
    this.type = type;
  }

  /** Whether CPU waits are possible and values are 64 bits (WDDM: monitored fence). */
  get isMonitored(): boolean {
    return false;
  }

  /** A fence's current value; 0 for other kinds. */
  get value(): bigint {
    return 0n;
  }

  /** Whether a GPU wait for this value would go on now. */
  abstract isSatisfied(low: number, high: number): boolean;
  /** Takes what a satisfied wait takes: a mutex' ownership, one of a semaphore's count; nothing of a fence. */
  abstract acquire(): void;
  /** Wakes `node` when the wait may be satisfied. */
  abstract addWaiter(node: WaitNode, low: number, high: number): void;
  /**
   * A signal from the GPU's side. A fence never goes back by one unless `allowRewind`: a smaller value changes
   * nothing.
   */
  abstract signal(low: number, high: number, allowRewind: boolean): void;
  /**
   * The signals that were to come are lost with their device. Makes the value as if they had come, without waking
   * anybody: the caller publishes all lost objects first and then calls `wakeWaiters`.
   */
  abstract loseSignals(): void;
  abstract wakeWaiters(): void;
  /** The last instance was closed. */
  allClosed(): void {}
}

/** Releases a party that waits through one instance. */
export interface InstanceWait {
  release(): void;
}

/**
 * One opening of a synchronization object: what a handle stands for. It has rights of its own and, for a fence, a
 * page of its own in the device window. Pages are output only: guests map them writable.
 */
export class SyncObjectInstance {
  readonly object: SyncObject;
  readonly noSignal: boolean;
  readonly noWait: boolean;
  readonly noGpuAccess: boolean;
  /** Offset of its page in the device window, -1 when it has none. */
  readonly windowOffset: number;
  /** For the caller. */
  owner: object | null = null;
  readonly #window: HostWindow;
  /** Place in the object's list of published instances: one object may be opened very often. */
  #publishedIndex = -1;
  #waits: Set<InstanceWait> | null = null;
  #closed = false;

  constructor(object: SyncObject, flags: number, window: HostWindow, windowOffset: number) {
    this.object = object;
    this.noSignal = (flags & FLAG_NO_SIGNAL) !== 0;
    this.noWait = (flags & FLAG_NO_WAIT) !== 0;
    this.noGpuAccess = (flags & FLAG_NO_GPU_ACCESS) !== 0;
    this.#window = window;
    this.windowOffset = windowOffset;
    object.openCount += 1;
    if (windowOffset < 0) return;
    this.#publishedIndex = object.published.push(this) - 1;
    const value = object.value;
    this.publish(lowHalf(value), highHalf(value));
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Opens the same object again, with rights and a page of its own. */
  open(flags: number, windowOffset: number): SyncObjectInstance {
    return new SyncObjectInstance(this.object, flags, this.#window, windowOffset);
  }

  /** A GPU-side signal by a backend: a value that is not above the current one changes nothing. */
  signal(low: number, high: number): void {
    this.object.signal(low, high, false);
  }

  /**
   * Ends this opening: stops publishing and releases the CPU waits made through it. GPU waits and signals that are
   * queued go on. The caller frees the window page.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unpublish();
    const waits = this.#waits;
    this.#waits = null;
    if (waits !== null) for (const wait of waits) wait.release();
    this.object.openCount -= 1;
    if (this.object.openCount === 0) this.object.allClosed();
  }

  /** The last of the list takes its place. */
  #unpublish(): void {
    const { published } = this.object;
    if (this.windowOffset < 0) return;
    const last = published.pop()!;
    if (last === this) return;
    last.#publishedIndex = this.#publishedIndex;
    published[this.#publishedIndex] = last;
  }

  publish(low: number, high: number): void {
    this.#window.storeU64(this.windowOffset, low, high);
  }

  addWait(wait: InstanceWait): void {
    this.#waits ??= new Set();
    this.#waits.add(wait);
  }

  removeWait(wait: InstanceWait): void {
    this.#waits?.delete(wait);
  }
}
