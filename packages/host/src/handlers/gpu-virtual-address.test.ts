import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commands, isFailure, NtStatus, UpdateGpuVaFlags } from '@dxgwire/protocol';
import { FakeBackend } from '../testing/fake-backend.ts';
import {
  createAllocation,
  createContext,
  createDevice,
  createFence,
  createHwQueue,
  createPagingQueue,
  finish,
} from '../testing/objects.ts';
import { RawGuest } from '../testing/raw-guest.ts';

const GRANULE = 0x1_0000n;

test('reserve by adapter and by paging queue; map, remap and free within', async () => {
  const guest = await RawGuest.start();
  const device = await createDevice(guest);
  const { pagingQueue } = await createPagingQueue(guest, device);
  const adapter = guest.gpus[0]!.adapterHandle;
  const allocation = await createAllocation(guest, device, 8192);
  const reserve = async (args: object) =>
    await guest.call(commands.reserveGpuVirtualAddress, { args: { size: GRANULE * 2n, ...args } });
  const first = (await reserve({ adapter })).virtualAddress;
  const second = (await reserve({ adapter: pagingQueue, baseAddress: 0x5_0000_0000n })).virtualAddress;
  assert.equal(first % GRANULE, 0n);
  assert.equal(second, 0x5_0000_0000n);
  const map = (args: object) => guest.call(commands.mapGpuVirtualAddress, { args: { pagingQueue, ...args } });
  const mapped = await map({ baseAddress: first, allocation, sizeInPages: 2n, protection: 1n });
  assert.equal(isFailure(mapped.status), false);
  assert.equal(mapped.virtualAddress, first);
  const anywhere = await map({ allocation, sizeInPages: 1n, offsetInPages: 1n });
  assert.equal(anywhere.virtualAddress % GRANULE, 0n);
  assert.equal(isFailure((await map({ baseAddress: first, sizeInPages: 2n, protection: 8n })).status), false);
  const bad: object[] = [
    { pagingQueue: device, allocation, sizeInPages: 1n },
    { allocation: device, sizeInPages: 1n },
    { allocation, sizeInPages: 0n },
    { allocation, sizeInPages: 3n },
    { allocation, sizeInPages: 1n, offsetInPages: 2n },
    { allocation, sizeInPages: 1n << 63n },
    { allocation, sizeInPages: 1n, offsetInPages: 0xffff_ffff_ffff_ffffn },
    { allocation, sizeInPages: 1n, baseAddress: 0xffff_ffff_ffff_f000n },
    { allocation, sizeInPages: 1n, baseAddress: first + 1n },
  ];
  for (const args of bad) assert.equal((await map(args)).status, NtStatus.invalidParameter);
  const free = async (args: object) =>
    (await guest.call(commands.freeGpuVirtualAddress, { args: { adapter, ...args } })).status;
  assert.equal(await free({ baseAddress: first, size: GRANULE * 2n }), NtStatus.success);
  for (const args of [
    { adapter: pagingQueue },
    { adapter: 0 },
    { baseAddress: 0n, size: 4096n },
    { baseAddress: second, size: 1n },
  ]) {
    assert.equal(await free({ baseAddress: second, size: GRANULE, ...args }), NtStatus.invalidParameter);
  }
  for (const args of [
    { adapter: 0 },
    { adapter: device },
    { adapter, size: 0n },
    { adapter, size: 4096n },
    { adapter, baseAddress: 1n },
  ]) {
    const payload = await guest.send(commands.reserveGpuVirtualAddress, { args: { size: GRANULE, ...args } });
    assert.equal(payload.length, 0);
  }
  await finish(guest);
});

test('the adapter that a message names must be the virtual GPU that it is for', async () => {
  const guest = await RawGuest.start({ backend: new FakeBackend(2) });
  await createDevice(guest);
  const other = guest.gpus[1]!.adapterHandle;
  const args = { adapter: other, size: GRANULE };
  assert.equal((await guest.send(commands.reserveGpuVirtualAddress, { args })).length, 0);
  assert.equal((await guest.send(commands.reserveGpuVirtualAddress, { args }, { gpu: 1 })).length, 16);
  const free = await guest.call(commands.freeGpuVirtualAddress, {
    args: { adapter: other, baseAddress: 0n, size: 4096n },
  });
  assert.equal(free.status, NtStatus.invalidParameter);
  await finish(guest);
});

test('updates take their turn on a context and move the fence one on', async () => {
  const guest = await RawGuest.start({ asyncMessages: false });
  const device = await createDevice(guest);
  const context = await createContext(guest, device);
  const hw = await createHwQueue(guest, device);
  const { pagingQueue } = await createPagingQueue(guest, device);
  const allocation = await createAllocation(guest, device, 8192);
  const fence = await createFence(guest, device, 4n);
  const reserved = await guest.call(commands.reserveGpuVirtualAddress, {
    args: { adapter: pagingQueue, size: GRANULE },
  });
  const baseAddress = reserved.virtualAddress;
  const map = { operation: 0, map: { baseAddress, size: 8192n, allocation, allocationSize: 8192n } };
  const update = async (body: object) =>
    (
      await guest.call(commands.updateGpuVirtualAddress, {
        device,
        context,
        fenceObject: fence.handle,
        fenceValue: 5n,
        operations: [map],
        ...body,
      })
    ).status;
  assert.equal(await update({}), NtStatus.success);
  assert.equal(guest.fenceAt(fence.address), 4n);
  await guest.call(commands.signalSyncObject, { device, objects: [fence.handle], fenceValues: [5n] });
  assert.equal(guest.fenceAt(fence.address), 6n);
  assert.equal(await update({ fenceValue: 9n, flags: UpdateGpuVaFlags.doNotWait }), NtStatus.success);
  assert.equal(guest.fenceAt(fence.address), 10n);
  const bad: object[] = [
    { context: 0 },
    { context: hw.context },
    { context: hw.hwqueue },
    { device: hw.hwqueue },
    { fenceObject: device },
    { operations: [] },
    { operations: [{ operation: 4 }] },
    { operations: [{ operation: 0xffff_ffff }] },
    { operations: [{ operation: 0, map: { ...map.map, allocation: device } }] },
    { operations: [map, { operation: 0, map: { ...map.map, size: 12288n, allocationSize: 12288n } }] },
  ];
  for (const body of bad)
    assert.equal(await update(body), NtStatus.invalidParameter, String(Object.keys(body)));
  assert.equal(guest.fenceAt(fence.address), 10n);
  await finish(guest);
});
