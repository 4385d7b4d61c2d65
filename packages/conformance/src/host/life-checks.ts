import { demand, hex32 } from '../failure.ts';
import { Status } from '../statuses.ts';
import * as adapter from '../wire/adapter-commands.ts';
import {
  destroyAllocation,
  mapGpuVirtualAddress,
  openResource,
  queryAllocationResidency,
} from '../wire/memory-commands.ts';
import { words } from '../wire/message.ts';
import * as wire from '../wire/sync-commands.ts';
import { Group } from './group.ts';
import type { HostKit } from './kit.ts';
import { ALLOCATION_FLAG } from './samples-memory.ts';
import { type Scene, SyncFlag } from './scene.ts';

/** Sharing, and who destroys what: sections 3.5, 3.6, 4.13, 1.9. */

const life = new Group('LIFE');

async function sharedFence(
  kit: HostKit,
): Promise<{ scene: Scene; device: number; handle: number; global: number }> {
  const scene = await kit.scene();
  const device = await scene.device();
  const { handle, global } = await scene.fence(device, 4n, SyncFlag.shared);
  return { scene, device, handle, global };
}

life.must(
  1,
  '4.13, observation 37',
  'A shared fence has a global handle; another process opens it by that and sees its value',
  async (kit) => {
    const { scene, device, handle, global } = await sharedFence(kit);
    demand(global !== 0, 'a global handle', '0');
    const other = await kit.scene(scene.guest);
    const fields = { device: await other.device(), global_sync_object: global, flags: SyncFlag.shared };
    const opened = (await other.call(wire.openSyncObject, fields)).ok();
    const address = opened.long('guest_cpu_physical_address');
    demand(
      scene.guest.fenceAt(address) === 4n,
      '4 in the page',
      `${scene.guest.fenceAt(address)}`,
      opened.evidence(),
    );
    (await scene.signal(device, [handle], [5n])).ok();
    await other.untilFence(fields.device, opened.number('sync_object'), 5n, 'signalled by the other process');
    demand(scene.guest.fenceAt(address) === 5n, '5 in the page', `${scene.guest.fenceAt(address)}`);
  },
);

life.must(2, '4.13', "A fence that was opened outlives its creator's handle", async (kit) => {
  const { scene, handle, global } = await sharedFence(kit);
  const other = await kit.scene(scene.guest);
  const device = await other.device();
  const opened = (
    await other.call(wire.openSyncObject, { device, global_sync_object: global, flags: 3 })
  ).ok();
  (await scene.call(wire.destroySyncObject, { sync_object: handle })).ok();
  (await other.signal(device, [opened.number('sync_object')], [9n])).ok();
});

life.must(
  3,
  '4.13, observation 38',
  'An NT object outlives its process, is destroyed by process 0, and once',
  async (kit) => {
    const { scene, handle, global } = await sharedFence(kit);
    const other = await kit.scene(scene.guest);
    const shared_handle = (await scene.call(wire.createNtSharedObject, { object: handle })).ok().handle();
    await scene.end();
    const device = await other.device();
    (await other.call(wire.openSyncObject, { device, global_sync_object: global, flags: 3 })).ok();
    (await other.call(wire.destroyNtSharedObject, { shared_handle })).ok();
    (await other.call(wire.destroyNtSharedObject, { shared_handle })).fails('an NT object that is gone');
  },
);

life.must(4, '4.13', 'What was not created to be shared cannot be', async (kit) => {
  const scene = await kit.scene();
  const device = await scene.device();
  const { handle } = await scene.fence(device);
  (await scene.call(wire.createNtSharedObject, { object: handle })).fails('a fence of its own');
  (await scene.call(wire.createNtSharedObject, { object: device })).fails('a device');
  const made = (await scene.createAllocations(device, [4096], { flags: ALLOCATION_FLAG.resource })).ok();
  for (const name of ['resource', 'allocation']) {
    (await scene.call(wire.createNtSharedObject, { object: made.number(name) })).fails(`${name} of its own`);
  }
});

