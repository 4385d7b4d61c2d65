import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AllocationReturnFlags,
  CreateAllocationFlags,
  commands,
  DestroyAllocationFlags,
  NtStatus,
} from '@dxgwire/protocol';
import { PAGE_BYTES } from '@dxgwire/transport';
import { REFUSED_LENGTH } from '../testing/fake-backend.ts';
import {
  createAllocation,
  createDevice,
  createHwQueue,
  createPagingQueue,
  finish,
  sizeData,
} from '../testing/objects.ts';
import { IO_SPACE_START, RawGuest } from '../testing/raw-guest.ts';

const { createResource, createShared, existingSysmem, ntSecuritySharing, standardAllocation } =
  CreateAllocationFlags;

function standard(type: number, size: bigint): Uint8Array {
  const data = new Uint8Array(24);
  const view = new DataView(data.buffer);
  view.setUint32(0, type, true);
  view.setBigUint64(8, size, true);
  return data;
}

test('several allocations of one message: sizes, flags, private data changed in place, in order', async () => {
  const guest = await RawGuest.start();
  const device = await createDevice(guest);
  const allocInfo = [5, 0, 3].map((extra) => ({ privDrvData: sizeData(4096 * (extra + 1) - 1, extra) }));
  const made = await guest.call(commands.createAllocation, { device, allocInfo, flags: createResource });
  assert.notEqual(made.resource, 0);
  assert.equal(made.allocationInfo.length, 3);
  made.allocationInfo.forEach(({ allocation, allocationSize, allocationFlags, privDrvData }, index) => {
    const extra = [5, 0, 3][index]!;
    assert.notEqual(allocation, 0);
    assert.equal(allocationSize, BigInt(4096 * (extra + 1)));
    assert.equal(allocationFlags, AllocationReturnFlags.cached);
    assert.equal(privDrvData.length, 8 + extra);
    assert.ok(privDrvData.subarray(8).every((byte) => byte === 0xff));
  });
  const extended = await guest.call(commands.createAllocation, {
    device,
    resource: made.resource,
    allocInfo: [{ privDrvData: sizeData(1) }],
  });
  assert.equal(extended.resource, made.resource);
  const { status } = await guest.call(commands.destroyAllocation, { device, resource: made.resource });
  assert.equal(status, NtStatus.success);
  assert.equal(guest.backend.opened[0]!.allocations.size, 0);
  await finish(guest);
});

test('a CreateAllocation that fails leaves nothing, whichever of its allocations failed', async () => {
  const guest = await RawGuest.start();
  const device = await createDevice(guest);
  const before = guest.partition.census();
  const good = { privDrvData: sizeData(4096) };
  const bad = { privDrvData: sizeData(REFUSED_LENGTH) };
  for (const allocInfo of [[bad], [good, bad], [good, good, bad], [bad, good]]) {
    const payload = await guest.send(commands.createAllocation, { device, allocInfo, flags: createResource });
    assert.equal(payload.length, 0);
    assert.deepEqual(guest.partition.census(), before);
    assert.equal(guest.backend.opened[0]!.allocations.size, 0);
  }
  await finish(guest);
});

test('CreateAllocation refuses bad counts, flags, resources and standard descriptions', async () => {
  const guest = await RawGuest.start();
  const device = await createDevice(guest);
  const other = await createDevice(guest);
  const one = [{ privDrvData: sizeData(4096) }];
  const foreign = await guest.call(commands.createAllocation, {
    device: other,
    allocInfo: one,
    flags: createResource,
  });
  const before = guest.partition.census();
  const std = (data: Uint8Array, flags: number) => ({
    flags: standardAllocation | flags,
    privDrvData: data,
    allocInfo: [{}],
  });
  const bad: object[] = [
    { allocInfo: [] },
    { allocInfo: Array.from({ length: 1025 }, () => ({})) },
    { device: 0 },
    { device: foreign.resource },
    { flags: 1 << 18 },
    { flags: CreateAllocationFlags.createProtected },
    { flags: CreateAllocationFlags.existingSection },
    { flags: createShared },
    { flags: createShared | createResource },
    { flags: createShared | ntSecuritySharing },
    { resource: device },
    { resource: foreign.resource },
    { resource: 0xffff_ffff },
    std(standard(2, 0n), 0),
    std(standard(2, 4095n), 0),
    std(standard(0, 4096n), 0),
    std(standard(3, 4096n), 0),
    std(standard(1, 4096n), 0),
    std(standard(2, 4096n), existingSysmem),
    std(standard(2, 4096n).subarray(0, 23), 0),
    std(standard(2, 1n << 63n), 0),
    { ...std(standard(2, 4096n), 0), allocInfo: [{}, {}] },
  ];
  for (const body of bad) {
    const payload = await guest.send(commands.createAllocation, { device, allocInfo: one, ...body });
    assert.equal(
      payload.length,
      0,
      JSON.stringify(body, (_key, value) => (typeof value === 'bigint' ? String(value) : value)).slice(
        0,
        200,
      ),
    );
  }
  assert.deepEqual(guest.partition.census(), before);
  await finish(guest);
});

