import { TransportError } from '../errors.ts';
import type { ConversationOptions } from './conversation-data.ts';
import { GuestPart, type Outcome } from './guest-part.ts';
import { HostPart } from './host-part.ts';
import { type FaultPlan, PERFECT_CONNECTION } from './plan.ts';
import { judgeScenario, mayCorrupt } from './verdict.ts';
import { VirtualClock } from './virtual-clock.ts';
import { VirtualNetwork } from './virtual-network.ts';

const HEARTBEAT_MS = 1000;
const LEASE_MS = 10_000;
/** When a program gives up that has heard nothing, milliseconds. */
const PATIENCE_MS = 60_000;
/** When a scenario must be over: patience, and what an end takes that nobody answers. */
const DEADLINE_MS = PATIENCE_MS + 30_000;

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

/** Runs one seeded scenario over a link to its end, in virtual time. */
export async function runLinkScenario(
  plan: FaultPlan,
  { resume, ...conversation }: LinkScenarioOptions,
): Promise<ScenarioResult> {
  const options = { seed: plan.seed, ...conversation };
  const host = new HostPart(options);
  const clock = new VirtualClock();
  const network = new VirtualNetwork({
    clock,
    leaseMs: resume ? LEASE_MS : 0,
    heartbeatMs: HEARTBEAT_MS,
    onBus: (bus) => host.serve(bus),
    planOf: (connection) => {
      const next = plan.connections[connection - 1];
      return { plan: next === undefined ? PERFECT_CONNECTION : next, seed: plan.seed * 31 + connection };
    },
  });
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
    if (network.linkCount === 0 && clock.timerCount === 0) break;
  }
  cancelPatience();
  await clock.settle();
  const census = { timers: clock.timerCount, links: network.linkCount, 'memory regions': network.regions };
  return {
    outcome,
    wrong: judgeScenario(mayCorrupt(plan), outcome, guest, host.report(), census),
    connections: network.connections.length,
    elapsedMs: endedMs ?? clock.now(),
    frames: network.connections[0]?.frames ?? { toHost: 0, toGuest: 0 },
  };
}
