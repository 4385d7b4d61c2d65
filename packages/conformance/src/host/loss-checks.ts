import { demand, hex64 } from '../failure.ts';
import * as adapter from '../wire/adapter-commands.ts';
import { createPagingQueue } from '../wire/memory-commands.ts';
import { longs, words } from '../wire/message.ts';
import * as wire from '../wire/sync-commands.ts';
import { Group } from './group.ts';
import { SyncFlag } from './scene.ts';

/** What queued work waits for, and what becomes of it with its device: sections 4.6, 7.3, 7.5, 7.9. */

const queue = new Group('QUEUE');
const MOST = 0xffff_ffff_ffff_ffffn;

queue.must(
  19,
  '7.1, 7.9',
  'Fences that a lost device was to signal get the greatest value, but not those with no_signal_max_value_on_tdr',
  async (kit) => {
    const scene = await kit.scene();
    const device = await scene.device();
    const other = await scene.device();
    const context = await scene.context(device);
    const gate = await scene.fence(device);
    const [lost, kept, idle] = [
      await scene.fence(other),
      await scene.fence(other, 3n, SyncFlag.keepsValue),
      await scene.fence(other, 4n),
    ];
    await scene.waitFromGpu(context, [gate.handle], [1n]);
    await scene.signalFromGpu([context], [lost.handle, kept.handle], [5n, 5n]);
    const event = scene.guest.event();
    (await scene.wait(other, event, [lost.handle], [MOST])).ok();
    (await scene.call(adapter.markDeviceAsError, { device, reason: 0x80000000 })).ok();
    await scene.guest.untilEvent(event, 'its signal was lost with a device');
    const found = [lost, kept, idle].map(({ address }) => hex64(scene.guest.fenceAt(address))).join(', ');
    const wanted = [MOST, 3n, 4n].map(hex64).join(', ');
    demand(
      found === wanted,
      `${wanted} (one to signal, one that is flagged, one that nothing was to signal)`,
      found,
    );
  },
);

queue.must(20, '4.6', 'FlushDevice ends the CPU waits of its device by their event', async (kit) => {
  const scene = await kit.scene();
  const device = await scene.device();
  const fence = await scene.fence(device);
  const event = scene.guest.event();
  (await scene.wait(device, event, [fence.handle], [5n])).ok();
  (await scene.call(adapter.flushDevice, { device, reason: 4 })).ok();
  await scene.guest.untilEvent(event, 'its device was flushed');
});

queue.must(
  21,
  '7.5, 7.3',
  'A hardware queue keeps its order: what is behind a wait begins, and signals, when that is over',
  async (kit) => {
    const scene = await kit.scene();
    const device = await scene.device();
    const hw = await scene.hwQueue(device);
    const [gate, done] = [await scene.fence(device), await scene.fence(device)];
    const data = scene.profile.submissionData;
    const fields = { hwqueue: hw.queue, hwqueue_progress_fence_id: 2n, priv_drv_data_size: data.length };
    await scene.waitFromGpu(hw.queue, [gate.handle], [1n]);
    await scene.queue(wire.submitCommandToHwQueue, fields, [data]);
    await scene.signalFromGpu([hw.queue], [done.handle], [1n]);
    await scene.roundTrip();
    const early = [hw.address, done.address].map((address) => scene.guest.fenceAt(address)).join(' and ');
    demand(early === '0 and 0', 'progress 0, and 0 of the fence: a wait is queued before them', early);
    (await scene.signal(device, [gate.handle], [1n])).ok();
    await scene.untilFence(device, done.handle, 1n, 'the wait is over');
    const progress = scene.guest.fenceAt(hw.address);
    demand(progress === 2n, 'progress 2 before the signal behind it', hex64(progress));
  },
);

queue.must(
  22,
  '4.11',
  'GPU waits take 1 to 32 objects; with legacy_fence_object the first value counts for all',
  async (kit) => {
    const scene = await kit.scene();
    const device = await scene.device();
    const context = await scene.context(device);
    const [a, b, done] = [await scene.fence(device), await scene.fence(device), await scene.fence(device)];
    const wait = (objects: readonly number[], values: readonly bigint[], legacy_fence_object = false) =>
      scene.call(
        wire.waitForSyncObjectFromGpu,
        { context, object_count: objects.length, legacy_fence_object },
        [longs(values), words(objects)],
      );
    (await wait([], [])).fails('no object');
    const many = new Array<number>(33).fill(a.handle);
    (
      await wait(
        many,
        many.map(() => 0n),
      )
    ).fails('33 objects');
    // Behind the first value lies whatever was in the memory of the guest.
    (await wait([a.handle, b.handle], [1n, 0xdead_beef_dead_beefn], true)).ok();
    await scene.signalFromGpu([context], [done.handle], [1n]);
    (await scene.signal(device, [a.handle], [1n])).ok();
    await scene.roundTrip();
    const early = scene.guest.fenceAt(done.address);
    demand(early === 0n, '0 of the fence behind: one of two is missing', hex64(early));
    (await scene.signal(device, [b.handle], [1n])).ok();
    await scene.untilFence(device, done.handle, 1n, 'both have the first value');
  },
);

queue.must(23, '4.6', 'GetDeviceState answers each type that there is, and no other', async (kit) => {
  const scene = await kit.scene();
  const device = await scene.device();
  for (const state_type of [1, 2, 3, 4, 5, 6]) {
    const reply = (await scene.call(adapter.getDeviceState, { device, state_type })).ok();
    const got = [reply.number('device'), reply.number('state_type')].join(', type ');
    demand(
      got === `${device}, type ${state_type}`,
      `device ${device}, type ${state_type}`,
      got,
      reply.evidence(),
    );
  }
  for (const state_type of [0, 7, 0x7fff_ffff]) {
    (await scene.call(adapter.getDeviceState, { device, state_type })).fails(`state type ${state_type}`);
  }
});

queue.must(
  24,
  '4.4, 4.7, 4.9',
  'Nodes, physical adapters and priorities that there are not are refused',
  async (kit) => {
    const scene = await kit.scene();
    const device = await scene.device();
    await scene.context(device);
    const data = scene.profile.contextData;
    const context = { device, priv_drv_data_size: data.length };
    const none = 0x7777;
    (await scene.call(adapter.createContextVirtual, { ...context, node_ordinal: none }, [data])).fails(
      `node ${none}`,
    );
    const clock = { adapter: scene.guest.gpus[0]?.adapterHandle ?? 0 };
    (await scene.call(adapter.queryClockCalibration, { ...clock, node_ordinal: none })).fails(`node ${none}`);
    for (const [command, fields] of [
      [adapter.queryClockCalibration, clock],
      [adapter.queryVideoMemoryInfo, clock],
      [adapter.changeVideoMemoryReservation, {}],
    ] as const) {
      (await scene.call(command, { ...fields, physical_adapter_index: none })).fails(
        `physical adapter ${none}`,
      );
    }
    (await scene.call(createPagingQueue, { device, physical_adapter_index: none })).fails(
      `physical adapter ${none}`,
    );
    for (const priority of [2, -2]) {
      (await scene.call(createPagingQueue, { device, priority })).fails(`priority ${priority}`);
    }
  },
);

export const lossRequirements = queue.requirements;