test('1024 allocations in one message, and standard allocations of both kinds', async () => {
  const guest = await RawGuest.start();
  const device = await createDevice(guest);
  const allocInfo = Array.from({ length: 1024 }, () => ({}));
  const many = await guest.call(commands.createAllocation, { device, allocInfo });
  assert.equal(new Set(many.allocationInfo.map(({ allocation }) => allocation)).size, 1024);
  const crossAdapter = { flags: standardAllocation, privDrvData: standard(2, 8192n), allocInfo: [{}] };
  const cross = await guest.call(commands.createAllocation, { device, ...crossAdapter });
  assert.equal(cross.allocationInfo[0]!.allocationSize, 8192n);
  const heap = await guest.call(commands.createAllocation, {
    device,
    flags: standardAllocation | existingSysmem,
    privDrvData: standard(1, 12288n),
    allocInfo: [{}],
  });
  assert.equal(heap.allocationInfo[0]!.allocationSize, 12288n);
  assert.ok((heap.allocationInfo[0]!.allocationFlags & AllocationReturnFlags.existingSysmem) !== 0);
  await finish(guest);
});

test('DestroyAllocation: all or nothing; not twice, not of another device, not both ways, not neither', async () => {
  const guest = await RawGuest.start();
  const device = await createDevice(guest);
  const other = await createDevice(guest);
  const a = await createAllocation(guest, device);
  const b = await createAllocation(guest, device);
  const foreign = await createAllocation(guest, other);
  const made = await guest.call(commands.createAllocation, {
    device,
    allocInfo: [{}, {}],
    flags: createResource,
  });
  const destroy = async (body: object) =>
    (await guest.call(commands.destroyAllocation, { device, ...body })).status;
  const bad: object[] = [
    {},
    { allocations: [a, 0] },
    { allocations: [a, a] },
    { allocations: [a, foreign] },
    { allocations: [a, device] },
    { allocations: [a], resource: made.resource },
    { resource: a },
    { resource: 0xffff_ffff },
    { device: 0, allocations: [a] },
    { allocations: Array.from({ length: 1025 }, () => a) },
  ];
  for (const body of bad)
    assert.equal(await destroy(body), NtStatus.invalidParameter, JSON.stringify(body).slice(0, 99));
  assert.equal(guest.partition.census()['allocations'], 5);
  assert.equal(await destroy({ allocations: [a, b], flags: DestroyAllocationFlags.synchronousDestroy }), 0);
  assert.equal(await destroy({ allocations: [a] }), NtStatus.invalidParameter);
  // The failure path of the driver: members of a new resource go by themselves, then the empty resource.
  const members = made.allocationInfo.map(({ allocation }) => allocation);
  assert.equal(await destroy({ allocations: members, flags: DestroyAllocationFlags.assumeNotInUse }), 0);
  assert.equal(await destroy({ resource: made.resource }), 0);
  assert.equal(await destroy({ resource: made.resource }), NtStatus.invalidParameter);
  await finish(guest);
});

test('Lock2 shows the bytes in the IO space, again while locked; Unlock2 also without a lock', async () => {
  const guest = await RawGuest.start();
  const device = await createDevice(guest);
  const allocation = await createAllocation(guest, device, 3 * PAGE_BYTES);
  const lock = () => guest.call(commands.lock2, { args: { device, allocation } });
  const unlock = () => guest.call(commands.unlock2, { args: { device, allocation } });
  assert.equal((await unlock()).status, NtStatus.success);
  const first = await lock();
  assert.equal(first.status, NtStatus.success);
  const address = first.cpuVisibleBufferOffset;
  assert.equal(address % 4096n, 0n);
  assert.ok(address >= IO_SPACE_START);
  assert.ok(address < IO_SPACE_START + BigInt(guest.bus.window.lengthBytes - 3 * PAGE_BYTES));
  assert.equal((await lock()).cpuVisibleBufferOffset, address);
  guest.windowAt(address, 3 * PAGE_BYTES).fill(0x5a);
  assert.equal((await unlock()).status, NtStatus.success);
  assert.equal((await unlock()).status, NtStatus.success);
  const again = await lock();
  assert.ok(guest.windowAt(again.cpuVisibleBufferOffset, 3 * PAGE_BYTES).every((byte) => byte === 0x5a));
  for (const bad of [0, device, allocation ^ 1, 0xffff_ffff]) {
    const refused = await guest.call(commands.lock2, { args: { device, allocation: bad } });
    assert.equal(refused.status, NtStatus.invalidParameter);
    const { status } = await guest.call(commands.unlock2, { args: { device, allocation: bad } });
    assert.equal(status, NtStatus.invalidParameter);
  }
  assert.equal(
    (await guest.call(commands.destroyAllocation, { device, allocations: [allocation] })).status,
    0,
  );
  await finish(guest);
});

