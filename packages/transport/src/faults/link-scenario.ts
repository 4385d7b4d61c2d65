import { TransportError } from '../errors.ts';
import { GuestLink } from '../link/guest-link.ts';
import { HostLink } from '../link/host-link.ts';
import type { ConversationOptions } from './conversation-data.ts';
import { FaultyConnection, type FaultyMedium } from './faulty-medium.ts';
import { GuestPart, type Outcome } from './guest-part.ts';
import { HostPart } from './host-part.ts';
import { type FaultPlan, PERFECT_CONNECTION } from './plan.ts';
import { type Census, judgeScenario, mayCorrupt } from './verdict.ts';
import { VirtualClock } from './virtual-clock.ts';

const HEARTBEAT_MS = 1000;
const CONNECT_TIMEOUT_MS = 5000;
const LEASE_MS = 10_000;
/** When a program gives up that has heard nothing, milliseconds. */
const PATIENCE_MS = 60_000;
/** When a scenario must be over: patience, and what an end takes that nobody answers. */
const DEADLINE_MS = PATIENCE_MS + 30_000;
const MAX_QUEUED_BYTES = 4 * 1024 * 1024;

export interface LinkScenarioOptions extends Partial<ConversationOptions> {
  /** Whether sessions survive a broken connection. */
  readonly resume: boolean;
}

/** How a scenario went. */
export interface ScenarioResult {
  readonly outcome: Outcome | null;
  /** What is wrong with that; empty when nothing is. */
  readonly wrong: readonly string[];
  readonly connections: number;
  /** Virtual time that it took, milliseconds. */
  readonly elapsedMs: number;
  /** Frames of the first connection. */
  readonly frames: { readonly toHost: number; readonly toGuest: number };
}

/** A guest and a host whose connections follow a plan; all in memory and in virtual time. */
class LinkNetwork {
  readonly clock = new VirtualClock();
  readonly links = new Set<HostLink>();
  readonly connections: FaultyConnection[] = [];
  regions = 0;
  #dials = 0;
  readonly #plan: FaultPlan;
  readonly #resume: boolean;
  readonly #host: HostPart;

  constructor(plan: FaultPlan, resume: boolean, host: HostPart) {
    this.#plan = plan;
    this.#resume = resume;
    this.#host = host;
  }

  /** The guest's end of the next connection, or null when it is refused. */
  dial(): FaultyMedium | null {
    const plans = this.#plan.connections;
    const next = this.#dials < plans.length ? plans[this.#dials] : PERFECT_CONNECTION;
    this.#dials += 1;
    if (next === null || next === undefined) return null;
    const connection = new FaultyConnection(this.clock, next, this.#plan.seed * 31 + this.#dials);
    this.connections.push(connection);
    this.#accept(connection.host);
    return connection.guest;
  }

  #accept(medium: FaultyMedium): void {
    const link: HostLink = new HostLink({
      transport: 'virtual',
      medium,
      clock: this.clock,
      maxQueuedBytes: MAX_QUEUED_BYTES,
      windowMegabytes: 1,
      guestMemoryBytes: 1024 * 1024,
      allocateRegion: (length) => {
        this.regions += 1;
        const free = () => {
          this.regions -= 1;
        };
        return { bytes: new Uint8Array(length), path: null, offset: 0, free };
      },
      heartbeatMs: HEARTBEAT_MS,
      handshakeTimeoutMs: CONNECT_TIMEOUT_MS,
      leaseMs: this.#resume ? LEASE_MS : 0,
      sessionId: `session ${this.connections.length}`,
      hostName: 'host',
      authenticate: () => true,
      onReady: (bus) => this.#host.serve(bus),
      findSession: (id) => [...this.links].find((entry) => entry.sessionId === id) ?? null,
      onHandedOver: () => this.links.delete(link),
    });
    link.onEnded = () => this.links.delete(link);
    this.links.add(link);
    medium.attach(link);
  }

  connectGuest(): GuestLink {
    const { clock } = this;
    const medium = this.dial() as FaultyMedium;
    const redial = (delayMs: number, signal: AbortSignal) =>
      new Promise<FaultyMedium>((resolve, reject) => {
        const cancel = clock.setTimer(() => {
          const next = this.dial();
          if (next === null) reject(new TransportError('connect-failed', 'refused'));
          else resolve(next);
        }, delayMs);
        signal.addEventListener('abort', cancel, { once: true });
      });
    const guest = new GuestLink({
      transport: 'virtual',
      medium,
      clock,
      maxQueuedBytes: MAX_QUEUED_BYTES,
      name: 'guest',
      token: '',
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      ...(this.#resume ? { redial } : {}),
    });
    medium.attach(guest);
    return guest;
  }

  get census(): Census {
    return { timers: this.clock.timerCount, links: this.links.size, 'memory regions': this.regions };
  }
}

/** Runs one seeded scenario over a link to its end, in virtual time. */
export async function runLinkScenario(
  plan: FaultPlan,
  { resume, ...conversation }: LinkScenarioOptions,
): Promise<ScenarioResult> {
  const options = { seed: plan.seed, ...conversation };
  const host = new HostPart(options);
  const network = new LinkNetwork(plan, resume, host);
  const { clock } = network;
  const link = network.connectGuest();
  let guest: GuestPart | null = null;
  let outcome: Outcome | null = null;
  const over = link.ready.then(
    (bus) => {
      guest = new GuestPart(options);
      return guest.run(bus);
    },
    (error: Error): Outcome => ({ kind: 'failed', error }),
  );
  over.then((value) => {
    outcome = value;
  });
  const cancelPatience = clock.setTimer(
    () => guest?.giveUp(new TransportError('time-out', 'the program has waited long enough')),
    PATIENCE_MS,
  );
  let endedMs: number | null = null;
  while (clock.now() < DEADLINE_MS) {
    await clock.advance(outcome === null ? 20 : 500);
    if (outcome === null) continue;
    endedMs ??= clock.now();
    cancelPatience();
    if (network.links.size === 0 && clock.timerCount === 0) break;
  }
  cancelPatience();
  await clock.settle();
  return {
    outcome,
    wrong: judgeScenario(mayCorrupt(plan), outcome, guest, host.report(), network.census),
    connections: network.connections.length,
    elapsedMs: endedMs ?? clock.now(),
    frames: network.connections[0]?.frames ?? { toHost: 0, toGuest: 0 },
  };
}
