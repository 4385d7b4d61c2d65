import { readFileSync } from 'node:fs';
import process from 'node:process';
import type { Command } from './command.ts';
import { ExitCode, report, UsageError } from './errors.ts';
import { watchOutput } from './output.ts';

const COMMANDS: Readonly<Record<string, { summary: string; load: () => Promise<Command> }>> = {
  host: {
    summary: 'offer the GPUs of this machine to guests',
    load: async () => (await import('./commands/host.ts')).host,
  },
  run: {
    summary: "run a WebGPU program on a host's GPU",
    load: async () => (await import('./commands/run.ts')).run,
  },
  info: {
    summary: 'show what a guest sees of a host',
    load: async () => (await import('./commands/info.ts')).info,
  },
  conformance: {
    summary: 'judge a host or a guest of the protocol from outside',
    load: async () => (await import('./commands/conformance.ts')).conformance,
  },
  trace: {
    summary: 'show and compare recorded packets',
    load: async () => (await import('./commands/trace.ts')).trace,
  },
  capture: {
    summary: 'record what passes between guests and a host',
    load: async () => (await import('./commands/capture.ts')).capture,
  },
  replay: {
    summary: 'play the guest of a capture to a fresh host, and compare its answers',
    load: async () => (await import('./commands/replay.ts')).replay,
  },
  export: {
    summary: 'write a capture for Wireshark or Perfetto',
    load: async () => (await import('./commands/export.ts')).exportCapture,
  },
  decode: {
    summary: 'show a capture',
    load: async () => (await import('./commands/decode.ts')).decode,
  },
};

const HELP = `dxgwire: a GPU on the other side of a link, by the command set of Hyper-V's dxgkrnl

Usage: dxgwire COMMAND [options]

Commands:
${Object.entries(COMMANDS)
  .map(([name, { summary }]) => `  ${name.padEnd(12)} ${summary}`)
  .join('\n')}

Options:
  --help     this text, or with a command its own
  --version  the version of dxgwire

Environment:
  DXGWIRE_TOKEN    token for host, run and info where --token is not given
  DXGWIRE_DEBUG=1  errors with their stacks
`;

/** The version in this package's package.json. */
export function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return String((JSON.parse(text) as { version: unknown }).version);
}

/**
 * Runs one command line.
 *
 * @returns the exit code: 0, 1 for a failure, 2 for a wrong command line, or a program's own.
 */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const [name, ...rest] = args;
    if (name === '--version' || name === '-v') {
      process.stdout.write(`${version()}\n`);
      return ExitCode.success;
    }
    if (name === '--help' || name === '-h' || name === 'help') {
      process.stdout.write(HELP);
      return ExitCode.success;
    }
    if (name === undefined) {
      process.stderr.write(HELP);
      return ExitCode.usage;
    }
    const found = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (found === undefined) {
      const kind = name.startsWith('-') ? 'option' : 'command';
      throw new UsageError(`there is no ${kind} "${name}"; see \`dxgwire --help\``);
    }
    const command = await found.load();
    if (rest[0] === '--help' || rest[0] === '-h') {
      process.stdout.write(command.help);
      return ExitCode.success;
    }
    return await command.run(rest);
  } catch (error) {
    return report(error);
  }
}

/** What the `dxgwire` command does: runs, then lets the process end by itself with the right exit code. */
export async function start(args: readonly string[]): Promise<void> {
  // The streams of a program that is run are its own: what is wrong with them, it sees as without us.
  const isOfProgram = args[0] === 'run' && args[1] !== '--help' && args[1] !== '-h';
  if (!isOfProgram) watchOutput();
  const code = await main(args);
  // A program that `run` started may have chosen its own code meanwhile.
  if (code !== ExitCode.success) process.exitCode = code;
}
