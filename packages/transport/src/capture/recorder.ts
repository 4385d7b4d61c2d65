import { Packr } from 'msgpackr/pack';
import { type Clock, systemClock } from '../clock.ts';
import { CARRIED_PACKET_FLAGS, Codec } from '../transport.ts';
import { RecordBuffer } from './record-buffer.ts';
import {
  CAPTURE_FORMAT,
  CAPTURE_VERSION,
  type CaptureHeader,
  type Direction,
  RecordKind,
} from './records.ts';

/** Where the bytes of a capture go. One write at a time; its bytes are valid until the promise settles. */
export interface ChunkWriter {
  write(chunk: Uint8Array): Promise<void>;
  /** As `write` of one after the other, where that is cheaper: used when several wait. */
  writeAll?(chunks: readonly Uint8Array[]): Promise<void>;
  /**
   * Writes behind all that it was given so far, within the call, though a write may be under way: for captures that are to be whole.
   * @returns false when it cannot.
   */
  writeNow?(chunk: Uint8Array): boolean;
  close(): Promise<void>;
}

export interface CaptureOptions {
  /** Most bytes that wait for the writer; records beyond it are dropped and counted in a gap. Default 8 MiB. */
  readonly maxPendingBytes?: number;
  /**
   * Most bytes that are kept of one publication of memory or window, and of what a host is about to read there; of longer
   * ones, and with 0 (the default) of all, only place and length are recorded. What is longer than
   * {@link MAX_CONTENT_BYTES} takes several records.
   */
  readonly maxPublishedBytes?: number;
  /**
   * Whether the bus waits for the writer where records would be dropped: it then writes within the call. Memory stays bounded,
   * and the bus is as slow as the writer. Default false: the bus never waits. It needs `writeNow` of the writer, and 17 MiB at least.
   */
  readonly isWhole?: boolean;
  readonly clock?: Clock;
  /** Called once when the writer fails: nothing is recorded from then on, and the bus goes on. */
  readonly onError?: (error: Error) => void;
}

export interface TapOptions {
  /** How packets are packed, for the header. Default: what the bus has agreed, `dxgkrnl` for packed ones. */
  readonly codec?: string;
  /** Called once when the bus has ended and its handler has been told: time to close the recorder. */
  readonly onEnd?: () => void;
}

/** What a capture's header calls the codec of a bus. */
export function captureCodec(codec: string | undefined): string {
  return codec === undefined || codec === Codec.packed ? 'dxgkrnl' : codec;
}

const DEFAULT_MAX_PENDING_BYTES = 8 << 20;
/** Most bytes of memory in one record: no record may be longer than a reader takes, 16 MiB. */
export const MAX_CONTENT_BYTES = 8 << 20;
const FLUSH_DELAY_MS = 100;
/** Most bytes that a writer is given at once: what it has not written yet cannot be used again. */
const MAX_WRITE_BYTES = 8 << 20;
/** Fewest bytes that may wait where a capture is to be whole. */
const LEAST_PENDING_BYTES = 2 * MAX_WRITE_BYTES + (1 << 20);
/** Of the bytes that may wait, those whose memory is kept when nothing waits. */
const KEPT_SHARE = 1 / 4;
/** Records of one turn of the event loop share a reading of the clock, so many bytes of them: it costs as much as a record. */
const BYTES_PER_CLOCK_READING = 2048;

/** A stream of records towards a writer, with bounded memory. */
export class CaptureRecorder {
  /** Records that were dropped so far. */
  droppedRecords = 0;
  readonly maxPublishedBytes: number;
  readonly #writer: ChunkWriter;
  readonly #clock: Clock;
  readonly #packr = new Packr({ useRecords: false, variableMapSize: true });
  readonly #onError: ((error: Error) => void) | undefined;
  readonly #maxPendingBytes: number;
  readonly #isWhole: boolean;
  #startMs = 0;
  #isOpen = true;
  #hasFailed = false;
  #hasHeader = false;
  /** What no write has taken yet. */
  readonly #buffer: RecordBuffer;
  /** The last reading of the clock, and up to which position in the file it is good. */
  #nowUs = 0;
  #clockEnd = 0;
  #isTurnWatched = false;
  #writingBytes = 0;
  /** What the writer was given and has not said that it has. */
  #inFlight: readonly Uint8Array[] = [];
  #writing: Promise<void> = Promise.resolve();
  #cancelTimer: (() => void) | null = null;
  #gapRecords = 0;
  #gapBytes = 0;

