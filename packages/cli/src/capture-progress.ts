import process from 'node:process';

/** Where progress goes: standard error, or a test. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** How much of a capture has been read. */
export interface ReadProgress {
  show(readBytes: number, totalBytes: number): void;
  end(): void;
}

const BAR_CELLS = 30;
const DEFAULT_COLUMNS = 80;
/** A command that is over by then shows no bar. */
const FIRST_MS = 700;
const NEXT_MS = 100;
const NOTHING: ReadProgress = { show: () => {}, end: () => {} };

/**
 * A bar that is drawn over itself, on a terminal; nothing elsewhere.
 *
 * @param isQuiet for output that goes to the same terminal.
 */
export function createReadProgress(
  isQuiet = false,
  stream: ProgressStream = process.stderr,
  now: () => number = () => performance.now(),
): ReadProgress {
  if (isQuiet || stream.isTTY !== true) return NOTHING;
  let dueMs = now() + FIRST_MS;
  let isShown = false;
  return {
    show(readBytes, totalBytes) {
      const nowMs = now();
      if (nowMs < dueMs) return;
      dueMs = nowMs + NEXT_MS;
      isShown = true;
      // A file that still grows is longer than it was.
      const share = totalBytes === 0 ? 1 : Math.min(1, readBytes / totalBytes);
      const full = Math.floor(BAR_CELLS * share);
      const bar = `${'#'.repeat(full)}${'.'.repeat(BAR_CELLS - full)}`;
      const line = `[${bar}] ${Math.floor(100 * share)} % of ${mebibytes(totalBytes)}`;
      stream.write(`\r${line.slice(0, (stream.columns ?? DEFAULT_COLUMNS) - 1)}\u001b[K`);
    },
    end() {
      if (isShown) stream.write('\r\u001b[K');
      isShown = false;
    },
  };
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(bytes < 2 ** 23 ? 1 : 0)} MiB`;
}
