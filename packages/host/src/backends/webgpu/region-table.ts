import type { GpuProcess } from './gpu-process.ts';

/**
 * The shared files of one adapter, by path, and their numbers in its GPU process. A path means a file only as long as
 * the file is there: it may come back with another one behind it. So every adapter keeps a table of its own, and a
 * file is taken out before it goes away.
 */
export class RegionTable {
  private process: GpuProcess | null = null;
  private readonly numbers = new Map<string, number>();

  /** The number of a file; the process is told to map it at first. Not within an open frame. */
  numberOf(process: GpuProcess, path: string): number {
    if (this.process !== process) {
      this.process = process;
      this.numbers.clear();
    }
    const known = this.numbers.get(path);
    if (known !== undefined) return known;
    const number = process.mapRegion(path);
    this.numbers.set(path, number);
    return number;
  }

  /** A file is going away. */
  drop(path: string): void {
    const number = this.numbers.get(path);
    if (number === undefined) return;
    this.numbers.delete(path);
    if (this.process?.isGone === false) this.process.unmapRegion(number);
  }

  /** All files are going away. */
  clear(): void {
    for (const path of [...this.numbers.keys()]) this.drop(path);
  }
}
