import { parseArgs } from 'node:util';
import { PROTOCOL_STATES } from './protocol-states.ts';
import { SOAK_LEASE_MS, SOAK_TRANSPORTS, type SoakResult, soak } from './soak-run.ts';

/** `pnpm soak --minutes M --guests N`: load from guests that live, others killed in the middle of a command beside them. */

const USAGE = `usage: pnpm soak [--minutes M] [--guests N] [--kills K] [--transport T] [--seed S] [--per-process P]
A host process, guests under random load, and guests in processes that are ended by SIGKILL in every state of the
protocol. Nothing may be left of them, and the others must not notice.
--minutes      how long at most (default 1, with --kills 120)
--guests       guests that live from the beginning to the end, a process each (default 4)
--kills        guests to kill (default: as many as the time allows)
--transport    ${SOAK_TRANSPORTS.join(', ')}, or all, one after the other (default unix)
--seed         what everything that is drawn follows from (default: a new one, printed)
--per-process  guests in a process that is killed (default 1)
`;

function fail(message: string): never {
  process.stderr.write(`soak: ${message}\n`);
  process.exit(2);
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) fail(`--${name} takes a whole number from 1, not "${text}"`);
  return value;
}

function readOptions() {
  try {
    return parseArgs({
      options: {
        minutes: { type: 'string' },
        guests: { type: 'string', default: '4' },
        kills: { type: 'string' },
        transport: { type: 'string', default: 'unix' },
        seed: { type: 'string' },
        'per-process': { type: 'string', default: '1' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error));
  }
}

const values = readOptions();
if (values.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const seed = values.seed === undefined ? 1 + (Date.now() % 2 ** 31) : wholeNumber('seed', values.seed);
const minutes = wholeNumber('minutes', values.minutes ?? (values.kills === undefined ? '1' : '120'));
const guests = wholeNumber('guests', values.guests);
const kills = values.kills === undefined ? Number.MAX_SAFE_INTEGER : wholeNumber('kills', values.kills);
const guestsPerProcess = wholeNumber('per-process', values['per-process']);
const transports = SOAK_TRANSPORTS.filter((name) => values.transport === 'all' || values.transport === name);
if (transports.length === 0)
  fail(`--transport takes ${SOAK_TRANSPORTS.join(', ')} or all, not "${values.transport}"`);

const BAR = 30;
const LINE_EVERY_MS = 10_000;

/** A bar on a terminal, a line now and then elsewhere. */
function progress(startMs: number): (done: number) => void {
  let shownMs = startMs;
  return (done) => {
    const nowMs = performance.now();
    const share = Math.min(1, Math.max(done / kills, (nowMs - startMs) / (minutes * 60_000)));
    const text = `${done} guests killed, ${Math.round((nowMs - startMs) / 1000)} s`;
    if (process.stdout.isTTY) {
      const full = Math.round(share * BAR);
      process.stdout.write(`\r[${'#'.repeat(full)}${'.'.repeat(BAR - full)}] ${text} `);
    } else if (nowMs - shownMs > LINE_EVERY_MS) {
      shownMs = nowMs;
      process.stdout.write(`${text}\n`);
    }
  };
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** @returns what is wrong. */
function report(transport: string, result: SoakResult): string[] {
  const { calmMs, killingMs, freedMs, states } = result;
  const ms = (value: number) => `${value.toFixed(2)} ms`;
  const missed = PROTOCOL_STATES.filter(([name]) => !states.has(name)).map(([name]) => name);
  const lease = transport === 'tcp' || transport === 'websocket' ? SOAK_LEASE_MS : 0;
  const limitMs = 1000 + lease;
  const late = freedMs.filter((freed) => freed > limitMs).length;
  const ratio = quantile(killingMs, 0.99) / quantile(calmMs, 0.99);
  const mebibytes = (bytes: number) => `${(bytes / 1048576).toFixed(1)} MiB`;
  const lines = [
    `${transport}: ${result.kills} guests killed, in ${result.processes} processes ended by SIGKILL; seed ${seed}`,
    `states in which they were killed: ${states.size} of ${PROTOCOL_STATES.length}${missed.length > 0 ? `; not ${missed.join(', ')}` : ''}`,
    `everything of theirs gone after: median ${ms(quantile(freedMs, 0.5))}, p99 ${ms(quantile(freedMs, 0.99))}, at most ` +
      `${ms(Math.max(...freedMs))}; ${late} processes later than ${limitMs} ms${lease > 0 ? ' (1 s and the lease)' : ''}`,
    `the others' round trips, p50 and p99: ${ms(quantile(calmMs, 0.5))} and ${ms(quantile(calmMs, 0.99))} while guests close in ` +
      `order (${calmMs.length} calls), ${ms(quantile(killingMs, 0.5))} and ${ms(quantile(killingMs, 0.99))} while they are killed ` +
      `(${killingMs.length}): p99 x ${ratio.toFixed(2)}`,
    `the host's files ${result.before.files} before, ${result.after.files} after; heap ${mebibytes(result.before.heapBytes)}, ` +
      `${mebibytes(result.after.heapBytes)}; resident ${mebibytes(result.before.residentBytes)}, ${mebibytes(result.after.residentBytes)}`,
    ...result.failures.map((failure) => `WRONG: ${failure}`),
  ];
  process.stdout.write(`${process.stdout.isTTY ? '\r\x1b[K' : ''}${lines.join('\n')}\n`);
  return late > 0
    ? [...result.failures, `${late} processes' guests were not gone in time`]
    : [...result.failures];
}

let wrong = 0;
for (const transport of transports) {
  const result = await soak({
    transport,
    guests,
    kills,
    limitMs: (minutes * 60_000) / transports.length,
    seed,
    firstState: 0,
    guestsPerProcess,
    orderlyOneIn: 2,
    onProgress: progress(performance.now()),
  });
  wrong += report(transport, result).length;
}
process.stdout.write(
  wrong === 0 ? 'nothing is left, and nobody has noticed\n' : `${wrong} things are wrong\n`,
);
process.exit(wrong === 0 ? 0 : 1);
