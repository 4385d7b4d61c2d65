import { startDriver } from '@dxgwire/guest/kmt';
import { Codec } from '@dxgwire/transport';
import { type AdapterReport, reportAdapter } from '../adapter-report.ts';
import { BACKENDS } from '../backend.ts';
import { type Command, oneOf, parseOptions } from '../command.ts';
import { CommandFailure, ExitCode, UsageError } from '../errors.ts';
import { checkCodec, codecFrom, connectLink, type Link } from '../link.ts';
import { formatBytes, formatPairs } from '../text.ts';
import { tokenFrom } from '../token.ts';

const OPTIONS = {
  connect: { type: 'string' },
  'in-process': { type: 'boolean' },
  backend: { type: 'string', default: 'webgpu' },
  token: { type: 'string' },
  codec: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const HELP = `dxgwire info: shows what a guest sees of a host, asked through the D3DKMT calls

Usage: dxgwire info --connect URL [options]

Options:
  --connect URL   the URL that \`dxgwire host\` prints
  --in-process    a host in this process, in place of one elsewhere
  --backend NAME  with --in-process: ${BACKENDS.join(', ')}; default webgpu
  --token SECRET  the host's token, where it wants one (or DXGWIRE_TOKEN)
  --codec NAME    how commands are written: packed (default) or protobuf; not over shm:
  --json          all of it as JSON
  --help          this text
`;

/** What the command prints as JSON. */
export interface Info {
  readonly transport: string;
  /** How commands are written on the link. */
  readonly codec: string;
  readonly interfaceVersion: number;
  readonly asyncMessages: boolean;
  readonly guestMemory: string;
  readonly windowBytes: number;
  readonly adapters: readonly AdapterReport[];
}

export const info: Command = {
  name: 'info',
  help: HELP,
  async run(args) {
    const { values, positionals } = parseOptions('info', args, OPTIONS);
    if (values.help === true) {
      process.stdout.write(HELP);
      return ExitCode.success;
    }
    if (positionals.length > 0) {
      throw new UsageError(`info takes no "${positionals[0]}"; see \`dxgwire info --help\``);
    }
    if ((values.connect === undefined) === (values['in-process'] !== true)) {
      throw new UsageError('info needs either --connect URL or --in-process; see `dxgwire info --help`');
    }
    checkCodec(values.codec, values.connect);
    const link =
      values.connect === undefined
        ? await openOwnHost(values.backend)
        : await connectLink(values.connect, tokenFrom(values.token), codecFrom(values.codec));
    try {
      const found = await collect(link);
      process.stdout.write(values.json === true ? `${JSON.stringify(found, null, 2)}\n` : format(found));
    } finally {
      await link.close();
    }
    return ExitCode.success;
  },
};

async function openOwnHost(backend: string): Promise<Link> {
  const name = oneOf('backend', backend, BACKENDS);
  return (await import('../in-process-link.ts')).inProcessLink(name);
}

async function collect({ bus }: Link): Promise<Info> {
  const driver = await startDriver(bus);
  if (!driver.adapterSummaries().some(({ state }) => state === 'active')) {
    throw new CommandFailure('the host offers no adapter that can be opened');
  }
  const kmtProcess = await driver.openDevice({ comm: 'dxgwire info' });
  const adapters: AdapterReport[] = [];
  for (const summary of driver.adapterSummaries()) {
    if (summary.state !== 'active') continue;
    adapters.push(await reportAdapter(driver, kmtProcess, summary));
  }
  const found: Info = {
    transport: bus.transport,
    codec: bus.codec ?? Codec.packed,
    interfaceVersion: driver.interfaceVersion,
    asyncMessages: driver.asyncMessages,
    guestMemory: bus.memory.kind,
    windowBytes: bus.window.lengthBytes,
    adapters,
  };
  await kmtProcess.closeDevice();
  await driver.close();
  return found;
}

function format(found: Info): string {
  const link = formatPairs(
    [
      ['transport', `${found.transport}, ${found.guestMemory} guest memory, commands ${found.codec}`],
      ['device window', formatBytes(found.windowBytes)],
      ['interface version', String(found.interfaceVersion)],
      ['submissions', found.asyncMessages ? 'one-way' : 'answered one by one'],
    ],
    0,
  );
  return [link, ...found.adapters.map(formatAdapter)].join('\n');
}

function formatAdapter(adapter: AdapterReport, index: number): string {
  const hex = (value: number) => `0x${value.toString(16).padStart(4, '0')}`;
  const kind = adapter.softwareDevice ? 'software device' : 'GPU';
  const pairs: [string, string][] = [
    ['kind', adapter.computeOnly ? `${kind}, compute only` : kind],
    ['LUID', `${adapter.luid} (the host's: ${adapter.hostLuid})`],
    ['vendor, device', `${hex(adapter.vendorId)}, ${hex(adapter.deviceId)}`],
    ['driver', adapter.driverVersion],
  ];
  for (const { group, sizeBytes, budgetBytes, usageBytes } of adapter.memory) {
    if (sizeBytes === 0 && budgetBytes === 0) continue;
    const numbers = `${formatBytes(sizeBytes)}, budget ${formatBytes(budgetBytes)}, in use ${formatBytes(usageBytes)}`;
    pairs.push([`memory, ${group}`, numbers]);
  }
  for (const [at, node] of adapter.nodes.entries()) {
    pairs.push([`node ${at}`, `${node.kind}: ${node.name}, clock ${node.clockHz} Hz`]);
  }
  pairs.push(['additions', adapter.additions.join(', ') || 'none']);
  if (adapter.webgpu !== null) pairs.push(...formatWebgpu(adapter.webgpu));
  return `adapter ${index}: ${adapter.description}\n${formatPairs(pairs, 2)}`;
}

function formatWebgpu({
  info: device,
  features,
  limits,
}: NonNullable<AdapterReport['webgpu']>): [string, string][] {
  const { vendor, architecture, description } = device;
  const shown = Object.entries(limits).map(([name, value]) => `${name} ${value}`);
  return [
    [
      'WebGPU device',
      [vendor, architecture, device.device, description].filter((part) => part !== '').join(', '),
    ],
    ['WebGPU features', features.join(', ') || 'none'],
    ['WebGPU limits', shown.join(', ')],
  ];
}
