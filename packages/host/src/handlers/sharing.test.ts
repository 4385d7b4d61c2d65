import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CreateAllocationFlags, commands, NtStatus, SyncObjectFlags } from '@dxgwire/protocol';
import { createHost } from '../host.ts';
import { FakeBackend } from '../testing/fake-backend.ts';
import { createAllocation, createDevice, createFence, finish, sizeData } from '../testing/objects.ts';
import { RawGuest } from '../testing/raw-guest.ts';

const SHARED = SyncObjectFlags.shared | SyncObjectFlags.ntSecuritySharing;
const { createResource, createShared, ntSecuritySharing } = CreateAllocationFlags;
const sharedResource = createResource | createShared | ntSecuritySharing;

/** Switches to a new process of the same guest. @returns the one before. */
async function switchProcess(guest: RawGuest): Promise<number> {
  const before = guest.process;
  guest.process = (await guest.call(commands.createProcess, {})).hprocess;
  return before;
}

async function createShareable(guest: RawGuest, device: number, count = 2) {
  const allocInfo = Array.from({ length: count }, (_, index) => ({
    privDrvData: sizeData(4096 * (index + 1)),
  }));
  const made = await guest.call(commands.createAllocation, { device, allocInfo, flags: sharedResource });
  const { sharedHandle } = await guest.call(commands.createNtSharedObject, { object: made.resource });
  return {
    resource: made.resource,
    allocations: made.allocationInfo.map((each) => each.allocation),
    sharedHandle,
  };
}

function open(
  guest: RawGuest,
  device: number,
  globalShare: number,
  allocationCount: number,
  more: object = {},
) {
  return guest.call(commands.openResource, {
    device,
    globalShare,
    allocationCount,
    ntSecuritySharing: true,
    ...more,
  });
}

test('a fence shared between processes: one value, a page for each, waits and signals across', async () => {
  const guest = await RawGuest.start({ asyncMessages: false });
  const device = await createDevice(guest);
  const fence = await createFence(guest, device, 3n, SHARED);
  assert.notEqual(fence.globalHandle, 0);
  const owner = await switchProcess(guest);
  const second = await createDevice(guest);
  const opened = await guest.call(commands.openSyncObject, {
    device: second,
    globalSyncObject: fence.globalHandle,
    flags: SHARED,
  });
  assert.equal(opened.status, NtStatus.success);
  assert.notEqual(opened.guestCpuPhysicalAddress, fence.address);
  assert.equal(guest.fenceAt(opened.guestCpuPhysicalAddress), 3n);
  const wait = { device: second, objects: [opened.syncObject], fenceValues: [4n], guestEventPointer: 6n };
  await guest.call(commands.waitForSyncObjectFromCpu, wait);
  const other = guest.process;
  guest.process = owner;
  await guest.call(commands.signalSyncObject, { device, objects: [fence.handle], fenceValues: [4n] });
  assert.deepEqual(guest.events, [6n]);
  assert.equal(guest.fenceAt(opened.guestCpuPhysicalAddress), 4n);
  assert.equal(guest.fenceAt(fence.address), 4n);
  await guest.call(commands.destroySyncObject, { syncObject: fence.handle });
  await guest.call(commands.destroyProcess, {}, { process: owner });
  guest.process = other;
  const again = await guest.call(commands.openSyncObject, {
    device: second,
    globalSyncObject: fence.globalHandle,
    flags: SHARED,
  });
  assert.equal(again.status, NtStatus.success);
  assert.equal(guest.fenceAt(again.guestCpuPhysicalAddress), 4n);
  await guest.call(commands.destroySyncObject, { syncObject: opened.syncObject });
  await guest.call(commands.destroySyncObject, { syncObject: again.syncObject });
  assert.equal(guest.partition.census()['sharedSyncObjects'], 0);
  const gone = await guest.call(commands.openSyncObject, {
    device: second,
    globalSyncObject: fence.globalHandle,
  });
  assert.equal(gone.status, NtStatus.invalidParameter);
  await finish(guest);
});

test('an NT handle keeps a sync object when its creator and all instances are gone', async () => {
  const guest = await RawGuest.start();
  const device = await createDevice(guest);
  const fence = await createFence(guest, device, 9n, SHARED);
  const { sharedHandle } = await guest.call(commands.createNtSharedObject, { object: fence.handle });
  assert.notEqual(sharedHandle, 0);
  const owner = await switchProcess(guest);
  await guest.call(commands.destroyProcess, {}, { process: owner });
  const second = await createDevice(guest);
  const opened = await guest.call(commands.openSyncObject, {
    device: second,
    globalSyncObject: fence.globalHandle,
  });
  assert.equal(guest.fenceAt(opened.guestCpuPhysicalAddress), 9n);
  assert.equal((await guest.call(commands.destroyNtSharedObject, { sharedHandle })).status, NtStatus.success);
  assert.equal(
    (await guest.call(commands.destroyNtSharedObject, { sharedHandle })).status,
    NtStatus.invalidParameter,
  );
  await finish(guest);
});

