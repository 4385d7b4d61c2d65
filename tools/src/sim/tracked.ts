import type { FenceView } from '@dxgwire/guest/kmt';
import { must } from './violation.ts';

/** A fence as its guest sees it, and what it may say. */
export class TrackedFence {
  readonly name: string;
  readonly handle: number;
  readonly view: FenceView;
  /** The highest value that anybody was asked to give it. */
  asked: bigint;
  /** The value that was seen last. */
  seen: bigint;
  /** The device may be lost: its fences are then released, to whatever value. */
  isLost = false;

  constructor(name: string, handle: number, view: FenceView, initial: bigint) {
    this.name = name;
    this.handle = handle;
    this.view = view;
    this.asked = initial;
    this.seen = view.value();
    must(this.seen === initial, () => `${name} starts with ${this.seen}, not ${initial}`);
  }

  check(): bigint {
    const value = this.view.value();
    if (value === this.seen) return value;
    must(value > this.seen, () => `${this.name} went back from ${this.seen} to ${value}`);
    must(
      this.isLost || value <= this.asked,
      () => `${this.name} is ${value}; nobody asked for more than ${this.asked}`,
    );
    this.seen = value;
    return value;
  }
}

/** A wait of a guest's CPU for one fence. */
export class TrackedWait {
  readonly fence: TrackedFence;
  readonly value: bigint;
  /** Since when the guest itself sees that the fence is there, milliseconds; null: it does not. */
  reachedMs: number | null = null;
  wakes = 0;

  constructor(fence: TrackedFence, value: bigint) {
    this.fence = fence;
    this.value = value;
  }

  /** The host has said that it is over. */
  woken(isLost: boolean): void {
    this.wakes += 1;
    must(this.wakes === 1, () => `a wait for ${this.fence.name} was woken ${this.wakes} times`);
    const value = this.fence.view.value();
    must(
      isLost || this.fence.isLost || value >= this.value,
      () => `a wait for ${this.fence.name} >= ${this.value} was woken at ${value}`,
    );
  }
}
