/**
 * What the host asks of a logger: pino's loggers fit, and so does anything with these methods. A program that embeds
 * the host brings its own, or takes `createLog` (pino) where there is Node.
 *
 * What a guest sends is named by command and object kind; its opaque tokens, private data and memory are never
 * logged. A guest cannot fill the log: a failed command is a `debug` line, a broken link one `warn` line, and the lines
 * that a guest causes while it lives are limited (see limited-log.ts).
 */
export interface Log {
  debug(object: object, message: string): void;
  info(object: object, message: string): void;
  warn(object: object, message: string): void;
  error(object: object, message: string): void;
  /** A logger that adds these members to each line. */
  child(bindings: object): Log;
}

const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
};

/** A logger that says nothing: what a host uses when it is given none. */
export function createSilentLog(): Log {
  return silentLog;
}

/** What a value is, for a log line, when only an unknown thing was thrown. */
export function describeError(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