test('rights belong to the instance: no-signal for the opener only', async () => {
  const guest = await RawGuest.start({ asyncMessages: false });
  const device = await createDevice(guest);
  const fence = await createFence(guest, device, 0n, SHARED);
  const opened = await guest.call(commands.openSyncObject, {
    device,
    globalSyncObject: fence.globalHandle,
    flags: SHARED | SyncObjectFlags.noSignal,
  });
  const signal = async (object: number) =>
    (await guest.call(commands.signalSyncObject, { device, objects: [object], fenceValues: [1n] })).status;
  assert.equal(await signal(opened.syncObject), NtStatus.accessDenied);
  assert.equal(await signal(fence.handle), NtStatus.success);
  await finish(guest);
});

test('a shared resource: opened in another process and in another device, owner dies first', async () => {
  const guest = await RawGuest.start();
  const device = await createDevice(guest);
  const shared = await createShareable(guest, device);
  assert.notEqual(shared.sharedHandle, 0);
  const inSame = await open(guest, device, shared.sharedHandle, 2);
  assert.equal(inSame.status, NtStatus.success);
  assert.equal(new Set([...inSame.allocations, ...shared.allocations]).size, 4);
  const owner = await switchProcess(guest);
  const second = await createDevice(guest);
  const opened = await open(guest, second, shared.sharedHandle, 2);
  assert.equal(opened.status, NtStatus.success);
  await guest.call(commands.destroyProcess, {}, { process: owner });
  assert.equal(guest.backend.opened[0]!.allocations.size, 2);
  const third = await createDevice(guest);
  const late = await open(guest, third, shared.sharedHandle, 2);
  assert.equal(late.status, NtStatus.success);
  const { status } = await guest.call(commands.destroyAllocation, {
    device: second,
    resource: opened.resource,
  });
  assert.equal(status, NtStatus.success);
  assert.equal(
    (await guest.call(commands.destroyNtSharedObject, { sharedHandle: shared.sharedHandle })).status,
    0,
  );
  assert.equal(guest.backend.opened[0]!.allocations.size, 2);
  await guest.call(commands.destroyAllocation, { device: third, resource: late.resource });
  assert.equal(guest.backend.opened[0]!.allocations.size, 0);
  await finish(guest);
});

test('OpenResource refuses other names, counts and sharing kinds; the reply has its full length', async () => {
  const guest = await RawGuest.start();
  const device = await createDevice(guest);
  const shared = await createShareable(guest, device);
  const fence = await createFence(guest, device, 0n, SHARED);
  const nt = await guest.call(commands.createNtSharedObject, { object: fence.handle });
  const before = guest.partition.census();
  const bad: [number, number, object?][] = [
    [shared.sharedHandle, 1],
    [shared.sharedHandle, 3],
    [shared.sharedHandle, 0],
    [shared.resource, 2],
    [nt.sharedHandle, 1],
    [fence.globalHandle, 1],
    [0, 2],
    [0xffff_ffff, 2],
    [shared.sharedHandle, 2, { ntSecuritySharing: false }],
    [shared.sharedHandle, 2, { device: 0 }],
  ];
  for (const [handle, count, more] of bad) {
    const reply = await open(guest, device, handle, count, more);
    assert.equal(reply.status, NtStatus.invalidParameter);
    assert.equal(reply.resource, 0);
  }
  assert.deepEqual(guest.partition.census(), before);
  await guest.call(commands.destroyNtSharedObject, { sharedHandle: nt.sharedHandle });
  await guest.call(commands.destroyNtSharedObject, { sharedHandle: shared.sharedHandle });
  await finish(guest);
});

test('only what was made for it is shared; a shared resource is sealed', async () => {
  const guest = await RawGuest.start();
  const device = await createDevice(guest);
  const plain = await guest.call(commands.createAllocation, {
    device,
    allocInfo: [{}],
    flags: createResource,
  });
  const fence = await createFence(guest, device);
  const allocation = await createAllocation(guest, device);
  for (const object of [0, plain.resource, fence.handle, allocation, device, 0xffff_ffff]) {
    assert.equal((await guest.call(commands.createNtSharedObject, { object })).sharedHandle, 0);
  }
  const shared = await createShareable(guest, device, 1);
  const extend = { device, resource: shared.resource, allocInfo: [{}] };
  assert.equal((await guest.send(commands.createAllocation, extend)).length, 0);
  const alone = await guest.call(commands.destroyAllocation, { device, allocations: shared.allocations });
  assert.equal(alone.status, NtStatus.invalidParameter);
  await guest.call(commands.destroyNtSharedObject, { sharedHandle: shared.sharedHandle });
  await finish(guest);
});

