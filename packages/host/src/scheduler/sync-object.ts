import type { HostWindow } from '@dxgwire/transport';
import type { HostClock } from './clock.ts';
import { highHalf, isAtLeast, joinHalves, lowHalf } from './u64.ts';
import { WaitHeap, type WaitNode } from './wait-heap.ts';

const MAX_U32 = 0xffffffff;

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
const FLAG_NO_SIGNAL = 1 << 4;
const FLAG_NO_WAIT = 1 << 5;
const FLAG_NO_SIGNAL_MAX_VALUE_ON_TDR = 1 << 6;
const FLAG_NO_GPU_ACCESS = 1 << 7;

/**
 * What a synchronization object is, whoever has it open. It lives as long as an instance, a queued wait or a
 * queued signal refers to it.
 */
export abstract class SyncObject {
  readonly type: number;
  /** Instances whose page in the device window shows the value. */
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

/** Monitored fence, legacy fence, and the fences inside paging and hardware queues. */
export class Fence extends SyncObject {
  #low: number;
  #high: number;
  readonly #waiters = new WaitHeap();
  readonly #maxValueOnLoss: boolean;

  constructor(type: number, initialValue: bigint, maxValueOnLoss: boolean) {
    super(type);
    this.#low = lowHalf(initialValue);
    this.#high = highHalf(initialValue);
    this.#maxValueOnLoss = maxValueOnLoss;
  }

  override get isMonitored(): boolean {
    return this.type !== SyncKind.fence;
  }

