import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFailure } from '@dxgwire/protocol';
import { createNullBackend } from './backends/null/index.ts';
import { createHost } from './host.ts';
import { RawGuest } from './testing/raw-guest.ts';
import { readTrace, TraceReplay } from './testing/trace-replay.ts';

const trace = readTrace(new URL('../../../test/fixtures/traces/full-v40-sync-gpadl.jsonl', import.meta.url));

/** Event ids that the recorded guest registered, and how often the recorded host signalled them. */
const RECORDED_EVENTS = [2n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n, 10n, 11n, 12n, 13n, 14n, 15n];

for (const interfaceVersion of [40, 27]) {
  for (const asyncMessages of [false, true]) {
    for (const mapGuestMemory of [false, true]) {
      if (interfaceVersion === 27 && mapGuestMemory) continue;
      const name = `version ${interfaceVersion}, async ${asyncMessages}, ${mapGuestMemory ? 'page lists' : 'GPADLs'}`;
      test(`the recorded driver is served throughout: ${name}`, async () => {
        const backend = createNullBackend();
        const host = createHost({ backend });
        const guest = new RawGuest({
          host,
          interfaceVersion,
          asyncMessages,
          mapGuestMemory,
          windowMegabytes: 16,
        });
        const replay = new TraceReplay(guest, trace, mapGuestMemory);
        await replay.run();
        assert.ok(replay.answers.length > 150);
        const short = replay.answers.filter(({ length, demanded }) => length < demanded);
        assert.deepEqual(short, []);
        const failed = replay.answers.filter(
          ({ status, recordedStatus }) =>
            status !== null && isFailure(status) !== isFailure(recordedStatus ?? 0),
        );
        assert.deepEqual(failed, []);
        assert.deepEqual(
          guest.events.sort((a, b) => Number(a - b)),
          RECORDED_EVENTS,
        );
        assert.equal(guest.deviceStates.length, 1);
        const census = guest.partition.census();
        const left = Object.entries(census).filter(([, count]) => count !== 0);
        assert.deepEqual(left, []);
        await guest.close();
      });
    }
  }
}
