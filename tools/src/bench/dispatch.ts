import assert from 'node:assert/strict';
import { startDriver, unwrap } from '@dxgwire/guest/kmt';
import { createHost, createSilentLog } from '@dxgwire/host';
import {
  type Backend,
  type BackendAdapter,
  createNullBackend,
  type ExecutionResult,
} from '@dxgwire/host/backends';
import { SyncObjectType } from '@dxgwire/protocol';
import { type Channel, type Packet, PacketKind } from '@dxgwire/transport';
import { createInProcessBus } from '@dxgwire/transport/mock-vmbus';
import { collectGarbage, heapBytesPerOperation } from './costs.ts';
import type { Comparison, Figure } from './report.ts';
import { sample } from './sampling.ts';

/** D3DKMT_CREATECONTEXTVIRTUALFLAGS.HwQueueSupported. */
const HW_QUEUE_SUPPORTED = 0x10;
/** Commands handed over before what they have started may end. */
const BATCH = 64;
const DEMANDED_NS = 200;
/** Where a submission names its progress fence's value: behind the extended and the command header. */
const FENCE_VALUE_OFFSET = 40 + 8;

const KEPT_COMMANDS = 64 * 1024;
/** Heap that may stay behind for a command: what is left of code that is compiled and collected at any time. */
const KEPT_BYTES = 1;
const COMPLETED: ExecutionResult = { kind: 'completed' };

/**
 * The null backend, which ends work at once, or, while it holds it, when it is told to: then queueing a command is measured
 * without running it.
 */
class HoldingBackend {
  isHolding = false;
  readonly backend: Backend;
  readonly #held: ((result: ExecutionResult) => void)[] = [];

  constructor() {
    const inner = createNullBackend();
    this.backend = {
      name: inner.name,
      adapters: inner.adapters.map((each) => ({
        ...each,
        nodes: each.nodes.map((node) => ({ ...node, maxInFlight: 1 })),
      })),
      openAdapter: async (index, host) => this.#wrap(await inner.openAdapter(index, host)),
      close: () => inner.close(),
    };
  }

  #wrap(adapter: BackendAdapter): BackendAdapter {
    const execute = adapter.execute.bind(adapter);
    adapter.execute = (node, submission, done) => {
      if (this.isHolding) this.#held.push(done);
      else execute(node, submission, done);
    };
    return adapter;
  }

  /** Ends all that is held, and what that lets run. */
  release(): void {
    for (let done = this.#held.pop(); done !== undefined; done = this.#held.pop()) done(COMPLETED);
  }
}

/** A packet of a real driver, kept to be handed to the host's dispatcher again and again. */
interface Recorded {
  readonly channel: Channel;
  readonly packet: Packet;
}

/** A host with a driver on it; the packets of its latest call. */
async function bringUp() {
  const holding = new HoldingBackend();
  const { backend } = holding;
  const host = createHost({ backend, log: createSilentLog() });
  const { guest, host: hostBus } = createInProcessBus({ guestMemoryBytes: 16 << 20, windowMegabytes: 16 });
  const partition = host.attach(hostBus);
  let latest: Recorded | null = null;
  const open = hostBus.onChannelOpen;
  hostBus.onChannelOpen = (channel) => {
    open?.(channel);
    const receive = channel.onPacket;
    channel.onPacket = (packet) => {
      const bytes = packet.bytes.slice(packet.offset, packet.offset + packet.length);
      const view = new DataView(bytes.buffer);
      // Without a wish for an answer: it would have to be sent, which is the bus's work.
      latest = {
        channel: { ...channel, onPacket: receive } as Channel,
        packet: { ...packet, kind: PacketKind.inBand, flags: 0, bytes, view, offset: 0 },
      };
      receive?.(packet);
    };
  };
  const driver = await startDriver(guest);
  const process = await driver.openDevice({ pid: 1, comm: 'bench' });
  const close = async () => {
    await process.closeDevice();
    await driver.close();
    await guest.close();
    await host.close();
    await backend.close();
  };
  return { process, partition, holding, close, recorded: () => latest! };
}

type Bench = Awaited<ReturnType<typeof bringUp>>;

interface Case {
  readonly name: string;
  /** What is in the figure behind decoding, checking and dispatching. */
  readonly includes: string;
  readonly call: () => Promise<{ status: number } | unknown>;
  readonly isSubmission?: boolean;
  /** The backend keeps the work until the batch is over and counted. */
  readonly holds?: boolean;
  readonly isDemanded: boolean;
}

/** Sends one command as the driver does, and hands its packet to the dispatcher again and again. */
async function record({ partition, recorded }: Bench, each: Case): Promise<Recorded> {
  const sent = partition.statistics.commands;
  await each.call();
  // Some calls end before the host has their command.
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(partition.statistics.commands, sent + 1, `${each.name} sends no command of its own`);
  return recorded();
}

/** Growth of the heap by what commands leave behind, bytes for each. */
async function keptBytesPerCommand(run: (count: number) => Promise<number>): Promise<number> {
  await run(KEPT_COMMANDS);
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  await run(KEPT_COMMANDS);
  collectGarbage();
  return Math.max(0, process.memoryUsage().heapUsed - before) / KEPT_COMMANDS;
}

