import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bestOf,
  compareRatios,
  failedSuites,
  formatChanges,
  mergeBaseline,
  parseRatios,
  ratiosOf,
  rowsOf,
  steadyOnly,
} from './baseline.ts';
import { drawRows } from './picture.ts';
import { type Comparison, formatComparisons, formatRatioTarget, formatTarget } from './report.ts';

function estimate(name: string, medianMs: number) {
  return {
    name,
    medianMs,
    lowerQuartileMs: medianMs * 0.9,
    upperQuartileMs: medianMs * 1.1,
    samples: 3,
    countPerSample: 1,
  };
}

const comparison: Comparison = {
  suite: 'bus',
  case: 'round trip',
  baseline: 'raw',
  estimates: [estimate('raw', 2), estimate('ours', 3), estimate('theirs', 30)],
  targets: { ours: { most: 1.4 }, theirs: { most: 11, against: 'ours' } },
};

test('ratios are of the baseline, which has none itself', () => {
  assert.deepEqual(ratiosOf([comparison]), {
    'bus / round trip / ours': 1.5,
    'bus / round trip / theirs': 15,
  });
});

test('what another library takes is shown, and not held against anybody', () => {
  const withOthers = { ...comparison, others: ['theirs'] };
  assert.deepEqual(ratiosOf([withOthers]), { 'bus / round trip / ours': 1.5 });
  assert.equal(rowsOf([withOthers]).length, 2);
});

test('a ratio warns beyond 15 % and fails beyond 30 %', () => {
  const before = { a: 1, b: 1, c: 1, d: 1, gone: 1 };
  const changes = compareRatios(before, { a: 1.14, b: 1.2, c: 1.31, d: 0.5, added: 9 });
  assert.deepEqual(
    changes.map(({ verdict }) => verdict),
    ['same', 'slower', 'failed', 'faster'],
  );
  assert.match(formatChanges(changes), /^FAILED {4}\+31 % {2}1 -> 1\.31 {2}c\n/);
  assert.match(formatChanges(changes), /4 ratios compared: 1 failed .*, 1 warnings/);
});

test('what fails is measured again: it has failed only when it fails twice', () => {
  const before = { 'bus / a / ours': 1, 'bus / b / ours': 1, 'codec / c / ours': 1 };
  const first = compareRatios(before, {
    'bus / a / ours': 1.5,
    'bus / b / ours': 1.6,
    'codec / c / ours': 1.2,
  });
  assert.deepEqual(failedSuites(first), new Set(['bus']));
  // The second run may be worse where the first one was not.
  const again = compareRatios(before, { 'bus / a / ours': 1.05, 'bus / b / ours': 1.4 });
  const both = bestOf(first, again);
  assert.deepEqual(
    both.map(({ growth, verdict }) => [Number(growth.toFixed(2)), verdict]),
    [
      [0.05, 'same'],
      [0.4, 'failed'],
      [0.2, 'slower'],
    ],
  );
  assert.deepEqual(failedSuites(both), new Set(['bus']));
  const text = formatChanges(both);
  assert.match(text, /^FAILED {4}\+40 % {2}1 -> 1\.4 {2}bus \/ b \/ ours\n/);
  assert.match(text, /\nchance {4}\+50 % {2}then \+5 % when measured again {2}bus \/ a \/ ours\n/);
  assert.match(text, /3 ratios compared: 1 failed .*, 1 warnings/);
});

test('targets say whether they are met, against the way that they name', () => {
  const [, ours, theirs] = comparison.estimates;
  assert.equal(formatRatioTarget(comparison, ours!), '<= 1.4 x: NOT MET (1.5)');
  assert.equal(formatRatioTarget(comparison, theirs!), '<= 11 x of ours: met');
  const figure = { suite: 's', name: 'n', value: 5, unit: 'B' };
  assert.equal(formatTarget({ ...figure, target: { most: 4 } }), '<= 4: NOT MET');
  assert.equal(formatTarget({ ...figure, target: { least: 4 } }), '>= 4: met');
  assert.match(formatComparisons([comparison]), /ours +3\.00 ms .* 1\.50 +1\.35 \.\. 1\.65/);
});

test('a part that is stored leaves the other suites as they are, in the order of the suites', () => {
  const stored = (suite: string, ratio: number) => ({
    machine: { cpu: 'old' },
    ratios: { [`${suite} / round trip / ours`]: ratio },
    rows: rowsOf([{ ...comparison, suite }]),
    figures: [{ suite, name: 'heap', value: ratio, unit: 'B' }],
  });
  const codec = stored('codec', 3);
  const before = { ...codec, ratios: { ...codec.ratios, 'bus / gone / ours': 1, 'no suite / a / b': 1 } };
  const order = ['bus', 'codec'];
  const whole = mergeBaseline(before, stored('bus', 2), new Set(['bus']), order);
  assert.deepEqual(Object.entries(whole.ratios), [
    ['bus / round trip / ours', 2],
    ['codec / round trip / ours', 3],
  ]);
  assert.deepEqual(
    whole.rows.map(({ name, suite }) => `${suite} ${name}`),
    ['bus ours', 'bus theirs', 'codec ours', 'codec theirs'],
  );
  assert.deepEqual(
    whole.figures.map(({ suite, value }) => `${suite} ${value}`),
    ['bus 2', 'codec 3'],
  );
  assert.deepEqual(mergeBaseline(null, before, new Set(order), order).rows, before.rows);
});

test('a ratio on which the rounds of a run do not agree is not stored', () => {
  const spread = { ...estimate('wild', 4), lowerQuartileMs: 1, upperQuartileMs: 9 };
  const wild = { ...comparison, estimates: [...comparison.estimates, spread] };
  const run = { machine: {}, ratios: ratiosOf([wild]), rows: rowsOf([wild]), figures: [] };
  assert.equal(run.rows.length, 3);
  const { ratios, rows } = steadyOnly(run);
  assert.deepEqual(Object.keys(ratios), ['bus / round trip / ours', 'bus / round trip / theirs']);
  assert.deepEqual(
    rows.map(({ name }) => name),
    ['ours', 'theirs'],
  );
});

test('the picture has a heading for each suite, and colours for light and dark pages', () => {
  const rows = rowsOf([comparison, { ...comparison, suite: 'codec', case: '<b> & more' }]);
  const picture = drawRows(rows, 'a machine');
  assert.equal(picture.match(/class="suite"/g)?.length, 2);
  assert.match(picture, /&lt;b&gt; &amp; more \(1 x: raw\)/);
  assert.match(picture, /prefers-color-scheme: dark/);
  assert.equal(picture.match(/<rect /g)?.length, 4);
});

test('a file without ratios is refused', () => {
  assert.deepEqual(parseRatios('{"ratios": {"a": 2}}'), { a: 2 });
  for (const text of ['{}', 'null', '{"ratios": {"a": 0}}', '{"ratios": {"a": "1"}}', '{']) {
    assert.throws(() => parseRatios(text));
  }
});
