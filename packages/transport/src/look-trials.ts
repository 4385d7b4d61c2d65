/** What one trial covers: so many arrivals in a row. */
const ARRIVALS = 32;
/** A pause longer than this is no part of a trial, milliseconds: it is somebody's who had nothing to say. */
const PAUSE_MS = 1;
/** Trials in the way that has proved better before the other one gets another: doubled each time that it is worse again. */
const FEWEST_TRIALS = 4;
const MOST_TRIALS = 1024;
/** After so many arrivals a trial of the other way ends early where it costs so many times as much. */
const FEWEST_ARRIVALS = 8;
const TOO_MUCH = 1.3;
/** A trial that costs so many times what others did before asks for one of the other way. */
const CHANGED = 1.5;
/** Looking on has to be so much better: it takes a core. */
const WORTH_LOOKING = 0.9;
/** Weight of the latest trial in what a way has cost. */
const LATEST_WEIGHT = 0.5;

/**
 * Finds out by trying whether a side of a connection gets on better when it looks on between arrivals or when it sleeps.
 * It cannot be known beforehand: where both sides have a core each, to be woken costs more than all the rest; where they
 * share one, who looks on keeps the other from answering.
 */
export class LookTrials {
  #looks = false;
  #arrivals = 0;
  #bytes = 0;
  #startMs = 0;
  #lastMs = 0;
  /** Milliseconds for each byte, by way; 0 where it is not known. */
  #cost = { sleep: 0, look: 0 };
  #trialsLeft = 1;
  #trials = FEWEST_TRIALS;
  #isTryingOther = false;

  /** Whether to look on now. */
  get looks(): boolean {
    return this.#looks;
  }

  /** Bytes have come, at this time by the clock. */
  arrived(nowMs: number, lengthBytes: number): void {
    const isAfterPause = nowMs - this.#lastMs > PAUSE_MS;
    this.#lastMs = nowMs;
    if (isAfterPause) {
      this.#begin(nowMs);
      return;
    }
    this.#bytes += lengthBytes;
    this.#arrivals += 1;
    const cost = (nowMs - this.#startMs) / this.#bytes;
    if (this.#arrivals < ARRIVALS && !this.#isBad(cost)) return;
    const way = this.#looks ? 'look' : 'sleep';
    const before = this.#cost[way];
    this.#cost[way] = before === 0 ? cost : before + (cost - before) * LATEST_WEIGHT;
    // Something has changed, perhaps where the other side runs: what was found out before is of no more use.
    if (!this.#isTryingOther && before !== 0 && cost > before * CHANGED) {
      this.#trials = FEWEST_TRIALS;
      this.#trialsLeft = 1;
    }
    this.#next();
    this.#begin(nowMs);
  }

  /** Whether the way that is being tried need not be tried any longer. */
  #isBad(cost: number): boolean {
    if (!this.#isTryingOther || this.#arrivals < FEWEST_ARRIVALS) return false;
    return cost > this.#cost[this.#looks ? 'sleep' : 'look'] * TOO_MUCH;
  }

  #begin(nowMs: number): void {
    this.#startMs = nowMs;
    this.#arrivals = 0;
    this.#bytes = 0;
  }

  /** A trial is over: which way the next one goes. */
  #next(): void {
    if (this.#isTryingOther) {
      this.#isTryingOther = false;
      const isBetter = this.#cost.look < this.#cost.sleep * WORTH_LOOKING;
      // The way that was tried is the one at hand.
      this.#trials = isBetter === this.#looks ? FEWEST_TRIALS : Math.min(MOST_TRIALS, this.#trials * 2);
      this.#looks = isBetter;
      this.#trialsLeft = this.#trials;
      return;
    }
    this.#trialsLeft -= 1;
    if (this.#trialsLeft > 0) return;
    this.#isTryingOther = true;
    this.#looks = !this.#looks;
    // What it cost once says nothing of now.
    this.#cost[this.#looks ? 'look' : 'sleep'] = 0;
  }
}