test('Lock2 of what does not fit: NO_MEMORY when the window is full, INVALID_PARAMETER from 4 GiB on', async () => {
  const guest = await RawGuest.start({ windowMegabytes: 1 });
  const device = await createDevice(guest);
  const large = await createAllocation(guest, device, 2 << 20);
  assert.equal(
    (await guest.call(commands.lock2, { args: { device, allocation: large } })).status,
    NtStatus.noMemory,
  );
  const huge = await createAllocation(guest, device, 2 ** 32);
  const refused = await guest.call(commands.lock2, { args: { device, allocation: huge } });
  assert.equal(refused.status, NtStatus.invalidParameter);
  await finish(guest);
});

test('priorities: of a list and of a resource; counts must fit', async () => {
  const guest = await RawGuest.start();
  const device = await createDevice(guest);
  const a = await createAllocation(guest, device);
  const b = await createAllocation(guest, device);
  const made = await guest.call(commands.createAllocation, {
    device,
    allocInfo: [{}, {}],
    flags: createResource,
  });
  const { resource } = made;
  const set = async (body: object) =>
    (await guest.call(commands.setAllocationPriority, { device, ...body })).status;
  const get = async (body: object) => await guest.call(commands.getAllocationPriority, { device, ...body });
  assert.equal(await set({ allocations: [a, b], priorities: [0x2800_0000, 0xc800_0000] }), NtStatus.success);
  assert.deepEqual(
    [...(await get({ allocations: [b, a, b] })).priorities],
    [0xc800_0000, 0x2800_0000, 0xc800_0000],
  );
  assert.equal(await set({ resource, priorities: [0xa000_0000] }), NtStatus.success);
  assert.deepEqual([...(await get({ resource })).priorities], [0xa000_0000]);
  const member = made.allocationInfo[1]!.allocation;
  assert.deepEqual([...(await get({ allocations: [member] })).priorities], [0xa000_0000]);
  for (const bad of [
    {},
    { allocations: [a, 0] },
    { resource: a },
    { resource, allocations: [a] },
    { device: 0, allocations: [a] },
  ]) {
    assert.equal((await get(bad)).status, NtStatus.invalidParameter);
    const count = Math.max((bad as { allocations?: number[] }).allocations?.length ?? 0, 1);
    assert.equal(
      await set({ ...bad, priorities: Array.from({ length: count }, () => 1) }),
      NtStatus.invalidParameter,
    );
  }
  await finish(guest);
});

test('residency status, cache invalidation and properties', async () => {
  const guest = await RawGuest.start();
  const device = await createDevice(guest);
  const allocation = await createAllocation(guest, device, 8192);
  const { pagingQueue } = await createPagingQueue(guest, device);
  const residency = async (body: object, allocations: number[] = []) =>
    await guest.call(commands.queryAllocationResidency, { args: { device, ...body }, allocations });
  assert.deepEqual([...(await residency({}, [allocation, allocation])).residencyStatus], [3, 3]);
  assert.equal((await residency({})).status, NtStatus.invalidParameter);
  assert.equal((await residency({ resource: 5 })).status, NtStatus.invalidParameter);
  await guest.call(commands.makeResident, { pagingQueue, allocations: [allocation] });
  await guest.call(commands.flushHeapTransitions, {});
  assert.deepEqual([...(await residency({}, [allocation])).residencyStatus], [1]);
  const invalidate = async (offset: bigint, length: bigint) =>
    (await guest.call(commands.invalidateCache, { device, allocation, offset, length })).status;
  assert.equal(await invalidate(0n, 8192n), NtStatus.success);
  assert.equal(await invalidate(4096n, 4097n), NtStatus.invalidParameter);
  assert.equal(await invalidate(0xffff_ffff_ffff_ffffn, 1n), NtStatus.invalidParameter);
  const args = {
    pagingQueue,
    allocation,
    supportedSegmentSet: 3,
    preferredSegment: 0x21,
    propertyMaskValue: 6,
  };
  const updated = await guest.call(commands.updateAllocationProperty, { args });
  assert.ok(updated.status === NtStatus.success || updated.status === NtStatus.pending);
  const bad = await guest.call(commands.updateAllocationProperty, {
    args: { ...args, pagingQueue: allocation },
  });
  assert.equal(bad.status, NtStatus.invalidParameter);
  await finish(guest);
});

