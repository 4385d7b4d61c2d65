import { constants } from 'node:buffer';
import { statSync } from 'node:fs';
import type { GpuServer } from './gpu-server.ts';
import type { RegionNumbers } from './sharing.ts';

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
export class RegionTable implements RegionNumbers {
  private server: GpuServer | null = null;
  private readonly mapped = new Map<string, Mapped>();

  isMappable(path: string): boolean {
    if (this.mapped.has(path)) return true;
    // One that is gone is told of by `numberOf`.
    return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) <= constants.MAX_LENGTH;
  }

  numberOf(server: GpuServer, path: string, buffer: ArrayBufferLike): number {
    if (this.server !== server) {
      this.server = server;
      this.mapped.clear();
    }
    const known = this.mapped.get(path);
    if (known !== undefined && known.buffer === buffer) return known.number;
    this.sweep();
    const inode = statSync(path).ino;
    const number = server.mapRegion(path, inode);
    this.mapped.set(path, { number, buffer, inode });
    return number;
  }

  drop(path: string): void {
    const known = this.mapped.get(path);
    if (known === undefined) return;
    this.mapped.delete(path);
    if (this.server?.isGone === false) this.server.unmapRegion(known.number);
  }

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