  override get value(): bigint {
    return joinHalves(this.#low, this.#high);
  }

  get low(): number {
    return this.#low;
  }

  get high(): number {
    return this.#high;
  }

  get waiterCount(): number {
    return this.#waiters.size;
  }

  override isSatisfied(low: number, high: number): boolean {
    return isAtLeast(this.#low, this.#high, low, high);
  }

  override acquire(): void {}

  override addWaiter(node: WaitNode, low: number, high: number): void {
    this.#waiters.add(node, low, high);
  }

  override signal(low: number, high: number, allowRewind: boolean): void {
    if (!allowRewind && isAtLeast(this.#low, this.#high, low, high)) return;
    this.#set(low, high);
    this.wakeWaiters();
  }

  override loseSignals(): void {
    if (this.#maxValueOnLoss) this.#set(MAX_U32, MAX_U32);
  }

  override wakeWaiters(): void {
    // A woken party may signal this fence again, so value and heap are read anew each turn.
    for (;;) {
      const node = this.#waiters.takeReached(this.#low, this.#high);
      if (node === null) return;
      node.wake();
    }
  }

  #set(low: number, high: number): void {
    this.#low = low;
    this.#high = high;
    for (const instance of this.published) instance.publish(low, high);
  }
}

/**
 * Periodic monitored fence: its value rises by one per period while somebody has it open. WDDM ties it to a display's
 * vertical sync; a host without displays gives it a period instead.
 */
export class PeriodicFence extends Fence {
  readonly #clock: HostClock;
  readonly #periodMs: number;
  /** When the value was 0: later ticks are counted from here, so that timers that come late add up to nothing. */
  readonly #startMs: number;
  #ticks = 0;
  #cancelTimer: (() => void) | null = null;

  constructor(clock: HostClock, periodMs: number) {
    super(SyncKind.periodicMonitoredFence, 0n, true);
    this.#clock = clock;
    this.#periodMs = periodMs;
    this.#startMs = clock.nowMs();
    this.#arm();
  }

  override allClosed(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #arm(): void {
    const elapsedMs = this.#clock.nowMs() - this.#startMs;
    // Never a tick twice, even if its timer was early or the division rounds down.
    const nextTick = Math.max(this.#ticks, Math.floor(elapsedMs / this.#periodMs)) + 1;
    this.#cancelTimer = this.#clock.setTimer(nextTick * this.#periodMs - elapsedMs, () => {
      this.#ticks = nextTick;
      this.signal(nextTick >>> 0, Math.floor(nextTick / 0x100000000), false);
      // A signal may have ended the last wait and with it the object.
      if (this.openCount > 0) this.#arm();
    });
  }
}

/** Mutex (a count of at most one) and semaphore, as queues know them: a wait takes one, a signal gives one back. */
export class CountingObject extends SyncObject {
  #count: number;
  readonly #maxCount: number;
  readonly #waiters = new WaitHeap();
  /** Makes waiters wait in the order they came: the heap's key is this number. */
  #arrivals = 0;

  constructor(type: number, initialCount: number, maxCount: number) {
    super(type);
    this.#count = initialCount;
    this.#maxCount = maxCount;
  }

  get count(): number {
    return this.#count;
  }

  override isSatisfied(): boolean {
    return this.#count > 0;
  }

  override acquire(): void {
    this.#count -= 1;
  }

  override addWaiter(node: WaitNode): void {
    this.#arrivals += 1;
    this.#waiters.add(node, this.#arrivals >>> 0, Math.floor(this.#arrivals / 0x100000000));
  }

  override signal(): void {
    if (this.#count < this.#maxCount) this.#count += 1;
    this.wakeWaiters();
  }

  override loseSignals(): void {
    if (this.#count < this.#maxCount) this.#count += 1;
  }

  override wakeWaiters(): void {
    // All are woken and ask again in the order they came; those that find nothing wait on. A queue may die between
    // waking and asking, so waking only as many as the count could lose a turn.
    const woken: WaitNode[] = [];
    for (;;) {
      const node = this.#waiters.takeReached(MAX_U32, MAX_U32);
      if (node === null) break;
      woken.push(node);
    }
    for (const node of woken) node.wake();
  }
}

/** Tells a guest process, by the event it named at creation, each time that it is signalled. */
export class CpuNotification extends SyncObject {
  readonly #notify: () => void;
  /** The instance made at creation. The event is its process', so others that open the object do not end it. */
  creator: SyncObjectInstance | null = null;

  constructor(notify: () => void) {
    super(SyncKind.cpuNotification);
    this.#notify = notify;
  }

  override isSatisfied(): boolean {
    return true;
  }

  override acquire(): void {}
  override addWaiter(): void {}

  override signal(): void {
    // The guest stops listening when it destroys the object, so nothing is sent after that.
    if (this.creator !== null && !this.creator.isClosed) this.#notify();
  }

  override loseSignals(): void {}
  override wakeWaiters(): void {}
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
    object.published.push(this);
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
    const index = this.object.published.indexOf(this);
    if (index >= 0) this.object.published.splice(index, 1);
    const waits = this.#waits;
    this.#waits = null;
    if (waits !== null) for (const wait of waits) wait.release();
    this.object.openCount -= 1;
    if (this.object.openCount === 0) this.object.allClosed();
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

export interface SyncObjectRequest {
  /** Kind, 1 to 6. */
  readonly type: number;
  /** d3dddi_synchronizationobject_flags. */
  readonly flags: number;
  /** Mutex: not 0 when it is owned from the start, so that the first wait needs a signal. */
  readonly mutexInitialState?: number;
  readonly semaphoreMaxCount?: number;
  readonly semaphoreInitialCount?: number;
  /** Fences: initial value. */
  readonly fenceValue?: bigint;
  /** CPU notification: sends the event. */
  readonly notify?: () => void;
  /** Periodic monitored fence: its clock and period. */
  readonly clock?: HostClock;
  readonly periodMs?: number;
}

/**
 * Makes a synchronization object with its first instance.
 *
 * @param windowOffset page for a monitored fence's value; -1 for none. The initial value is there on return.
 * @returns null for unknown kinds, for a semaphore whose counts make no sense, and when what a kind needs is missing.
 */
export function createSyncObject(
  request: SyncObjectRequest,
  window: HostWindow,
  windowOffset: number,
): SyncObjectInstance | null {
  const object = makeObject(request);
  if (object === null) return null;
  const instance = new SyncObjectInstance(object, request.flags, window, windowOffset);
  if (object instanceof CpuNotification) object.creator = instance;
  return instance;
}

function makeObject(request: SyncObjectRequest): SyncObject | null {
  const maxValueOnLoss = (request.flags & FLAG_NO_SIGNAL_MAX_VALUE_ON_TDR) === 0;
  switch (request.type) {
    case SyncKind.mutex:
      return new CountingObject(request.type, request.mutexInitialState ? 0 : 1, 1);
    case SyncKind.semaphore: {
      const maxCount = request.semaphoreMaxCount ?? 0;
      const initialCount = request.semaphoreInitialCount ?? 0;
      if (maxCount < 1 || initialCount > maxCount) return null;
      return new CountingObject(request.type, initialCount, maxCount);
    }
    case SyncKind.fence:
    case SyncKind.monitoredFence:
      return new Fence(request.type, request.fenceValue ?? 0n, maxValueOnLoss);
    case SyncKind.cpuNotification:
      return request.notify === undefined ? null : new CpuNotification(request.notify);
    case SyncKind.periodicMonitoredFence:
      if (request.clock === undefined || !(request.periodMs! > 0)) return null;
      return new PeriodicFence(request.clock, request.periodMs!);
    default:
      return null;
  }
}

/** The fence inside a paging queue or a hardware queue: starts at 0, only the host signals it. */
export function createImplicitFence(window: HostWindow, windowOffset: number): SyncObjectInstance {
  const fence = new Fence(SyncKind.monitoredFence, 0n, true);
  return new SyncObjectInstance(fence, FLAG_NO_SIGNAL, window, windowOffset);
}
