import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  compareTraces,
  describeDifference,
  parseJsonLines,
  type ReplayReport,
  replayCalls,
  type TraceCall,
  type TraceLine,
} from '@dxgwire/guest/kmt';
import { deriveTrace, type TraceConfiguration } from './derive-trace.ts';

/** The recorded scenario of a real driver: see the reference's README. */
const FIXTURES = new URL('../../fixtures/traces/', import.meta.url);
const PACKETS = 209;
const CALLS = 220;

function fixture<T>(name: string): T[] {
  return parseJsonLines<T>(readFileSync(new URL(name, FIXTURES), 'utf8'));
}

const trace = fixture<TraceLine>('full-v40-sync-gpadl.jsonl');
const calls = fixture<Partial<TraceCall>>('full.calls.jsonl');

function assertEqual(report: ReplayReport): void {
  assert.deepEqual(report.packetDifferences.map(describeDifference), []);
  assert.deepEqual(
    report.callDifferences.map(({ api, message, step }) => `step ${step} ${api}: ${message}`),
    [],
  );
  assert.equal(report.packets, PACKETS);
  assert.equal(report.calls, CALLS);
}

test('our guest sends what the driver sent, and returns what it returned', async () => {
  assertEqual(await replayCalls(trace, calls));
});

const CONFIGURATIONS: readonly TraceConfiguration[] = [
  { pageLists: true },
  { asyncMessages: true },
  { asyncMessages: true, pageLists: true },
  { interfaceVersion: 27 },
  { interfaceVersion: 0 },
  { interfaceVersion: 39 },
  { interfaceVersion: 27, asyncMessages: true },
];

for (const configuration of CONFIGURATIONS) {
  test(`the same scenario with ${JSON.stringify(configuration)}`, async () => {
    assertEqual(await replayCalls(deriveTrace(trace, configuration), calls));
  });
}

test('a host that offers more than version 40 gets version 40', async () => {
  const newer = trace.map((line) =>
    line.name === 'PciRead' && line.detail?.includes('offset 208') === true
      ? { ...line, detail: 'function 0 offset 208 -> 0x00000029' }
      : line,
  );
  assertEqual(await replayCalls(newer, calls));
});

/** The trace with one byte of one guest packet changed. */
function corrupted(packetName: string, offset: number): TraceLine[] {
  let isDone = false;
  return trace.map((line) => {
    if (isDone || line.name !== packetName || line.dir !== 'g2h') return line;
    isDone = true;
    const hex = line.hex ?? '';
    const digit = hex[2 * offset] === 'f' ? 'e' : 'f';
    return { ...line, hex: `${hex.slice(0, 2 * offset)}${digit}${hex.slice(2 * offset + 1)}` };
  });
}

test('the comparison sees one wrong byte, and not those that are masked', async () => {
  const wrong = await replayCalls(corrupted('MapGpuVirtualAddress', 60), calls);
  assert.deepEqual(
    wrong.packetDifferences.map(({ kind, name }) => `${name} ${kind}`),
    ['MapGpuVirtualAddress bytes'],
  );
  assertEqual(await replayCalls(corrupted('CreateDevice', 50), calls));
});

test('the comparison sees a missing packet', async () => {
  const shorter = calls.filter((call) => call.api !== 'FlushHeapTransitions');
  const report = await replayCalls(trace, shorter);
  assert.ok(report.packetDifferences.length > 0);
});

test('a trace equals itself, and not one with a packet more', () => {
  assert.deepEqual(compareTraces(trace, trace), []);
  const last = trace.findLast((line) => line.dir === 'g2h' && line.type === 'inband');
  assert.ok(last !== undefined);
  assert.deepEqual(
    compareTraces(trace, [...trace, last]).map((difference) => difference.kind),
    ['extra'],
  );
  const without = trace.filter((line) => line !== last);
  assert.deepEqual(
    compareTraces(trace, without).map((difference) => difference.kind),
    ['missing'],
  );
});
