import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RangeWindow } from './range-window.ts';

const KIBIBYTE = 1024;
const FRAME_BYTES = 64 * KIBIBYTE;
const CONFIRM_BYTES = 256 * KIBIBYTE;
const SIZES = {
  least: 30 * KIBIBYTE,
  first: 64 * KIBIBYTE,
  most: 7168 * KIBIBYTE,
  confirmed: CONFIRM_BYTES,
};

/** A line that carries so many bytes in a millisecond, behind a queue without end. */
class Line {
  readonly window: RangeWindow;
  nowMs = 0;
  private sent = 0;
  private confirmed = 0;
  private freeAtMs = 0;
  private readonly delayMs: number;
  private readonly underWay: { total: number; atMs: number; question: number | null }[] = [];
  bytesPerMs: number;
  /** Whether the other side answers questions. */
  answers = true;

  constructor(bytesPerMs: number, delayMs: number) {
    this.bytesPerMs = bytesPerMs;
    this.delayMs = delayMs;
    this.window = new RangeWindow(SIZES, () => this.nowMs);
  }

  get unconfirmed(): number {
    return this.sent - this.confirmed;
  }

  /** Pushes so much. @returns the longest that a small packet would have waited at the end of the queue. */
  push(bytes: number): number {
    const end = this.sent + bytes;
    let longestMs = 0;
    while (this.sent < end) {
      while (this.sent < end && this.window.hasRoom(this.unconfirmed)) {
        const length = Math.min(FRAME_BYTES, this.window.runBytes);
        this.sent += length;
        this.window.sent(this.sent, this.unconfirmed);
        this.freeAtMs = Math.max(this.freeAtMs, this.nowMs) + length / this.bytesPerMs;
        this.put(this.window.isToAsk(false));
      }
      if (!this.window.hasRoom(this.unconfirmed) && this.window.isToAsk(true)) this.put(true);
      longestMs = Math.max(longestMs, this.freeAtMs - this.nowMs);
      this.confirmNext();
    }
    return longestMs;
  }

  private put(asks: boolean): void {
    const question = asks ? this.window.ask() : null;
    this.underWay.push({ total: this.sent, atMs: this.freeAtMs + this.delayMs, question });
  }

  /** Something is heard: an answer, a confirmation, or, where nobody says anything, a heartbeat. */
  private confirmNext(): void {
    for (let next = this.underWay.shift(); next !== undefined; next = this.underWay.shift()) {
      this.nowMs = Math.max(this.nowMs, next.atMs);
      if (next.question !== null && this.answers) {
        this.window.answered(next.question);
        return;
      }
      if (next.total - this.confirmed < CONFIRM_BYTES) continue;
      this.confirmed = next.total;
      this.window.confirmed(next.total);
      return;
    }
    assert.ok(!this.answers, 'nobody will confirm anything: the window is too small');
    this.nowMs += 10_000;
  }
}

describe('the window for long ranges', () => {
  it('is whole on a fast line, and fills one that is long', () => {
    for (const [bytesPerMs, delayMs] of [
      [1_000_000, 0.1],
      [125_000, 300],
    ] as const) {
      const line = new Line(bytesPerMs, delayMs);
      line.push(64 * 1024 * KIBIBYTE);
      assert.equal(line.window.hasRoom(SIZES.most - 1), true, `${bytesPerMs} bytes in a ms`);
      assert.equal(line.window.hasRoom(SIZES.most), false);
    }
  });

  it('lets a small packet wait for a short time on a slow line', () => {
    for (const [megabits, longest] of [
      [100, 350],
      [10, 450],
      [1, 500],
    ] as const) {
      const line = new Line(megabits * 125, 20);
      line.push(4 * 1024 * KIBIBYTE);
      const waitedMs = line.push(16 * 1024 * KIBIBYTE);
      assert.ok(waitedMs < longest, `${waitedMs} ms at ${megabits} Mbit/s`);
      // The line is never idle: 20 MiB took what they have to, and a little.
      const leastMs = (20 * 1024 * KIBIBYTE) / line.bytesPerMs;
      assert.ok(line.nowMs < leastMs * 1.2 + 100, `${line.nowMs} ms of ${leastMs}`);
    }
  });

  it('follows a line that gets slower, and faster again', () => {
    const line = new Line(125_000, 5);
    line.push(64 * 1024 * KIBIBYTE);
    line.bytesPerMs = 1250;
    line.push(24 * 1024 * KIBIBYTE);
    const waitedMs = line.push(8 * 1024 * KIBIBYTE);
    assert.ok(waitedMs < 450, `${waitedMs} ms`);
    line.bytesPerMs = 125_000;
    line.push(64 * 1024 * KIBIBYTE);
    assert.equal(line.window.hasRoom(SIZES.most - 1), true);
  });

  it('learns nothing from few bytes, which are confirmed when something else is said', () => {
    let nowMs = 0;
    const window = new RangeWindow(SIZES, () => nowMs);
    for (let total = FRAME_BYTES; total < 64 * CONFIRM_BYTES; total += FRAME_BYTES) {
      window.sent(total, FRAME_BYTES);
      nowMs += 10_000;
      window.confirmed(total);
    }
    assert.equal(window.hasRoom(SIZES.first - 1), true);
  });

  it('gets on where the other side answers no questions, as far as it confirms by itself', () => {
    const line = new Line(125, 20);
    line.answers = false;
    line.push(4 * 1024 * KIBIBYTE);
    // A heartbeat was waited for at the start, no more: what was sent since is confirmed.
    assert.ok(line.nowMs < (4 * 1024 * KIBIBYTE) / 125 + 12_000, `${line.nowMs} ms`);
  });

  it('asks where nothing would leave until something is known to have arrived, and once', () => {
    const window = new RangeWindow(SIZES, () => 0);
    // Packets: nobody was asked about them, and they are too few to be confirmed.
    window.sent(100 * KIBIBYTE, 100 * KIBIBYTE);
    assert.equal(window.hasRoom(100 * KIBIBYTE), false);
    assert.equal(window.isToAsk(true), true);
    const id = window.ask();
    assert.equal(window.isToAsk(true), false);
    window.answered(id + 1);
    assert.equal(window.hasRoom(100 * KIBIBYTE), false);
    window.answered(id);
    assert.equal(window.hasRoom(100 * KIBIBYTE), true);
    window.restart();
    assert.equal(window.hasRoom(100 * KIBIBYTE), false, 'what is sent again has not arrived');
    assert.equal(window.isToAsk(true), true);
  });

  it('begins anew with a connection', () => {
    const line = new Line(125_000, 5);
    line.push(64 * 1024 * KIBIBYTE);
    line.window.restart();
    assert.equal(line.window.hasRoom(SIZES.first - 1), true);
    assert.equal(line.window.hasRoom(SIZES.first), false);
  });
});
