import { TransportError } from '../errors.ts';
import { connectOverStream } from '../stream/connect.ts';
import type { ConversationOptions } from './conversation-data.ts';
import { withDeadline } from './deadline.ts';
import { faultyStream } from './faulty-stream.ts';
import { GuestPart, type Outcome } from './guest-part.ts';
import type { ServingProcess } from './host-process.ts';
import { type FaultPlan, PERFECT_CONNECTION } from './plan.ts';
import { judgeScenario, mayCorrupt } from './verdict.ts';

const CONNECT_TIMEOUT_MS = 3000;
/** When a program gives up, and when a scenario must be over, milliseconds. */
const PATIENCE_MS = 12_000;
const DEADLINE_MS = 45_000;

export interface PipeScenarioResult {
  readonly outcome: Outcome | null;
  readonly wrong: readonly string[];
  readonly elapsedMs: number;
}

/** A guest in this process and a host in a child, over a pipe with the faults of the plan's first connection. */
export async function runPipeScenario(
  plan: FaultPlan,
  child: ServingProcess,
  conversation: Partial<ConversationOptions> = {},
): Promise<PipeScenarioResult> {
  const startMs = performance.now();
  const options = { ...conversation, seed: plan.seed };
  const { stream, report } = child.serve(options);
  const wrapped = faultyStream(stream, {
    plan: plan.connections[0] ?? PERFECT_CONNECTION,
    seed: plan.seed * 31 + 1,
    side: 'guest',
  });
  const guest: { part: GuestPart | null } = { part: null };
  const talk = async (): Promise<Outcome> => {
    try {
      const bus = await connectOverStream(wrapped, { connectTimeoutMs: CONNECT_TIMEOUT_MS });
      guest.part = new GuestPart(options);
      return await guest.part.run(bus);
    } catch (error) {
      return { kind: 'failed', error: error as Error };
    }
  };
  const patience = setTimeout(
    () => guest.part?.giveUp(new TransportError('time-out', 'the program has waited long enough')),
    PATIENCE_MS,
  );
  const outcome = await withDeadline(talk(), DEADLINE_MS);
  clearTimeout(patience);
  const hostReport = await withDeadline(report, DEADLINE_MS);
  // The farewell of a peer that reads nothing takes two seconds at most.
  const closed = new Promise<void>((resolve) => {
    if (wrapped.closed) resolve();
    else wrapped.once('close', resolve);
  });
  const streams =
    (await withDeadline(
      closed.then(() => 0),
      DEADLINE_MS,
    )) ?? 1;
  const wrong = judgeScenario(mayCorrupt(plan), outcome, guest.part, hostReport, { streams });
  return { outcome, wrong, elapsedMs: performance.now() - startMs };
}
