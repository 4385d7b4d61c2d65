import { once } from 'node:events';
import { createWriteStream, writeFileSync } from 'node:fs';
import type { CaptureRecord } from '@dxgwire/transport/capture';
import { CaptureFile } from '../capture-file.ts';
import { type Command, parseOptions } from '../command.ts';
import { CommandFailure, describe, ExitCode, UsageError } from '../errors.ts';
import { ChromeTrace } from '../export/chrome-trace.ts';
import { wiresharkDissector } from '../export/dissector.ts';
import { PcapngWriter } from '../export/pcapng.ts';

const OPTIONS = {
  pcapng: { type: 'string' },
  'chrome-trace': { type: 'string' },
  dissector: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

const HELP = `dxgwire export: writes a capture for Wireshark or Perfetto

Usage: dxgwire export FILE [options]
       dxgwire export --dissector OUT.lua

Options:
  --pcapng OUT        packets for Wireshark and tshark
  --dissector OUT     the Lua script by which they read them: tshark -X lua_script:OUT
  --chrome-trace OUT  JSON for ui.perfetto.dev and chrome://tracing: calls, queues, fences and waits as tracks
  --help              this text
`;

interface Exporter {
  /** The start of the file. */
  begin(startedAt: number): Uint8Array | string;
  add(record: CaptureRecord): Uint8Array | string | null;
  end(): Uint8Array | string;
}

export const exportCapture: Command = {
  name: 'export',
  help: HELP,
  async run(args) {
    const { positionals, values } = parseOptions('export', args, OPTIONS);
    if (values.help === true) {
      process.stdout.write(HELP);
      return ExitCode.success;
    }
    const { 'chrome-trace': chromeTrace, dissector, pcapng } = values;
    const [path] = positionals;
    const hasTarget = pcapng !== undefined || chromeTrace !== undefined;
    if (
      positionals.length > 1 ||
      (path === undefined) === hasTarget ||
      (!hasTarget && dissector === undefined)
    ) {
      throw new UsageError('export needs a file and what to write; see `dxgwire export --help`');
    }
    if (dissector !== undefined) writeOrFail(dissector, () => writeFileSync(dissector, wiresharkDissector()));
    if (path === undefined) return ExitCode.success;
    if (pcapng !== undefined) await exportTo(path, pcapng, new PcapngWriter());
    if (chromeTrace !== undefined) await exportTo(path, chromeTrace, new ChromeTrace());
    return ExitCode.success;
  },
};

function writeOrFail(target: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    throw new CommandFailure(`cannot write ${target}: ${describe(error)}`, { cause: error });
  }
}

async function exportTo(path: string, target: string, exporter: Exporter): Promise<void> {
  const file = new CaptureFile(path);
  const out = createWriteStream(target);
  let failure: Error | null = null;
  out.on('error', (error) => {
    failure = error;
  });
  const write = async (part: Uint8Array | string | null) => {
    if (failure !== null) throw new CommandFailure(`cannot write ${target}: ${describe(failure)}`);
    if (part !== null && !out.write(part)) await Promise.race([once(out, 'drain'), once(out, 'close')]);
  };
  try {
    let hasBegun = false;
    for await (const record of file.records()) {
      if (!hasBegun) await write(exporter.begin(file.header!.startedAt));
      hasBegun = true;
      await write(exporter.add(record));
    }
    if (!hasBegun) await write(exporter.begin(file.header!.startedAt));
    await write(exporter.end());
  } finally {
    const closed = once(out, 'close');
    out.end();
    await closed;
  }
  await write(null);
}
