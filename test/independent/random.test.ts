import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareRandom } from './random-messages.ts';

const SEED = Number(process.env['DXGWIRE_VECTOR_SEED'] ?? 20_261_129);
const COUNT = Number(process.env['DXGWIRE_VECTOR_COUNT'] ?? 1_000_000);

test(`the codec and the plain decoder agree on ${COUNT} random messages and as many broken ones (seed ${SEED})`, () => {
  const { malformed, refused, valid, values } = compareRandom(SEED, COUNT);
  assert.equal(valid, COUNT);
  assert.equal(malformed, COUNT);
  // A walk that compares nothing proves nothing.
  assert.ok(values > 4 * COUNT, `${values} values`);
  assert.ok(refused > 0.9 * COUNT && refused < COUNT, `${refused} refused`);
});
