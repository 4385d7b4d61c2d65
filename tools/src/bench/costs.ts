import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { median } from '../table.ts';

let collect: (() => void) | null = null;

/** Collects garbage now, without a flag on the command line. */
export function collectGarbage(): void {
  if (collect === null) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
}

/**
 * Heap bytes that one operation takes in this thread: growth of the used heap over short stretches that begin behind
 * a collection. A stretch in which the collector ran shows too little; those that shrank are left out, and of the rest
 * the median counts. Keep `count` small enough that a stretch takes under 1 MiB. Memory of buffers outside the heap
 * counts too.
 */
export async function heapBytesPerOperation(
  operation: (count: number) => unknown,
  count: number,
): Promise<number> {
  // Compiled code and grown queues are no cost of a message.
  for (let round = 0; round < 5; round += 1) await operation(count);
  const growths: number[] = [];
  for (let round = 0; round < 15; round += 1) {
    collectGarbage();
    const before = usedBytes();
    await operation(count);
    growths.push(usedBytes() - before);
  }
  const rising = growths.filter((growth) => growth >= 0);
  return rising.length === 0 ? 0 : median(rising) / count;
}

function usedBytes(): number {
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/**
 * Bytes that JavaScript's own block copies move in this thread while `operation` runs: `set`, `slice`, `copyWithin` of
 * typed arrays and `copy`, `concat`, `from` of Buffer by way of them. Not seen: copies of a few bytes in loops, copies
 * within the operating system, in native code and in other threads.
 */
export async function countCopiedBytes(operation: () => unknown): Promise<number> {
  let copied = 0;
  const typed = Object.getPrototypeOf(Uint8Array.prototype) as Record<string, (...args: never[]) => unknown>;
  const buffer = Buffer.prototype as unknown as Record<string, (...args: never[]) => unknown>;
  const restore: (() => void)[] = [];
  const watch = (
    owner: Record<string, (...args: never[]) => unknown>,
    name: string,
    bytesOf: (self: Uint8Array, args: readonly unknown[], result: unknown) => number,
  ) => {
    const own = owner[name] as (...args: unknown[]) => unknown;
    owner[name] = function watched(this: Uint8Array, ...args: unknown[]) {
      const result = own.apply(this, args);
      copied += bytesOf(this, args, result);
      return result;
    };
    restore.push(() => {
      owner[name] = own as (...args: never[]) => unknown;
    });
  };
  watch(typed, 'set', (_self, [source]) => (source as { byteLength?: number }).byteLength ?? 0);
  watch(typed, 'slice', (_self, _args, result) => (result as Uint8Array).byteLength);
  watch(typed, 'copyWithin', (self) => self.byteLength);
  watch(buffer, 'copy', (_self, _args, result) => result as number);
  try {
    await operation();
  } finally {
    for (const undo of restore) undo();
  }
  return copied;
}

/**
 * Resident memory of a process, bytes: of this one, or of another by its id where the system has /proc.
 *
 * @returns null where it cannot be known.
 */
export function residentBytes(pid?: number): number | null {
  if (pid === undefined || pid === process.pid) return process.memoryUsage.rss();
  try {
    const pages = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1];
    return Number(pages) * 4096;
  } catch {
    return null;
  }
}

/**
 * Processor time that a process has used so far, of all its threads that are still there, milliseconds.
 *
 * @returns null where the system has no such count.
 */
export function busyMs(pid: number): number | null {
  try {
    const nanoseconds = readdirSync(`/proc/${pid}/task`).map((task) =>
      Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]),
    );
    return nanoseconds.reduce((sum, each) => sum + each, 0) / 1e6;
  } catch {
    return null;
  }
}

/** Lets {@link peakBytes} of a process begin anew, where the system can. */
export function forgetPeak(pid: number): void {
  try {
    // 5: the peak of resident memory, see proc(5).
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch {
    // The peak is then that of the whole life of the process: it says too much, never too little.
  }
}

/** Resident memory of a process at its highest, bytes; null where the system has no /proc. */
export function peakBytes(pid: number): number | null {
  return statusBytes(pid, 'VmHWM');
}

/**
 * Resident memory of a process that is its own, bytes: without what is shared with others, such as rings in memory
 * files; null where the system does not tell the two apart.
 */
export function ownResidentBytes(pid: number): number | null {
  const own = statusBytes(pid, 'RssAnon');
  const files = statusBytes(pid, 'RssFile');
  return own === null || files === null ? null : own + files;
}

/** A line of /proc/PID/status that is in KiB. */
function statusBytes(pid: number, name: string): number | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const kibibytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
    return kibibytes === undefined ? null : Number(kibibytes) * 1024;
  } catch {
    return null;
  }
}
