import { describe, it } from 'node:test';
import { runResidencyModel } from './run-residency-model.ts';

const STEPS = 20_000;
const SEED = 20_240_607;

describe('the managers against their models', () => {
  it('residency', async (context) => {
    const { counts } = await runResidencyModel({ steps: STEPS, seed: SEED });
    context.diagnostic(`seed ${SEED}, ${STEPS} steps: ${JSON.stringify(counts)}`);
  });
});
