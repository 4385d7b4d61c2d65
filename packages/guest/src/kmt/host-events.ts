import type { Adapter } from './adapter.ts';
import type { KmtLoss } from './types/common.ts';

/** Something that the host can signal by its event id. */
export interface HostEvent {
  /** False for an event that stays registered after a signal (CPU-notification objects). */
  readonly once: boolean;
  /** The adapter whose host would signal it. */
  readonly adapter: Adapter;
  signal(): void;
  /** No signal will come any more. */
  abandon(loss: KmtLoss): void;
}

/**
 * The guest's events, by id. One counter serves all processes and adapters; the first id given out is 2. A signal for
 * an unknown id is ignored: late ones, second ones and those after a failed call are expected.
 */
export class HostEvents {
  /** Ids stay far below 2^53, so a number is exact. */
  private lastId = 1;
  private readonly events = new Map<number, HostEvent>();

  /** @returns the new event's id. */
  add(event: HostEvent): number {
    this.lastId += 1;
    this.events.set(this.lastId, event);
    return this.lastId;
  }

  /** Forgets an event. @returns whether it was still registered. */
  remove(id: number): boolean {
    return this.events.delete(id);
  }

  /** Events registered. */
  get count(): number {
    return this.events.size;
  }

  /** A signal from the host; halves of the 64-bit id. @returns whether anybody waited for it. */
  signal(idLow: number, idHigh: number): boolean {
    const id = idHigh * 4_294_967_296 + idLow;
    const event = this.events.get(id);
    if (event === undefined) return false;
    if (event.once) this.events.delete(id);
    event.signal();
    return true;
  }

  /** Ends the waits that only this adapter could have ended. */
  abandonFor(adapter: Adapter, loss: KmtLoss): void {
    for (const [id, event] of [...this.events]) {
      if (event.adapter !== adapter) continue;
      this.events.delete(id);
      event.abandon(loss);
    }
  }

  /** Ends all waits. */
  abandonAll(loss: KmtLoss): void {
    const events = [...this.events.values()];
    this.events.clear();
    for (const event of events) event.abandon(loss);
  }
}
