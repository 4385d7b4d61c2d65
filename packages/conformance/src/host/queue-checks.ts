import { demand, hex32, hex64, NotApplicable } from '../failure.ts';
import { Status } from '../statuses.ts';
import * as adapter from '../wire/adapter-commands.ts';
import { createPagingQueue } from '../wire/memory-commands.ts';
import { longs, words } from '../wire/message.ts';
import * as wire from '../wire/sync-commands.ts';
import { Group } from './group.ts';
import type { HostKit } from './kit.ts';
import { type Scene, SignalFlag } from './scene.ts';

/** Contexts, hardware queues, submissions, device loss: sections 7.3 to 7.5, 7.9, 7.11. */

const queue = new Group('QUEUE');

async function withContext(kit: HostKit): Promise<{ scene: Scene; device: number; context: number }> {
  const scene = await kit.scene();
  const device = await scene.device();
  return { scene, device, context: await scene.context(device) };
}

async function demandBelow(scene: Scene, address: bigint, value: bigint, why: string): Promise<void> {
  await scene.roundTrip();
  await scene.roundTrip();
  const got = scene.guest.fenceAt(address);
  demand(got < value, `the fence below ${value} (${why})`, hex64(got));
}

queue.must(
  1,
  '7.3',
  'A GPU signal waits for what its context queued before; another context goes on',
  async (kit) => {
    const { scene, device, context } = await withContext(kit);
    const other = await scene.context(device);
    const [gate, done, free] = [
      await scene.fence(device),
      await scene.fence(device),
      await scene.fence(device),
    ];
    await scene.waitFromGpu(context, [gate.handle], [3n]);
    await scene.signalFromGpu([context], [done.handle], [1n]);
    await scene.signalFromGpu([other], [free.handle], [1n]);
    await scene.untilFence(device, free.handle, 1n, 'an independent context');
    await demandBelow(scene, done.address, 1n, 'a wait is queued before its signal');
    (await scene.signal(device, [gate.handle], [3n])).ok();
    await scene.untilFence(device, done.handle, 1n, 'the wait is over');
  },
);

queue.must(2, '7.3', 'A GPU wait with several objects wants all of them', async (kit) => {
  const { scene, device, context } = await withContext(kit);
  const [a, b, done] = [await scene.fence(device), await scene.fence(device), await scene.fence(device)];
  await scene.waitFromGpu(context, [a.handle, b.handle], [1n, 2n]);
  await scene.signalFromGpu([context], [done.handle], [1n]);
  (await scene.signal(device, [a.handle], [1n])).ok();
  await demandBelow(scene, done.address, 1n, 'one of two is missing');
  (await scene.signal(device, [b.handle], [2n])).ok();
  await scene.untilFence(device, done.handle, 1n, 'both are reached');
});

queue.must(
  3,
  '6.3, 3.3, observation 34',
  'A queued GPU wait outlives the handle that it was made through',
  async (kit) => {
    const { scene, device, context } = await withContext(kit);
    const gate = await scene.fence(device, 0n, 3);
    const done = await scene.fence(device);
    const opened = await scene.call(wire.openSyncObject, {
      device,
      global_sync_object: gate.global,
      flags: 0x13,
    });
    const temporary = opened.ok().number('sync_object');
    await scene.waitFromGpu(context, [temporary], [2n]);
    (await scene.call(wire.destroySyncObject, { sync_object: temporary })).ok();
    await scene.signalFromGpu([context], [done.handle], [1n]);
    await demandBelow(scene, done.address, 1n, 'the wait is queued still');
    (await scene.signal(device, [gate.handle], [2n])).ok();
    await scene.untilFence(device, done.handle, 1n, 'the fence that it waits for was signalled');
  },
);

queue.must(
  4,
  '7.1',
  'A queued signal with a smaller value lowers nothing, unless with allow_fence_rewind',
  async (kit) => {
    const { scene, device, context } = await withContext(kit);
    const [fence, done] = [await scene.fence(device, 9n), await scene.fence(device)];
    await scene.signalFromGpu([context], [fence.handle], [4n]);
    await scene.signalFromGpu([context], [done.handle], [1n]);
    await scene.untilFence(device, done.handle, 1n, 'queued behind it');
    const got = scene.guest.fenceAt(fence.address);
    demand(got === 9n, '9 still', hex64(got));
    const rewind = { object_count: 1, context_count: 1, flags: SignalFlag.rewind };
    await scene.queue(wire.signalSyncObject, rewind, [words([fence.handle]), words([context]), longs([4n])]);
    await scene.signalFromGpu([context], [done.handle], [2n]);
    await scene.untilFence(device, done.handle, 2n, 'queued behind it');
    const after = scene.guest.fenceAt(fence.address);
    demand(after === 4n, '4 (allow_fence_rewind)', hex64(after));
  },
);

