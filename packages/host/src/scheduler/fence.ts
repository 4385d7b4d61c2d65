import type { HostClock } from './clock.ts';
import { SyncKind, SyncObject } from './sync-object.ts';
import { highHalf, isAtLeast, joinHalves, lowHalf } from './u64.ts';
import { WaitHeap, type WaitNode } from './wait-heap.ts';

const MAX_U32 = 0xffffffff;

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
    const { published } = this;
    for (let i = 0; i < published.length; i += 1) published[i]!.publish(low, high);
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
