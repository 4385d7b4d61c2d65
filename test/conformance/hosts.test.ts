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
import { encodeContextBlob } from '@dxgwire/protocol/blobs';
import { STREAM_VERSION } from '@dxgwire/protocol/stream';
import { breakBus, type Fault } from './broken-bus.ts';
import { brokenHosts } from './broken-hosts.ts';
import { BusPool } from './bus-pool.ts';

const pool = new BusPool();

async function judge(
  backend: Backend,
  options: HostRunOptions,
  fault?: () => Fault,
  asyncMessages = true,
): Promise<Report> {
  const host = createHost({ backend, defaults: { asyncMessages } });
  const report = await runHostConformance(async () => {
    const bus = pool.create();
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
        assert.deepEqual(missing, [], `${what}: ${covered} of ${total}`);
      }
      await backend.close();
    });
  }

  it('passes with one-way messages off', async () => {
    const backend = createReferenceBackend();
    demandAll(await judge(backend, { timeoutMs: 30_000 }, undefined, false));
    await backend.close();
  });

  it('passes with the webgpu backend, whose contexts want private data', async () => {
    const { createWebgpuBackend } = await import('@dxgwire/host/backends/webgpu');
    const backend = await createWebgpuBackend({ vulkan: 'bundled' });
    const stream = { streamVersion: STREAM_VERSION, returnRing: [0, 0] as const, returnFence: 0 };
    const profile = { contextData: encodeContextBlob(stream), submissionData: new Uint8Array(8) };
    // Each link has a GPU process: the groups that need few. `dxgwire conformance --in-process --backend webgpu` runs all.
    const filter = /^(ANSWER|LENGTH|SYNC|QUEUE|MEMORY|LIFE)/;
    demandAll(await judge(backend, { filter, profile, timeoutMs: 60_000 }));
    await backend.close();
  });

  it('leaves no memory of links that have ended', () => {
    const total = process.resourceUsage().maxRSS / 1024;
    process.stdout.write(
      `memory at the most: ${total.toFixed(0)} MiB, ${pool.bytes >> 20} MiB of it for buses\n`,
    );
    assert.ok(pool.bytes < 200 << 20, `${pool.bytes} bytes for buses`);
    assert.ok(total < 500, `${total} MiB`);
  });
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