queue.must(5, '7.1', 'A broadcast signal takes effect when all its contexts have reached it', async (kit) => {
  const { scene, device, context } = await withContext(kit);
  const other = await scene.context(device);
  const [gate, done] = [await scene.fence(device), await scene.fence(device)];
  await scene.waitFromGpu(other, [gate.handle], [1n]);
  await scene.signalFromGpu([context, other], [done.handle], [1n]);
  await demandBelow(scene, done.address, 1n, 'one of two contexts waits');
  (await scene.signal(device, [gate.handle], [1n])).ok();
  await scene.untilFence(device, done.handle, 1n, 'both have reached it');
});

queue.must(6, '7.5', "A submission's fence id is what the progress fence reaches", async (kit) => {
  const scene = await kit.scene();
  const device = await scene.device();
  const hw = await scene.hwQueue(device);
  const data = scene.profile.submissionData;
  const submit = (id: bigint) =>
    scene.queue(
      wire.submitCommandToHwQueue,
      { hwqueue: hw.queue, hwqueue_progress_fence_id: id, priv_drv_data_size: data.length },
      [data],
    );
  demand(
    scene.guest.fenceAt(hw.address) === 0n,
    'a progress fence that begins at 0',
    hex64(scene.guest.fenceAt(hw.address)),
  );
  for (const id of [1n, 2n, 0x1_0000_0000n]) {
    await submit(id);
    await scene.untilFence(device, hw.fence, id, 'the submission has completed');
    const got = scene.guest.fenceAt(hw.address);
    demand(got === id, hex64(id), hex64(got));
  }
});

queue.must(7, '7.5', 'A fence id that does not rise is refused', async (kit) => {
  const scene = await kit.scene();
  const hw = await scene.hwQueue(await scene.device());
  const data = scene.profile.submissionData;
  const submit = (id: bigint) =>
    scene.call(
      wire.submitCommandToHwQueue,
      { hwqueue: hw.queue, hwqueue_progress_fence_id: id, priv_drv_data_size: data.length },
      [data],
    );
  (await submit(5n)).ok();
  (await submit(5n)).failsWith(Status.invalidParameter, 'the same fence id again');
  (await submit(4n)).failsWith(Status.invalidParameter, 'a smaller fence id');
});

queue.must(
  8,
  '7.5',
  'Plain submissions to a context with hardware queues, and queues on another, are refused',
  async (kit) => {
    const { scene, device, context } = await withContext(kit);
    const hw = await scene.hwQueue(device);
    const fields = { broadcast_context_count: 1, broadcast_context: [hw.context] };
    (await scene.call(wire.submitCommand, fields)).failsWith(
      Status.invalidParameter,
      'a context with queues',
    );
    (await scene.call(adapter.createHwQueue, { context })).fails('a context without hw_queue_supported');
  },
);

queue.must(
  9,
  '4.12, 8.3',
  'Counts beyond the arrays of SubmitCommand, and of more contexts than it names, are refused',
  async (kit) => {
    const { scene, context } = await withContext(kit);
    const broadcast_context = [context];
    const cases = [
      { broadcast_context_count: 0 },
      { broadcast_context_count: 65 },
      { broadcast_context_count: 1, num_primaries: 17 },
      { broadcast_context_count: 1, num_primaries: 0xffff_ffff },
      // The second of them is none.
      { broadcast_context_count: 2 },
    ];
    for (const fields of cases) {
      const reply = await scene.call(wire.submitCommand, { ...fields, broadcast_context });
      reply.failsWith(Status.invalidParameter, JSON.stringify(fields));
    }
  },
);

queue.must(10, '3.5', 'Destroying a context destroys its hardware queues and their fences', async (kit) => {
  const scene = await kit.scene();
  const device = await scene.device();
  const hw = await scene.hwQueue(device);
  (await scene.call(adapter.destroyContext, { context: hw.context })).ok();
  (await scene.call(adapter.destroyHwQueue, { hwqueue: hw.queue })).fails('a queue of a destroyed context');
  (await scene.wait(device, scene.guest.event(), [hw.fence], [0n])).fails('its progress fence');
});

queue.must(11, '4.7', 'A progress fence cannot be destroyed or signalled by its handle', async (kit) => {
  const scene = await kit.scene();
  const device = await scene.device();
  const hw = await scene.hwQueue(device);
  (await scene.call(wire.destroySyncObject, { sync_object: hw.fence })).fails('an implicit fence');
  (await scene.signal(device, [hw.fence], [1n])).fails('an implicit fence');
});

queue.must(
  12,
  '7.11',
  'Context priorities are kept from -7 to 7, both kinds apart, and others refused',
  async (kit) => {
    const { scene, context } = await withContext(kit);
    const set = (priority: number, in_process: boolean) =>
      scene.call(adapter.setContextSchedulingPriority, { context, priority, in_process });
    const get = async (in_process: boolean) =>
      (await scene.call(adapter.getContextSchedulingPriority, { context, in_process }))
        .ok()
        .number('priority');
    for (const [out, inside] of [
      [7, -7],
      [-7, 7],
      [-3, -1],
    ] as const) {
      (await set(out, false)).ok();
      (await set(inside, true)).ok();
      const found = [await get(false), await get(true)].join(' and ');
      demand(found === `${out} and ${inside}`, `${out} and ${inside}`, found);
    }
    for (const wrong of [8, -8, 0x7fff_ffff, -0x8000_0000])
      for (const isInProcess of [false, true]) {
        (await set(wrong, isInProcess)).failsWith(Status.invalidParameter, `priority ${wrong}`);
      }
    const kept = [await get(false), await get(true)].join(' and ');
    demand(kept === '-3 and -1', '-3 and -1 still', kept);
  },
);

