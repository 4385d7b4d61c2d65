import type { Clock } from '../clock.ts';
import type { RingPlan } from './ring-plan.ts';

export interface MailboxEnd {
  deliver(message: unknown): void;
  ring(channel: number): void;
}

/** What is beside the rings, in both directions: control messages in order, and doorbells, with faults as planned. */
export class FaultyMailboxes {
  readonly #clock: Clock;
  readonly #plan: RingPlan;
  readonly #onGone: () => void;
  readonly #timers = new Set<() => void>();
  #moments = 0;
  #bells = 0;
  #isGone = false;
  /** Set once both ends exist. */
  ends: { readonly guest: MailboxEnd; readonly host: MailboxEnd } | null = null;

  /** @param onGone - A side is gone, and the other is to be told. */
  constructor(clock: Clock, plan: RingPlan, onGone: () => void) {
    this.#clock = clock;
    this.#plan = plan;
    this.#onGone = onGone;
  }

  /** Timers that are set. */
  get timerCount(): number {
    return this.#timers.size;
  }

  #happens(): boolean {
    if (this.#isGone) return false;
    const { gone } = this.#plan;
    if (gone === null || this.#moments < gone.after) {
      this.#moments += 1;
      return true;
    }
    this.stop();
    if (!gone.isSilent) this.#clock.defer(this.#onGone);
    return false;
  }

  post(to: 'guest' | 'host', message: unknown): void {
    if (!this.#happens()) return;
    this.#after(this.#plan.messageDelayMs, () => this.ends?.[to].deliver(message));
  }

  bell(to: 'guest' | 'host', channel: number): void {
    if (!this.#happens()) return;
    const { bells } = this.#plan;
    const ring = () => this.ends?.[to].ring(channel);
    this.#bells += 1;
    if (bells === null || this.#bells % bells.every !== 0) {
      this.#after(0, ring);
    } else if (bells.how === 'late') {
      this.#after(bells.lateMs, ring);
    } else if (bells.how === 'twice') {
      this.#after(0, ring);
      this.#after(0, ring);
    }
  }

  #after(delayMs: number, callback: () => void): void {
    const run = () => {
      if (!this.#isGone) callback();
    };
    if (delayMs === 0) {
      this.#clock.defer(run);
      return;
    }
    const cancel = this.#clock.setTimer(() => {
      this.#timers.delete(cancel);
      run();
    }, delayMs);
    this.#timers.add(cancel);
  }

  /** Nothing gets through any more. */
  stop(): void {
    this.#isGone = true;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }
}
