import process from 'node:process';
import { type GuestBus, isPolledEnd } from '@dxgwire/transport';
import { clearTimeout, now, queueMicrotask, setTimeout } from '@dxgwire/transport/timers';
import { CommandFailure, report } from './errors.ts';

/** A GPU as far as the end of its program concerns it. */
export interface EndingGpu {
  /** Resolves when the host has answered what was sent so far; null: it has already. */
  settle(): Promise<void> | null;
  /** The same within the call. `wait` takes what comes from the host, and says whether to go on. */
  settleNow(wait: () => boolean): void;
}

/** How long no frame may come where nothing can be done for it any more, milliseconds. */
const LONGEST_SILENCE_MS = 300;

/** A host that says nothing for so long does not keep a program that has ended. Milliseconds. */
const LONGEST_WAIT_MS = 5000;

/** How long a thread sleeps at a time that waits for the host, milliseconds. */
const SLEEP_MS = 100;

/** How long a host may keep a program that threw, which nobody expects to go on. Milliseconds. */
const LONGEST_WAIT_AFTER_THROW_MS = 1000;

/**
 * Resolves when the program was told of all errors that it had made until now, or the host says nothing; null: it was
 * told already. With Dawn in the process it hears of them in the call that is wrong, before it throws over the result.
 */
export function lastErrors(gpu: EndingGpu): Promise<void> | null {
  const answer = gpu.settle();
  if (answer === null) return null;
  const patience = new Promise<void>((resolve) => setTimeout(resolve, LONGEST_WAIT_AFTER_THROW_MS));
  return Promise.race([answer, patience]);
}

/**
 * A program that calls `process.exit()` leaves no further turn: what the host has to say of its errors is waited for within
 * the call, before its own listeners for `exit`, and the frames that it has drawn. Where a thread can wait for the bus.
 *
 * @param frames takes the frames that have come, and says how many are still to come.
 */
export function tellErrorsAtExit(gpu: EndingGpu, bus: GuestBus, frames: () => number = () => 0): void {
  const receive = receiver(bus);
  if (receive === null) return;
  process.once('exit', () => {
    const begin = now();
    gpu.settleNow(() => {
      if (now() - begin > LONGEST_WAIT_AFTER_THROW_MS) return false;
      try {
        receive();
        return true;
      } catch {
        // The link has ended.
        return false;
      }
    });
    try {
      let [pending, since] = [frames(), now()];
      while (pending > 0) {
        receive();
        // Without it, a frame that waits for memory waits in vain.
        const patienceMs = settlePromises() ? LONGEST_WAIT_MS : LONGEST_SILENCE_MS;
        const left = frames();
        if (left !== pending) since = now();
        else if (now() - since > patienceMs) break;
        pending = left;
      }
    } catch (error) {
      // Else the link has ended.
      if (error instanceof CommandFailure) process.exitCode = report(error);
    }
  });
}

/**
 * Runs what waits for promises, which nobody else does any more.
 *
 * @returns false where such a thing has called `process.exit()` itself: then the rest waits for it to end.
 */
function settlePromises(): boolean {
  let hasRun = false;
  queueMicrotask(() => {
    hasRun = true;
  });
  (process as unknown as { _tickCallback?: () => void })._tickCallback?.();
  return hasRun;
}

/** Blocks until something may have come, or for a while, and hands it in; null where nothing can. */
function receiver(bus: GuestBus): (() => void) | null {
  if (isPolledEnd(bus)) {
    return () => {
      if (bus.poll() === 0 && bus.sleep(SLEEP_MS)) bus.poll();
    };
  }
  if (bus.receiveNow === undefined) return null;
  return () => bus.receiveNow?.(SLEEP_MS);
}

/**
 * Stands between Node and a program's listeners for `beforeExit`. With Dawn in the process, all that a program did
 * wrong has been said when its last line has run; here the host may have to say it still. So the program has come to
 * its end only when the host has answered: until then it hears of no `beforeExit`.
 *
 * Behind that, `close` may take its time to say goodbye, which Node does not count as work of the program's: nobody
 * hears of a second `beforeExit`. A program that listens for `beforeExit` may go on working in it; `close` is not
 * called for such a one, and its link ends within `exit`.
 *
 * @param foreignListeners how many listeners for `beforeExit` are not the program's. Default: those that there are now,
 *   before the program runs.
 */
export function holdEnd(
  gpu: EndingGpu,
  close?: () => Promise<void>,
  foreignListeners = process.listenerCount('beforeExit'),
): void {
  const emit = process.emit as (this: NodeJS.Process, event: string, ...args: unknown[]) => boolean;
  let isClosing = false;
  const isHeld = (): boolean => {
    if (isClosing) return true;
    const answer = gpu.settle();
    if (answer === null) return false;
    const timer = setTimeout(() => {
      isGivenUp = true;
    }, LONGEST_WAIT_MS);
    void answer.then(() => clearTimeout(timer));
    return true;
  };
  let isGivenUp = false;
  process.emit = function (this: NodeJS.Process, event: string, ...args: unknown[]): boolean {
    if (event !== 'beforeExit') return emit.call(this, event, ...args);
    if (!isGivenUp && isHeld()) return false;
    const mayGoOn = isGivenUp || process.listenerCount('beforeExit') > foreignListeners;
    const heard = emit.call(this, event, ...args);
    if (!mayGoOn && close !== undefined) {
      isClosing = true;
      void close();
    }
    return heard;
  } as typeof process.emit;
}