life.must(
  5,
  '4.8, 4.13',
  'Another process opens a shared resource by its NT object: allocations in order of creation',
  async (kit) => {
    const scene = await kit.scene();
    const device = await scene.device();
    const made = (
      await scene.createAllocations(device, [4096, 8192], { flags: ALLOCATION_FLAG.shared })
    ).ok();
    const shared = (await scene.call(wire.createNtSharedObject, { object: made.number('resource') }))
      .ok()
      .handle();
    const other = await kit.scene(scene.guest);
    const fields = { device: await other.device(), nt_security_sharing: true, global_share: shared };
    const opened = (await other.call(openResource, { ...fields, allocation_count: 2 })).ok().isPadded();
    const [a, b] = [opened.number('allocations', 0), opened.number('allocations', 0, 4)];
    demand(a !== 0 && b !== 0 && a !== b, 'two handles', `${hex32(a)}, ${hex32(b)}`, opened.evidence());
    for (const allocation_count of [1, 3]) {
      (await other.call(openResource, { ...fields, allocation_count })).fails('a wrong count');
    }
    // The second is two pages long, the first is one.
    const { queue } = await other.pagingQueue(fields.device);
    const pages = { paging_queue: queue, size_in_pages: 2n };
    (await other.call(mapGpuVirtualAddress, { ...pages, allocation: a })).fails('two pages of the first');
    (await other.call(mapGpuVirtualAddress, { ...pages, allocation: b })).ok(true);
  },
);

life.must(6, '3.5, observation 39', 'DestroyDevice takes everything on the device with it', async (kit) => {
  const scene = await kit.scene();
  const device = await scene.device();
  const context = await scene.context(device);
  const hw = await scene.hwQueue(device);
  const paging = await scene.pagingQueue(device);
  const fence = await scene.fence(device);
  (await scene.call(adapter.destroyDevice, { device })).ok();
  (await scene.call(adapter.destroyContext, { context })).fails('a context of a destroyed device');
  (await scene.call(adapter.destroyHwQueue, { hwqueue: hw.queue })).fails('a queue of it');
  (await scene.call(wire.destroySyncObject, { sync_object: fence.handle })).fails('a monitored fence of it');
  const device2 = await scene.device();
  (await scene.wait(device2, scene.guest.event(), [paging.fence], [0n])).fails(
    'the fence of its paging queue',
  );
});

life.must(7, '3.5, 4.5', 'DestroyProcess takes everything with it, and its waits', async (kit) => {
  const scene = await kit.scene();
  const watcher = await kit.scene(scene.guest);
  const { process } = scene;
  const device = await scene.device();
  await scene.fence(device);
  await scene.allocation(device);
  await scene.end();
  (await watcher.call(adapter.createDevice, {}, [], { process })).fails('a destroyed process');
  (await watcher.call(adapter.destroyProcess, {}, [], { process })).fails('a destroyed process');
  await kit.goesOn(watcher, 'another process was destroyed');
});

life.must(8, '8.4', 'Several processes with the same process_id are different processes', async (kit) => {
  const scene = await kit.scene();
  const other = await kit.scene(scene.guest);
  demand(scene.process !== other.process, 'two handles', hex32(scene.process));
});

life.must(
  9,
  '1.9, observation 8',
  'CloseAdapter is completed, and ends everything on the adapter that it names',
  async (kit) => {
    const guest = await kit.freshGuest();
    const scene = await kit.scene(guest);
    const device = await scene.device();
    const host_handle = guest.gpus[0]?.adapterHandle ?? 0;
    await guest.call(adapter.closeAdapter, { host_handle: 0xeaf3_7bc0 });
    (await scene.call(adapter.flushDevice, { device, reason: 4 })).ok();
    await guest.call(adapter.closeAdapter, { host_handle });
    (await scene.call(adapter.destroyDevice, { device })).fails('a device of a closed adapter');
  },
);

life.must(
  10,
  '3.6',
  'The end of a link frees all of that guest; others, and the next, go on',
  async (kit) => {
    const scene = await kit.scene();
    const device = await scene.device();
    for (let count = 0; count < 3; count += 1) {
      const guest = await kit.freshGuest();
      const other = await kit.scene(guest);
      const theirs = await other.device();
      await other.fence(theirs);
      await other.allocation(theirs);
      await guest.close();
    }
    (await scene.call(adapter.destroyDevice, { device })).ok();
    await kit.servesTheNext('the links of others have ended');
  },
);

life.must(11, '1.9', 'A link that is aborted in the midst of commands harms no other', async (kit) => {
  const scene = await kit.scene();
  const guest = await kit.freshGuest();
  const other = await kit.scene(guest);
  const calls = Array.from({ length: 10 }, () => other.call(adapter.createDevice, {}).catch(() => null));
  guest.bus.abort(new Error('the kit ends this link'));
  await Promise.all(calls);
  await kit.goesOn(scene, 'the link of another guest was aborted');
});

