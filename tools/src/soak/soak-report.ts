import { PROTOCOL_STATES } from './protocol-states.ts';
import { SOAK_LEASE_MS, type SoakResult, type SoakTransport } from './soak-run.ts';

/** One sentence of what a soak run has to show, and what was found. */
export interface Clause {
  readonly what: string;
  readonly found: string;
  /** Whether it is a time: those depend on what else the machine does. */
  readonly isTime: boolean;
  readonly isMet: boolean;
}

/** Everything of a dead guest must be gone by then, milliseconds; where a connection may be made anew, its lease is added. */
const GONE_LIMIT_MS = 1000;
/** How much worse the 99th percentile of the others' round trips may be while guests are killed. */
const P99_LIMIT = 1.1;
/** Parts of a run whose ratios show how much the one of the whole run is worth. */
const PARTS = 10;

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

const ms = (value: number) => `${value.toFixed(2)} ms`;
const mebibytes = (bytes: number) => `${(bytes / 1048576).toFixed(1)} MiB`;

/** The ratio of the 99th percentiles while guests are killed and while they close in order: of all, and part by part. */
export function ratiosOfP99({ calmMs, killingMs }: Pick<SoakResult, 'calmMs' | 'killingMs'>): {
  readonly whole: number;
  readonly parts: readonly number[];
} {
  const ratio = (calm: readonly number[], killing: readonly number[]) =>
    quantile(killing, 0.99) / quantile(calm, 0.99);
  const part = <T>(rounds: readonly T[], index: number) =>
    rounds.slice(
      Math.floor((rounds.length * index) / PARTS),
      Math.floor((rounds.length * (index + 1)) / PARTS),
    );
  const parts = Array.from({ length: PARTS }, (_, index) =>
    ratio(part(calmMs, index).flat(), part(killingMs, index).flat()),
  );
  return {
    whole: ratio(calmMs.flat(), killingMs.flat()),
    parts: parts.filter((value) => Number.isFinite(value)),
  };
}

/** @returns every clause that a run was to show. A process reaches one state after the other, so few may not reach all. */
export function clausesOf(transport: SoakTransport, result: SoakResult): Clause[] {
  const fact = (what: string, found: string, isMet: boolean): Clause => ({
    what,
    found,
    isTime: false,
    isMet,
  });
  const { after, before, kills, processes, states, unanswered } = result;
  const left = Object.entries(after.left);
  const bytes = left.filter(([kind]) => kind.startsWith('bytes'));
  const objects = left.filter(([kind]) => !kind.startsWith('bytes'));
  const listed = (entries: readonly (readonly [string, number])[]) =>
    entries.map(([kind, count]) => `${count} ${kind}`).join(', ');
  const none = (entries: readonly (readonly [string, number])[]) => entries.every(([, count]) => count === 0);
  const missed = PROTOCOL_STATES.map(([name]) => name).filter((name) => !states.has(name));
  const isLongEnough = processes >= PROTOCOL_STATES.length;
  const missing = isLongEnough ? `; not ${missed.join(', ')}` : '; all of them need as many processes';
  const beforeAfter = (key: 'files' | 'sockets' | 'timers') =>
    fact(key, `${before[key]} before, ${after[key]} after`, after[key] <= before[key]);
  return [
    fact(
      'killed in the middle of a command',
      `${kills} guests in ${processes} processes ended by SIGKILL; ${unanswered} had no answer yet`,
      unanswered > 0,
    ),
    fact(
      'at every protocol state',
      `${states.size} of ${PROTOCOL_STATES.length}${missed.length > 0 ? missing : ''}`,
      missed.length === 0 || !isLongEnough,
    ),
    fact('objects left', listed(objects), none(objects)),
    fact('bytes left', listed(bytes), none(bytes)),
    beforeAfter('timers'),
    beforeAfter('files'),
    beforeAfter('sockets'),
    fact(
      'memory files and socket files left',
      `${result.memoryFiles}, ${result.folderEntries.length}`,
      result.memoryFiles + result.folderEntries.length === 0,
    ),
    fact(
      'host after a collection',
      `heap ${mebibytes(before.heapBytes)}, ${mebibytes(after.heapBytes)}; resident ` +
        `${mebibytes(before.residentBytes)}, ${mebibytes(after.residentBytes)}`,
      !result.failures.some((failure) => failure.includes('heap')),
    ),
    ...timesOf(transport, result),
  ];
}

function timesOf(transport: SoakTransport, result: SoakResult): Clause[] {
  const { calmMs, freedMs, killingMs } = result;
  const lease = transport === 'tcp' || transport === 'websocket' ? SOAK_LEASE_MS : 0;
  const limitMs = GONE_LIMIT_MS + lease;
  const inTime = freedMs.filter((freed) => freed <= limitMs).length;
  const { parts, whole } = ratiosOfP99(result);
  const [calm, killing] = [calmMs.flat(), killingMs.flat()];
  const p50p99 = (values: readonly number[]) =>
    `${ms(quantile(values, 0.5))} and ${ms(quantile(values, 0.99))} (${values.length} calls)`;
  return [
    {
      what: `resources back within ${limitMs} ms${lease > 0 ? ' (1 s and the lease)' : ''}`,
      found:
        `${inTime} of ${freedMs.length} processes; median ${ms(quantile(freedMs, 0.5))}, p99 ` +
        `${ms(quantile(freedMs, 0.99))}, at most ${ms(freedMs.reduce((most, value) => Math.max(most, value), 0))}`,
      isTime: true,
      isMet: inTime === freedMs.length,
    },
    {
      what: "others' p99 within 10 %",
      found:
        `x ${whole.toFixed(2)}; ten parts of the run: x ${quantile(parts, 0.25).toFixed(2)} to ` +
        `${quantile(parts, 0.75).toFixed(2)} (middle half); p50 and p99 ${p50p99(calm)} while guests close in order, ` +
        `${p50p99(killing)} while they are killed`,
      isTime: true,
      isMet: whole <= P99_LIMIT,
    },
  ];
}
