import { clearTimeout, now, queueMicrotask, setTimeout } from './timers.ts';

/** Time and turns as a bus sees them, so that tests and simulations can bring their own. */
export interface Clock {
  /** Milliseconds from any fixed moment; never goes back. */
  now(): number;
  /** Calls back once after `delayMs`, unless cancelled by calling the result. Does not keep a process alive. */
  setTimer(callback: () => void, delayMs: number): () => void;
  /** Calls back at the end of this turn of the event loop. */
  defer(callback: () => void): void;
}

export const systemClock: Clock = {
  now,
  setTimer(callback, delayMs) {
    const timer: unknown = setTimeout(callback, delayMs);
    // Node's timers keep the process alive unless told otherwise; a browser's are numbers.
    (timer as { unref?: () => void }).unref?.();
    return () => clearTimeout(timer as ReturnType<typeof setTimeout>);
  },
  defer: (callback) => queueMicrotask(callback),
};
