import { closeSync, fstatSync, ftruncateSync, openSync } from 'node:fs';
import process from 'node:process';
import { type NativeMemory, nativeMemory } from './native-memory.ts';

/** Memory that another process of the same user can map by a path. */
export interface SharedRegion {
  /** Zeroed at first. */
  readonly bytes: Uint8Array;
  /** A file to open and map; it exists as long as the region does. */
  readonly path: string;
  /** Where `bytes` begin in the file. */
  readonly offset: number;
  /** Frees the memory; `bytes` read as zero afterwards. Mappings of other processes live on. */
  free(): void;
}

export type SharedRegionAllocator = (lengthBytes: number) => SharedRegion;

const PAGE_BYTES = 4096;

/**
 * Makes regions of shared memory, for `allocateRegion` of a bus: the GPU process then reads and writes window and
 * guest memory in place. A region is an anonymous memory file that has no name in any folder: it is reached through
 * `/proc/<this process>/fd`, by this user only, and is gone with the last process that uses it, however that ends.
 *
 * @returns null where there is no such thing: not Linux, no koffi, no /proc.
 */
export function createSharedRegionAllocator(): SharedRegionAllocator | null {
  const native = nativeMemory();
  if (native === null) return null;
  try {
    allocate(native, PAGE_BYTES).free();
  } catch {
    return null;
  }
  return (lengthBytes) => allocate(native, lengthBytes);
}

/** @throws Error when the memory cannot be had, naming the size. */
function allocate(native: NativeMemory, lengthBytes: number): SharedRegion {
  const roundedBytes = Math.max(PAGE_BYTES, Math.ceil(lengthBytes / PAGE_BYTES) * PAGE_BYTES);
  const fileDescriptor = native.createMemoryFile('dxgwire');
  try {
    ftruncateSync(fileDescriptor, roundedBytes);
    const path = `/proc/${process.pid}/fd/${fileDescriptor}`;
    closeSync(openSync(path, 'r+'));
    const mapping = native.map(fileDescriptor, roundedBytes);
    let freed = false;
    return {
      bytes: mapping.bytes.subarray(0, lengthBytes),
      path,
      offset: 0,
      free: () => {
        if (freed) return;
        freed = true;
        // Never truncated: a process that still maps the file would die of a bus error at its next access.
        mapping.release();
        closeSync(fileDescriptor);
      },
    };
  } catch (error) {
    closeSync(fileDescriptor);
    throw error;
  }
}

/**
 * Maps a whole file that another process shares.
 * @param inode the file that is meant: by now the path may lead to another one.
 * @throws Error when it cannot be opened or mapped, or is another file.
 */
export function mapSharedFile(path: string, inode?: number): { readonly bytes: Uint8Array; release(): void } {
  const native = nativeMemory();
  if (native === null) throw new Error(`cannot map ${path}: no shared memory on this system`);
  const fileDescriptor = openSync(path, 'r+');
  try {
    const { size, ino } = fstatSync(fileDescriptor);
    if (inode !== undefined && inode !== ino) throw new Error(`${path} is file ${ino} now, no more ${inode}`);
    return native.map(fileDescriptor, size);
  } finally {
    closeSync(fileDescriptor);
  }
}
