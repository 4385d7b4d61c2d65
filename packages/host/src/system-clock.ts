import { clearTimeout, now, setTimeout } from '@dxgwire/transport/timers';
import type { HostClock } from './scheduler/index.ts';

/** The machine's own time. Its timers keep no process alive: what is waited for has a link or a GPU process. */
export const systemClock: HostClock = {
  nowMs: now,
  setTimer: (delayMs, callback) => {
    const timer: unknown = setTimeout(callback, delayMs);
    // In Node a timer is an object, in browsers a number.
    if (typeof timer === 'object' && timer !== null && 'unref' in timer) (timer as { unref(): void }).unref();
    return () => clearTimeout(timer as number);
  },
};
