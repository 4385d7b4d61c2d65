import type { FailureStage } from './failure.ts';

/** What one numbered requirement is, whoever is under test. */
export interface Requirement {
  /** `GROUP-NUMBER`, never reused: for requirements on one command the number is the command's. */
  readonly id: string;
  readonly group: string;
  /** `must`, or `should`: what a peer may leave out is skipped with a reason where it does. */
  readonly level: 'must' | 'should';
  /** The obligation, one sentence. */
  readonly text: string;
  /** Where it comes from: sections of the protocol's description, or numbered observations of the driver. */
  readonly source: string;
}

export type Verdict = 'passed' | 'failed' | 'skipped';

/** What came of one requirement. */
export interface Result {
  readonly requirement: Requirement;
  readonly verdict: Verdict;
  readonly expected?: string;
  readonly got?: string;
  /** Of a failure: where it was. One in the set-up means that the requirement itself was not looked at. */
  readonly stage?: FailureStage;
  readonly evidence?: readonly string[];
  /** Why it was skipped. */
  readonly reason?: string;
  readonly milliseconds: number;
}
