import { recordWords, StreamWriter } from '@dxgwire/protocol/stream';
import { RunAhead } from './run-ahead.ts';
import type { StagingHeap, StagingRegion } from './staging.ts';
import { type Download, shifted, type Upload } from './transfer.ts';

/** Words that the writer has room for at first, and those from which on it gives back what a turn took. */
const FIRST_WORDS = 16_384;
const SPARE_WORDS = 1 << 20;

/** Words in front of an inline stream: kind 0, length in bytes. */
const PREFIX_WORDS = 2;

/** Most private data of one submission, bytes: below a packet's 131,072 with room for the command around it. */
const INLINE_BYTES = 130_560;

/** A stream that has grown to this is sent without waiting for the program's next submit, words. */
const FULL_WORDS = 24_576;

/**
 * Work for the queue that has grown to this is sent at once, so that the host begins while the program goes on, words.
 * Less goes out at the end of the turn: with what follows it, often a mapAsync(), it then costs one message and not two.
 */
const WORTHWHILE_WORDS = 2048;

/** Bulk data is cut into pieces of at most this, which find room in staging memory more easily. Each costs its host a submission. Bytes. */
const PIECE_BYTES = 8 * 1024 * 1024;

/**
 * So much bulk data is shown to the host at once: it works on them while the program's thread copies the next. Showing less
 * wakes the host more often, and gains no more. Bytes.
 */
const PUBLISH_BYTES = PIECE_BYTES;

/** Items that were sent and still lie in front of what is held back. */
const SPENT_ITEMS = 4096;

/** Most bytes of one piece that travels in the stream because there is no staging memory. */
const INLINE_PIECE_BYTES = 65_536;

/** Where the outbox's submissions go. */
export interface SubmitPort {
  /** Submits private data: a prefix and the stream behind it. The bytes are copied before it returns. */
  submit(privateData: Uint8Array, fence: number): void;
  /** Submits a stream that lies at a GPU virtual address. */
  submitFrom(region: StagingRegion, lengthBytes: number, fence: number): void;
  /** Shows the host at once what was submitted, and not only at the end of the turn. */
  publish(): void;
  /** The value of the queue's progress fence, read from the guest's own memory. */
  completed(): number;
  /** Calls back once when the progress fence has reached a value. */
  whenCompleted(fence: number, callback: () => void): void;
  /** Calls back once before the next macrotask, for what is left to be sent. */
  schedule(callback: () => void): void;
  /** Called before records are submitted, to add what should go with them. */
  beforeFlush(): void;
  /** Frees staging memory whose contents can be elsewhere. @returns false when there is none. */
  makeRoom(): boolean;
}

/** What waits behind something that could not be sent yet. */
type Held =
  | { readonly kind: 'stream'; readonly words: Uint32Array; sent: number; readonly regions: StagingRegion[] }
  | { readonly kind: 'upload'; readonly upload: Upload; done: number }
  | { readonly kind: 'download'; readonly download: Download }
  | { readonly kind: 'call'; readonly run: () => void };

/**
 * The one ordered way of a device to its host. Records are written to `writer`; `flush` submits them. What does not
 * find room is held back with all that comes after it, and goes on as fences give room: the order never changes.
 */
export class Outbox {
  /** Where records are written. Call {@link changed} after writing. */
  readonly writer = new StreamWriter(FIRST_WORDS);
  /** The fence value of the latest submission; 0 before the first. */
  lastFence = 0;
  /** Submissions made: what the program's submits and the ends of turns became. */
  submissions = 0;
  private readonly port: SubmitPort;
  private readonly heap: StagingHeap;
  private readonly drainWriter = new StreamWriter(64);
  /** Regions that records in `writer` read from. */
  private regions: StagingRegion[] = [];
  private readonly ahead: RunAhead;
  /** What is held back, from {@link firstHeld} on. */
  private held: (Held | null)[] = [];
  private firstHeld = 0;
  /** What is to be done once `writer` was submitted. */
  private calls: (() => void)[] = [];
  private scheduled = false;
  private waiting = false;
  private closed = false;
  private sealed = false;
  /** Bulk data that was submitted and not shown to the host yet, bytes. */
  private unpublishedBytes = 0;

  constructor(port: SubmitPort, heap: StagingHeap) {
    this.port = port;
    this.heap = heap;
    this.ahead = new RunAhead(() => port.completed());
    this.writer.words = PREFIX_WORDS;
  }

  /** True while something is held back for want of room, or because the host has enough to do. */
  get isBlocked(): boolean {
    return this.firstHeld < this.held.length;
  }

  /** Says that records were written: they go out at the end of the turn, or at once when they are many. */
  changed(): void {
    if (this.writer.words > FULL_WORDS) {
      this.flush();
    } else if (!this.scheduled) {
      this.scheduled = true;
      this.port.schedule(this.flushLater);
    }
  }

  /** Says that work for the queue was recorded. */
  workAdded(): void {
    if (this.writer.words > WORTHWHILE_WORDS) this.flush();
    else this.changed();
  }