  constructor(writer: ChunkWriter, options: CaptureOptions = {}) {
    this.#writer = writer;
    this.#clock = options.clock ?? systemClock;
    this.#onError = options.onError;
    this.#isWhole = options.isWhole === true && writer.writeNow !== undefined;
    const maxPendingBytes = options.maxPendingBytes ?? DEFAULT_MAX_PENDING_BYTES;
    // What is on its way cannot be hurried: behind it there has to be room for one record more.
    this.#maxPendingBytes = this.#isWhole ? Math.max(maxPendingBytes, LEAST_PENDING_BYTES) : maxPendingBytes;
    this.maxPublishedBytes = options.maxPublishedBytes ?? 0;
    this.#buffer = new RecordBuffer(this.#maxPendingBytes * KEPT_SHARE);
  }

  /** Bytes that wait for the writer. */
  get pendingBytes(): number {
    return this.#buffer.bytes + this.#writingBytes;
  }

  /** Writes the header: the first thing in a capture. */
  begin(header: Pick<CaptureHeader, 'link' | 'side' | 'codec' | 'memory'>): void {
    if (this.#hasHeader) throw new Error('a recorder takes one bus');
    this.#hasHeader = true;
    this.#startMs = this.#clock.now();
    const { codec, link, memory, side } = header;
    const whole: CaptureHeader = {
      format: CAPTURE_FORMAT,
      version: CAPTURE_VERSION,
      link,
      codec,
      side,
      ...(memory === undefined ? {} : { memory }),
      startedAt: Date.now(),
    };
    this.#append(this.#packr.pack(whole));
  }

  /** A packet as `Channel.send` takes it. */
  packet(
    direction: Direction,
    channel: number,
    kind: number,
    idLow: number,
    idHigh: number,
    flags: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void {
    const way = direction === 'g2h' ? 0 : 1;
    const carried = flags & CARRIED_PACKET_FLAGS;
    const buffer = this.#buffer;
    if (buffer.shortPacket(way, channel, kind, idLow, idHigh, carried, bytes, offset, length)) return;
    if (!this.#hasRoom(length)) return;
    this.#readClock();
    this.#allowShort();
    // The first of a turn may be as short as the others.
    if (!buffer.shortPacket(way, channel, kind, idLow, idHigh, carried, bytes, offset, length)) {
      const low = idLow >>> 0;
      buffer.packet(this.#nowUs, way, channel, kind, low, idHigh >>> 0, carried, bytes, offset, length);
    }
    this.#appended();
  }

  /** A publication of guest memory or window, or what a host is about to read; `view` gives the bytes when they are kept. */
  publish(
    kind: 'memoryPublish' | 'windowPublish' | 'memoryContent' | 'windowContent',
    direction: Direction,
    offset: number,
    length: number,
    view: () => Uint8Array,
  ): void {
    const isKept = length <= this.maxPublishedBytes;
    // Of a whole capture room is made for each part.
    if (!this.#isWhole && !this.#hasRoom(isKept ? length : 0)) return;
    this.#readClock();
    const way = direction === 'g2h' ? 0 : 1;
    const bytes = isKept ? view() : null;
    for (let at = 0; at === 0 || at < length; at += MAX_CONTENT_BYTES) {
      const part = Math.min(length - at, MAX_CONTENT_BYTES);
      if (this.#isWhole && !this.#hasRoom(isKept ? part : 0)) return;
      const own = bytes === null || part === length ? bytes : bytes.subarray(at, at + part);
      this.#buffer.publish(RecordKind[kind], this.#nowUs, way, offset + at, part, own);
    }
    this.#appended();
  }

  /** A 64-bit value stored in the window: a fence. */
  windowStore(offset: number, low: number, high: number): void {
    if (this.#buffer.shortStore(offset, low, high)) return;
    if (!this.#hasRoom(0)) return;
    this.#readClock();
    this.#buffer.windowStore(this.#nowUs, offset, low, high);
    this.#appended();
  }

  /** Any other record: its fields in the order of {@link CaptureRecord}. */
  note(kind: Exclude<keyof typeof RecordKind, 'packet' | 'gap'>, ...fields: readonly unknown[]): void {
    if (!this.#hasRoom(0)) return;
    const timeUs = this.#timeUs();
    this.#append(this.#packr.pack([RecordKind[kind], timeUs, ...fields]), timeUs);
  }

  /** Writes what is left and closes the writer. */
  async close(): Promise<void> {
    this.#end();
    this.#flush();
    await this.#writing;
    await this.#writer.close();
  }

  /**
   * Ends within this call, for a process that ends: the writer, which takes its time, is asked for nothing more.
   * @returns what it has not said that it has written, in order; it may be about to write the first of it.
   */
  closeNow(): Uint8Array[] {
    this.#end();
    const left: Uint8Array[] = [...this.#inFlight];
    for (let next = this.#buffer.take(); next !== null; next = this.#buffer.take()) left.push(next);
    return left;
  }

  #end(): void {
    if (this.#isOpen) {
      if (this.#gapRecords > 0) this.#writeGap();
      this.#isOpen = false;
      this.#buffer.forbidShort();
    }
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  /** Whether a record is kept; one that is not is counted, and the gap is told before the next that is. */
  #hasRoom(sizeBytes: number): boolean {
    if (!this.#isOpen) return false;
    if (this.pendingBytes + sizeBytes > this.#maxPendingBytes && !this.#makesRoom(sizeBytes)) {
      // The gap has to be told before anything that still fits.
      this.#buffer.forbidShort();
      this.droppedRecords += 1;
      this.#gapRecords += 1;
      this.#gapBytes += sizeBytes;
      return false;
    }
    if (this.#gapRecords > 0) this.#writeGap();
    return true;
  }

  /** Writes what waits within this call. @returns whether there is room then. */
  #makesRoom(sizeBytes: number): boolean {
    if (!this.#isWhole) return false;
    try {
      this.#buffer.drain((chunk) => this.#writer.writeNow?.(chunk) === true);
    } catch (error) {
      this.#fail(error);
      return false;
    }
    return this.pendingBytes + sizeBytes <= this.#maxPendingBytes;
  }

  #timeUs(): number {
    this.#nowUs = Math.round((this.#clock.now() - this.#startMs) * 1000);
    return this.#nowUs;
  }

  /** For the records of this turn, or the first of them. */
  #readClock(): void {
    if (this.#buffer.position < this.#clockEnd) return;
    this.#timeUs();
    this.#clockEnd = this.#buffer.position + BYTES_PER_CLOCK_READING;
    if (this.#isTurnWatched) return;
    this.#isTurnWatched = true;
    this.#clock.defer(this.#endTurn);
  }

  readonly #endTurn = (): void => {
    this.#clockEnd = 0;
    this.#isTurnWatched = false;
    this.#buffer.forbidShort();
  };

  #writeGap(): void {
    const timeUs = this.#timeUs();
    this.#append(this.#packr.pack([RecordKind.gap, timeUs, this.#gapRecords, this.#gapBytes]), timeUs);
    this.#gapRecords = 0;
    this.#gapBytes = 0;
  }

  #append(part: Uint8Array, timeUs?: number): void {
    this.#buffer.append(part, timeUs);
    this.#appended();
  }

  #allowShort(): void {
    const buffer = this.#buffer;
    const sinceReading = this.#clockEnd - buffer.position;
    if (sinceReading > 0)
      buffer.allowShort(this.#nowUs, Math.min(sinceReading, this.#maxPendingBytes - this.pendingBytes));
  }

  #appended(): void {
    if (this.#buffer.hasFullChunk) this.#flush();
    this.#allowShort();
    this.#cancelTimer ??= this.#clock.setTimer(this.#onTimer, FLUSH_DELAY_MS);
  }

  readonly #onTimer = (): void => {
    this.#cancelTimer = null;
    this.#buffer.trim();
    this.#flush();
  };

  /** The writer has failed: nothing is recorded any more. */
  #fail(error: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#isOpen = false;
    this.#buffer.clear();
    this.#onError?.(error instanceof Error ? error : new Error(String(error)));
  }

  /** One write at a time: what comes meanwhile waits for the next. */
  #flush(): void {
    if (this.#writingBytes > 0) return;
    const chunks = this.#take();
    if (chunks.length > 0) this.#writing = this.#write(chunks);
  }

  /** What to write next: as many full chunks as go at once, or what there is. */
  #take(): Uint8Array[] {
    const chunks: Uint8Array[] = [];
    this.#writingBytes = 0;
    do {
      const next = this.#buffer.take();
      if (next === null) break;
      chunks.push(next);
      this.#writingBytes += next.length;
    } while (this.#buffer.hasFullChunk && this.#writingBytes < MAX_WRITE_BYTES);
    return chunks;
  }

  async #write(first: Uint8Array[]): Promise<void> {
    for (let chunks = first; chunks.length > 0; ) {
      this.#inFlight = chunks;
      try {
        if (chunks.length > 1 && this.#writer.writeAll !== undefined) await this.#writer.writeAll(chunks);
        else {
          for (const [index, chunk] of chunks.entries()) {
            this.#inFlight = chunks.slice(index);
            await this.#writer.write(chunk);
          }
        }
        this.#inFlight = [];
      } catch (error) {
        this.#inFlight = [];
        this.#writingBytes = 0;
        this.#fail(error);
        return;
      }
      this.#buffer.giveBack();
      // What is no full chunk waits for the timer, where one runs; else this is the end.
      const isWanted = this.#buffer.hasFullChunk || !this.#isOpen || this.#cancelTimer === null;
      chunks = isWanted ? this.#take() : [];
    }
    this.#writingBytes = 0;
  }
}
