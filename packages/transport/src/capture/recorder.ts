import { Packr } from 'msgpackr';
import { type Clock, systemClock } from '../clock.ts';
import { CARRIED_PACKET_FLAGS, type Channel, Codec, type Packet } from '../transport.ts';
import {
  CAPTURE_FORMAT,
  CAPTURE_VERSION,
  type CaptureHeader,
  type Direction,
  RecordKind,
} from './records.ts';

/** Where the bytes of a capture go. One write at a time; the chunk is the writer's to keep. */
export interface ChunkWriter {
  write(chunk: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

export interface CaptureOptions {
  /** Most bytes that wait for the writer; records beyond it are dropped and counted in a gap. Default 8 MiB. */
  readonly maxPendingBytes?: number;
  /**
   * Most bytes that are kept of one publication of memory or window; of longer ones, and with 0 (the default) of
   * all, only place and length are recorded.
   */
  readonly maxPublishedBytes?: number;
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
/** No record may be longer than a reader takes, 16 MiB. */
const MAX_PUBLISHED_BYTES = 8 << 20;
const CHUNK_BYTES = 128 * 1024;
const FLUSH_DELAY_MS = 100;

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
  #startMs = 0;
  #isOpen = true;
  #hasHeader = false;
  /** What no write has taken yet. */
  #parts: Uint8Array[] = [];
  #partsBytes = 0;
  #writingBytes = 0;
  #writing: Promise<void> = Promise.resolve();
  #cancelTimer: (() => void) | null = null;
  #gapRecords = 0;
  #gapBytes = 0;

  constructor(writer: ChunkWriter, options: CaptureOptions = {}) {
    this.#writer = writer;
    this.#clock = options.clock ?? systemClock;
    this.#onError = options.onError;
    this.#maxPendingBytes = options.maxPendingBytes ?? DEFAULT_MAX_PENDING_BYTES;
    this.maxPublishedBytes = Math.min(options.maxPublishedBytes ?? 0, MAX_PUBLISHED_BYTES);
  }

  /** Bytes that wait for the writer. */
  get pendingBytes(): number {
    return this.#partsBytes + this.#writingBytes;
  }

  /** Writes the header: the first thing in a capture. */
  begin(header: Pick<CaptureHeader, 'link' | 'side' | 'codec'>): void {
    if (this.#hasHeader) throw new Error('a recorder takes one bus');
    this.#hasHeader = true;
    this.#startMs = this.#clock.now();
    const { codec, link, side } = header;
    const whole: CaptureHeader = {
      format: CAPTURE_FORMAT,
      version: CAPTURE_VERSION,
      link,
      codec,
      side,
      startedAt: Date.now(),
    };
    this.#append(this.#packr.pack(whole));
  }

  packet(direction: Direction, channel: number, packet: Omit<Packet, 'view'>): void {
    const { bytes, flags, idHigh, idLow, kind, length, offset } = packet;
    const payload = bytes.subarray(offset, offset + length);
    const way = direction === 'g2h' ? 0 : 1;
    const carried = flags & CARRIED_PACKET_FLAGS;
    this.#add(RecordKind.packet, [way, channel, kind, idLow, idHigh, carried, payload], length);
  }

  /** A publication of guest memory or window; `view` gives the bytes when they are kept. */
  publish(
    kind: 'memoryPublish' | 'windowPublish',
    direction: Direction,
    offset: number,
    length: number,
    view: () => Uint8Array,
  ): void {
    const bytes = length <= this.maxPublishedBytes ? view() : null;
    this.#add(RecordKind[kind], [direction === 'g2h' ? 0 : 1, offset, length, bytes], bytes?.length ?? 0);
  }

  /** Any other record: its fields in the order of {@link CaptureRecord}. */
  note(kind: Exclude<keyof typeof RecordKind, 'packet' | 'gap'>, ...fields: readonly unknown[]): void {
    this.#add(RecordKind[kind], fields, 0);
  }

  /** Writes what is left and closes the writer. */
  async close(): Promise<void> {
    if (this.#isOpen) {
      if (this.#gapRecords > 0) this.#writeGap();
      this.#isOpen = false;
    }
    this.#flush();
    await this.#writing;
    await this.#writer.close();
  }

  #add(kind: number, fields: readonly unknown[], sizeBytes: number): void {
    if (!this.#isOpen) return;
    if (this.pendingBytes + sizeBytes > this.#maxPendingBytes) {
      this.droppedRecords += 1;
      this.#gapRecords += 1;
      this.#gapBytes += sizeBytes;
      return;
    }
    if (this.#gapRecords > 0) this.#writeGap();
    this.#append(this.#packr.pack([kind, this.#timeUs(), ...fields]));
  }

  #timeUs(): number {
    return Math.round((this.#clock.now() - this.#startMs) * 1000);
  }

  #writeGap(): void {
    this.#append(this.#packr.pack([RecordKind.gap, this.#timeUs(), this.#gapRecords, this.#gapBytes]));
    this.#gapRecords = 0;
    this.#gapBytes = 0;
  }

  #append(part: Uint8Array): void {
    this.#parts.push(part);
    this.#partsBytes += part.length;
    if (this.#partsBytes >= CHUNK_BYTES) this.#flush();
    else this.#cancelTimer ??= this.#clock.setTimer(() => this.#flush(), FLUSH_DELAY_MS);
  }

  /** One write at a time: what comes meanwhile waits for the next. */
  #flush(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    if (this.#writingBytes > 0 || this.#partsBytes === 0) return;
    const chunk = new Uint8Array(this.#partsBytes);
    let at = 0;
    for (const part of this.#parts) {
      chunk.set(part, at);
      at += part.length;
    }
    this.#parts = [];
    this.#partsBytes = 0;
    this.#writingBytes = chunk.length;
    this.#writing = this.#write(chunk);
  }

  async #write(first: Uint8Array): Promise<void> {
    try {
      await this.#writer.write(first);
    } catch (error) {
      this.#isOpen = false;
      this.#parts = [];
      this.#partsBytes = 0;
      this.#writingBytes = 0;
      this.#onError?.(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    this.#writingBytes = 0;
    // Where a timer runs, the rest can wait for it.
    if (this.#cancelTimer !== null) return;
    this.#flush();
    if (this.#writingBytes > 0) await this.#writing;
  }
}

/** Wraps a channel so that its packets are recorded. `out` is the way that `send` goes. */
export class TappedChannel implements Channel {
  readonly #inner: Channel;
  readonly #recorder: CaptureRecorder;
  readonly #out: Direction;
  #onPacket: ((packet: Packet) => void) | null = null;
  #onClose: ((error: Error | null) => void) | null = null;

  constructor(inner: Channel, recorder: CaptureRecorder, out: Direction) {
    this.#inner = inner;
    this.#recorder = recorder;
    this.#out = out;
    recorder.note('channelOpen', inner.index);
    inner.onClose = (error) => {
      recorder.note('channelClose', inner.index, error === null ? null : error.message);
      this.#onClose?.(error);
    };
  }

  get index(): number {
    return this.#inner.index;
  }

  get isOpen(): boolean {
    return this.#inner.isOpen;
  }

  get onPacket(): ((packet: Packet) => void) | null {
    return this.#onPacket;
  }

  set onPacket(handler: ((packet: Packet) => void) | null) {
    this.#onPacket = handler;
    const into: Direction = this.#out === 'g2h' ? 'h2g' : 'g2h';
    this.#inner.onPacket =
      handler === null
        ? null
        : (packet) => {
            this.#recorder.packet(into, this.#inner.index, packet);
            handler(packet);
          };
  }

  get onDrain(): (() => void) | null {
    return this.#inner.onDrain;
  }

  set onDrain(handler: (() => void) | null) {
    this.#inner.onDrain = handler;
  }

  get onClose(): ((error: Error | null) => void) | null {
    return this.#onClose;
  }

  set onClose(handler: ((error: Error | null) => void) | null) {
    this.#onClose = handler;
  }

  send(...args: Parameters<Channel['send']>): boolean {
    const isBelowMark = this.#inner.send(...args);
    const [kind, idLow, idHigh, flags, bytes, offset, length] = args;
    this.#recorder.packet(this.#out, this.#inner.index, {
      kind,
      idLow,
      idHigh,
      flags,
      bytes,
      offset,
      length,
    });
    return isBelowMark;
  }

  flush(): void {
    this.#inner.flush();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  abort(error: Error): void {
    this.#inner.abort(error);
  }
}
