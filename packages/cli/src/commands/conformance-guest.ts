import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { type GuestRunOptions, type Report, runGuestConformance } from '@dxgwire/conformance';
import { createHost, createSilentLog } from '@dxgwire/host';
import type { HostBus } from '@dxgwire/transport';
import { listen } from '@dxgwire/transport/listen';
import { type BackendName, openBackend } from '../backend.ts';
import { UsageError } from '../errors.ts';

/** How long a guest that a command started may take to end when its link has, and again when it is asked to. */
const ENDING_MS = 2000;

export interface GuestJudgement extends GuestRunOptions {
  /** Ends the waiting for a guest, and the judging. */
  readonly stop: Promise<string>;
  /** How long a guest may take until it connects, milliseconds. */
  readonly arrivalMs: number;
}

/**
 * Listens at a URL and judges the guest that connects there; a command, where given, starts it.
 *
 * @throws UsageError when none comes.
 */
export async function judgeGuestAt(
  url: string,
  name: BackendName,
  token: { readonly token?: string },
  options: GuestJudgement,
  program: string | undefined,
  rest: readonly string[],
): Promise<Report> {
  const { backend, adapters } = await openBackend(name, undefined, createSilentLog());
  const host = createHost({ backend });
  let arrive: (bus: HostBus) => void = () => {};
  const arrived = new Promise<HostBus>((resolve) => {
    arrive = resolve;
  });
  let isTaken = false;
  const listener = await listen(url, {
    ...token,
    onBus(bus) {
      if (isTaken) bus.abort(new Error('this kit judges one guest'));
      else arrive(bus);
      isTaken = true;
    },
    leaseMs: 0,
  });
  let child: ChildProcess | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    process.stderr.write(`waiting for a guest at ${listener.url}\n`);
    const nobody = new Promise<never>((_, reject) => {
      const absent = (why: string) => reject(new UsageError(`there is nobody to judge: ${why}`));
      timer = setTimeout(
        () => absent(`no guest has connected to ${listener.url} within ${options.arrivalMs} ms (--arrival)`),
        options.arrivalMs,
      );
      void options.stop.then(() => absent('interrupted before a guest came'));
      if (program === undefined) return;
      child = startGuest(program, rest, listener.url);
      child.once('error', (error) => reject(new UsageError(`cannot start '${program}': ${error.message}`)));
      child.once('exit', () => {
        if (!isTaken) absent(`'${program}' ended without having connected`);
      });
    });
    const bus = await Promise.race([arrived, nobody]);
    nobody.catch(() => {});
    clearTimeout(timer);
    return await runGuestConformance(bus, (inner) => host.attach(inner, { adapters }), options);
  } finally {
    clearTimeout(timer);
    await listener.close();
    await host.close();
    await backend.close();
    if (child !== null) await endGuest(child);
  }
}

/** Starts the guest; `{}` among its arguments stands for the URL. */
function startGuest(program: string, rest: readonly string[], url: string): ChildProcess {
  return spawn(
    program,
    rest.map((word) => (word === '{}' ? url : word)),
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
}

/** Gives a guest time to end by itself, then asks it to, then ends it. */
async function endGuest(child: ChildProcess): Promise<void> {
  const isOver = () => child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (isOver()) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ENDING_MS);
    });
    await Promise.race([once(child, 'exit'), late]);
    clearTimeout(timer);
    if (!isOver()) child.kill(signal);
  }
}