  private readonly flushLater = (): void => {
    this.scheduled = false;
    this.unpublishedBytes = 0;
    this.flush();
  };

  /** Submits what was written so far. */
  flush(): void {
    const { writer, regions, calls } = this;
    if (writer.words > PREFIX_WORDS) this.port.beforeFlush();
    const end = writer.words;
    if (calls.length > 0) this.calls = [];
    if (end !== PREFIX_WORDS && !this.sealed) {
      this.regions = [];
      const start = this.isBlocked
        ? PREFIX_WORDS
        : this.sendWords(writer.u32, PREFIX_WORDS, end, regions, true);
      if (start < end) {
        const words = writer.u32.slice(start - PREFIX_WORDS, end);
        this.held.push({ kind: 'stream', words, sent: PREFIX_WORDS, regions });
        this.unblock();
      }
    }
    // One very long record is no reason to keep that much for good.
    if (end > SPARE_WORDS) writer.shrink(FIRST_WORDS);
    writer.words = PREFIX_WORDS;
    for (const run of calls) {
      if (this.isBlocked) this.held.push({ kind: 'call', run });
      else run();
    }
  }

  /** Calls back once all that was recorded so far was submitted. */
  afterSubmission(run: () => void): void {
    this.calls.push(run);
    this.changed();
  }

  /**
   * Sends bulk data. The data are taken before the call returns, unless `owned`: then they must not change until
   * they were sent.
   */
  upload(upload: Upload, owned: boolean): void {
    if (this.sealed) return;
    let done = 0;
    if (!this.isBlocked) {
      done = this.sendPieces(upload, 0, this.writer, this.regions, false);
      if (done === upload.data.length) {
        this.changed();
        return;
      }
    }
    this.flush();
    const rest = upload.data.subarray(done);
    const data = owned ? rest : new Uint8Array(rest);
    this.held.push({ kind: 'upload', upload: shifted(upload, data, done), done: 0 });
    this.unblock();
  }

  /** Sends a request whose answer needs memory. */
  download(download: Download): void {
    if (this.sealed) return;
    const region = this.isBlocked ? null : this.take(download.lengthBytes);
    if (region !== null) {
      download.emit(this.writer, region);
      this.changed();
      return;
    }
    this.flush();
    this.held.push({ kind: 'download', download });
    this.unblock();
  }

  /** Takes a region now, or gives null when there is none. */
  take(lengthBytes: number): StagingRegion | null {
    this.heap.reclaim(this.port.completed());
    return this.heap.allocate(lengthBytes);
  }

  /** Gives a region back when what is recorded until the next flush is done. There must be something. */
  retire(region: StagingRegion): void {
    this.heap.unpin(region);
    if (!this.sealed) this.regions.push(region);
  }

  /** Goes on with what was held back; call it when room may have come. */
  drain(): void {
    while (this.isBlocked && !this.closed) {
      if (!this.advance(this.held[this.firstHeld]!)) {
        this.unblock();
        return;
      }
      this.held[this.firstHeld] = null;
      this.firstHeld += 1;
      if (this.firstHeld >= SPENT_ITEMS) {
        this.held.splice(0, this.firstHeld);
        this.firstHeld = 0;
      }
    }
    this.held = [];
    this.firstHeld = 0;
  }

  /** Takes nothing more; what is there goes out as it finds room. */
  seal(): void {
    this.flush();
    this.sealed = true;
  }

  /** Drops everything: the device is gone. */
  close(): void {
    this.closed = true;
    this.sealed = true;
    this.held = [];
    this.firstHeld = 0;
    this.regions = [];
    this.calls = [];
    this.writer.words = PREFIX_WORDS;
  }

  private advance(item: Held): boolean {
    if (item.kind === 'stream') {
      item.sent = this.sendWords(item.words, item.sent, item.words.length, item.regions, true);
      return item.sent === item.words.length;
    }
    if (item.kind === 'call') {
      item.run();
      return true;
    }
    const { drainWriter } = this;
    drainWriter.words = PREFIX_WORDS;
    if (this.ahead.isFull) return false;
    if (item.kind === 'upload') {
      const inline = this.heap.isUnavailable;
      item.done = this.sendPieces(item.upload, item.done, drainWriter, null, inline);
      return item.done === item.upload.data.length;
    }
    const { download } = item;
    const region = this.take(download.lengthBytes);
    if (
      region === null &&
      (this.heap.canGrow(download.lengthBytes) || this.heap.couldHold(download.lengthBytes))
    ) {
      return false;
    }
    download.emit(drainWriter, region);
    this.sendWords(drainWriter.u32, PREFIX_WORDS, drainWriter.words, [], false);
    return true;
  }

