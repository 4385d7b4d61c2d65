import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createHost } from '@dxgwire/host';
import { createReferenceBackend } from '@dxgwire/host/backends/reference';
import { bootAndRun } from './job.ts';
import { Machine, settle } from './machine.ts';

describe('a job in a virtual machine', () => {
  for (const interfaceVersion of [40, 27]) {
    for (const asyncMessages of [true, false]) {
      for (const mapGuestMemory of [true, false]) {
        for (const ringPages of ['together', 'apart'] as const) {
          const options = { interfaceVersion, asyncMessages, mapGuestMemory, ringPages };
          test(`with ${JSON.stringify(options)}`, async () => {
            const backend = createReferenceBackend();
            const host = createHost({ backend });
            const machine = new Machine(host, options);
            await settle();
            const before = host.census();
            const seen = await bootAndRun(machine.guest);
            assert.deepEqual(seen, { version: interfaceVersion, async: asyncMessages });
            await settle();
            assert.deepEqual(host.census(), before, 'nothing is left behind');
            assert.ok(machine.guest.statistics.packetsSent > 20);
            // A guest of version 27 cannot list frames; both rings are page lists themselves.
            const byFrames = mapGuestMemory && interfaceVersion === 40;
            assert.equal(machine.counts['page lists'], byFrames ? 2 : 3);
            // The driver is loaded again in the same machine.
            await bootAndRun(machine.guest);
            await machine.powerOff();
            assert.deepEqual(machine.told, []);
            assert.ok(Object.values(host.census()).every((count) => count === 0));
            await host.close();
            await backend.close();
          });
        }
      }
    }
  }
});
