import type { Log } from '@dxgwire/host';
import { isTransportError } from '@dxgwire/transport';
import { now } from '@dxgwire/transport/timers';
import { describe } from './errors.ts';

/** Anybody who reaches a port can be refused as often as he likes: so many lines, in so many milliseconds. */
const MOST_LINES = 20;
const WINDOW_MS = 60_000;

/** Logs what was not let in, a line each, and no more lines than a log stands. */
export function refusalLog(log: Log, clock: () => number = now): (error: Error, peer: string) => void {
  let windowEndMs = 0;
  let lines = 0;
  let unsaid = 0;
  return (error, peer) => {
    const code = isTransportError(error) ? error.code : undefined;
    const message = `not let in: ${describe(error)}`;
    // Somebody has looked whether a host is there.
    if (code === 'peer-closed') {
      log.debug({ peer, code }, message);
      return;
    }
    const nowMs = clock();
    if (nowMs >= windowEndMs) {
      windowEndMs = nowMs + WINDOW_MS;
      lines = 0;
    }
    if (lines === MOST_LINES) {
      unsaid += 1;
      return;
    }
    lines += 1;
    log.warn({ peer, code, ...(unsaid === 0 ? {} : { othersUnsaid: unsaid }) }, message);
    unsaid = 0;
  };
}