  /**
   * Sends pieces of an upload from `done` on while there is room. With `regions`, records go to the main writer,
   * which is flushed between pieces; without, each piece is submitted by itself.
   */
  private sendPieces(
    upload: Upload,
    start: number,
    writer: StreamWriter,
    regions: StagingRegion[] | null,
    inline: boolean,
  ): number {
    const { data } = upload;
    let done = start;
    while (done < data.length) {
      if (inline && this.ahead.isFull) break;
      if (this.unpublishedBytes >= PUBLISH_BYTES) {
        if (regions !== null) this.flush();
        this.unpublishedBytes = 0;
        this.port.publish();
      }
      const length = upload.cut(done, inline ? INLINE_PIECE_BYTES : PIECE_BYTES);
      const piece = data.subarray(done, done + length);
      const region = inline ? null : this.take(length);
      if (region === null && !inline) break;
      if (region !== null) {
        region.write(piece);
        upload.emit(writer, region, done, length);
      } else {
        upload.emitInline(writer, done, piece);
      }
      done += length;
      if (regions === null) {
        this.sendWords(writer.u32, PREFIX_WORDS, writer.words, region === null ? [] : [region], false);
        writer.words = PREFIX_WORDS;
      } else {
        this.regions.push(region!);
        if (done < data.length) this.flush();
      }
      this.unpublishedBytes += length;
    }
    return done;
  }

  /**
   * Submits words from `start` to `end`, which have {@link PREFIX_WORDS} words of room in front of them, in as many
   * submissions as they need.
   *
   * @param mayWait leaves what is too far ahead of the GPU.
   * @returns how far it came: less than `end` when one record needs room that is not there, or for `mayWait`.
   */
  private sendWords(
    u32: Uint32Array,
    start: number,
    end: number,
    regions: StagingRegion[],
    mayWait: boolean,
  ): number {
    const most = (INLINE_BYTES >>> 2) - PREFIX_WORDS;
    let from = start;
    while (from < end) {
      if (mayWait && this.ahead.isFull) return from;
      let to = end;
      if (end - from > most) {
        to = lastRecordEnd(u32, from, from + most);
        if (to === from) {
          to = from + recordWords(u32, from);
          if (!this.sendLarge(u32, from, to)) return from;
          from = to;
          continue;
        }
      }
      u32[from - 2] = 0;
      u32[from - 1] = (to - from) * 4;
      this.lastFence += 1;
      this.submissions += 1;
      const bytes = new Uint8Array(u32.buffer, u32.byteOffset + (from - 2) * 4, (to - from + 2) * 4);
      this.port.submit(bytes, this.lastFence);
      this.ahead.sent(this.lastFence, bytes.length);
      from = to;
    }
    for (const region of regions) this.heap.retire(region, this.lastFence);
    return end;
  }

  /** Submits one record that is larger than a packet, through staging memory. */
  private sendLarge(u32: Uint32Array, from: number, to: number): boolean {
    const lengthBytes = (to - from) * 4;
    const region = this.take(lengthBytes);
    if (region === null) return false;
    region.write(new Uint8Array(u32.buffer, u32.byteOffset + from * 4, lengthBytes));
    this.lastFence += 1;
    this.submissions += 1;
    this.port.submitFrom(region, lengthBytes, this.lastFence);
    this.ahead.sent(this.lastFence, 0);
    this.heap.retire(region, this.lastFence);
    return true;
  }

  /** Arranges that `drain` is called when there may be room for what is first in line. */
  private unblock(): void {
    if (this.waiting || this.closed) return;
    if (this.ahead.isFull) {
      this.waiting = true;
      this.port.whenCompleted(this.ahead.nextFence, this.resume);
      return;
    }
    const first = this.held[this.firstHeld]!;
    const needed = neededBytes(first);
    if (this.heap.canGrow(needed)) {
      this.waiting = true;
      void this.heap.grow(needed).then(this.resume);
    } else if (this.heap.nextFence >= 0) {
      this.waiting = true;
      this.port.whenCompleted(this.heap.nextFence, this.resume);
    } else if (first.kind === 'upload' && this.heap.isUnavailable) {
      this.drain();
    } else if (first.kind === 'download' && !this.heap.couldHold(needed)) {
      this.drain();
    } else if (this.port.makeRoom()) {
      this.waiting = true;
      this.port.schedule(this.resume);
    }
    // Else only regions that the program has (lent to it, or to be written) are in the way: their release calls `drain`.
  }

  private readonly resume = (): void => {
    this.waiting = false;
    this.drain();
  };
}

/** The end of the last whole record that ends at or before `limit`; `from` when the first one is longer. */
function lastRecordEnd(u32: Uint32Array, from: number, limit: number): number {
  let end = from;
  for (;;) {
    const next = end + recordWords(u32, end);
    if (next > limit || next === end) return end;
    end = next;
  }
}

function neededBytes(item: Held): number {
  switch (item.kind) {
    case 'stream':
      return recordWords(item.words, item.sent) * 4;
    case 'upload':
      return item.upload.cut(item.done, PIECE_BYTES);
    case 'download':
      return item.download.lengthBytes;
    default:
      return 0;
  }
}
