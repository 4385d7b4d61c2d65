import type { KmtLoss } from './types/common.ts';

/**
 * What an eventfd is to the Linux driver: a counter that the host's guest events add to.
 *
 * A CPU-notification object signals its event again and again, every other use signals it once.
 */
export class KmtEvent {
  /** Signals that no `wait` took yet. */
  count = 0;
  /** Why no signal will come any more; null while one may. */
  lost: KmtLoss | null = null;
  /** Called at each signal, from the handler of the packet that brought it: keep it short. */
  onSignal: (() => void) | null;
  /** Called once when the driver can no longer signal this event. */
  onLost: ((loss: KmtLoss) => void) | null = null;
  /**
   * The number that stands for this event where the driver would send an eventfd's number (never interpreted
   * by a host). The driver hands one out at the first use when it is not set.
   */
  descriptor: number | null;
  private readonly waiters: { resolve: () => void; reject: (error: Error) => void }[] = [];

  constructor(onSignal: (() => void) | null = null, options: { descriptor?: number } = {}) {
    this.onSignal = onSignal;
    this.descriptor = options.descriptor ?? null;
  }

  /** Adds one to the counter: what the driver does when the host's event arrives. */
  signal(): void {
    const waiter = this.waiters.shift();
    if (waiter !== undefined) waiter.resolve();
    else this.count += 1;
    this.onSignal?.();
  }

  /** Ends all waits: no signal will come any more. */
  abandon(loss: KmtLoss): void {
    if (this.lost !== null) return;
    this.lost = loss;
    for (const waiter of this.waiters.splice(0)) waiter.reject(new EventLostError(loss));
    this.onLost?.(loss);
  }

  /**
   * Takes one signal, at once when there is one.
   * @throws EventLostError when the driver was lost before it came.
   */
  wait(): Promise<void> {
    if (this.count > 0) {
      this.count -= 1;
      return Promise.resolve();
    }
    if (this.lost !== null) return Promise.reject(new EventLostError(this.lost));
    return new Promise((resolve, reject) => this.waiters.push({ resolve, reject }));
  }
}

/** A wait for an event that cannot be signalled any more. */
export class EventLostError extends Error {
  override readonly name = 'EventLostError';
  readonly code: KmtLoss;

  constructor(loss: KmtLoss) {
    super(`the wait for an event ended without a signal: ${loss}`);
    this.code = loss;
  }
}
