import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import {
  type HostRunOptions,
  hostRequirements,
  type Report,
  reportText,
  runHostConformance,
} from '@dxgwire/conformance';
import { createHost } from '@dxgwire/host';
import type { Backend } from '@dxgwire/host/backends';
import { createNullBackend } from '@dxgwire/host/backends/null';
import { createReferenceBackend } from '@dxgwire/host/backends/reference';
import { connect } from '@dxgwire/transport/connect';
import { listen } from '@dxgwire/transport/listen';
import { createInProcessBus } from '@dxgwire/transport/mock-vmbus';
import { breakBus, type Fault } from './broken-bus.ts';
import { brokenHosts } from './broken-hosts.ts';

const GUEST_MEMORY_BYTES = 16 << 20;

async function judge(
  backend: Backend,
  options: HostRunOptions,
  fault?: () => Fault,
  asyncMessages = true,
): Promise<Report> {
  const host = createHost({ backend, defaults: { asyncMessages } });
  const report = await runHostConformance(async () => {
    const bus = createInProcessBus({ guestMemoryBytes: GUEST_MEMORY_BYTES });
    host.attach(fault === undefined ? bus.host : breakBus(bus.host, fault()));
    return bus.guest;
  }, options);
  await host.close();
  return report;
}

function demandAll(report: Report): void {
  assert.equal(report.failed, 0, reportText(report));
}

describe('the conformance kit on our host', () => {
  for (const [name, create] of [
    ['null', createNullBackend],
    ['reference', createReferenceBackend],
  ] as const) {
    it(`passes with the ${name} backend, in process, and covers the command table`, async () => {
      const backend = create();
      const report = await judge(backend, { timeoutMs: 30_000 });
      demandAll(report);
      for (const { name: what, covered, total, missing } of report.coverage) {
        const allowed = what === 'failure conventions' ? ['IsFeatureEnabledGlobal'] : [];
        assert.deepEqual(missing, allowed, `${what}: ${covered} of ${total}`);
      }
      await backend.close();
    });
  }

  it('passes with one-way messages off', async () => {
    const backend = createReferenceBackend();
    demandAll(await judge(backend, { timeoutMs: 30_000 }, undefined, false));
    await backend.close();
  });

  for (const url of ['ws://127.0.0.1:0', 'tcp:127.0.0.1:0']) {
    it(`passes over ${url.slice(0, url.indexOf(':'))}`, async () => {
      const backend = createReferenceBackend();
      const host = createHost({ backend });
      const listener = await listen(url, { onBus: (bus) => host.attach(bus), leaseMs: 0 });
      const filter = /^(BRING|PACKET|ANSWER|LENGTH|NAME|SYNC|QUEUE|MEMORY|LIFE)/;
      demandAll(await runHostConformance(() => connect(listener.url), { filter, timeoutMs: 30_000 }));
      await listener.close();
      await host.close();
      await backend.close();
    });
  }
});

describe('the conformance kit on broken hosts', () => {
  const backend = createReferenceBackend();
  const caught = new Set<string>();
  for (const { name, caughtBy, fault } of brokenHosts) {
    it(`catches ${name}`, async () => {
      for (const id of caughtBy) {
        // Silence is what some of them are caught by; everything else answers at once.
        const report = await judge(backend, { filter: new RegExp(`^${id}$`), timeoutMs: 700 }, fault);
        const [result] = report.results;
        assert.equal(result?.verdict, 'failed', `${id} passes a host with ${name}`);
        caught.add(id);
      }
    });
  }

  after(async () => {
    process.stdout.write(
      `broken hosts: ${brokenHosts.length}; requirements that one of them makes fail: ${caught.size} of ${hostRequirements.length}\n`,
    );
    await backend.close();
  });
});
