import { Coverage, type CoverageCount } from '../coverage.ts';
import { ConformanceFailure, NotApplicable } from '../failure.ts';
import { guestRules } from '../guest/rules.ts';
import type { Result } from '../requirement.ts';
import { type ConnectToHost, HostKit, type HostRequirement } from './kit.ts';
import { Patience } from './patience.ts';
import { hostRequirements } from './requirements.ts';
import { DEFAULT_PROFILE, type HostProfile } from './scene.ts';

export interface HostRunOptions {
  /** Only requirements whose id, group or text contains this, or is matched by it. */
  readonly filter?: string | RegExp;
  /** How long each answer and event may take, milliseconds. Default 5000. */
  readonly timeoutMs?: number;
  readonly profile?: Partial<HostProfile>;
  /** Ends the run when it resolves, with what it says as the reason: the rest is not looked at. */
  readonly stop?: Promise<string>;
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
  /** Why the kit has not looked at the rest: absent if it has. */
  readonly gaveUp?: string;
}

export const DEFAULT_TIMEOUT_MS = 5000;
/** A check that takes longer than so many timeouts is ended. */
const CHECK_TIMEOUTS = 12;
/** Failures in a row, in each of which something did not come, before the host is asked for a sign of life. */
const VAIN_IN_ROW = 5;
/** Waits in vain, of a whole run, before a host that answers now and then is given up. */
const MOST_VAIN_WAITS = 100;

/** Whether a filter chooses a requirement. */
export function isChosen(
  { id, group, text }: { id: string; group: string; text: string },
  filter: string | RegExp | undefined,
): boolean {
  if (filter === undefined) return true;
  if (typeof filter !== 'string') return filter.test(id);
  return partsOf(filter).some((part) =>
    NAMES.has(part)
      ? id.toLowerCase() === part || group.toLowerCase() === part
      : text.toLowerCase().includes(part),
  );
}

function partsOf(filter: string): string[] {
  return filter
    .toLowerCase()
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** Parts of a filter that choose no requirement of hosts, or of guests: most likely misspelt. The whole filter where it has no parts. */
export function partsInVain(side: 'host' | 'guest', filter: string): string[] {
  const all: readonly { id: string; group: string; text: string }[] =
    side === 'host' ? hostRequirements : guestRules;
  const parts = partsOf(filter);
  if (parts.length === 0) return [filter];
  return parts.filter((part) => !all.some((requirement) => isChosen(requirement, part)));
}

/** Numbers and groups: a filter that is one of them means just that, though it may be a word of other requirements too. */
const NAMES: ReadonlySet<string> = new Set(
  [...hostRequirements, ...guestRules].flatMap(({ id, group }) => [id.toLowerCase(), group.toLowerCase()]),
);

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
  const limitMs = CHECK_TIMEOUTS * kit.patience.timeoutMs;
  const timer = setTimeout(() => kit.abandon(new Error(`a check took more than ${limitMs} ms`)), limitMs);
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
  clearTimeout(timer);
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

/** Decides when a host is not worth waiting for any more. */
class Surrender {
  readonly #kit: HostKit;
  #vainBefore = 0;
  #inRow = 0;

  constructor(kit: HostKit) {
    this.#kit = kit;
  }

  /** Why the rest is not looked at, or null. */
  async after({ verdict, stage }: Result): Promise<string | null> {
    const { patience } = this.#kit;
    const isVain = patience.vain > this.#vainBefore || stage === 'set-up';
    this.#vainBefore = patience.vain;
    this.#inRow = verdict === 'failed' && isVain ? this.#inRow + 1 : 0;
    if (patience.vain >= MOST_VAIN_WAITS)
      return `the kit has waited for this host in vain ${patience.vain} times`;
    if (this.#inRow < VAIN_IN_ROW) return null;
    this.#inRow = 0;
    if (await this.#kit.hasSignOfLife()) return null;
    return `${VAIN_IN_ROW} requirements in a row found nobody, and no new guest is served`;
  }
}

/**
 * Judges a host from outside. A host that hangs, or is gone, is given up after a while: the rest is skipped.
 *
 * @param connect makes one connection; it is called again for checks that need a link of their own.
 * @throws what the first call of `connect` throws, or a ConformanceFailure when it takes too long: there is nothing to judge.
 */
export async function runHostConformance(
  connect: ConnectToHost,
  options: HostRunOptions = {},
): Promise<Report> {
  const coverage = new Coverage();
  const profile = { ...DEFAULT_PROFILE, ...options.profile };
  const patience = new Patience(options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  // A first connection, so that a host that is not there is an error and not a list of failures.
  const first = await patience.within(connect(), 'a host to connect to', (bus) => bus.close());
  await patience.within(first.close(), 'the first link to end').catch((error) => first.abort(error));
  const kit = new HostKit(connect, profile, patience, coverage);
  const surrender = new Surrender(kit);
  const chosen = hostRequirements.filter((requirement) => isChosen(requirement, options.filter));
  const results: Result[] = [];
  let gaveUp: string | null = null;
  let stopped: string | null = null;
  void options.stop?.then((why) => {
    stopped = why;
    kit.abandon(new Error(why));
  });
  for (const requirement of chosen) {
    gaveUp ??= stopped;
    let { result, problem }: Decision =
      gaveUp === null
        ? await decide(requirement, kit)
        : { result: notLookedAt(requirement, gaveUp), problem: undefined };
    // What failed because of it has not been looked at.
    if (gaveUp === null && stopped !== null && result.verdict === 'failed') {
      result = notLookedAt(requirement, stopped);
      problem = undefined;
    }
    results.push(result);
    options.onResult?.(result, results.length, chosen.length, problem);
    if (gaveUp !== null) continue;
    gaveUp = stopped ?? (await surrender.after(result));
    await untilNextTurn();
  }
  await kit.close();
  const report = summarize('host', results, coverage.counts());
  return gaveUp === null ? report : { ...report, gaveUp };
}

function notLookedAt({ check: _, ...requirement }: HostRequirement, why: string): Result {
  return { requirement, verdict: 'skipped', reason: `not looked at: ${why}`, milliseconds: 0 };
}
