import { closeSync, fstatSync, openSync } from 'node:fs';
import process from 'node:process';
import { TransportError } from '../errors.ts';
import type { LendBytes } from '../mock-vmbus/guest-ram.ts';
import { runNextTurn } from '../timers.ts';
import { type Mapping, nativeMemory } from './native.ts';

/** How a host names a memory file to its guest. */
export interface MemoryFileName {
  /** Below `/proc/PID/fd`: for processes of this user only, and gone with the host, however that ends. */
  readonly path: string;
  readonly inode: number;
  readonly lengthBytes: number;
}

/** Memory that host and guest both see. Closed once, when the bus of this side has ended. */
export interface MemoryFile extends MemoryFileName {
  readonly bytes: Uint8Array;
  readonly lend?: LendBytes;
  /** Lets go of the file; of its memory when nothing of it is lent any more. */
  close(): void;
}

/** Makes a zeroed memory file and maps it. @throws TransportError `no-memory` or `unsupported`. */
export function createMemoryFile(lengthBytes: number): MemoryFile {
  const native = nativeMemory();
  let fileDescriptor = -1;
  try {
    fileDescriptor = native.createFile(lengthBytes);
    const mapping = native.map(fileDescriptor, lengthBytes);
    const path = `/proc/${process.pid}/fd/${fileDescriptor}`;
    const inode = fstatSync(fileDescriptor).ino;
    return { path, inode, lengthBytes, bytes: mapping.bytes, close: closer(mapping, fileDescriptor) };
  } catch (error) {
    if (fileDescriptor >= 0) closeSync(fileDescriptor);
    const why = (error as Error).message;
    throw new TransportError('no-memory', `cannot make ${lengthBytes} bytes of shared memory: ${why}`, {
      cause: error,
    });
  }
}

/** Maps the memory file that a host has named. @throws TransportError `connect-failed` or `unsupported`. */
export function openMemoryFile(name: MemoryFileName): MemoryFile {
  const native = nativeMemory();
  let fileDescriptor = -1;
  try {
    fileDescriptor = openSync(name.path, 'r+');
    const { ino, size } = fstatSync(fileDescriptor);
    if (ino !== name.inode || size !== name.lengthBytes) {
      throw new Error(`it is file ${ino} of ${size} bytes, not ${name.inode} of ${name.lengthBytes}`);
    }
    // Nor is any other file a host's to give: one that is cut short would end this process.
    if (!native.isSealed(fileDescriptor)) throw new Error('its size is not sealed');
    const mapping = native.map(fileDescriptor, size);
    const { bytes, lend } = mapping;
    return { ...name, bytes, ...(lend === undefined ? {} : { lend }), close: closer(mapping, null) };
  } catch (error) {
    throw new TransportError(
      'connect-failed',
      `cannot map the host's memory ${name.path}: ${(error as Error).message}. Do both run as the same user, and see ` +
        'the same processes?',
      { cause: error },
    );
  } finally {
    // The mapping keeps the file.
    if (fileDescriptor >= 0) closeSync(fileDescriptor);
  }
}

function closer(mapping: Mapping, fileDescriptor: number | null): () => void {
  let isClosed = false;
  return () => {
    if (isClosed) return;
    isClosed = true;
    // Whoever is told of the end by `onClose` may still clean up in that memory.
    runNextTurn(() => {
      mapping.release();
      if (fileDescriptor !== null) closeSync(fileDescriptor);
    });
  };
}
