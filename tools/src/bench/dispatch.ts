import assert from 'node:assert/strict';
import { startDriver, unwrap } from '@dxgwire/guest/kmt';
import { createHost, createSilentLog } from '@dxgwire/host';
import { createNullBackend } from '@dxgwire/host/backends';
import { type Channel, type Packet, PacketKind } from '@dxgwire/transport';
import { createInProcessBus } from '@dxgwire/transport/mock-vmbus';
import { heapBytesPerOperation } from './costs.ts';
import type { Comparison, Figure } from './report.ts';
import { sample } from './sampling.ts';

/** D3DKMT_CREATECONTEXTVIRTUALFLAGS.HwQueueSupported. */
const HW_QUEUE_SUPPORTED = 0x10;
/** Commands handed over before what they have started may end. */
const BATCH = 64;
const DEMANDED_NS = 200;
/** Where a submission names its progress fence's value: behind the extended and the command header. */
const FENCE_VALUE_OFFSET = 40 + 8;

/** A packet of a real driver, kept to be handed to the host's dispatcher again and again. */
interface Recorded {
  readonly channel: Channel;
  readonly packet: Packet;
}

/** A host with a driver on it; the packets of its latest call. */
async function bringUp() {
  const backend = createNullBackend();
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
  return { process, partition, close, recorded: () => latest! };
}

/** What the host's dispatcher does with a command: header, codec, checks, handles, handler; without sending an answer. */
export async function measure(
  progress: (text: string) => void,
): Promise<{ comparisons: Comparison[]; figures: Figure[] }> {
  const { process, partition, close, recorded } = await bringUp();
  const adapters = unwrap(await process.enumAdapters3({ filter: 1n, adapterCount: 16 }), 'enumAdapters3');
  const adapter = adapters.adapters[0]!.adapterHandle;
  const { device } = unwrap(await process.createDevice({ adapter }), 'createDevice');
  const { context } = unwrap(
    await process.createContextVirtual({ device, flags: HW_QUEUE_SUPPORTED, engineAffinity: 1 }),
    'createContextVirtual',
  );
  const { queue } = unwrap(await process.createHwQueue({ context }), 'createHwQueue');
  const submit = { hwqueue: queue, hwqueueProgressFenceId: 1n, privDrvData: new Uint8Array(40) };
  const calls = {
    QueryVideoMemoryInfo: () => process.queryVideoMemoryInfo({ adapter }),
    'SubmitCommandToHwQueue, 40 bytes of commands': () => process.submitCommandToHwQueue(submit),
  };
  const figures: Figure[] = [];
  for (const [name, call] of Object.entries(calls)) {
    progress(name);
    const sent = partition.statistics.commands;
    unwrap(await call(), name);
    // Some calls end before the host has their command.
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(partition.statistics.commands, sent + 1, `${name} sends no command of its own`);
    const { channel, packet } = recorded();
    const receive = channel.onPacket!;
    // A hardware queue takes its fence's values in order.
    const isSubmission = packet.view.getUint32(FENCE_VALUE_OFFSET, true) === 1 && name.startsWith('Submit');
    let fenceValue = 1;
    const run = async (count: number): Promise<number> => {
      let elapsed = 0;
      for (let done = 0; done < count; done += BATCH) {
        const begin = performance.now();
        for (let i = 0; i < BATCH; i += 1) {
          if (isSubmission) packet.view.setUint32(FENCE_VALUE_OFFSET, ++fenceValue, true);
          receive(packet);
        }
        elapsed += performance.now() - begin;
        await new Promise((resolve) => setImmediate(resolve));
      }
      return (elapsed * count) / (Math.ceil(count / BATCH) * BATCH);
    };
    const { failures } = partition.statistics;
    const [estimate] = await sample([{ name, run }], { samples: 15, sampleMs: 20 });
    const heap = await heapBytesPerOperation(run, 8 * BATCH);
    assert.equal(partition.statistics.failures, failures, `${name} fails when it is repeated`);
    const value = estimate!.medianMs * 1e6;
    figures.push(
      {
        suite: 'dispatch',
        name: `${name}: decode, check, dispatch`,
        value,
        unit: 'ns',
        target: { most: DEMANDED_NS },
      },
      { suite: 'dispatch', name: `${name}: heap taken`, value: heap, unit: 'B' },
    );
  }
  await close();
  return { comparisons: [], figures };
}