test('many NT handles of one resource: its memory lives until the last, and each costs nothing more', async () => {
  const guest = await RawGuest.start();
  const device = await createDevice(guest);
  const { resource, sharedHandle, allocations } = await createShareable(guest, device, 1024);
  const handles = [sharedHandle];
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 10_000; i += 1) {
    handles.push((await guest.call(commands.createNtSharedObject, { object: resource })).sharedHandle);
  }
  const grown = process.memoryUsage().heapUsed - before;
  // 80 MiB if each had a list of the allocations.
  assert.ok(grown < 60 << 20, `${grown} bytes for handles`);
  await guest.call(commands.destroyAllocation, { device, resource });
  for (const each of handles.splice(0, 10_000)) {
    await guest.call(commands.destroyNtSharedObject, { sharedHandle: each });
  }
  assert.equal(guest.backend.opened[0]!.allocations.size, allocations.length);
  const opened = await open(guest, device, handles[0]!, allocations.length);
  assert.equal(opened.status, NtStatus.success);
  await guest.call(commands.destroyAllocation, { device, resource: opened.resource });
  await guest.call(commands.destroyNtSharedObject, { sharedHandle: handles[0]! });
  assert.equal(guest.backend.opened[0]!.allocations.size, 0);
  await finish(guest);
});

test('names of one guest mean nothing in another', async () => {
  const host = createHost({ backend: new FakeBackend() });
  const guest = await RawGuest.start({ host });
  const other = await RawGuest.start({ host });
  const device = await createDevice(guest);
  const shared = await createShareable(guest, device);
  const fence = await createFence(guest, device, 0n, SHARED);
  const stranger = await createDevice(other);
  assert.equal((await open(other, stranger, shared.sharedHandle, 2)).status, NtStatus.invalidParameter);
  const opened = await other.call(commands.openSyncObject, {
    device: stranger,
    globalSyncObject: fence.globalHandle,
  });
  assert.equal(opened.status, NtStatus.invalidParameter);
  const { sharedHandle } = shared;
  assert.equal(
    (await other.call(commands.destroyNtSharedObject, { sharedHandle })).status,
    NtStatus.invalidParameter,
  );
  await guest.bus.close();
  await guest.partition.ended;
  assert.equal(host.census()['ntObjects'], 0);
  assert.equal(host.census()['processes'], 1);
  await other.close();
});

test('objects given to programs on the host: a random token each, opened and closed there', async () => {
  const guest = await RawGuest.start();
  const device = await createDevice(guest);
  const fence = await createFence(guest, device, 4n);
  const made = await guest.call(commands.createAllocation, {
    device,
    allocInfo: [{}, {}],
    flags: createResource,
  });
  const share = async (objectHandle: number) =>
    await guest.call(commands.shareObjectWithHost, { deviceHandle: device, objectHandle });
  const first = await share(fence.handle);
  assert.equal(first.status, NtStatus.success);
  assert.equal((await share(fence.handle)).vailNtHandle, first.vailNtHandle);
  const second = await share(made.resource);
  assert.notEqual(second.vailNtHandle, first.vailNtHandle);
  for (const bad of [0, device, made.allocationInfo[0]!.allocation]) {
    assert.equal((await share(bad)).status, NtStatus.objectTypeMismatch);
  }
  const { hostShares } = guest.partition;
  const opened = hostShares.open(first.vailNtHandle);
  const resource = hostShares.open(second.vailNtHandle);
  assert.equal(hostShares.open(first.vailNtHandle ^ 2n), undefined);
  assert.equal(opened?.value, 4n);
  assert.deepEqual(resource?.lengthsBytes, [4096, 4096]);
  await guest.call(commands.destroyProcess, {}, { process: guest.process });
  assert.equal(hostShares.open(first.vailNtHandle), undefined);
  assert.equal(guest.backend.opened[0]!.allocations.size, 2);
  assert.equal(opened?.value, 4n);
  opened?.close();
  resource?.close();
  resource?.close();
  assert.equal(guest.backend.opened[0]!.allocations.size, 0);
  assert.equal(guest.partition.census()['hostShares'], 0);
  guest.process = (await guest.call(commands.createProcess, {})).hprocess;
  await finish(guest);
});