test('driver data of standard allocations: the same sizes twice, then the bytes', async () => {
  const guest = await RawGuest.start();
  await createDevice(guest);
  const request = { allocType: 4, gdiSurface: { width: 0x8000, height: 1, type: 7 } };
  const sizes = await guest.call(commands.ddiGetStandardAllocationDriverData, request);
  assert.equal(sizes.status, NtStatus.success);
  assert.ok(sizes.privDriverDataSize > 0);
  const wanted = {
    ...request,
    privDriverDataSize: sizes.privDriverDataSize,
    privDriverResourceSize: sizes.privDriverResourceSize,
  };
  const data = await guest.call(commands.ddiGetStandardAllocationDriverData, wanted);
  assert.equal(data.privDriverDataSize, sizes.privDriverDataSize);
  assert.equal(new DataView(data.allocPrivData.slice().buffer).getBigUint64(0, true), 0x8000n);
  const small = await guest.call(commands.ddiGetStandardAllocationDriverData, {
    ...wanted,
    privDriverDataSize: 1,
  });
  assert.equal(small.status, NtStatus.invalidParameter);
  const other = await guest.call(commands.ddiGetStandardAllocationDriverData, { allocType: 1 });
  assert.equal(other.status, NtStatus.notSupported);
  await finish(guest);
});

test('allocations that were destroyed behind work count among the objects of their guest until they are gone', async () => {
  const guest = await RawGuest.start({ asyncMessages: false, quotas: { objects: 40 } });
  const device = await createDevice(guest);
  const { hwqueue } = await createHwQueue(guest, device);
  const adapter = guest.backend.opened[0]!;
  adapter.holdsRuns = true;
  await guest.call(commands.submitCommandToHwQueue, { args: { hwqueue, hwqueueProgressFenceId: 1n } });
  const before = guest.host.census()['objects']!;
  let made = 0;
  for (let turn = 0; turn < 100; turn += 1) {
    const allocation = await createAllocation(guest, device).catch(() => 0);
    if (allocation === 0) break;
    made += 1;
    await guest.call(commands.destroyAllocation, { device, allocations: [allocation] });
  }
  assert.equal(made, 40 - before);
  [...adapter.running][0]!.finish();
  await guest.call(commands.flushHeapTransitions, {});
  assert.equal(guest.host.census()['objects'], before);
  await createAllocation(guest, device, 4096);
  await finish(guest);
});

test('a runtime handle finds its allocation for work that was queued before the allocation was destroyed', async () => {
  const guest = await RawGuest.start({ asyncMessages: false });
  const device = await createDevice(guest);
  const { hwqueue } = await createHwQueue(guest, device);
  const adapter = guest.backend.opened[0]!;
  const { services } = [...adapter.contexts.values()][0]!;
  adapter.holdsRuns = true;
  const allocation = await createAllocation(guest, device, 8192, { privateRuntimeResourceHandle: 7n });
  for (const hwqueueProgressFenceId of [1n, 2n]) {
    await guest.call(commands.submitCommandToHwQueue, { args: { hwqueue, hwqueueProgressFenceId } });
  }
  await guest.call(commands.destroyAllocation, { device, allocations: [allocation] });
  assert.equal(services.findAllocation(7, 0)?.lengthBytes, 8192);
  [...adapter.running][0]!.finish();
  assert.equal(services.findAllocation(7, 0)?.lengthBytes, 8192, 'the second begins now, and looks for it');
  // A new one of the same name is what later work means, and outlives the old one's end.
  await createAllocation(guest, device, 4096, { privateRuntimeResourceHandle: 7n });
  [...adapter.running][0]!.finish();
  await guest.call(commands.flushHeapTransitions, {});
  assert.equal(services.findAllocation(7, 0)?.lengthBytes, 4096);
  await finish(guest);
});

