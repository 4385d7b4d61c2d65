import process from 'node:process';
import { createSilentLog } from '@dxgwire/host';
import { BACKENDS, openBackend } from '../backend.ts';
import { CaptureFile } from '../capture-file.ts';
import { createReadProgress } from '../capture-progress.ts';
import { type Command, oneOf, parseOptions, wholeNumber } from '../command.ts';
import { CommandFailure, describe, ExitCode, UsageError } from '../errors.ts';
import { Replayer, type ReplayResult } from '../replay/replayer.ts';

const OPTIONS = {
  backend: { type: 'string', default: 'webgpu' },
  adapter: { type: 'string' },
  timeout: { type: 'string', default: '30000' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const HELP = `dxgwire replay: plays the guest of a capture to a fresh host, and compares its answers

Usage: dxgwire replay FILE [options]

Every answer and every message of the host must equal the recorded ones, byte for byte, and so must the memory that it
publishes. Only clocks and running times may differ. Captures of \`dxgwire capture\` and of \`dxgwire host --capture\` hold
all that is needed.

Options:
  --backend NAME   the fresh host's: ${BACKENDS.join(', ')}; default webgpu
  --adapter WHICH  its adapter: a number, or a part of its name
  --timeout MS     how long the host may do nothing before something counts as missing; default 30000
  --json           the result as a line of JSON
  --help           this text

Exit codes: 0 all equal, 1 the first difference is printed, 2 wrong command line or no capture.
`;

export const replay: Command = {
  name: 'replay',
  help: HELP,
  async run(args) {
    const { positionals, values } = parseOptions('replay', args, OPTIONS);
    if (values.help === true) {
      process.stdout.write(HELP);
      return ExitCode.success;
    }
    const [path] = positionals;
    if (path === undefined || positionals.length > 1) {
      throw new UsageError(`replay takes one file, not ${positionals.length}; see \`dxgwire replay --help\``);
    }
    const backendName = oneOf('backend', values.backend, BACKENDS);
    const timeoutMs = wholeNumber('timeout', values.timeout, 1, 2 ** 31 - 1);
    const result = await replayFile(path, backendName, values.adapter, timeoutMs);
    process.stdout.write(values.json === true ? `${JSON.stringify(result)}\n` : describeResult(result));
    return result.difference === null ? ExitCode.success : ExitCode.failure;
  },
};

async function replayFile(
  path: string,
  backendName: (typeof BACKENDS)[number],
  adapter: string | undefined,
  timeoutMs: number,
): Promise<ReplayResult> {
  let file = new CaptureFile(path);
  const open = await openBackend(backendName, adapter, createSilentLog());
  try {
    const result = await new Replayer(open, timeoutMs).run(() => {
      file = new CaptureFile(path, createReadProgress());
      return file;
    });
    // A replay that ends at a difference has not read to the end.
    if (file.tailBytes > 0 && result.difference === null)
      process.stderr.write(`dxgwire: ${path} was cut off: it was replayed as far as it goes\n`);
    return result;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new CommandFailure(`cannot replay ${path}: ${describe(error)}`, { cause: error });
  } finally {
    await open.backend.close();
  }
}

function describeResult(result: ReplayResult): string {
  const { answers, difference, events, memoryBytes, messages, readBytes, unknownReads } = result;
  const counted =
    `${messages} messages played; ${answers} answers, ${events} messages of the host and ${memoryBytes} bytes of memory compared` +
    (readBytes > 0 ? `; ${readBytes} bytes of the guest's memory read` : '') +
    (unknownReads > 0 ? `; ${unknownReads} ranges read that the recorded host did not read` : '');
  return difference === null ? `equal: ${counted}\n` : `DIFFERENT: ${difference}\n${counted}\n`;
}
