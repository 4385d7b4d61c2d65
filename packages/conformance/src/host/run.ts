import { Coverage, type CoverageCount } from '../coverage.ts';
import { ConformanceFailure, NotApplicable } from '../failure.ts';
import type { Result } from '../requirement.ts';
import { type ConnectToHost, HostKit, type HostRequirement } from './kit.ts';
import { hostRequirements } from './requirements.ts';
import { DEFAULT_PROFILE, type HostProfile } from './scene.ts';

export interface HostRunOptions {
  /** Only requirements whose id, group or text contains this, or is matched by it. */
  readonly filter?: string | RegExp;
  /** How long each answer and event may take, milliseconds. Default 5000. */
  readonly timeoutMs?: number;
  readonly profile?: Partial<HostProfile>;
  /** Called with each result as it comes, and of a failure with what its check threw. */
  readonly onResult?: (result: Result, done: number, total: number, problem?: unknown) => void;
}

/** What a whole run found. */
export interface Report {
  readonly side: 'host' | 'guest';
  readonly results: readonly Result[];
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly coverage: readonly CoverageCount[];
}

export const DEFAULT_TIMEOUT_MS = 5000;

/** Whether a filter chooses a requirement. */
export function isChosen(
  { id, group, text }: { id: string; group: string; text: string },
  filter: string | RegExp | undefined,
): boolean {
  if (filter === undefined) return true;
  if (typeof filter !== 'string') return filter.test(id);
  const wanted = filter.toLowerCase().split(',');
  return wanted.some(
    (part) => id.toLowerCase() === part || group.toLowerCase() === part || text.toLowerCase().includes(part),
  );
}

export function summarize(
  side: 'host' | 'guest',
  results: readonly Result[],
  coverage: CoverageCount[],
): Report {
  const count = (verdict: string): number => results.filter((result) => result.verdict === verdict).length;
  return {
    side,
    results,
    passed: count('passed'),
    failed: count('failed'),
    skipped: count('skipped'),
    coverage,
  };
}

/**
 * Resolves in a later turn of the event loop. A host in the same thread answers in microtasks: without it timers would
 * not run, nor would the memory of links that have ended be given back.
 */
function untilNextTurn(): Promise<void> {
  const { setImmediate: soon } = globalThis as { setImmediate?: (callback: () => void) => unknown };
  return new Promise((resolve) => (soon === undefined ? setTimeout(resolve, 0) : soon(resolve)));
}

interface Decision {
  readonly result: Result;
  readonly problem?: unknown;
}

async function decide(requirement: HostRequirement, kit: HostKit): Promise<Decision> {
  const started = performance.now();
  let problem: unknown;
  try {
    await requirement.check(kit);
  } catch (error) {
    problem = error;
  }
  try {
    await kit.endCheck();
  } catch (error) {
    problem = problem === undefined || problem instanceof NotApplicable ? error : problem;
  }
  const { check: _, ...facts } = requirement;
  const milliseconds = performance.now() - started;
  if (problem === undefined) return { result: { requirement: facts, verdict: 'passed', milliseconds } };
  if (problem instanceof NotApplicable) {
    return { result: { requirement: facts, verdict: 'skipped', reason: problem.message, milliseconds } };
  }
  if (problem instanceof ConformanceFailure) {
    const { expected, got, evidence, stage } = problem;
    const failed = { requirement: facts, verdict: 'failed', expected, got, stage, evidence } as const;
    return { result: { ...failed, milliseconds }, problem };
  }
  const got = problem instanceof Error ? problem.message : String(problem);
  const expected = 'the check to come to its end';
  return { result: { requirement: facts, verdict: 'failed', expected, got, milliseconds }, problem };
}

/**
 * Judges a host from outside.
 *
 * @param connect makes one connection; it is called again for checks that need a link of their own.
 * @throws whatever the first call of `connect` throws: then there is nothing to judge.
 */
export async function runHostConformance(
  connect: ConnectToHost,
  options: HostRunOptions = {},
): Promise<Report> {
  const coverage = new Coverage();
  const profile = { ...DEFAULT_PROFILE, ...options.profile };
  // A first connection, so that a host that is not there is an error and not a list of failures.
  await (await connect()).close();
  const kit = new HostKit(connect, profile, options.timeoutMs ?? DEFAULT_TIMEOUT_MS, coverage);
  const chosen = hostRequirements.filter((requirement) => isChosen(requirement, options.filter));
  const results: Result[] = [];
  for (const requirement of chosen) {
    const { result, problem } = await decide(requirement, kit);
    results.push(result);
    options.onResult?.(result, results.length, chosen.length, problem);
    await untilNextTurn();
  }
  await kit.close();
  return summarize('host', results, coverage.counts());
}
