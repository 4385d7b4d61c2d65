import process from 'node:process';
import { CommandFailure, describe, ExitCode, report } from './errors.ts';

/**
 * Says in a line what is wrong with standard output: without a listener, Node ends the process with a stack. Nothing is wrong when its
 * reader has seen enough (`dxgwire trace show FILE | head`): the command goes on to its end, and has the exit code that it would have.
 */
export function watchOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    report(new CommandFailure(`cannot write to standard output: ${describe(error)}`, { cause: error }));
    process.exitCode = ExitCode.failure;
  });
  // There is nowhere left to say it.
  process.stderr.on('error', () => {});
}
