import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Result, Verdict } from '@dxgwire/conformance';
import { createProgress } from './conformance-progress.ts';

function result(id: string, verdict: Verdict): Result {
  const [group = ''] = id.split('-');
  const requirement = { id, group, level: 'must' as const, text: 'Something holds', source: '2.3' };
  return { requirement, verdict, milliseconds: 1, expected: 'one', got: 'two' };
}

const RESULTS = [
  result('BRING-01', 'passed'),
  result('BRING-02', 'failed'),
  result('SYNC-01', 'skipped'),
  result('SYNC-02', 'passed'),
];

function shown(stream: { isTTY?: boolean; columns?: number }, isQuiet = false): string {
  let text = '';
  const progress = createProgress(isQuiet, { ...stream, write: (part: string) => (text += part) });
  for (const [index, each] of RESULTS.entries()) progress.show(each, index + 1, RESULTS.length);
  progress.end();
  return text;
}

test('plain lines say what failed, and how each group went', () => {
  assert.equal(
    shown({}),
    'FAILED  BRING-02  Something holds\n' +
      '2 of 4  BRING: 1 passed, 1 failed\n' +
      '4 of 4  SYNC: 1 passed, 1 skipped\n',
  );
});

test('a terminal gets a bar that fills, fits its line and is gone at the end', () => {
  const draws = shown({ isTTY: true, columns: 60 }).split('\r').slice(1);
  assert.equal(draws.length, RESULTS.length + 1);
  assert.match(draws[1] ?? '', /^\[#{15}\.{15}\] 2 of 4, 1 failed {2}BRING-02/);
  assert.match(draws[3] ?? '', /^\[#{30}\] 4 of 4, 1 failed/);
  assert.equal(draws[4], '\u001b[K');
  const narrow = shown({ isTTY: true, columns: 40 }).split('\r');
  for (const draw of narrow) assert.ok(draw.replace('\u001b[K', '').length < 40, draw);
  assert.ok(!shown({ isTTY: true }).includes('\n'));
});

test('who wants JSON gets nothing else', () => {
  assert.equal(shown({}, true), '');
});
