import { copyBytes } from '../copy-bytes.ts';
import { FrameKind, frameSize, LINK_CHANNEL, MEMORY_CHUNK_BYTES } from './frame.ts';
import { Lane, laneOf } from './lanes.ts';
import { CONFIRM_BYTES, FIRST_RANGE_WINDOW_BYTES, LEAST_RANGE_WINDOW_BYTES } from './limits.ts';
import {
  CHUNK_HEADROOM_BYTES,
  type Chunk,
  ChunkSize,
  FramePlacer,
  giveChunk,
  MEDIUM_HEADROOM_BYTES,
  takeChunk,
} from './output-chunk.ts';
import { OutputQueue, PendingRange, type Run } from './output-queue.ts';
import { RangeWindow } from './range-window.ts';
import { ReplayWindow } from './replay-window.ts';

const TWO_32 = 0x1_0000_0000;
const NOTHING = new Uint8Array(0);
/** Upper half of the number of a ping that asks how far the stream has got; those of heartbeats have 0. */
const QUESTION_ID_HIGH = 1;
/** The part of the window for unconfirmed bytes that long ranges leave to everything else. */
const WINDOW_FOR_THE_REST = 1 / 8;
/** Urgent frames up to this long leave in one write with others. */
const MOST_AHEAD_BYTES = CHUNK_HEADROOM_BYTES - MEDIUM_HEADROOM_BYTES;

/** Bytes of the stream of frames, ready to be written. */
export interface OutputChunk {
  /** Valid until {@link release}. */
  readonly bytes: Uint8Array;
  /** More bytes, to be written right behind; only for a medium that has said that it gathers, see `takeOutput`. */
  readonly payload: Uint8Array | null;
  /** Bytes right before {@link bytes} in their buffer that the medium may write until {@link release}. */
  readonly headroomBytes: number;
  /** The medium has taken the bytes: the memory is used again. Call exactly once. */
  release(): void;
}

/** How the bytes of a pushed range may be treated. */
export const Source = {
  /** The caller may change them at once: they are copied now. */
  passing: 0,
  /** They stay in place while the queue has them, and may be read late. */
  staying: 1,
  /** As `staying`, and their memory is never unmapped: the medium may write them from where they are. */
  pinned: 2,
} as const;
export type Source = (typeof Source)[keyof typeof Source];

interface Answer {
  readonly range: PendingRange;
  /** Of the queue: older copies of the same memory leave first. */
  readonly mark: number;
}

/**
 * What a link has still to write: frames that wait in an {@link OutputQueue}; beside them answers to memory reads, which
 * must not hold packets up; and before all, urgent frames, which belong to one connection and not to the stream that
 * a session carries on over several.
 */
export class LinkOutput {
  readonly #queue = new OutputQueue();
  readonly #answers: Answer[] = [];
  readonly #placer = new FramePlacer();
  readonly #onRelease: () => void;
  /** Bytes that the medium has and has not let go of. */
  #inMedium = 0;
  #answeredLast = true;
  #urgent: Chunk | null = null;
  #replay: ReplayWindow | null = null;
  /** Most bytes that may be sent and not confirmed. */
  #windowBytes = Number.POSITIVE_INFINITY;
  #ranges: RangeWindow | null = null;
  /** Bytes of the stream taken so far, urgent frames apart. */
  #taken = 0;
  /** How far the stream has been written again, or null when nothing is to be. */
  #rewound: number | null = null;
  /** Counts connections: what an earlier one lets go of no longer counts as queued. */
  #generation = 0;
  /** While true only urgent frames are given out: the connection is not yet agreed on. */
  isHeld = false;

  constructor(onRelease: () => void) {
    this.#onRelease = onRelease;
  }

  /** Bytes that wait or that the medium has not let go of. A range still to be read counts little. */
  get queuedBytes(): number {
    return this.#queue.waitingBytes + this.#inMedium + this.urgentBytes;
  }

  /** Bytes that wait, as {@link queuedBytes} counts them. */
  get waitingBytes(): number {
    return this.#queue.waitingBytes;
  }

  /** Bytes that the medium has and has not let go of. */
  get bytesInMedium(): number {
    return this.#inMedium;
  }

  /** Bytes of urgent frames that wait. */
  get urgentBytes(): number {
    return this.#urgent?.used ?? 0;
  }

  /** Bytes of a channel's packets that wait, as far as they are beyond what hardly counts. */
  channelBytes(channel: number): number {
    return this.#queue.channelBytes(channel);
  }

