import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PROTOCOL_STATES } from './protocol-states.ts';
import { SOAK_TRANSPORTS, soak } from './soak-run.ts';

/** Over each transport; in all more than 500 guests. */
const KILLS = 130;
const GUESTS_PER_PROCESS = 16;

describe('guests that are killed in the middle of a command', () => {
  const states = new Set<string>();
  for (const transport of SOAK_TRANSPORTS) {
    it(`leave nothing behind, and others do not notice, over ${transport}`, async () => {
      const result = await soak({
        transport,
        guests: 2,
        kills: KILLS,
        limitMs: 120_000,
        seed: 7 + SOAK_TRANSPORTS.indexOf(transport),
        firstState: SOAK_TRANSPORTS.indexOf(transport) * 6,
        guestsPerProcess: GUESTS_PER_PROCESS,
        // No times are compared here.
        orderlyOneIn: 0,
      });
      assert.deepEqual(result.failures, []);
      assert.ok(result.kills >= KILLS, `${result.kills} guests killed`);
      assert.ok(result.unanswered > 0, 'guests die while a command of theirs is under way');
      const roundTrips = result.killingMs.flat().length;
      assert.ok(roundTrips > 20, `${roundTrips} round trips`);
      for (const state of result.states.keys()) states.add(state);
    });
  }

  it('were killed in every state', () => {
    const missed = PROTOCOL_STATES.map(([name]) => name).filter((name) => !states.has(name));
    assert.deepEqual(missed, []);
  });
});
