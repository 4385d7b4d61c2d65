import process from 'node:process';
import {
  createHost,
  createLog,
  createSharedRegionAllocator,
  type Host,
  type Log,
  withAgreedCodec,
} from '@dxgwire/host';
import type { AdapterDescription, Backend } from '@dxgwire/host/backends';
import { type HostBus, isTransportError } from '@dxgwire/transport';
import { checkListenUrl, DEFAULT_LISTEN_URL, type Listener, listen } from '@dxgwire/transport/listen';
import { destination } from 'pino';
import { BACKENDS, openBackend } from '../backend.ts';
import { CAPTURE_REPORTS, GuestCaptures } from '../capture-file.ts';
import { type Command, oneOf, parseOptions } from '../command.ts';
import { CommandFailure, describe, ExitCode, UsageError } from '../errors.ts';
import { untilInterrupted } from '../interrupted.ts';
import { refusalLog } from '../refusal-log.ts';
import { formatBytes } from '../text.ts';
import { tokenFrom } from '../token.ts';

const LOG_LEVELS = ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;

const OPTIONS = {
  listen: { type: 'string', default: DEFAULT_LISTEN_URL },
  backend: { type: 'string', default: 'webgpu' },
  adapter: { type: 'string' },
  token: { type: 'string' },
  compress: { type: 'boolean' },
  timeout: { type: 'string' },
  log: { type: 'string', default: 'info' },
  capture: { type: 'string' },
  'no-gaps': { type: 'boolean' },
  'packets-only': { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const HELP = `dxgwire host: offers the GPUs of this machine to guests

Usage: dxgwire host [options]

Options:
  --listen URL      where guests connect; default ${DEFAULT_LISTEN_URL}. Port 0 takes a free one
  --backend NAME    ${BACKENDS.join(', ')}; default webgpu
  --adapter WHICH   offer only this adapter: its number in the list, or a part of its name
  --token SECRET    guests must give it; needed to listen beyond this machine (or DXGWIRE_TOKEN)
  --compress        over WebSocket, compress messages for guests that offer it: for slow lines
  --timeout MS      how long work may run before its device is reset; default 2000, on a software device 120000
  --log LEVEL       ${LOG_LEVELS.join(', ')}; default info. JSON lines on standard error
  --capture FILE    record what passes between host and guest, and what the host reads of the guest's memory, for
                    \`dxgwire decode\` and \`dxgwire replay\`; the second guest has FILE-2
  --packets-only    with --capture: without the bytes of memory; smaller, but it cannot be replayed
  --no-gaps         with --capture: wait for the file rather than drop records that it does not keep up with
  --json            one line of JSON in place of text, once it listens: url, backend, adapters
  --help            this text

Ctrl-C ends it: guests see their devices lost, and no process stays.
`;

export const host: Command = {
  name: 'host',
  help: HELP,
  async run(args) {
    const { values, positionals } = parseOptions('host', args, OPTIONS);
    if (values.help === true) {
      process.stdout.write(HELP);
      return ExitCode.success;
    }
    if (positionals.length > 0) {
      throw new UsageError(`host takes no "${positionals[0]}"; see \`dxgwire host --help\``);
    }
    if (values['packets-only'] === true && values.capture === undefined) {
      throw new UsageError('--packets-only goes with --capture FILE');
    }
    if (values['no-gaps'] === true && values.capture === undefined) {
      throw new UsageError('--no-gaps goes with --capture FILE');
    }
    if (values.compress === true && !/^wss?:/i.test(values.listen)) {
      throw new UsageError('--compress goes with --listen ws: or wss:');
    }
    const recording = { keepsMemory: values['packets-only'] !== true, isWhole: values['no-gaps'] === true };
    const backendName = oneOf('backend', values.backend, BACKENDS);
    const level = oneOf('log', values.log, LOG_LEVELS);
    const timeoutMs = values.timeout === undefined ? undefined : milliseconds('timeout', values.timeout);
    const token = tokenFrom(values.token);
    const wanted = token ?? tokenOfUrl(values.listen);
    checkListen(values.listen, wanted);
    const log = createLog({ level, destination: logDestination() });
    // From the start, so that Ctrl-C while the backend starts leaves nothing behind either.
    const stop = untilInterrupted();
    const { backend, adapters } = await openBackend(backendName, values.adapter, log, timeoutMs);
    const dxgHost = createHost({ backend, log });
    let captures: GuestCaptures | null = null;
    let listener: Listener;
    try {
      if (values.capture !== undefined) {
        captures = await GuestCaptures.open(values.capture, CAPTURE_REPORTS);
      }
      listener = await listenFor(values.listen, token, values.compress === true, log, (bus) =>
        dxgHost.attach(captures?.tap(withAgreedCodec(bus), recording) ?? bus, { adapters }),
      );
    } catch (error) {
      await closeAll(null, dxgHost, backend);
      await captures?.close();
      throw error;
    }
    captures?.begin();
    const descriptions = backend.adapters.filter((_, index) => adapters.includes(index));
    announce(values.json === true, listener.url, backend.name, descriptions, wanted !== undefined);
    await Promise.race([stop, listener.ended ?? stop]);
    await closeAll(listener, dxgHost, backend);
    await captures?.close();
    return ExitCode.success;
  },
};

/** Most bytes of the log that are kept while nothing can be written; what comes then is not logged. */
const MOST_UNWRITTEN_BYTES = 1 << 20;

/** Standard error. On a disk that is full a log ends, or has a gap; the guests go on. */
function logDestination() {
  const stream = destination({ dest: 2, sync: true, maxLength: MOST_UNWRITTEN_BYTES });
  stream.on('error', () => {});
  return stream;
}

/** @throws UsageError for what is not a whole number from 1 to 2^31 - 1, the longest that a timer takes. */
function milliseconds(name: string, text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : 0;
  if (value < 1 || value >= 2 ** 31) {
    throw new UsageError(
      `--${name} takes milliseconds, a whole number from 1 to ${2 ** 31 - 1}, not "${text}"`,
    );
  }
  return value;
}

/** Schemes whose URLs name a machine: the others stay on this one, behind the file system's rights. */
const NETWORK_PROTOCOLS = ['ws:', 'wss:', 'tcp:'];

/**
 * Checks where to listen before a backend starts. Anyone who reaches a host without a token may use its GPU, so
 * beyond this machine it wants one.
 */
function checkListen(text: string, token: string | undefined): void {
  try {
    checkListenUrl(text);
  } catch (error) {
    throw new UsageError(`--listen takes a URL like ${DEFAULT_LISTEN_URL}: ${describe(error)}`);
  }
  if (!NETWORK_PROTOCOLS.some((protocol) => text.toLowerCase().startsWith(protocol))) return;
  // Both tcp:HOST:PORT and tcp://HOST:PORT are good; `URL` takes no zone of an IPv6 address.
  const url = new URL(text.replace(/^tcp:(?!\/\/)/i, 'tcp://').replace(/%[^\]]*\]/, ']'));
  const isLoopback = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);
  if (!isLoopback && token === undefined) {
    throw new UsageError(
      `${withoutToken(text)} can be reached from other machines: give --token SECRET, or listen on ${loopbackOf(url)}`,
    );
  }
}

