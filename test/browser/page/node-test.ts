/** As much of `node:test` as the compliance suite uses, for a page. */

export interface Outcome {
  readonly name: string;
  /** Null when it passed. */
  readonly error: string | null;
}

interface Case {
  readonly name: string;
  readonly run: () => unknown;
}

const cases: Case[] = [];
const path: string[] = [];

export function describe(name: string, body: () => void): void {
  path.push(name);
  body();
  path.pop();
}

export function it(name: string, run: () => unknown): void {
  cases.push({ name: [...path, name].join(' > '), run });
}

/** Runs all, one behind the other. */
export async function runAll(): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const { name, run } of cases) {
    try {
      await run();
      outcomes.push({ name, error: null });
    } catch (error) {
      outcomes.push({ name, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  }
  return outcomes;
}
