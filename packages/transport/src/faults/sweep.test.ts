import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runLinkScenario } from './link-scenario.ts';
import { type DirectionPlan, type FaultPlan, PERFECT_CONNECTION } from './plan.ts';

const CALM: FaultPlan = { seed: 1, connections: [PERFECT_CONNECTION], text: 'calm' };
/** Before a frame, in its header, right behind the header, in its payload. */
const OFFSETS = [0, 1, 23, 24, 30];

describe('a connection that is cut', () => {
  for (const resume of [false, true]) {
    for (const towards of ['toHost', 'toGuest'] as const) {
      it(`at each frame ${towards}, before and inside it, ${resume ? 'and resumed' : 'for good'}`, async () => {
        const calm = await runLinkScenario(CALM, { resume });
        assert.deepEqual(calm.wrong, []);
        assert.equal(calm.outcome?.kind, 'done');
        const frames = calm.frames[towards];
        assert.ok(frames > 30, `${frames} frames`);
        let done = 0;
        for (let frame = 0; frame < frames; frame += 1) {
          for (const offset of OFFSETS) {
            const faults = [{ kind: 'drop', at: { frame, offset } } as const];
            const cut: DirectionPlan = { ...PERFECT_CONNECTION.toHost, faults };
            const connection = { ...PERFECT_CONNECTION, [towards]: cut };
            const result = await runLinkScenario({ ...CALM, connections: [connection] }, { resume });
            assert.deepEqual(result.wrong, [], `frame ${frame}, byte ${offset}`);
            if (result.outcome?.kind === 'done') done += 1;
          }
        }
        const all = frames * OFFSETS.length;
        // Only a cut before the welcome ends what can be resumed; only one in the farewell does not end what cannot.
        if (resume) assert.ok(done >= all - 12, `${done} of ${all}`);
        else assert.ok(done <= 25, `${done} of ${all}`);
      });
    }
  }
});

describe('a conversation over a link', () => {
  it('notices bytes that were changed on the way', async () => {
    let noticed = 0;
    for (let frame = 8; frame < 28; frame += 1) {
      const faults = [{ kind: 'corrupt', at: { frame, offset: 26 }, mask: 1 } as const];
      const toHost: DirectionPlan = { ...PERFECT_CONNECTION.toHost, faults };
      const connection = { ...PERFECT_CONNECTION, toHost };
      const { outcome, wrong } = await runLinkScenario(
        { ...CALM, connections: [connection] },
        { resume: false },
      );
      assert.deepEqual(wrong, []);
      if (outcome?.kind === 'failed') noticed += 1;
    }
    assert.ok(noticed > 12, `${noticed} of 20`);
  });

  it('is the same again with the same seed', async () => {
    const connection = {
      toHost: { ...PERFECT_CONNECTION.toHost, chunking: 'split', bitsPerSecond: 1e6 },
      toGuest: PERFECT_CONNECTION.toGuest,
    } as const;
    const plan = { ...CALM, seed: 77, connections: [connection] };
    const first = await runLinkScenario(plan, { resume: true });
    const second = await runLinkScenario(plan, { resume: true });
    assert.deepEqual(second, first);
    assert.ok(first.elapsedMs > 20, `${first.elapsedMs} ms at 1 Mbit/s`);
  });
});
