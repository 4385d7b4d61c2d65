import { type DestinationStream, pino } from 'pino';
import type { Log } from './log.ts';

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

export interface LogOptions {
  /** Default `info`. */
  readonly level?: LogLevel;
  /** Where the lines go; default standard output, written at once. */
  readonly destination?: DestinationStream;
}

/** A pino logger for a program that runs a host: JSON lines, one child logger for each partition. */
export function createLog(options: LogOptions = {}): Log {
  const settings = { level: options.level ?? 'info', base: { name: 'dxgwire' } };
  return options.destination === undefined ? pino(settings) : pino(settings, options.destination);
}
