import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { type ConnectToHost, reportText, runHostConformance } from '@dxgwire/conformance';
import { createHost, createSharedRegionAllocator } from '@dxgwire/host';
import { createReferenceBackend } from '@dxgwire/host/backends/reference';
import { connect } from '@dxgwire/transport/connect';
import { listen } from '@dxgwire/transport/listen';
import { attachGuestBus, attachHostBus, createSharedBus } from '@dxgwire/transport/mock-vmbus/worker';
import { connectToChild } from '@dxgwire/transport/stream';
import { createDeviceLine } from '@dxgwire/transport/testing';
import { Machine } from '../embedding/machine.ts';

/** The kit over every transport. The hostile groups run in process and over WebSocket; here what uses each path once. */

const ALL = /^(BRING|PACKET|ANSWER|NAME-0[1-6]|NAME-[189]|SYNC|QUEUE|MEMORY|LIFE|CUT-0[01])/;
/** A host with a process or a thread for each link: what needs few links. */
const FEW_LINKS = /^(ANSWER|SYNC|QUEUE|MEMORY|LIFE-10)/;
const bin = fileURLToPath(new URL('../bin/dxgwire.js', import.meta.resolve('@dxgwire/cli')));

async function demandAll(make: ConnectToHost, filter: RegExp): Promise<void> {
  const report = await runHostConformance(make, { filter, timeoutMs: 30_000 });
  if (report.failed > 0) throw new Error(reportText(report));
  if (report.passed < 50) throw new Error(`only ${report.passed} requirements were looked at`);
}

async function overUrl(url: string): Promise<void> {
  const backend = createReferenceBackend();
  const host = createHost({ backend });
  const allocateRegion = createSharedRegionAllocator();
  const listener = await listen(url, {
    onBus: (bus) => host.attach(bus),
    leaseMs: 0,
    ...(allocateRegion === null ? {} : { allocateRegion }),
  });
  try {
    await demandAll(() => connect(listener.url), ALL);
  } finally {
    await listener.close();
    await host.close();
    await backend.close();
  }
}

/** A line for each link: one carries one at a time, and says nothing of an end. */
async function overDevices(): Promise<void> {
  const backend = createReferenceBackend();
  const host = createHost({ backend });
  const ends: (() => Promise<unknown>)[] = [];
  try {
    await demandAll(async () => {
      const line = createDeviceLine();
      if (line === null) throw new Error('no further pseudo-terminal can be made');
      const listener = await listen(`device:${line.paths[0]}`, {
        onBus: (bus) => host.attach(bus),
        guestMemoryBytes: 4 << 20,
        windowMegabytes: 8,
      });
      ends.push(async () => {
        await listener.close();
        await line.cut();
      });
      return await connect(`device:${line.paths[1]}`);
    }, FEW_LINKS);
  } finally {
    await Promise.all(ends.map((end) => end()));
    await host.close();
    await backend.close();
  }
}

if (isMainThread) {
  describe('the conformance kit on our host, over', () => {
    for (const url of ['ws://127.0.0.1:0', 'tcp:127.0.0.1:0']) {
      it(url.slice(0, url.indexOf(':')), async () => overUrl(url));
    }

    for (const scheme of ['unix', 'shm']) {
      it(scheme, async () => {
        const folder = mkdtempSync(join(tmpdir(), 'dxgwire-kit-'));
        try {
          await overUrl(`${scheme}:${join(folder, 'socket')}`);
        } finally {
          rmSync(folder, { recursive: true });
        }
      });
    }

    it('device, one pseudo-terminal after the other', async (context) => {
      const probe = createDeviceLine();
      if (probe === null) {
        context.skip('no pseudo-terminals can be made here');
        return;
      }
      await probe.cut();
      await overDevices();
    });

    for (const ringPages of ['together', 'apart'] as const) {
      it(`a virtual machine's VMBus, ring pages ${ringPages}`, async () => {
        const backend = createReferenceBackend();
        const host = createHost({ backend });
        const machines: Machine[] = [];
        await demandAll(async () => {
          const machine = new Machine(host, { ringPages });
          machines.push(machine);
          return machine.guest;
        }, FEW_LINKS);
        for (const machine of machines) await machine.powerOff();
        await host.close();
        await backend.close();
      });
    }

    it('stdio, a host process for each link', async () => {
      const command = [bin, 'host', '--listen', 'stdio:', '--backend', 'reference', '--log', 'error'];
      await demandAll(async () => (await connectToChild(process.execPath, command)).guest, FEW_LINKS);
    });

    it('shared memory, a host thread for each link', async () => {
      const threads: Promise<unknown>[] = [];
      await demandAll(async () => {
        const ends = createSharedBus({ guestMemoryBytes: 4 << 20, windowMegabytes: 8 });
        const options = { workerData: ends.host, transferList: [ends.host.port as never] };
        threads.push(once(new Worker(new URL(import.meta.url), options), 'exit'));
        return attachGuestBus(ends.guest);
      }, FEW_LINKS);
      await Promise.all(threads);
    });
  });
} else {
  const backend = createReferenceBackend();
  const host = createHost({ backend });
  host.attach(attachHostBus(workerData));
  parentPort?.unref();
}
