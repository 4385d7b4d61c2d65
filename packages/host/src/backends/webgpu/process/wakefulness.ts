/** Longest time of staying awake for the next work, milliseconds. */
const AWAKE_MS = 0.4;

/** Weight of the latest pause in the mean that decides whether staying awake pays. */
const PAUSE_WEIGHT = 0.25;

/** A pause counts as at most this many times {@link AWAKE_MS}: one long pause is soon forgotten. */
const PAUSE_LIMIT_FACTOR = 4;

/** What it needs of its thread. */
export interface WakefulThread {
  nowMs(): number;
  /** Calls back in the next round of the event loop, behind its input. */
  nextRound(callback: () => void): void;
  /** Lets other threads have this core, if any wants it. */
  yieldCore(): void;
}

/**
 * Keeps an event loop going round for a short time after each answer, where work has lately come that soon: it then
 * begins without the time that a thread takes to be woken, and on a core that has gone on with this process.
 */
export class Wakefulness {
  private readonly thread: WakefulThread;
  private meanPauseMs = 0;
  /** When the latest answer left; -1 when work has come since. */
  private answeredMs = -1;
  private endMs = 0;
  private isAwake = false;

  constructor(thread: WakefulThread) {
    this.thread = thread;
  }

  /** An answer leaves. */
  answered(): void {
    this.answeredMs = this.thread.nowMs();
    if (this.meanPauseMs > AWAKE_MS) return;
    this.endMs = this.answeredMs + AWAKE_MS;
    if (this.isAwake) return;
    this.isAwake = true;
    this.thread.nextRound(this.round);
  }

  /** Work has come. */
  received(): void {
    if (this.answeredMs < 0) return;
    const pauseMs = Math.min(this.thread.nowMs() - this.answeredMs, AWAKE_MS * PAUSE_LIMIT_FACTOR);
    this.answeredMs = -1;
    this.endMs = 0;
    this.meanPauseMs += (pauseMs - this.meanPauseMs) * PAUSE_WEIGHT;
  }

  private readonly round = (): void => {
    if (this.thread.nowMs() >= this.endMs) {
      this.isAwake = false;
      return;
    }
    this.thread.yieldCore();
    this.thread.nextRound(this.round);
  };
}
