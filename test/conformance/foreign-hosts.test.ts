import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ConnectToHost, type Report, reportText, runHostConformance } from '@dxgwire/conformance';
import { createHost, type PartitionOptions } from '@dxgwire/host';
import { createReferenceBackend } from '@dxgwire/host/backends/reference';
import { PacketKind } from '@dxgwire/transport';
import { createInProcessBus } from '@dxgwire/transport/mock-vmbus';
import { breakBus, type Fault, type Outgoing } from './broken-bus.ts';

/** Hosts unlike ours: right ones with other limits and fewer features, which pass; and ones that are no hosts at all. */

const MEMORY = { guestMemoryBytes: 3 << 20, windowMegabytes: 4 };

async function withHost(
  defaults: PartitionOptions,
  judge: (
    attach: (fault: Fault | null, bus?: Partial<typeof MEMORY>) => Awaited<ReturnType<ConnectToHost>>,
  ) => Promise<void>,
): Promise<void> {
  const backend = createReferenceBackend();
  const host = createHost({ backend, defaults });
  try {
    await judge((fault, size = {}) => {
      const bus = createInProcessBus({ ...MEMORY, ...size });
      host.attach(fault === null ? bus.host : breakBus(bus.host, fault));
      return bus.guest;
    });
  } finally {
    await host.close();
    await backend.close();
  }
}

/** What few links are made for: each is another host here. */
const FILTER = /^(BRING|ANSWER|LENGTH|FAILURE|PROCESS|HANDLE|STALE|NAME|SYNC|QUEUE|MEMORY|LIFE|PACKET)/;

const quotas = {
  processes: 64,
  objectsPerProcess: 400,
  cpuWaitsPerProcess: 16,
  sharedObjects: 8,
  hostShares: 4,
};

const foreign: readonly [
  name: string,
  options: PartitionOptions,
  size: Partial<typeof MEMORY>,
  least: number,
][] = [
  ['interface version 27, without extended headers', { interfaceVersion: 27 }, {}, 370],
  ['interface version 16', { interfaceVersion: 16 }, {}, 370],
  ['two virtual GPUs', { adapters: [0, 0] }, {}, 370],
  ['two virtual GPUs and interface version 27', { interfaceVersion: 27, adapters: [0, 0] }, {}, 370],
  ['a device window of 1 MiB', {}, { windowMegabytes: 1 }, 370],
  ['small quotas', { quotas: { ...quotas, queueItems: 64 } }, {}, 370],
  ['GPADLs only', { mapGuestMemory: false }, {}, 370],
];

describe('the conformance kit on a right host unlike ours, with', () => {
  for (const [name, options, size, least] of foreign) {
    it(name, async () => {
      await withHost(options, async (attach) => {
        const report = await runHostConformance(async () => attach(null, size), {
          filter: FILTER,
          timeoutMs: 30_000,
        });
        assert.equal(report.failed, 0, reportText(report));
        assert.ok(report.passed >= least, `only ${report.passed} passed`);
      });
    });
  }
});

/** A generator that gives the same numbers each time (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

const SEED = 0x6b17;

function garbage(): Fault {
  const random = randomFrom(SEED);
  return {
    answer(outgoing) {
      outgoing.bytes = Uint8Array.from({ length: random() % 900 }, () => random() & 0xff);
      return undefined;
    },
  };
}

function emptied(outgoing: Outgoing): undefined {
  outgoing.bytes = new Uint8Array(0);
}

function flood(): Fault {
  const message = new Uint8Array(48);
  message[12] = 2;
  return {
    request(_packet, command, channel) {
      if (command?.name !== 'IsFeatureEnabled') return true;
      for (let count = 0; count < 2000; count += 1)
        channel.send(PacketKind.inBand, 0, 0, 0, message, 0, message.length);
      return true;
    },
  };
}

const hostile: readonly [name: string, fault: () => Fault][] = [
  ['never answers', () => ({ request: () => false })],
  [
    'never answers but in bring-up',
    () => ({ request: (_, command) => /IoSpace|Adapter/.test(command?.name ?? '') }),
  ],
  [
    'closes each link at the first message',
    () => ({
      request(_packet, _command, channel) {
        channel.abort(new Error('this host closes'));
        return false;
      },
    }),
  ],
  ['answers with garbage', garbage],
  ['answers everything with nothing', () => ({ answer: emptied })],
  ['answers everything with ones', () => ({ answer: (outgoing) => void outgoing.bytes.fill(0xff) })],
  ['answers everything with zeros', () => ({ answer: (outgoing) => void outgoing.bytes.fill(0) })],
];

function demandVerdict(report: Report, name: string): void {
  assert.ok(report.failed > 0, name);
  assert.equal(report.results.length, report.passed + report.failed + report.skipped);
  assert.match(report.gaveUp ?? '', /in vain|no new guest is served/, `${name}: it was not given up`);
  assert.ok(report.failed < 120, `${name}: ${report.failed} failures in the same words`);
  const text = reportText(report);
  assert.match(text, /^requirements: /m);
  assert.match(text, /^given up: /m);
}

describe('the conformance kit ends, with a verdict, on a host that', () => {
  for (const [name, fault] of hostile) {
    it(name, async () => {
      await withHost({}, async (attach) => {
        demandVerdict(await runHostConformance(async () => attach(fault()), { timeoutMs: 40 }), name);
      });
    });
  }

  it('floods its guests with messages', async () => {
    await withHost({}, async (attach) => {
      const report = await runHostConformance(async () => attach(flood()), {
        filter: /^(PACKET-0[1-9]|SYNC-0)/,
        timeoutMs: 2000,
      });
      const flooded = report.results.filter(({ got }) =>
        /floods this link|nobody had asked for/.test(got ?? ''),
      );
      assert.ok(flooded.length > 0, reportText(report));
    });
  });

  it('dies in the midst of a run', async () => {
    await withHost({}, async (attach) => {
      let links = 0;
      const connect: ConnectToHost = async () => {
        links += 1;
        if (links > 12) throw new Error('connect ECONNREFUSED');
        return attach(null);
      };
      const report = await runHostConformance(connect, { timeoutMs: 500 });
      demandVerdict(report, 'a host that dies');
      assert.ok(report.passed > 10);
    });
  });

  it('takes no more links, and says nothing of it', async () => {
    await withHost({}, async (attach) => {
      let links = 0;
      const connect: ConnectToHost = () => {
        links += 1;
        return links > 12 ? new Promise(() => {}) : Promise.resolve(attach(null));
      };
      demandVerdict(await runHostConformance(connect, { timeoutMs: 100 }), 'a host that takes no links');
    });
  });

  it('takes no link at all: there is nobody to judge', async () => {
    await assert.rejects(
      runHostConformance(() => new Promise(() => {}), { timeoutMs: 20 }),
      {
        name: 'ConformanceFailure',
        expected: 'a host to connect to',
      },
    );
  });
});
