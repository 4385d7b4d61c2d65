import process from 'node:process';
import { printable } from './text.ts';

/** The command line was wrong: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The command could not be done: exit code 1. The message names what failed and the way out. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
}

/** Exit codes of the command; a program's own code is passed through by `run`. */
export const ExitCode = { success: 0, failure: 1, usage: 2 } as const;

/** True when DXGWIRE_DEBUG=1 asks for stacks. */
export function isDebugging(): boolean {
  return process.env['DXGWIRE_DEBUG'] === '1';
}

// What Node says of the file system: "ENOENT: no such file or directory, open 'PATH'". Who prints it has named the path.
const FILE_SYSTEM_ERROR = /^E[A-Z0-9]+: (.*?), [a-z]+(?: '.*')?$/s;

/** One line for a person: what an unknown thrown value says, without its stack. */
export function describe(error: unknown): string {
  const said = error instanceof Error ? error.message || error.name : String(error);
  const message = FILE_SYSTEM_ERROR.exec(said)?.[1] ?? said;
  const hint = /\bE[MN]FILE\b|too many open files/.test(said) ? '. Raise the limit (ulimit -n)' : '';
  return printable(`${message.replace(/\s*\n\s*/g, ' ').trim()}${hint}`);
}

/**
 * Writes one readable line to standard error, with the stack below it when debugging.
 *
 * @returns the exit code that fits.
 */
export function report(error: unknown): number {
  process.stderr.write(`dxgwire: ${describe(error)}\n`);
  if (isDebugging() && error instanceof Error) process.stderr.write(`${stackOf(error)}\n`);
  return error instanceof UsageError ? ExitCode.usage : ExitCode.failure;
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : '';
  return `${error.stack ?? error.message}${cause}`;
}
