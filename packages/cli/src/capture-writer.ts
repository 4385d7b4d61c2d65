import { writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { ChunkWriter } from '@dxgwire/transport/capture';

interface OpenFile {
  readonly handle: FileHandle;
  /** Whether bytes can be put at a place of it: not in a pipe. */
  readonly hasPlaces: boolean;
}

/**
 * A capture's file. Each write has a place of its own, so that bytes can also be written at once, within a call, while others are on
 * their way in another thread.
 */
export class CaptureFileWriter implements ChunkWriter {
  readonly #open: () => Promise<FileHandle>;
  #opening: Promise<OpenFile> | null = null;
  #file: OpenFile | null = null;
  /** Where the next write goes. */
  #endBytes = 0;
  /** Of the write on its way. */
  #pendingAt = 0;
  #pendingBytes = 0;

  /** @param open called at the first write, or by `close`. */
  constructor(open: () => Promise<FileHandle>) {
    this.#open = open;
  }

  write(chunk: Uint8Array): Promise<void> {
    return this.writeAll([chunk]);
  }

  async writeAll(chunks: readonly Uint8Array[]): Promise<void> {
    // Before anything is waited for: what `writeNow` writes meanwhile comes behind it.
    const place = this.#endBytes;
    this.#pendingAt = place;
    this.#pendingBytes = chunks.reduce((sum, { length }) => sum + length, 0);
    this.#endBytes += this.#pendingBytes;
    const { handle, hasPlaces } = await this.#opened();
    await writeVectors(handle, chunks, hasPlaces ? place : null);
    this.#pendingBytes = 0;
  }

  writeNow(chunk: Uint8Array): boolean {
    const file = this.#file;
    if (file?.hasPlaces !== true) return false;
    writeWhole(file.handle.fd, chunk, this.#endBytes);
    this.#endBytes += chunk.length;
    return true;
  }

  async close(): Promise<void> {
    await (await this.#opened()).handle.close();
  }

  /**
   * Writes the rest within the call, for a process that ends.
   *
   * @param chunks what the recorder has left: first what is on its way, which may be about to be written.
   * @param fd of the file, should it not have been opened here yet.
   */
  finishNow(chunks: readonly Uint8Array[], fd: number): void {
    const file = this.#file;
    for (const chunk of chunks) {
      if (file?.hasPlaces === false) writeWhole(fd, chunk, null);
      else if (this.#pendingBytes > 0) {
        // At its place: the same bytes may be on their way to it at this moment.
        writeWhole(fd, chunk, this.#pendingAt);
        this.#pendingAt += chunk.length;
        this.#pendingBytes -= chunk.length;
      } else {
        writeWhole(fd, chunk, this.#endBytes);
        this.#endBytes += chunk.length;
      }
    }
  }

  #opened(): Promise<OpenFile> {
    this.#opening ??= this.#open().then(async (handle) => {
      this.#file = { handle, hasPlaces: (await handle.stat()).isFile() };
      return this.#file;
    });
    return this.#opening;
  }
}

function writeWhole(fd: number, bytes: Uint8Array, place: number | null): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(fd, bytes, done, bytes.length - done, place === null ? null : place + done);
  }
}

/** Writes all of several pieces, with as few calls as the system needs. */
async function writeVectors(
  file: FileHandle,
  chunks: readonly Uint8Array[],
  place: number | null,
): Promise<void> {
  let at = place;
  for (let left = chunks; left.length > 0; ) {
    const { bytesWritten } = await (at === null ? file.writev(left) : file.writev(left, at));
    if (at !== null) at += bytesWritten;
    let written = bytesWritten;
    const rest: Uint8Array[] = [];
    for (const chunk of left) {
      if (written < chunk.length) rest.push(chunk.subarray(written));
      written = Math.max(0, written - chunk.length);
    }
    left = rest;
  }
}
