import { describe, it } from 'node:test';
import { runResidencyModel } from './run-residency-model.ts';
import { runSchedulerModel } from './run-scheduler-model.ts';

const STEPS = 200_000;
const SEED = 20_240_607;

describe('the managers against their models', () => {
  for (const [name, run] of [
    ['residency', runResidencyModel],
    ['fences and queues', runSchedulerModel],
  ] as const) {
    it(name, async (context) => {
      const { counts } = await run({ steps: STEPS, seed: SEED });
      context.diagnostic(`seed ${SEED}, ${STEPS} steps: ${JSON.stringify(counts)}`);
    });
  }
});