test('a runtime handle finds the allocation that it was given to, while that lives', async () => {
  const guest = await RawGuest.start();
  const device = await createDevice(guest);
  const { context } = await guest.call(commands.createContextVirtual, { device });
  const { services } = [...guest.backend.opened[0]!.contexts.values()][0]!;
  const name = { privateRuntimeResourceHandle: 0x1234_5678_9abc_def0n };
  const allocation = await createAllocation(guest, device, 8192, name);
  assert.equal(services.findAllocation(0x9abc_def0, 0x1234_5678)?.lengthBytes, 8192);
  assert.equal(services.findAllocation(0x9abc_def0, 0), null);
  const second = await createDevice(guest);
  await createAllocation(guest, second, 4096, { privateRuntimeResourceHandle: 5n });
  assert.equal(services.findAllocation(5, 0), null);
  await guest.call(commands.destroyAllocation, { device, allocations: [allocation] });
  assert.equal(services.findAllocation(0x9abc_def0, 0x1234_5678), null);
  assert.equal(services.signalFence(device, 1, 0), false);
  const info = { type: 5, monitoredFence: { initialFenceValue: 0n } };
  const fence = await guest.call(commands.createSyncObject, { args: { device, info } });
  assert.equal(services.signalFence(fence.syncObject, 0, 1), true);
  assert.equal(guest.fenceAt(fence.fenceStorageAddress), 1n << 32n);
  assert.equal(services.signalFence(fence.syncObject, 7, 0), true);
  assert.equal(guest.fenceAt(fence.fenceStorageAddress), 1n << 32n);
  const notice = { type: 4, cpuNotification: { event: 77n } };
  const { syncObject } = await guest.call(commands.createSyncObject, { args: { device, info: notice } });
  const before = guest.events.length;
  assert.equal(services.signalFence(syncObject, 0, 0), true);
  assert.equal(services.signalFence(syncObject, 0, 0), true);
  await guest.until(() => guest.events.length === before + 2);
  assert.deepEqual(guest.events.slice(before), [77n, 77n]);
  const semaphore = { type: 2, semaphore: { maxCount: 1, initialCount: 0 } };
  const counted = await guest.call(commands.createSyncObject, { args: { device, info: semaphore } });
  assert.equal(services.signalFence(counted.syncObject, 1, 0), false);
  assert.notEqual(context, 0);
  await finish(guest);
});

test('make_resident: resident once created, or nothing is created', async () => {
  const guest = await RawGuest.start();
  const device = await createDevice(guest);
  const makeResident = true;
  const allocation = await createAllocation(guest, device, 1 << 20, { makeResident });
  const status = await guest.call(commands.queryAllocationResidency, {
    args: { device },
    allocations: [allocation],
  });
  assert.ok(status.residencyStatus[0]! <= 2);
  const before = guest.partition.census();
  const allocInfo = [{ privDrvData: sizeData(4096) }, { privDrvData: sizeData(2 ** 40) }];
  const payload = await guest.send(commands.createAllocation, {
    device,
    allocInfo,
    makeResident,
    flags: createResource,
  });
  assert.equal(payload.length, 0);
  assert.deepEqual(guest.partition.census(), before);
  assert.equal(guest.backend.opened[0]!.allocations.size, 1);
  await finish(guest);
});

test('a resource of more allocations than a call can have arguments', async () => {
  const guest = await RawGuest.start();
  const device = await createDevice(guest);
  const allocInfo = Array.from({ length: 1024 }, () => ({ privDrvData: new Uint8Array(0) }));
  const first = await guest.call(commands.createAllocation, { device, allocInfo, flags: createResource });
  const { resource } = first;
  for (let i = 1; i < 140; i += 1) {
    await guest.call(commands.createAllocation, { device, resource, allocInfo });
  }
  const asked = await guest.call(commands.queryAllocationResidency, { args: { device, resource } });
  assert.equal(asked.status, NtStatus.success);
  const priority = await guest.call(commands.getAllocationPriority, { device, resource });
  assert.equal(priority.status, NtStatus.success);
  // One by one from the end, then all: neither may take time with the number of the others.
  const last = first.allocationInfo.map((each) => each.allocation).reverse();
  const some = await guest.call(commands.destroyAllocation, { device, allocations: last });
  assert.equal(some.status, NtStatus.success);
  const used = process.cpuUsage();
  const all = await guest.call(commands.destroyAllocation, { device, resource });
  assert.equal(all.status, NtStatus.success);
  // 20 seconds and more where each goes through its siblings, else less than one.
  assert.ok(process.cpuUsage(used).user < 10_000_000, 'time for each allocation, not for each pair of them');
  await finish(guest);
});
