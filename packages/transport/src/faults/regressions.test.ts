import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { scenarioRunner } from './run-scenario.ts';

/** Seeds that once failed, each with what was wrong. */
const LINK_SEEDS: readonly (readonly [seed: number, what: string])[] = [
  [3614, 'a bus that ended with its welcome told nobody: its owner had no handler yet'],
  [14_414, 'the same, with the welcome one byte at a time'],
];

describe('seeds that once failed over link', () => {
  for (const [seed, what] of LINK_SEEDS) {
    it(`${seed}: ${what}`, async () => {
      const runner = scenarioRunner('link');
      const { wrong } = await runner.run(seed);
      assert.deepEqual(wrong, []);
      await runner.close();
    });
  }
});
