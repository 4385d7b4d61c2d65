import type { HostBus } from '@dxgwire/transport';
import { isChosen, type Report, summarize } from '../host/run.ts';
import { judgeGuest } from './tap.ts';

export interface GuestRunOptions {
  readonly filter?: string | RegExp;
  /** Whether to look only: else the host does, now and then, what a guest has to bear. */
  readonly isObserving?: boolean;
}

/**
 * Judges the guest at the other end of a bus until its link ends.
 *
 * @param serve attaches a host to the bus that it is given: any host that works will do.
 */
export async function runGuestConformance(
  bus: HostBus,
  serve: (bus: HostBus) => void,
  options: GuestRunOptions = {},
): Promise<Report> {
  const judged = judgeGuest(bus, options.isObserving ?? false);
  serve(judged.bus);
  await judged.ended;
  const results = judged.judge.results().filter(({ requirement }) => isChosen(requirement, options.filter));
  return summarize('guest', results, []);
}