/** A URL as an error message may show it. */
function withoutToken(text: string): string {
  return text.replace(/\?.*/s, '');
}

/** What a URL says behind `?token=`; undefined where that is nothing. */
function tokenOfUrl(text: string): string | undefined {
  const [, query = ''] = /^(?:wss?|tcp):[^?]*\?(.*)$/is.exec(text) ?? [];
  return new URLSearchParams(query.replace(/#.*/s, '')).get('token') || undefined;
}

/** The same URL, for this machine only. */
function loopbackOf(url: URL): string {
  const loopback = new URL(url);
  loopback.hostname = '127.0.0.1';
  return loopback.href.replace(/\/$/, '');
}

async function listenFor(
  url: string,
  token: string | undefined,
  compression: boolean,
  log: Log,
  onBus: (bus: HostBus) => void,
): Promise<Listener> {
  const allocateRegion = createSharedRegionAllocator();
  try {
    return await listen(url, {
      onBus,
      onRefused: refusalLog(log),
      compression,
      ...(token === undefined ? {} : { token }),
      ...(allocateRegion === null ? {} : { allocateRegion }),
    });
  } catch (error) {
    const isUsage = isTransportError(error) && error.code === 'bad-url';
    throw new (isUsage ? UsageError : CommandFailure)(describe(error), { cause: error });
  }
}

function announce(
  json: boolean,
  url: string,
  backend: string,
  adapters: readonly AdapterDescription[],
  withToken: boolean,
): void {
  // Over standard input and output, that is where the link runs.
  const out = url === 'stdio:' ? process.stderr : process.stdout;
  if (json) {
    const shown = adapters.map(({ description, softwareDevice, vendorId, deviceId, segments }) => ({
      description,
      softwareDevice,
      vendorId,
      deviceId,
      memoryBytes: segments.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0),
    }));
    out.write(`${JSON.stringify({ url, backend, adapters: shown })}\n`);
    return;
  }
  const lines = adapters.map((adapter, index) => `adapter ${index}: ${describeAdapter(adapter)}`);
  // Whoever holds the other ends knows.
  if (url === 'stdio:') return;
  const token = withToken ? ' --token SECRET' : '';
  // The other end of a device has a name of its own.
  const [where, connect] = url.startsWith('device:') ? ['at its other end', 'device:PATH'] : ['on it', url];
  out.write(
    `${lines.join('\n')}
listening on ${url}
run a program ${where} with: dxgwire run --connect ${connect}${token} PROGRAM
`,
  );
}

function describeAdapter(adapter: AdapterDescription): string {
  const { description } = adapter;
  const kind = adapter.softwareDevice && !/software/i.test(description) ? ' (software device)' : '';
  const memory = adapter.segments.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  return `${description}${kind}, ${formatBytes(memory)}`;
}

async function closeAll(listener: Listener | null, dxgHost: Host, backend: Backend): Promise<void> {
  await listener?.close();
  await dxgHost.close();
  await backend.close();
}
