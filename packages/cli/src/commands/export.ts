import { Buffer } from 'node:buffer';
import { writeFileSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import process from 'node:process';
import type { CaptureRecord } from '@dxgwire/transport/capture';
import { CaptureFile } from '../capture-file.ts';
import { createReadProgress } from '../capture-progress.ts';
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

/** Written at once. */
const WRITE_BYTES = 1 << 20;

interface Exporter {
  /** The start of the file. */
  begin(startedAt: number): Uint8Array | string;
  /** Memory of its own, or null. */
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
    const targets = [dissector, pcapng, chromeTrace].flatMap((each) =>
      each === undefined ? [] : [resolve(each)],
    );
    if (new Set(targets).size < targets.length) throw new UsageError('each output needs a file of its own');
    if (path !== undefined && dissector !== undefined && (await isSameFile(path, dissector)))
      throw new UsageError(`${dissector} is the capture itself`);
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
  if (await isSameFile(path, target)) throw new UsageError(`${target} is the capture itself`);
  const file = new CaptureFile(path, createReadProgress());
  let out: FileHandle | null = null;
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  const flush = async () => {
    // Not before the capture has shown that it is one: a file that is there stays whole until then.
    out ??= await open(target, 'w');
    await out.writeFile(Buffer.concat(waiting));
    waiting = [];
    waitingBytes = 0;
  };
  /** @returns whether it is time to write. What an exporter gives is its own: nothing of what is read. */
  const add = (part: Uint8Array | string | null): boolean => {
    if (part === null || part.length === 0) return false;
    waiting.push(typeof part === 'string' ? Buffer.from(part) : part);
    waitingBytes += part.length;
    return waitingBytes >= WRITE_BYTES;
  };
  const toTarget = async (action: () => Promise<void>) => {
    try {
      await action();
    } catch (error) {
      throw new CommandFailure(`cannot write ${target}: ${describe(error)}`, { cause: error });
    }
  };
  try {
    let hasBegun = false;
    for await (const batch of file.batches()) {
      if (!hasBegun && file.header !== null) {
        hasBegun = true;
        add(exporter.begin(file.header.startedAt));
      }
      for (const record of batch) if (add(exporter.add(record))) await toTarget(flush);
    }
    add(exporter.end());
    await toTarget(flush);
  } finally {
    await (out as FileHandle | null)?.close();
  }
  if (file.tailBytes > 0)
    process.stderr.write(`dxgwire: ${path} was cut off: ${target} holds what is before its end\n`);
}

/** Whether both are there and are one file. */
async function isSameFile(path: string, target: string): Promise<boolean> {
  try {
    const [one, other] = await Promise.all([stat(path), stat(target)]);
    return one.dev === other.dev && one.ino === other.ino;
  } catch {
    return false;
  }
}
