import { statSync } from 'node:fs';
import type { GpuProcess } from './gpu-process.ts';

interface Mapped {
  readonly number: number;
  /** The memory in this process: it tells two files apart that have had the same path. */
  readonly buffer: ArrayBufferLike;
  readonly inode: number;
}

/**
 * The shared files of one adapter and their numbers in its GPU process. A path means a file only as long as the file
 * is there; afterwards another may get the same path. So a file is known by its memory here, and what is gone is
 * unmapped when the next one is mapped, so that its memory is not held for longer.
 */
export class RegionTable {
  private process: GpuProcess | null = null;
  private readonly mapped = new Map<string, Mapped>();

  /**
   * The number of a file; the process is told to map it at first. Not within an open frame.
   * @param buffer what the file holds, as this process sees it.
   * @throws Error when the file is gone.
   */
  numberOf(process: GpuProcess, path: string, buffer: ArrayBufferLike): number {
    if (this.process !== process) {
      this.process = process;
      this.mapped.clear();
    }
    const known = this.mapped.get(path);
    if (known !== undefined && known.buffer === buffer) return known.number;
    this.sweep();
    const inode = statSync(path).ino;
    const number = process.mapRegion(path, inode);
    this.mapped.set(path, { number, buffer, inode });
    return number;
  }

  /** A file is going away. */
  drop(path: string): void {
    const known = this.mapped.get(path);
    if (known === undefined) return;
    this.mapped.delete(path);
    if (this.process?.isGone === false) this.process.unmapRegion(known.number);
  }

  /** All files are going away. */
  clear(): void {
    for (const path of [...this.mapped.keys()]) this.drop(path);
  }

  /** Drops the files that are there no more. */
  private sweep(): void {
    for (const [path, { inode }] of this.mapped) {
      if (statSync(path, { throwIfNoEntry: false })?.ino !== inode) this.drop(path);
    }
  }
}
