import { now } from '../timers.ts';
import { PACKET_FLAG_COMPLETION_REQUESTED, PACKET_FLAG_UNHURRIED, PacketKind } from '../transport.ts';
import { Lookout } from './lookout.ts';

/** Knows of one side of a channel whether it waits for something, and so whether it looks on before it sleeps. */
export class Patience {
  /** Completions that this side waits for, and that it owes. */
  #awaited = 0;
  #owed = 0;
  /** In-band packets have come: this side is one that others ask. */
  #isAsked = false;
  readonly #answers: Lookout;
  readonly #requests: Lookout;

  /** @param limitMicroseconds - See {@link Lookout}. */
  constructor(limitMicroseconds: number) {
    this.#answers = new Lookout(limitMicroseconds);
    this.#requests = new Lookout(limitMicroseconds);
  }

  /** A packet went out. */
  sent(kind: PacketKind, flags: number): void {
    const isAwaited =
      (flags & (PACKET_FLAG_COMPLETION_REQUESTED | PACKET_FLAG_UNHURRIED)) ===
      PACKET_FLAG_COMPLETION_REQUESTED;
    if (isAwaited) this.#awaited += 1;
    if (kind === PacketKind.completion && this.#owed > 0) this.#owed -= 1;
  }

  /** A packet came. */
  received(kind: PacketKind, flags: number): void {
    if (kind === PacketKind.completion) {
      // Which of them it is only its receiver knows; a side has mostly one kind on its way.
      if (this.#awaited > 0) this.#awaited -= 1;
      if (this.#answers.isWaiting) this.#answers.arrived();
    } else {
      this.#isAsked = true;
      if ((flags & PACKET_FLAG_COMPLETION_REQUESTED) !== 0) this.#owed += 1;
      if (this.#requests.isWaiting) this.#requests.arrived();
    }
  }

  /**
   * Whether answers are waited for, and looking out for them is worth it. Where it is not, this side sleeps, and how long an answer takes
   * is measured all the same: it may be worth it again.
   */
  looksForAnswers(): boolean {
    if (this.#awaited === 0) return false;
    if (this.#answers.pays) return true;
    if (!this.#answers.isWaiting) this.#answers.begin(now());
    return false;
  }

  /**
   * Who looks on: a side that waits for answers, and one that is asked and owes none. Others have something to do on
   * their thread first, such as to ask again, or to find the answer.
   */
  lookout(): Lookout | null {
    if (this.#awaited > 0) return this.#answers;
    return this.#isAsked && this.#owed === 0 ? this.#requests : null;
  }
}
