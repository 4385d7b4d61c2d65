import type { Clock } from '../clock.ts';
import type { LinkMedium, LinkSession } from '../link/session.ts';
import { FaultPipe } from './fault-pipe.ts';
import type { ConnectionPlan, DirectionPlan } from './plan.ts';

/** How long a peer may take to end its side before the connection is cut, milliseconds; as over real streams. */
const FAREWELL_TIMEOUT_MS = 2000;

/** One end of a connection that exists in memory only. */
export class FaultyMedium implements LinkMedium {
  readonly #clock: Clock;
  /** Towards the other end; set before anything is sent. */
  outbound: FaultPipe | null = null;
  readonly #cut: () => void;
  #session: LinkSession | null = null;
  #early: Uint8Array[] = [];
  #hasEnded = false;
  #isEnding = false;
  #cancelFarewell: (() => void) | null = null;

  constructor(clock: Clock, cut: () => void) {
    this.#clock = clock;
    this.#cut = cut;
  }

  attach(session: LinkSession): void {
    this.#session = session;
    for (const bytes of this.#early.splice(0)) session.receive(bytes);
    if (this.#hasEnded) session.mediumEnded(null);
    else this.wake();
  }

  wake(): void {
    if (this.#hasEnded || this.#isEnding) return;
    while (this.#session !== null && this.outbound?.hasRoom === true) if (!this.#writeNext()) return;
  }

  #writeNext(): boolean {
    const chunk = this.#session?.takeOutput() ?? null;
    if (chunk === null) return false;
    this.outbound?.write(chunk.bytes);
    chunk.release();
    return true;
  }

  end(): void {
    if (this.#hasEnded || this.#isEnding) return;
    this.#isEnding = true;
    while (this.#writeNext());
    this.outbound?.end();
    this.#cancelFarewell = this.#clock.setTimer(() => this.#cut(), FAREWELL_TIMEOUT_MS);
  }

  drop(): void {
    this.#session = null;
    this.#cut();
  }

  received(bytes: Uint8Array): void {
    if (this.#session === null) this.#early.push(bytes.slice());
    else this.#session.receive(bytes);
  }

  /** The connection is gone, or the other side has ended it. */
  ended(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#cancelFarewell?.();
    this.#session?.mediumEnded(null);
  }
}

/** A connection in memory with faults as planned: two ends for two link sessions. */
export class FaultyConnection {
  readonly guest: FaultyMedium;
  readonly host: FaultyMedium;
  readonly #toHost: FaultPipe;
  readonly #toGuest: FaultPipe;
  readonly #clock: Clock;
  #isCut = false;

  constructor(clock: Clock, plan: ConnectionPlan, seed: number) {
    this.#clock = clock;
    const cut = () => this.cut();
    this.guest = new FaultyMedium(clock, cut);
    this.host = new FaultyMedium(clock, cut);
    this.#toHost = this.#pipe(plan.toHost, seed, this.guest, this.host);
    this.#toGuest = this.#pipe(plan.toGuest, seed + 1, this.host, this.guest);
    this.guest.outbound = this.#toHost;
    this.host.outbound = this.#toGuest;
  }

  #pipe(plan: DirectionPlan, seed: number, from: FaultyMedium, to: FaultyMedium): FaultPipe {
    return new FaultPipe({
      clock: this.#clock,
      seed,
      framing: 'link',
      plan,
      reader: {
        bytes: (bytes) => {
          to.received(bytes);
          return true;
        },
        // A reader that is told of the end closes its side as well.
        ended: () => {
          to.ended();
          this.cut();
        },
      },
      onRoom: () => from.wake(),
      onCut: () => this.cut(),
      onStall: (forMs) => {
        this.#toHost.stall(forMs);
        this.#toGuest.stall(forMs);
      },
    });
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  /** Frames that have gone each way. */
  get frames(): { readonly toHost: number; readonly toGuest: number } {
    return { toHost: this.#toHost.frames, toGuest: this.#toGuest.frames };
  }

  /** Both sides hear at the end of the turn that the connection is gone; what was under way is lost. */
  cut(): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.#toHost.stop();
    this.#toGuest.stop();
    this.#clock.defer(() => {
      this.guest.ended();
      this.host.ended();
    });
  }
}