queue.must(
  13,
  '6.4, 7.9, observation 36',
  'A device marked as lost: the guest is notified by its cookie before waits end, and the state is 2',
  async (kit) => {
    const scene = await kit.scene();
    const cookie = scene.cookie();
    const device = await scene.device(cookie);
    const fence = await scene.fence(device);
    const event = scene.guest.event();
    (await scene.wait(device, event, [fence.handle], [5n])).ok();
    (await scene.call(adapter.markDeviceAsError, { device, reason: 0x80000000 })).ok();
    const { guest } = scene;
    await guest.until(
      () => guest.notifications(cookie).length > 0,
      `SetGuestData with the cookie ${hex64(cookie)}`,
    );
    const [seen] = guest.notifications(cookie);
    demand(
      seen?.data === 2 && (seen.bits & 0x1f) === 0,
      'data 2, type 0, dereference 0',
      JSON.stringify(seen),
    );
    const woken = await guest.untilEvent(event, 'the device was lost');
    demand((seen?.order ?? 0) < woken.order, 'the notification before the event', 'the event first');
    (await scene.call(adapter.markDeviceAsError, { device, reason: 0x80000006 })).ok();
    await scene.roundTrip();
    const count = guest.notifications(cookie).length;
    demand(count === 1, 'one notification: its state has changed once', `${count}`);
    const state = (await scene.call(adapter.getDeviceState, { device, state_type: 1 })).ok();
    demand(
      state.number('execution_state') === 2,
      'state 2',
      `${state.number('execution_state')}`,
      state.evidence(),
    );
  },
);

queue.must(14, '7.9', 'A lost device refuses further work; its queries and its end remain', async (kit) => {
  const { scene, device, context } = await withContext(kit);
  (await scene.call(adapter.markDeviceAsError, { device, reason: 0x80000000 })).ok();
  const fields = { broadcast_context_count: 1, broadcast_context: [context] };
  (await scene.call(wire.submitCommand, fields)).failsWith(Status.deviceRemoved, 'a lost device');
  (await scene.call(adapter.createContextVirtual, { device })).fails('a lost device');
  (await scene.call(createPagingQueue, { device })).fails('a lost device');
  (await scene.createAllocations(device, [4096])).fails('a lost device');
  (await scene.call(adapter.destroyContext, { context })).ok();
  (await scene.call(adapter.destroyDevice, { device })).ok();
});

queue.must(15, '7.9, 3.3', 'The loss of one device leaves the other devices as they are', async (kit) => {
  const { scene, device } = await withContext(kit);
  const other = await scene.device();
  (await scene.call(adapter.markDeviceAsError, { device, reason: 0x80000000 })).ok();
  const state = (await scene.call(adapter.getDeviceState, { device: other, state_type: 1 })).ok();
  demand(
    state.number('execution_state') === 1,
    'state 1',
    `${state.number('execution_state')}`,
    state.evidence(),
  );
  (
    await scene.call(
      adapter.createContextVirtual,
      { device: other, priv_drv_data_size: scene.profile.contextData.length },
      [scene.profile.contextData],
    )
  ).ok();
});

queue.must(
  16,
  '4.6',
  'FlushDevice ends what a device waits for, so that it can be destroyed',
  async (kit) => {
    const { scene, device, context } = await withContext(kit);
    const fence = await scene.fence(device);
    await scene.waitFromGpu(context, [fence.handle], [99n]);
    (await scene.call(adapter.flushDevice, { device, reason: 4 })).ok();
    (await scene.call(adapter.destroyDevice, { device })).ok();
  },
);

queue.must(
  17,
  '3.5',
  'FlushDevice of device 0, left over from a failed creation, is refused by status',
  async (kit) => {
    const scene = await kit.scene();
    (await scene.call(adapter.flushDevice, { device: 0, reason: 4 })).fails('device 0');
  },
);

queue.should(
  18,
  '7.3, 2.6',
  'A command that was refused while nobody wants an answer shows in the device state',
  async (kit) => {
    const { scene, device, context } = await withContext(kit);
    if (!scene.guest.isAsync) throw new NotApplicable('this host has one-way messages off');
    await scene.waitFromGpu(context, [0xeaf3_7bc0], [1n]);
    const state = (await scene.call(adapter.getDeviceState, { device, state_type: 1 })).ok();
    const value = state.number('execution_state');
    demand(value !== 1, 'a state other than active (1)', hex32(value), state.evidence());
  },
);

export const queueRequirements = queue.requirements;
