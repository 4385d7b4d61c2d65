import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CreateAllocationFlags, commands, isFailure, MakeResidentFlags, NtStatus } from '@dxgwire/protocol';
import { createAllocation, createDevice, createPagingQueue, finish } from '../testing/objects.ts';
import { RawGuest } from '../testing/raw-guest.ts';

const { createResource } = CreateAllocationFlags;
const MEBIBYTE = 1 << 20;

test('a paging queue takes two handles and a page; its fence goes down with it', async () => {
  const guest = await RawGuest.start();
  const device = await createDevice(guest);
  for (const priority of [-1, 0, 1]) {
    const made = await guest.call(commands.createPagingQueue, { args: { device, priority } });
    assert.notEqual(made.pagingQueue, made.syncObject);
    assert.equal(made.fenceStorageOffset, 0n);
    assert.equal(made.fenceStoragePhysicalAddress % 4096n, 0n);
    assert.equal(guest.fenceAt(made.fenceStoragePhysicalAddress), 0n);
    const payload = await guest.send(commands.destroyPagingQueue, { pagingQueue: made.pagingQueue });
    assert.equal(payload.length, 0);
    const wait = { device, objects: [made.syncObject], fenceValues: [0n], guestEventPointer: 2n };
    assert.equal(
      (await guest.call(commands.waitForSyncObjectFromCpu, wait)).status,
      NtStatus.invalidParameter,
    );
  }
  const bad: object[] = [
    { device: 0 },
    { device, priority: 2 },
    { device, priority: -2 },
    { device, physicalAdapterIndex: 1 },
  ];
  for (const args of bad) assert.equal((await guest.send(commands.createPagingQueue, { args })).length, 0);
  await guest.send(commands.destroyPagingQueue, { pagingQueue: device });
  assert.equal(guest.partition.census()['pagingQueues'], 0);
  await finish(guest);
});

test('MakeResident and Evict: device 0 in the message, counts, and handles of other devices', async () => {
  const guest = await RawGuest.start();
  const device = await createDevice(guest);
  const other = await createDevice(guest);
  const { pagingQueue, fenceAddress } = await createPagingQueue(guest, device);
  const a = await createAllocation(guest, device, MEBIBYTE);
  const b = await createAllocation(guest, device, MEBIBYTE);
  const foreign = await createAllocation(guest, other);
  const resident = (allocations: number[], more: object = {}) =>
    guest.call(commands.makeResident, { pagingQueue, allocations, ...more });
  const made = await resident([a, b, a]);
  assert.equal(isFailure(made.status), false);
  await guest.call(commands.flushHeapTransitions, {});
  assert.ok(guest.fenceAt(fenceAddress) >= made.pagingFenceValue);
  for (const allocations of [
    [],
    [a, 0],
    [a, foreign],
    [a, device],
    Array.from({ length: 10_241 }, () => a),
  ]) {
    assert.equal((await resident(allocations)).status, NtStatus.invalidParameter);
    assert.equal((await guest.send(commands.evict, { device, allocations })).length, 0);
  }
  assert.equal((await resident([a], { pagingQueue: device })).status, NtStatus.invalidParameter);
  const mustOnly = await resident([a], { flags: MakeResidentFlags.mustSucceed });
  assert.equal(mustOnly.status, NtStatus.invalidParameter);
  const most = Array.from({ length: 10_240 }, () => b);
  assert.equal(isFailure((await resident(most)).status), false);
  assert.equal((await guest.call(commands.evict, { device, allocations: [a, a, b] })).numBytesToTrim, 0n);
  await finish(guest);
});

test('what does not fit is refused with NO_MEMORY, a full reply, and no change', async () => {
  const guest = await RawGuest.start();
  const device = await createDevice(guest);
  const { pagingQueue } = await createPagingQueue(guest, device);
  const small = await createAllocation(guest, device, MEBIBYTE);
  const large = await createAllocation(guest, device, 2048 * MEBIBYTE);
  const refused = await guest.call(commands.makeResident, { pagingQueue, allocations: [small, large] });
  assert.equal(refused.status, NtStatus.noMemory);
  const where = await guest.call(commands.queryAllocationResidency, {
    args: { device },
    allocations: [small],
  });
  assert.deepEqual([...where.residencyStatus], [3]);
  await finish(guest);
});

test('offer and reclaim, by allocation and by resource, with and without results', async () => {
  const guest = await RawGuest.start();
  const device = await createDevice(guest);
  const { pagingQueue, fenceAddress } = await createPagingQueue(guest, device);
  const a = await createAllocation(guest, device);
  const b = await createAllocation(guest, device);
  const made = await guest.call(commands.createAllocation, {
    device,
    allocInfo: [{}, {}],
    flags: createResource,
  });
  const { resource } = made;
  const offer = async (body: object) =>
    (await guest.call(commands.offerAllocations, { device, priority: 2, ...body })).status;
  assert.equal(await offer({ allocations: [a, b] }), NtStatus.success);
  assert.equal(await offer({ allocations: [a] }), NtStatus.success);
  assert.equal(await offer({ allocations: [resource], resources: true }), NtStatus.success);
  const bad: object[] = [
    {},
    { allocations: [a], priority: 0 },
    { allocations: [a], priority: 5 },
    { allocations: [a], resources: true },
    { allocations: [resource] },
    { allocations: [0] },
    { allocations: [a], device: 0 },
    { allocations: Array.from({ length: 10_241 }, () => a) },
  ];
  for (const body of bad)
    assert.equal(await offer(body), NtStatus.invalidParameter, JSON.stringify(body).slice(0, 80));
  const reclaim = (body: object) => guest.call(commands.reclaimAllocations, { device, pagingQueue, ...body });
  const results = await reclaim({ allocations: [a, b, a], writeResults: true });
  assert.equal(isFailure(results.status), false);
  assert.equal(results.discarded.length, 3);
  const whole = await reclaim({ allocations: [resource], resources: true, writeResults: false });
  assert.equal(isFailure(whole.status), false);
  await guest.call(commands.flushHeapTransitions, {});
  assert.ok(guest.fenceAt(fenceAddress) >= whole.pagingFenceValue);
  for (const body of [
    {},
    { allocations: [resource] },
    { allocations: [a], resources: true },
    { pagingQueue: 0 },
  ]) {
    assert.equal((await reclaim({ writeResults: true, ...body })).status, NtStatus.invalidParameter);
  }
  await finish(guest);
});
