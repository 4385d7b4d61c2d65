import { nativeMemory } from '../../../native-memory.ts';
import { mapSharedFile } from '../../../shared-region.ts';
import type { Regions } from './frame-data.ts';

interface Region {
  readonly bytes: Uint8Array;
  release(): void;
}

/** Files of shared memory, mapped into this process. */
export class MappedRegions implements Regions {
  readonly memory = nativeMemory();
  private readonly regions = new Map<number, Region>();

  /** A file that went away meanwhile leaves its number without memory: records that need it then fail. */
  map(id: number, path: string, inode: number): void {
    try {
      this.regions.set(id, mapSharedFile(path, inode));
    } catch (error) {
      process.stderr.write(`region ${id} is not there: ${error}\n`);
    }
  }

  unmap(id: number): void {
    this.regions.get(id)?.release();
    this.regions.delete(id);
  }

  view(id: number, offset: number, length: number): Uint8Array {
    const region = this.regions.get(id);
    if (region === undefined || offset + length > region.bytes.length) {
      throw new Error(`no bytes ${offset} to ${offset + length} in region ${id}`);
    }
    return region.bytes.subarray(offset, offset + length);
  }
}
