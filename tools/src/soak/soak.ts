import { parseArgs } from 'node:util';
import { oneLine } from '../one-line.ts';
import { clausesOf } from './soak-report.ts';
import { SOAK_TRANSPORTS, type SoakResult, type SoakTransport, soak } from './soak-run.ts';

/** `pnpm soak --minutes M --guests N`: load from guests that live, others killed in the middle of a command beside them. */

const USAGE = `usage: pnpm soak [--minutes M] [--guests N] [--kills K] [--transport T] [--seed S] [--per-process P]
                 [--times]
A host process, guests under random load, and guests in processes that are ended by SIGKILL in every state of the
protocol. Nothing may be left of them, and the others must not notice.
--minutes      how long at most (default 1, with --kills 120)
--guests       guests that live from the beginning to the end, a process each (default 4)
--kills        guests to kill, over all transports (default: as many as the time allows)
--transport    ${SOAK_TRANSPORTS.join(', ')}, or all, one after the other (default unix)
--seed         what everything that is drawn follows from (default: a new one, printed)
--per-process  guests in a process that is killed (default 1)
--times        times that miss their limit fail the run as well (they are printed in any case)

Every night: --kills 10000 --per-process 16 --transport all --times
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
        times: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    fail(oneLine(error));
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
function progress(startMs: number, before: number): (done: number) => void {
  let shownMs = startMs;
  return (now) => {
    const done = before + now;
    const nowMs = performance.now();
    const share = Math.min(1, Math.max(done / kills, (nowMs - startMs) / (minutes * 60_000)));
    const text = `${done} guests killed, ${Math.round((nowMs - startMs) / 1000)} s`;
    if (process.stdout.isTTY) {
      const full = Math.round(share * BAR);
      const line = `[${'#'.repeat(full)}${'.'.repeat(BAR - full)}] ${text} `;
      // A line that wraps cannot be drawn over.
      process.stdout.write(`\r${line.slice(0, (process.stdout.columns ?? 80) - 1)}`);
    } else if (nowMs - shownMs > LINE_EVERY_MS) {
      shownMs = nowMs;
      process.stdout.write(`${text}\n`);
    }
  };
}

/** @returns how many things are wrong. */
function report(transport: SoakTransport, result: SoakResult): number {
  const clauses = clausesOf(transport, result);
  const width = Math.max(...clauses.map(({ what }) => what.length));
  const lines = clauses.map(({ found, isMet, isTime, what }) => {
    const verdict = isMet ? 'ok' : isTime && !values.times ? 'missed (a time: no failure)' : 'WRONG';
    return `  ${what.padEnd(width)}  ${verdict}: ${found}`;
  });
  const head = `${transport}: ${result.kills} guests killed; seed ${seed}`;
  const failures = result.failures.map((failure) => `  WRONG: ${failure}`);
  process.stdout.write(
    `${process.stdout.isTTY ? '\r\x1b[K' : ''}${[head, ...lines, ...failures].join('\n')}\n`,
  );
  const unmet = clauses.filter(({ isMet, isTime }) => !isMet && (values.times || !isTime)).length;
  return unmet + result.failures.length;
}

let wrong = 0;
let killed = 0;
for (const transport of transports) {
  const result = await soak({
    transport,
    guests,
    kills: Math.ceil(kills / transports.length),
    limitMs: (minutes * 60_000) / transports.length,
    seed,
    firstState: 0,
    guestsPerProcess,
    orderlyOneIn: 2,
    onProgress: progress(performance.now(), killed),
  });
  killed += result.kills;
  wrong += report(transport, result);
}
process.stdout.write(
  `${killed} guests killed: ${wrong === 0 ? 'nothing is left, and nobody has noticed' : `${wrong} things are wrong`}\n`,
);
process.exit(wrong === 0 ? 0 : 1);
