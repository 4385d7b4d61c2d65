import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServingProcess } from './host-process.ts';
import { ServingThread } from './host-thread.ts';
import { runLinkScenario } from './link-scenario.ts';
import { runPipeScenario } from './pipe-scenario.ts';
import { planOfSeed } from './plan.ts';
import { ringPlanOfSeed } from './ring-plan.ts';
import { runInProcessScenario, runThreadScenario } from './ring-scenario.ts';
import { runSocketScenario, type SocketTransport } from './socket-scenario.ts';

/** What a scenario runs over. `link` and `link-resume` are link sessions in memory and in virtual time. */
export const SCENARIO_TRANSPORTS = [
  'link',
  'link-resume',
  'in-process',
  'worker',
  'shared-memory',
  'unix',
  'tcp',
  'stdio',
  'websocket',
] as const;
export type ScenarioTransport = (typeof SCENARIO_TRANSPORTS)[number];

/** One line of a run of scenarios. */
export interface ScenarioLine {
  readonly seed: number;
  /** The faults, for people. */
  readonly text: string;
  /** `done`, the code of the error that ended it, or `no end`. */
  readonly end: string;
  /** What is wrong with that; empty when nothing is. */
  readonly wrong: readonly string[];
}

type RunSeed = (seed: number) => Promise<ScenarioLine>;

interface Ended {
  readonly outcome: { readonly kind: 'done' } | { readonly kind: 'failed'; readonly error: Error } | null;
  readonly wrong: readonly string[];
}

function line(seed: number, text: string, { outcome, wrong }: Ended): ScenarioLine {
  if (outcome === null) return { seed, text, end: 'no end', wrong };
  const end =
    outcome.kind === 'done' ? 'done' : ((outcome.error as { code?: string }).code ?? outcome.error.name);
  return { seed, text, end, wrong };
}

/** Real time is dear: shorter exchanges than in virtual time. */
const REAL = { requests: 16, maxBytes: 4000 } as const;
/** Frames of such an exchange each way, more or less: where faults are put. */
const SOCKET_FRAMES = { tcp: 40, unix: 40, websocket: 30, 'shared-memory': 16 } as const;
const PIPES_PER_CHILD = 128;

function socketRunner(transport: SocketTransport) {
  const folder = mkdtempSync(join(tmpdir(), 'dxgwire-faults-'));
  const run: RunSeed = async (seed) => {
    const plan = planOfSeed(seed, { frames: SOCKET_FRAMES[transport] });
    // Over shared memory every third scenario is about the memory, not about the socket.
    if (transport === 'shared-memory' && seed % 3 === 2) return await spoiled(seed, folder);
    return line(seed, plan.text, await runSocketScenario(plan, { ...REAL, transport, folder }));
  };
  return { run, close: async () => rmSync(folder, { recursive: true, force: true }) };
}

async function spoiled(seed: number, folder: string): Promise<ScenarioLine> {
  const { memory, bells, text } = ringPlanOfSeed(seed);
  const calm = planOfSeed(0, { kinds: ['none'], maxRoundTripMs: 0 });
  const [connection] = calm.connections;
  const faults = bells === null ? [] : [{ kind: 'bells', ...bells } as const];
  const direction = { ...connection!.toHost, faults };
  const plan = { ...calm, seed, connections: [{ toHost: direction, toGuest: direction }] };
  const options = {
    ...REAL,
    transport: 'shared-memory',
    folder,
    ringFault: memory,
    patienceMs: 3000,
  } as const;
  return line(seed, text, await runSocketScenario(plan, options));
}

function pipeRunner() {
  const children: ServingProcess[] = [];
  const run: RunSeed = async (seed) => {
    let child = children[children.length - 1];
    if (child === undefined || child.isUsedUp) {
      child = new ServingProcess(PIPES_PER_CHILD);
      children.push(child);
    }
    const plan = planOfSeed(seed, { frames: SOCKET_FRAMES.unix });
    return line(seed, plan.text, await runPipeScenario(plan, child, REAL));
  };
  const close = async () => {
    await Promise.all(children.map((child) => child.stop()));
  };
  return { run, close };
}

function threadRunner() {
  const thread = new ServingThread();
  const run: RunSeed = async (seed) => {
    const plan = ringPlanOfSeed(seed);
    return line(seed, plan.text, await runThreadScenario(plan, thread));
  };
  return { run, close: () => thread.terminate() };
}

function virtualRunner(resume: boolean) {
  const run: RunSeed = async (seed) => {
    const plan = planOfSeed(seed);
    return line(seed, plan.text, await runLinkScenario(plan, { resume }));
  };
  return { run, close: async () => {} };
}

/**
 * Makes what scenarios of one transport need, to run any seeds with.
 *
 * @returns `run` for one seed, several at once where that makes sense; `close` when all are over.
 */
export function scenarioRunner(transport: ScenarioTransport): {
  run(seed: number): Promise<ScenarioLine>;
  close(): Promise<void>;
} {
  switch (transport) {
    case 'link':
      return virtualRunner(false);
    case 'link-resume':
      return virtualRunner(true);
    case 'worker':
      return threadRunner();
    case 'stdio':
      return pipeRunner();
    case 'in-process': {
      const run: RunSeed = async (seed) => {
        const plan = ringPlanOfSeed(seed);
        return line(seed, plan.text, await runInProcessScenario(plan));
      };
      return { run, close: async () => {} };
    }
    default:
      return socketRunner(transport);
  }
}
