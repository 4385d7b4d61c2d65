import { constants, fstatSync, ftruncateSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { parse } from 'node:path';
import process from 'node:process';
import { Codec, type HostBus } from '@dxgwire/transport';
import {
  CaptureError,
  type CaptureHeader,
  type CaptureOptions,
  CaptureReader,
  type CaptureRecord,
  CaptureRecorder,
  tapHostBus,
} from '@dxgwire/transport/capture';
import type { ReadProgress } from './capture-progress.ts';
import { CaptureFileWriter } from './capture-writer.ts';
import { CommandFailure, describe, UsageError } from './errors.ts';
import type { PackedRecords } from './packed-records.ts';

const READ_BYTES = 1 << 20;
/** All of what a submission reads waits for the file at once. */
const WITH_MEMORY = { maxPublishedBytes: 2 ** 31, maxPendingBytes: 256 << 20 };

/** What a capture of a host's end is to hold. */
export interface GuestCaptureOptions {
  /** Whether the bytes of memory are kept that the host reads and publishes; a replay needs them. */
  readonly keepsMemory: boolean;
  /** Whether the host waits for the file where records would be dropped. */
  readonly isWhole?: boolean;
}

/** A capture file, read a part at a time: its size does not matter. */
export class CaptureFile {
  readonly path: string;
  readonly #reader = new CaptureReader();
  readonly #progress: ReadProgress | null;

  constructor(path: string, progress: ReadProgress | null = null) {
    this.path = path;
    this.#progress = progress;
  }

  /** Known from the first record on. */
  get header(): CaptureHeader | null {
    return this.#reader.header;
  }

  /** Bytes at the end that are no whole record: their writer was cut off. Known after the last record. */
  get tailBytes(): number {
    return this.#reader.tail.length;
  }

  /** One record after the other: see {@link batches}. */
  async *records(): AsyncGenerator<CaptureRecord> {
    for await (const batch of this.batches()) yield* batch;
  }

  /**
   * The records of each part that was read: a turn for each record would cost more than the record. Packets are in packed form, whatever
   * the link spoke.
   * @throws UsageError for a file that cannot be read or is no capture.
   */
  async *batches(): AsyncGenerator<readonly CaptureRecord[]> {
    let file: FileHandle | null = null;
    let packer: PackedRecords | null = null;
    try {
      file = await open(this.path, 'r');
      const totalBytes = (await file.stat()).size;
      let readBytes = 0;
      for (;;) {
        const { bytesRead, buffer } = await file.read(new Uint8Array(READ_BYTES), 0, READ_BYTES);
        if (bytesRead === 0) break;
        this.#progress?.show(readBytes, totalBytes);
        readBytes += bytesRead;
        const records = this.#reader.push(buffer.subarray(0, bytesRead));
        if (this.header?.codec === Codec.protobuf)
          packer ??= new (await import('./packed-records.ts')).PackedRecords();
        const own = packer;
        yield own === null ? records : records.map((record) => own.packed(record));
      }
    } catch (error) {
      const what = error instanceof CaptureError ? `${this.path} is no capture` : `cannot read ${this.path}`;
      throw new UsageError(`${what}: ${describe(error)}`, { cause: error });
    } finally {
      this.#progress?.end();
      await file?.close();
    }
    if (this.header === null) throw new UsageError(`${this.path} is no capture: it has no header`);
  }
}

/** What is said of captures while they are written. */
export interface CaptureReports {
  onError(path: string, error: Error): void;
  /** At the end of one that lacks records. */
  onGap(path: string, records: number): void;
}

/** A line on standard error for each. */
export const CAPTURE_REPORTS: CaptureReports = {
  onError: (path, error) =>
    void process.stderr.write(`dxgwire: the capture ${path} ends here: ${describe(error)}\n`),
  onGap: (path, records) =>
    void process.stderr.write(
      `dxgwire: the capture ${path} lacks ${records} records, which its file did not keep up with\n`,
    ),
};

/** Records each guest of a host in a file of its own: FILE, then FILE-2, FILE-3 before the extension. */
export class GuestCaptures {
  readonly #path: string;
  readonly #reports: CaptureReports;
  readonly #first: FileHandle;
  readonly #recorders = new Map<CaptureRecorder, string>();
  /** How the files that are not whole yet are ended within a call. */
  readonly #unfinished = new Map<CaptureRecorder, () => void>();
  #count = 0;
  #hasBegun = false;

  private constructor(path: string, first: FileHandle, reports: CaptureReports) {
    this.#path = path;
    this.#first = first;
    this.#reports = reports;
  }

  /**
   * What the first file holds stays until {@link begin}, or the first recorder: the same command may run already, and write there.
   * @throws CommandFailure when the first file cannot be written.
   */
  static async open(path: string, reports: CaptureReports): Promise<GuestCaptures> {
    try {
      return new GuestCaptures(path, await open(path, constants.O_WRONLY | constants.O_CREAT), reports);
    } catch (error) {
      throw new CommandFailure(`cannot write the capture ${path}: ${describe(error)}`, { cause: error });
    }
  }

  /** Nothing keeps the command from recording any more: the first file is emptied. */
  begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    const { fd } = this.#first;
    if (fstatSync(fd).isFile()) ftruncateSync(fd);
  }

  /** The same bus, whose packets are in packed form, recorded from here on. */
  tap(bus: HostBus, { isWhole = false, keepsMemory }: GuestCaptureOptions): HostBus {
    const { recorder, end } = this.record({ ...(keepsMemory ? WITH_MEMORY : {}), isWhole });
    return tapHostBus(bus, recorder, { onEnd: end });
  }

  /** A recorder to the next file, and how to end it. */
  record(options: CaptureOptions): { readonly recorder: CaptureRecorder; readonly end: () => void } {
    this.begin();
    this.#count += 1;
    const { base, dir, ext, name } = parse(this.#path);
    const own = this.#count === 1 ? base : `${name}-${this.#count}${ext}`;
    const path = dir === '' ? own : `${dir}/${own}`;
    let file = this.#count === 1 ? Promise.resolve(this.#first) : null;
    const opened = () => {
      file ??= open(path, 'w');
      return file;
    };
    const writer = new CaptureFileWriter(opened);
    const recorder = new CaptureRecorder(writer, {
      ...options,
      onError: (error) => this.#reports.onError(path, error),
    });
    this.#recorders.set(recorder, path);
    if (this.#count === 1) {
      this.#unfinished.set(recorder, () => writer.finishNow(recorder.closeNow(), this.#first.fd));
    }
    return { recorder, end: () => void this.#end(recorder, path) };
  }

  /** Writes what is left of all. */
  async close(): Promise<void> {
    await Promise.all([...this.#recorders].map(([recorder, path]) => this.#end(recorder, path)));
    if (this.#count === 0) await this.#first.close();
  }

  /** Writes what is left of the first file within the call, for a process that ends. */
  closeNow(): void {
    for (const [recorder, finish] of this.#unfinished) {
      try {
        finish();
      } catch (error) {
        const failure = error instanceof Error ? error : new Error(describe(error));
        this.#reports.onError(this.#recorders.get(recorder) ?? this.#path, failure);
      }
    }
    this.#unfinished.clear();
  }

  async #end(recorder: CaptureRecorder, path: string): Promise<void> {
    if (!this.#recorders.delete(recorder)) return;
    try {
      await recorder.close();
      if (recorder.droppedRecords > 0) this.#reports.onGap(path, recorder.droppedRecords);
      this.#unfinished.delete(recorder);
    } catch (error) {
      this.#reports.onError(path, error instanceof Error ? error : new Error(describe(error)));
    }
  }
}