  get isEmpty(): boolean {
    if (this.#urgent !== null) return false;
    return this.#queue.isEmpty && this.#answers.length === 0 && this.#rewound === null;
  }

  /** Whether some of what was sent is, or may be, still to be sent again before anything new. */
  get isBehind(): boolean {
    return this.isHeld || this.#rewound !== null;
  }

  /** Queues a small frame before all others, outside the stream: greetings, pings, confirmations. */
  urgent(
    kind: number,
    idLow: number,
    idHigh: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void {
    const size = frameSize(length);
    let chunk = this.#urgent;
    if (chunk === null || chunk.used + size > chunk.bytes.length) {
      const grown = takeChunk(ChunkSize.tiny, (chunk?.used ?? 0) + size, Lane.control);
      if (chunk !== null) {
        grown.bytes.set(chunk.bytes.subarray(0, chunk.used));
        grown.used = chunk.used;
        giveChunk(chunk);
      }
      chunk = grown;
      this.#urgent = chunk;
    }
    this.#placer.place(chunk, LINK_CHANNEL, kind, idLow, idHigh, 0, bytes, offset, length);
  }

  /** From now on what is sent is kept until the other side confirms it, and at most this much of it. */
  keepForReplay(windowBytes: number, now: () => number): void {
    this.#replay = new ReplayWindow(this.#taken);
    this.#windowBytes = windowBytes;
    const most = windowBytes * (1 - WINDOW_FOR_THE_REST);
    const first = Math.min(most, FIRST_RANGE_WINDOW_BYTES);
    const least = Math.min(most, LEAST_RANGE_WINDOW_BYTES);
    this.#ranges = new RangeWindow({ least, first, most, confirmed: CONFIRM_BYTES }, now);
  }

  /** The other side has the stream up to `total`. @returns false when it cannot have. */
  confirm(total: number): boolean {
    if (this.#replay?.confirm(total) !== true) return false;
    this.#ranges?.confirmed(total);
    return true;
  }

  /** Bytes of the stream that the other side is known to have; 0 where nothing is kept. */
  get confirmedBytes(): number {
    return this.#replay?.confirmedBytes ?? 0;
  }

  /** Whether the stream can be sent again from `total` on. */
  canRewind(total: number): boolean {
    return this.#replay?.holds(total) ?? false;
  }

  /** The connection is gone, with what it had taken: only urgent frames leave until {@link rewind}. */
  interrupt(): void {
    this.#generation += 1;
    this.isHeld = true;
    this.#dropUrgent();
    this.#rewound = null;
    this.#inMedium = 0;
  }

  #dropUrgent(): void {
    if (this.#urgent === null) return;
    giveChunk(this.#urgent);
    this.#urgent = null;
  }

  /** Goes on over a new connection, from `total` of the stream: {@link canRewind} must be true. */
  rewind(total: number): void {
    this.confirm(total);
    this.#ranges?.restart();
    this.#rewound = total < this.#taken ? total : null;
    this.isHeld = false;
  }

  /** Queues one frame; the payload is copied. `announces`: whether a packet may tell of memory pushed before it. */
  frame(
    channel: number,
    kind: number,
    idLow: number,
    idHigh: number,
    flags: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    announces = true,
  ): void {
    const lane = laneOf(channel, kind, announces);
    this.#queue.frame(lane, channel, kind, idLow, idHigh, flags, bytes, offset, length);
  }

  /** Queues a control message in a lane of its own. */
  control(lane: number, bytes: Uint8Array): void {
    this.#queue.frame(lane, LINK_CHANNEL, FrameKind.control, 0, 0, 0, bytes, 0, bytes.length);
  }

  /**
   * Queues a range of memory, in frames of at most {@link MEMORY_CHUNK_BYTES}. A long one whose source stays in place
   * is read when it is sent and takes no memory until then; later changes may then show early, as they would in memory
   * that both sides see.
   */
  range(
    kind: number,
    address: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    source: Source,
  ): void {
    if (source !== Source.passing && length > MEMORY_CHUNK_BYTES) {
      this.#queue.range(kind, address, bytes, offset, length, source === Source.pinned);
      return;
    }
    for (let done = 0; done < length; done += MEMORY_CHUNK_BYTES) {
      const part = Math.min(MEMORY_CHUNK_BYTES, length - done);
      const at = address + done;
      this.frame(LINK_CHANNEL, kind, at >>> 0, Math.floor(at / TWO_32), 0, bytes, offset + done, part);
    }
  }

  /** Queues the answer to a memory read; the last frame has `lastFlags`. Read when sent. */
  answer(
    kind: number,
    address: number,
    source: Uint8Array,
    offset: number,
    length: number,
    flags: number,
    lastFlags: number,
  ): void {
    const range = new PendingRange(kind, address, source, offset, length, flags, lastFlags, true);
    this.#answers.push({ range, mark: this.#queue.mark });
  }

  /** Answers that are not yet taken in full. */
  get pendingAnswers(): number {
    return this.#answers.length;
  }

  /** Memory is about to go away: what was to be read of it is not sent. */
  dropRangesOf(bytes: Uint8Array): void {
    this.#queue.dropRangesOf(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** The next bytes to write, or null. */
  take(gathers = false): OutputChunk | null {
    const urgent = this.#urgent;
    this.#urgent = null;
    if (urgent !== null && (this.isHeld || this.#rewound !== null || urgent.used > MOST_AHEAD_BYTES)) {
      return this.#toWrite({ chunk: urgent, payload: null });
    }
    if (this.isHeld) return null;
    if (this.#rewound !== null) return this.#takeAgain(this.#rewound, gathers);
    const run = this.#takeNew(gathers);
    if (run === null) {
      if (urgent !== null) return this.#toWrite({ chunk: urgent, payload: null });
      // Perhaps there is a question instead.
      return this.#urgent === null ? null : this.take(gathers);
    }
    const { chunk, payload } = run;
    this.#taken += chunk.used + (payload?.length ?? 0);
    if (this.#replay !== null) {
      const isKept = this.#replay.add(chunk.bytes, chunk.used, { drop: () => giveChunk(chunk) });
      if (isKept) chunk.holders += 1;
      if (payload !== null) this.#replay.add(payload, payload.length, { drop: () => {} });
      this.#ranges?.sent(this.#taken, this.#replay.unconfirmedBytes);
      if (chunk.lane === Lane.memory) this.#ask(false);
    }
    return this.#toWrite(run, urgent);
  }

  #takeAgain(from: number, gathers: boolean): OutputChunk | null {
    const bytes = this.#replay?.from(from) ?? null;
    const next = from + (bytes?.length ?? 0);
    this.#rewound = bytes === null || next >= this.#taken ? null : next;
    if (bytes === null) return this.take(gathers);
    // Not the window's own memory: what is confirmed is used again, whatever the medium still does with it.
    return { bytes: bytes.slice(), payload: null, headroomBytes: 0, release: () => {} };
  }

  /** Answers and queued frames take turns. */
  #takeNew(gathers: boolean): Run | null {
    const unconfirmed = this.#replay?.unconfirmedBytes ?? 0;
    if (unconfirmed >= this.#windowBytes) return null;
    const mayTakeRanges = this.#ranges?.hasRoom(unconfirmed) ?? true;
    if (!mayTakeRanges && (this.#answers.length > 0 || this.#queue.hasRanges)) this.#ask(true);
    const answer = this.#answers[0];
    const isAnswerReady = answer !== undefined && mayTakeRanges && this.#queue.hasPassed(answer.mark);
    if (isAnswerReady && !this.#answeredLast) return this.#takeAnswer(answer, gathers);
    this.#answeredLast = false;
    const run = this.#queue.take(mayTakeRanges, gathers, this.#runBytes);
    return run === null && isAnswerReady ? this.#takeAnswer(answer, gathers) : run;
  }

  get #runBytes(): number {
    return this.#ranges?.runBytes ?? Number.POSITIVE_INFINITY;
  }

  /** Asks the other side how far it has got, where that is to be known. */
  #ask(isBlocked: boolean): void {
    if (this.#ranges?.isToAsk(isBlocked) !== true) return;
    this.urgent(FrameKind.ping, this.#ranges.ask(), QUESTION_ID_HIGH, NOTHING, 0, 0);
  }

  /** The other side has answered a ping. @returns whether that was a question of this stream's. */
  pong(idLow: number, idHigh: number): boolean {
    if (idHigh !== QUESTION_ID_HIGH) return false;
    this.#ranges?.answered(idLow);
    return true;
  }

  #takeAnswer({ range }: Answer, gathers: boolean): Run {
    this.#answeredLast = true;
    const run = this.#queue.takeRange(range, gathers, this.#runBytes);
    if (range.left === 0) this.#answers.shift();
    return run;
  }

  /** What the medium gets. `ahead`: urgent frames for the room before the chunk's own, for one write for both. */
  #toWrite({ chunk, payload }: Run, ahead: Chunk | null = null): OutputChunk {
    const aheadBytes = ahead?.used ?? 0;
    const start = CHUNK_HEADROOM_BYTES - aheadBytes;
    const bytes = new Uint8Array(chunk.bytes.buffer, start, aheadBytes + chunk.used);
    if (ahead !== null) {
      copyBytes(bytes, 0, ahead.bytes, 0, aheadBytes);
      giveChunk(ahead);
    }
    const length = bytes.length + (payload?.length ?? 0);
    const generation = this.#generation;
    this.#inMedium += length;
    return {
      bytes,
      payload,
      headroomBytes: start,
      release: () => {
        giveChunk(chunk);
        if (generation !== this.#generation) return;
        this.#inMedium -= length;
        this.#onRelease();
      },
    };
  }

  /** Drops all that has not been taken. */
  clear(): void {
    this.#queue.clear();
    this.#answers.length = 0;
    this.#dropUrgent();
  }

  /** The link has ended: nothing is sent again. */
  forget(): void {
    this.#replay?.clear();
    this.#replay = null;
    this.#rewound = null;
    this.isHeld = false;
  }
}
