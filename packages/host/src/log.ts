import { type DestinationStream, type Logger, pino } from 'pino';

/**
 * The host's logs: pino, one child logger for each partition.
 *
 * What a guest sends is named by command and object kind; its opaque tokens, private data and memory are never
 * logged. A guest cannot fill the log: a failed command is a `debug` line, a broken link one `warn` line.
 */
export type Log = Logger;

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

export interface LogOptions {
  /** Default `info`. */
  readonly level?: LogLevel;
  /** Where the lines go; default standard output, written at once. */
  readonly destination?: DestinationStream;
}

/** A logger for a program that runs a host. */
export function createLog(options: LogOptions = {}): Log {
  const settings = { level: options.level ?? 'info', base: { name: 'dxgwire' } };
  return options.destination === undefined ? pino(settings) : pino(settings, options.destination);
}

/** A logger that says nothing: what a host uses when it is given none. */
export function createSilentLog(): Log {
  return pino({ level: 'silent', enabled: false });
}

/** What a value is, for a log line, when only an unknown thing was thrown. */
export function describeError(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
