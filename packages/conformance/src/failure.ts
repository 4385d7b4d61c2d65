/** Lines: the messages in question with their fields and bytes. As a function it costs nothing unless it is needed. */
export type Evidence = readonly string[] | (() => readonly string[]);

/**
 * Where a check failed: in what it is about; in what had to be there first, so that it was not looked at; or in the
 * rules of packets, which hold whatever is asked.
 */
export type FailureStage = 'check' | 'set-up' | 'packets';

/** A requirement that does not hold: what was expected, what came, and the bytes. */
export class ConformanceFailure extends Error {
  override readonly name = 'ConformanceFailure';
  readonly expected: string;
  readonly got: string;
  readonly evidence: readonly string[];
  stage: FailureStage = 'check';

  constructor(expected: string, got: string, evidence: Evidence = []) {
    super(`expected ${expected}; got ${got}`);
    this.expected = expected;
    this.got = got;
    this.evidence = typeof evidence === 'function' ? evidence() : evidence;
  }
}

/** Waits for what a check is built on: a failure of that says nothing of what the check is about. */
export async function inSetUp<Value>(work: Promise<Value>): Promise<Value> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof ConformanceFailure) error.stage = 'set-up';
    throw error;
  }
}

/** A requirement that does not apply to this peer, or could not be looked at. */
export class NotApplicable extends Error {
  override readonly name = 'NotApplicable';
}

/** @throws ConformanceFailure unless `isSo`. */
export function demand(isSo: boolean, expected: string, got: string, evidence: Evidence = []): asserts isSo {
  if (!isSo) throw new ConformanceFailure(expected, got, evidence);
}

/** 32 bits as people read them. */
export function hex32(value: number): string {
  return `0x${(value >>> 0).toString(16).padStart(8, '0')}`;
}

export function hex64(value: bigint): string {
  return `0x${value.toString(16)}`;
}