let fenceValue = 1;

async function measureCase(bench: Bench, each: Case): Promise<Figure[]> {
  const { partition, holding } = bench;
  const { channel, packet } = await record(bench, each);
  const receive = channel.onPacket!;
  const { isSubmission = false, holds = false } = each;
  const run = async (count: number): Promise<number> => {
    let elapsed = 0;
    holding.isHolding = holds;
    for (let done = 0; done < count; done += BATCH) {
      const begin = performance.now();
      for (let i = 0; i < BATCH; i += 1) {
        // A hardware queue takes its fence's values in order.
        if (isSubmission) packet.view.setUint32(FENCE_VALUE_OFFSET, ++fenceValue, true);
        receive(packet);
      }
      elapsed += performance.now() - begin;
      holding.release();
      await new Promise((resolve) => setImmediate(resolve));
    }
    holding.isHolding = false;
    return (elapsed * count) / (Math.ceil(count / BATCH) * BATCH);
  };
  const { failures } = partition.statistics;
  const name = each.name;
  // By then all code is compiled as it stays.
  await run(KEPT_COMMANDS);
  const [estimate] = await sample([{ name, run }], { samples: 15, sampleMs: 20 });
  const heap = await heapBytesPerOperation(run, 8 * BATCH);
  const kept = await keptBytesPerCommand(run);
  assert.equal(partition.statistics.failures, failures, `${name} fails when it is repeated`);
  const figure = { suite: 'dispatch' } as const;
  return [
    {
      ...figure,
      name: `${name}: decode, check, dispatch, ${each.includes}`,
      value: estimate!.medianMs * 1e6,
      unit: 'ns',
      ...(each.isDemanded ? { target: { most: DEMANDED_NS } } : {}),
    },
    { ...figure, name: `${name}, ${each.includes}: heap taken and given back`, value: heap, unit: 'B' },
    {
      ...figure,
      name: `${name}, ${each.includes}: heap kept`,
      value: kept,
      unit: 'B',
      target: { most: KEPT_BYTES },
    },
  ];
}

/** What the host's dispatcher does with a command: header, codec, checks, handles, handler; without sending an answer. */
export async function measure(
  progress: (text: string) => void,
): Promise<{ comparisons: Comparison[]; figures: Figure[] }> {
  const bench = await bringUp();
  const guest = bench.process;
  const adapters = unwrap(await guest.enumAdapters3({ filter: 1n, adapterCount: 16 }), 'enumAdapters3');
  const adapter = adapters.adapters[0]!.adapterHandle;
  const { device } = unwrap(await guest.createDevice({ adapter }), 'createDevice');
  const { context } = unwrap(
    await guest.createContextVirtual({ device, flags: HW_QUEUE_SUPPORTED, engineAffinity: 1 }),
    'createContextVirtual',
  );
  const { queue } = unwrap(await guest.createHwQueue({ context }), 'createHwQueue');
  const submit = async () => {
    const hwqueueProgressFenceId = BigInt(++fenceValue);
    const request = { hwqueue: queue, hwqueueProgressFenceId, privDrvData: new Uint8Array(40) };
    unwrap(await guest.submitCommandToHwQueue(request), 'submitCommandToHwQueue');
  };
  const submission = { name: 'SubmitCommandToHwQueue', call: submit, isSubmission: true };
  const plain = unwrap(
    await guest.createContextVirtual({ device, engineAffinity: 1 }),
    'createContextVirtual',
  );
  const info = { type: SyncObjectType.monitoredFence };
  const fence = unwrap(await guest.createSynchronizationObject2({ device, info }), 'createSyncObject');
  const objects = [fence.syncObject];
  const cases: Case[] = [
    {
      name: 'QueryVideoMemoryInfo',
      includes: 'carry out',
      call: async () => unwrap(await guest.queryVideoMemoryInfo({ adapter }), 'queryVideoMemoryInfo'),
      isDemanded: true,
    },
    { ...submission, includes: 'queue', holds: true, isDemanded: true },
    { ...submission, includes: 'queue, start and end on the null backend', isDemanded: false },
    {
      name: 'SubmitCommand',
      includes: 'queue',
      call: async () => {
        const request = { broadcastContext: [plain.context], privDrvData: new Uint8Array(40) };
        unwrap(await guest.submitCommand(request), 'submitCommand');
      },
      holds: true,
      isDemanded: false,
    },
    {
      name: 'SignalSyncObject',
      includes: 'signal from the CPU',
      call: async () => {
        const request = { device, objects, fenceValues: [1n] };
        unwrap(await guest.signalSynchronizationObjectFromCpu(request), 'signalFromCpu');
      },
      isDemanded: false,
    },
    {
      name: 'WaitForSyncObjectFromGpu',
      includes: 'queue, go on at once',
      call: async () => {
        const request = { hwqueue: queue, objects, fenceValues: [1n] };
        unwrap(await guest.submitWaitForSyncObjectsToHwQueue(request), 'submitWait');
      },
      isDemanded: false,
    },
  ];
  const figures: Figure[] = [];
  for (const each of cases) {
    progress(`${each.name}, ${each.includes}`);
    figures.push(...(await measureCase(bench, each)));
  }
  await bench.close();
  return { comparisons: [], figures };
}
