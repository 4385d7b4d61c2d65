import { existsSync } from 'node:fs';
import { open, rm, writeFile } from 'node:fs/promises';
import process from 'node:process';
import {
  ConformanceFailure,
  type HostProfile,
  partsInVain,
  type Report,
  reportJunit,
  reportText,
  runHostConformance,
} from '@dxgwire/conformance';
import { createHost, createSilentLog } from '@dxgwire/host';
import { encodeContextBlob } from '@dxgwire/protocol/blobs';
import { STREAM_VERSION } from '@dxgwire/protocol/stream';
import { isTransportError } from '@dxgwire/transport';
import { connect } from '@dxgwire/transport/connect';
import { createInProcessBus } from '@dxgwire/transport/mock-vmbus';
import { connectToChild } from '@dxgwire/transport/stream';
import { BACKENDS, openBackend } from '../backend.ts';
import { type Command, oneOf, parseOptions, wholeNumber } from '../command.ts';
import { CommandFailure, describe, ExitCode, UsageError } from '../errors.ts';
import { untilInterrupted } from '../interrupted.ts';
import { tokenFrom } from '../token.ts';
import { judgeGuestAt } from './conformance-guest.ts';
import { createProgress, type Progress } from './conformance-progress.ts';

const OPTIONS = {
  guest: { type: 'string' },
  observe: { type: 'boolean' },
  arrival: { type: 'string', default: '60000' },
  silence: { type: 'string', default: '60000' },
  limit: { type: 'string', default: '600000' },
  'in-process': { type: 'boolean' },
  backend: { type: 'string', default: 'reference' },
  token: { type: 'string' },
  driver: { type: 'string' },
  filter: { type: 'string' },
  timeout: { type: 'string', default: '5000' },
  json: { type: 'boolean' },
  junit: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Longer ones no timer takes. */
const MAX_DELAY_MS = 2 ** 31 - 1;

const HELP = `dxgwire conformance: judges a host, or a guest, of the protocol from outside

Usage: dxgwire conformance URL [options]
       dxgwire conformance stdio: [options] -- COMMAND ARGUMENTS...
       dxgwire conformance --guest URL [options] [-- COMMAND ARGUMENTS...]

The first judges the host at URL; the second, one that COMMAND starts, on its standard input and output. The third
listens on URL and judges the guest that connects there until its link ends; COMMAND, where given, starts it.

Options:
  --filter TEXT   only requirements of this number or group, or with this in their text; several with commas
  --timeout MS    how long each answer may take; default 5000
  --arrival MS    of a guest: how long until it connects; default 60000
  --silence MS    of a guest: how long it may say nothing while its link lasts; default 60000
  --limit MS      of a guest: how long it is judged at most; default 600000
  --observe       of a guest: look only; else the host does, now and then, what a guest has to bear
  --token SECRET  the host's token, or the one that guests must give (or DXGWIRE_TOKEN)
  --in-process    judge a host of this program, without a URL
  --backend NAME  ${BACKENDS.join(', ')}: of that host, or of the one that serves a guest; default reference
  --driver NAME   none, webgpu: whose private data contexts carry; default: as --backend says, else none
  --json          the report as JSON
  --junit FILE    also writes it as JUnit XML
  --help          this text

Exit codes: 0 all passed, 1 some failed or the kit gave up, 2 a wrong command line, or nobody to judge.
`;

export const conformance: Command = {
  name: 'conformance',
  help: HELP,
  async run(args) {
    const { own, rest, program } = splitCommand(args);
    const { values, positionals } = parseOptions('conformance', own, OPTIONS);
    if (values.help === true) {
      process.stdout.write(HELP);
      return ExitCode.success;
    }
    const timeoutMs = wholeNumber('timeout', values.timeout, 1, 600_000);
    const arrivalMs = wholeNumber('arrival', values.arrival, 1, MAX_DELAY_MS);
    const silenceMs = wholeNumber('silence', values.silence, 1, MAX_DELAY_MS);
    const limitMs = wholeNumber('limit', values.limit, 1, MAX_DELAY_MS);
    const backend = oneOf('backend', values.backend, BACKENDS);
    const targets =
      positionals.length + (values.guest === undefined ? 0 : 1) + (values['in-process'] ? 1 : 0);
    if (targets !== 1)
      throw new UsageError(
        'conformance takes one URL, --in-process or --guest URL; see `dxgwire conformance --help`',
      );
    const filter = filterOf(values.filter, values.guest === undefined ? 'host' : 'guest');
    const isNewFile = await checkWritable(values.junit);
    const stop = untilInterrupted().then(() => 'interrupted');
    const watched = (progress: Progress) => ({ ...filter, timeoutMs, stop, onResult: progress.show });
    const token = tokenFrom(values.token);
    const withToken = token === undefined ? {} : { token };
    const usual = values['in-process'] === true && backend === 'webgpu' ? 'webgpu' : 'none';
    const profile = profileOf(oneOf('driver', values.driver ?? usual, ['none', 'webgpu']));
    const progress = createProgress(values.json === true);
    let report: Report;
    try {
      if (values.guest !== undefined) {
        report = await judgeGuestAt(
          values.guest,
          backend,
          withToken,
          { ...filter, isObserving: values.observe === true, arrivalMs, silenceMs, limitMs, stop },
          program,
          rest,
        );
      } else if (values['in-process'] === true) {
        report = await judgeInProcess(backend, { ...profile, ...watched(progress) });
      } else {
        const url = positionals[0] ?? '';
        const options = { ...withToken, connectTimeoutMs: timeoutMs };
        const make = url === 'stdio:' ? childConnector(program, rest) : () => connect(url, options);
        report = await runHostConformance(make, { ...profile, ...watched(progress) });
      }
    } catch (error) {
      progress.end();
      if (isNewFile) await rm(values.junit!, { force: true });
      if (error instanceof UsageError) throw error;
      if (isTransportError(error) || error instanceof ConformanceFailure)
        throw new UsageError(`there is nobody to judge: ${describe(error)}`);
      throw error;
    }
    progress.end();
    // Where standard output was the link, the report goes past it.
    const out = /^stdio:/i.test(values.guest ?? '') ? process.stderr : process.stdout;
    out.write(values.json === true ? `${JSON.stringify(report, null, 1)}\n` : reportText(report));
    if (values.junit !== undefined) await writeJunit(values.junit, report);
    if (report.passed + report.failed === 0 && report.gaveUp === undefined)
      throw new CommandFailure('nothing was judged: there was no occasion for what --filter names');
    return report.failed === 0 && report.gaveUp === undefined ? ExitCode.success : ExitCode.failure;
  },
};

/** @throws UsageError for a part that chooses nothing: it would pass for a requirement that is kept. */
function filterOf(filter: string | undefined, side: 'host' | 'guest'): { readonly filter?: string } {
  if (filter === undefined) return {};
  const inVain = partsInVain(side, filter);
  if (inVain.length > 0)
    throw new UsageError(`no requirement of a ${side} fits --filter ${inVain.join(', ')}`);
  return { filter };
}

/** Before a run that may take minutes. @returns whether there was no such file before. @throws CommandFailure */
async function checkWritable(path: string | undefined): Promise<boolean> {
  if (path === undefined) return false;
  try {
    const isNew = !existsSync(path);
    await (await open(path, 'a')).close();
    return isNew;
  } catch (error) {
    throw new CommandFailure(`cannot write ${path}: ${describe(error)}`, { cause: error });
  }
}

/** @throws CommandFailure */
async function writeJunit(path: string, report: Report): Promise<void> {
  try {
    await writeFile(path, reportJunit(report));
  } catch (error) {
    throw new CommandFailure(`cannot write ${path}: ${describe(error)}`, { cause: error });
  }
}

/** What stands behind `--` is a command of its own. */
function splitCommand(args: readonly string[]): {
  own: readonly string[];
  program: string | undefined;
  rest: readonly string[];
} {
  const at = args.indexOf('--');
  if (at < 0) return { own: args, program: undefined, rest: [] };
  return { own: args.slice(0, at), program: args[at + 1], rest: args.slice(at + 2) };
}

function childConnector(program: string | undefined, rest: readonly string[]) {
  if (program === undefined)
    throw new UsageError('stdio: needs a command: dxgwire conformance stdio: -- COMMAND');
  return async () => (await connectToChild(program, rest)).guest;
}

/** Enough for the kit. Some hundred links come and go, and the system counts what they might use. */
const GUEST_MEMORY_BYTES = 64 << 20;

async function judgeInProcess(
  name: (typeof BACKENDS)[number],
  options: Parameters<typeof runHostConformance>[1],
): Promise<Report> {
  const { backend, adapters } = await openBackend(name, undefined, createSilentLog());
  const host = createHost({ backend });
  try {
    return await runHostConformance(async () => {
      const bus = createInProcessBus({ guestMemoryBytes: GUEST_MEMORY_BYTES });
      host.attach(bus.host, { adapters });
      return bus.guest;
    }, options);
  } finally {
    await host.close();
    await backend.close();
  }
}

/** Private data that a host's driver wants: a host with the WebGPU backend makes contexts of its own kind only. */
function profileOf(driver: 'none' | 'webgpu'): { readonly profile?: Partial<HostProfile> } {
  if (driver === 'none') return {};
  const data = { streamVersion: STREAM_VERSION, returnRing: [0, 0] as const, returnFence: 0 };
  // An empty stream, in the private data itself: its place (0) and its length (0).
  return { profile: { contextData: encodeContextBlob(data), submissionData: new Uint8Array(8) } };
}
