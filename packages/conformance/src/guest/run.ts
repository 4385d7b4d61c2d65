import { Codec, type HostBus } from '@dxgwire/transport';
import { isChosen, type Report, summarize } from '../host/run.ts';
import { type JudgedBus, judgeGuest } from './tap.ts';

export interface GuestRunOptions {
  readonly filter?: string | RegExp;
  /** Whether to look only: else the host does, now and then, what a guest has to bear. */
  readonly isObserving?: boolean;
  /** How long a guest may say nothing while its link lasts, milliseconds; then the kit gives up. Default: for ever. */
  readonly silenceMs?: number;
  /** How long a guest is judged at most, milliseconds. Default: until its link ends. */
  readonly limitMs?: number;
  /** Ends the judging when it resolves, with what it says as the reason. */
  readonly stop?: Promise<string>;
}

/**
 * Judges the guest at the other end of a bus until its link ends, or until the kit gives up: then its report says why (`gaveUp`), and
 * the link is ended.
 *
 * @param serve attaches a host to the bus that it is given: any host that works will do.
 */
export async function runGuestConformance(
  bus: HostBus,
  serve: (bus: HostBus) => void,
  options: GuestRunOptions = {},
): Promise<Report> {
  const judged = judgeGuest(await inPackedForm(bus), options.isObserving ?? false);
  serve(judged.bus);
  const gaveUp = await outcome(judged, options);
  const results = judged.judge.results().filter(({ requirement }) => isChosen(requirement, options.filter));
  const report = summarize('guest', results, []);
  if (gaveUp === null) return report;
  // Not before the results are there: it is no fault of the guest's that its link ends.
  bus.abort(new Error(`the conformance kit gives up: ${gaveUp}`));
  return { ...report, gaveUp };
}

/** The rules are on packed form: a guest that has agreed on protobuf is judged by what its messages say in that. */
async function inPackedForm(bus: HostBus): Promise<HostBus> {
  if ((bus.codec ?? Codec.packed) !== Codec.protobuf) return bus;
  const { protobufHostBus } = await import('@dxgwire/protocol/protobuf');
  return protobufHostBus(bus);
}

/** @returns null when the guest has ended its link in good order, else why its judging ends. */
async function outcome(
  { ended, judge }: JudgedBus,
  { limitMs, silenceMs, stop }: GuestRunOptions,
): Promise<string | null> {
  const timers = new Set<ReturnType<typeof setTimeout>>();
  const after = (delayMs: number, then: () => void): void => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      then();
    }, delayMs);
    timers.add(timer);
  };
  const ways: Promise<string | null>[] = [
    ended.then((error) => {
      if (error !== null) return `the guest's link broke: ${error.message}`;
      return judge.messages === 0 ? 'the guest has ended its link without a message' : null;
    }),
  ];
  if (stop !== undefined) ways.push(stop);
  if (limitMs !== undefined)
    ways.push(
      new Promise((resolve) => {
        after(limitMs, () => resolve(`the guest's link has not ended within ${limitMs} ms`));
      }),
    );
  if (silenceMs !== undefined)
    ways.push(
      new Promise((resolve) => {
        let signs = -1;
        const look = (): void => {
          if (judge.signs === signs) {
            resolve(`the guest has said nothing for ${silenceMs} ms, and its link has not ended`);
            return;
          }
          ({ signs } = judge);
          after(silenceMs, look);
        };
        look();
      }),
    );
  const why = await Promise.race(ways);
  for (const timer of timers) clearTimeout(timer);
  return why;
}
