import process from 'node:process';
import { failureLines, type Result } from '@dxgwire/conformance';

/** Where progress goes: standard error, or a test. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface Progress {
  show(result: Result, done: number, total: number): void;
  /** Once, behind the last result. */
  end(): void;
}

const BAR_CELLS = 30;
const DEFAULT_COLUMNS = 80;

/** A bar that is drawn over itself. */
function createBar(stream: ProgressStream): Progress {
  let failed = 0;
  return {
    show({ requirement, verdict }, done, total) {
      if (verdict === 'failed') failed += 1;
      const full = Math.floor((BAR_CELLS * done) / total);
      const bar = `${'#'.repeat(full)}${'.'.repeat(BAR_CELLS - full)}`;
      const line = `[${bar}] ${done} of ${total}, ${failed} failed  ${requirement.id}`;
      stream.write(`\r${line.slice(0, (stream.columns ?? DEFAULT_COLUMNS) - 1)}\u001b[K`);
    },
    end: () => void stream.write('\r\u001b[K'),
  };
}

/** A line for each failure as it comes, and one for each group when it is over. */
function createLines(stream: ProgressStream): Progress {
  let group = '';
  let counts = { passed: 0, failed: 0, skipped: 0 };
  let place = '';
  const finish = (): void => {
    if (group === '') return;
    const { passed, failed, skipped } = counts;
    const more = `${failed === 0 ? '' : `, ${failed} failed`}${skipped === 0 ? '' : `, ${skipped} skipped`}`;
    stream.write(`${place}  ${group}: ${passed} passed${more}\n`);
    counts = { passed: 0, failed: 0, skipped: 0 };
  };
  return {
    show(result, done, total) {
      const { verdict, requirement } = result;
      if (requirement.group !== group) finish();
      group = requirement.group;
      place = `${String(done).padStart(String(total).length)} of ${total}`;
      counts[verdict] += 1;
      if (verdict === 'failed') stream.write(`${failureLines(result)[0]}\n`);
    },
    end: finish,
  };
}

/** A bar on a terminal, plain lines elsewhere, nothing for who wants JSON only. */
export function createProgress(isQuiet: boolean, stream: ProgressStream = process.stderr): Progress {
  if (isQuiet) return { show: () => {}, end: () => {} };
  return stream.isTTY === true ? createBar(stream) : createLines(stream);
}