life.must(
  12,
  '6.1, 6.4, 8.3',
  'Events and news of a lost device go to the guest whose they are, and to no other',
  async (kit) => {
    const scene = await kit.scene();
    const device = await scene.device();
    const fence = await scene.fence(device);
    const stranger = await kit.freshGuest();
    const theirs = await kit.scene(stranger);
    const cookie = scene.cookie();
    const lost = await scene.device(cookie);
    const event = scene.guest.event();
    (await scene.wait(device, event, [fence.handle], [5n])).ok();
    (await scene.signal(device, [fence.handle], [5n])).ok();
    await scene.guest.untilEvent(event, 'the value is reached');
    (await scene.call(adapter.markDeviceAsError, { device: lost, reason: 0x80000000 })).ok();
    await theirs.roundTrip();
    const events = stranger.signalled(event);
    const news = stranger.notifications(cookie).length;
    demand(events === 0, 'no event on the link of another guest', `${events} of id ${event}`);
    demand(news === 0, 'no news on the link of another guest', `${news} with the cookie of the device`);
  },
);

life.must(
  13,
  '4.11, 4.13, 8.3',
  'Global handles and NT objects hold for one guest: another can neither open nor destroy them',
  async (kit) => {
    const { scene, handle, global } = await sharedFence(kit);
    const shared_handle = (await scene.call(wire.createNtSharedObject, { object: handle })).ok().handle();
    const other = await kit.scene(await kit.freshGuest());
    const device = await other.device();
    const fields = { device, global_sync_object: global, flags: SyncFlag.shared };
    (await other.call(wire.openSyncObject, fields)).fails('a global handle of another guest');
    (await other.call(wire.destroyNtSharedObject, { shared_handle })).fails('an NT object of another guest');
    (await scene.call(wire.destroyNtSharedObject, { shared_handle })).ok();
  },
);

life.must(
  14,
  '6.3, 7.1, 7.13',
  'The flags of OpenSyncObject bind what was opened, not the fence of its creator',
  async (kit) => {
    const { scene, device, handle, global } = await sharedFence(kit);
    const flags = SyncFlag.shared | SyncFlag.noSignal;
    const opened = (
      await scene.call(wire.openSyncObject, { device, global_sync_object: global, flags })
    ).ok();
    const bound = opened.number('sync_object');
    (await scene.signal(device, [bound], [9n])).failsWith(Status.accessDenied, 'opened with no_signal');
    (await scene.signal(device, [handle], [6n])).ok();
    await scene.untilFence(device, bound, 6n, 'signalled through the handle of its creator');
  },
);

life.must(
  15,
  '4.13',
  'A global handle holds while there is an instance or an NT object, and no longer',
  async (kit) => {
    const { scene, device, handle, global } = await sharedFence(kit);
    const open = () =>
      scene.call(wire.openSyncObject, { device, global_sync_object: global, flags: SyncFlag.shared });
    const shared_handle = (await scene.call(wire.createNtSharedObject, { object: handle })).ok().handle();
    (await scene.call(wire.destroySyncObject, { sync_object: handle })).ok();
    const again = (await open()).ok().number('sync_object');
    (await scene.call(wire.destroyNtSharedObject, { shared_handle })).ok();
    const third = (await open()).ok().number('sync_object');
    for (const sync_object of [again, third])
      (await scene.call(wire.destroySyncObject, { sync_object })).ok();
    (await open()).fails('a fence that is gone');
  },
);

life.must(
  16,
  '4.8, 4.13, 7.12',
  'A shared resource lives as long as it is open, and its members only with it',
  async (kit) => {
    const scene = await kit.scene();
    const device = await scene.device();
    const flags = ALLOCATION_FLAG.shared;
    const made = (await scene.createAllocations(device, [4096], { flags })).ok();
    const [resource, member] = [made.number('resource'), made.number('allocation')];
    const shared_handle = (await scene.call(wire.createNtSharedObject, { object: resource })).ok().handle();
    (await scene.call(destroyAllocation, { device, alloc_count: 1 }, [words([member])])).fails(
      'one allocation of a shared resource',
    );
    (await scene.createAllocations(device, [4096], { resource })).fails('a resource that was shared already');
    const other = await kit.scene(scene.guest);
    const theirs = await other.device();
    // Its creator may let go of it before anybody else has opened it.
    (await scene.call(destroyAllocation, { device, resource })).ok();
    const fields = {
      device: theirs,
      nt_security_sharing: true,
      global_share: shared_handle,
      allocation_count: 1,
    };
    const opened = (await other.call(openResource, fields)).ok().number('allocations');
    (await other.call(wire.destroyNtSharedObject, { shared_handle })).ok();
    (await other.call(openResource, fields)).fails('an NT object that is gone');
    const query = { device: theirs, allocation_count: 1 };
    (await other.call(queryAllocationResidency, query, [words([opened])])).ok();
    const { queue } = await other.pagingQueue(theirs);
    const map = { paging_queue: queue, allocation: opened, size_in_pages: 1n };
    (await other.call(mapGpuVirtualAddress, map)).ok(true);
  },
);

export const lifeRequirements = life.requirements;
