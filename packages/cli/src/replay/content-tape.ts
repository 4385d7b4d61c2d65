import { closeSync, openSync, readSync } from 'node:fs';
import { CaptureReader, type CaptureRecord, MAX_CONTENT_BYTES } from '@dxgwire/transport/capture';

const READ_BYTES = 1 << 20;
/** Most bytes of contents that are kept because this host has not read them yet. */
const MOST_WAITING_BYTES = 256 << 20;

/** Which memory. */
export type Space = 'memory' | 'window';

/**
 * What a recorded host read of the guest's memory, in the order in which it did. A host reads when its work is due, not
 * when a packet comes, so another one may read a little earlier or later: the tape runs ahead of the replay as far as
 * need be, without a turn of the event loop.
 */
export class ContentTape {
  /** Bytes that were given out, and ranges that were asked for in vain. */
  givenBytes = 0;
  missing = 0;
  readonly #reader = new CaptureReader();
  readonly #buffer = new Uint8Array(READ_BYTES);
  readonly #waiting = new Map<string, Uint8Array[]>();
  #waitingBytes = 0;
  #file: number | null;

  /** @throws Error for a file that cannot be opened. */
  constructor(path: string) {
    this.#file = openSync(path, 'r');
  }

  /** Puts into `target` what the recorded host read at this place when its turn was the same. */
  read(space: Space, offset: number, target: Uint8Array): void {
    for (let at = 0; at < target.length; at += MAX_CONTENT_BYTES) {
      const part = target.subarray(at, at + MAX_CONTENT_BYTES);
      const bytes = this.#next(`${space}/${offset + at}/${part.length}`);
      if (bytes === null) this.missing += 1;
      else {
        part.set(bytes);
        this.givenBytes += bytes.length;
      }
    }
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
  }

  #next(key: string): Uint8Array | null {
    for (;;) {
      const bytes = this.#waiting.get(key)?.shift();
      if (bytes !== undefined) {
        this.#waitingBytes -= bytes.length;
        return bytes;
      }
      if (this.#file === null || this.#waitingBytes > MOST_WAITING_BYTES) return null;
      const length = readSync(this.#file, this.#buffer);
      if (length === 0) this.close();
      else for (const record of this.#reader.push(this.#buffer.subarray(0, length))) this.#keep(record);
    }
  }

  #keep(record: CaptureRecord): void {
    if (record.kind !== 'memoryContent' && record.kind !== 'windowContent') return;
    const { bytes, kind, length, offset } = record;
    if (bytes === null) return;
    const key = `${kind === 'memoryContent' ? 'memory' : 'window'}/${offset}/${length}`;
    // A copy: the record is a view of a larger part of the file.
    const own = bytes.slice();
    this.#waitingBytes += own.length;
    const others = this.#waiting.get(key);
    if (others === undefined) this.#waiting.set(key, [own]);
    else others.push(own);
  }
}
