import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  commands,
  NtStatus,
  SignalFlags,
  SyncObjectFlags,
  SyncObjectType,
  WaitFromCpuFlags,
} from '@dxgwire/protocol';
import { FakeClock } from '../scheduler/index.ts';
import {
  createContext,
  createDevice,
  createFence,
  createHwQueue,
  createPagingQueue,
  endProcess,
  finish,
} from '../testing/objects.ts';
import { IO_SPACE_START, RawGuest } from '../testing/raw-guest.ts';

const MAX_U64 = 0xffff_ffff_ffff_ffffn;

async function signal(guest: RawGuest, device: number, objects: number[], fenceValues: bigint[], flags = 0) {
  return (await guest.call(commands.signalSyncObject, { device, objects, fenceValues, flags })).status;
}

async function waitFromCpu(
  guest: RawGuest,
  device: number,
  objects: number[],
  fenceValues: bigint[],
  guestEventPointer: bigint,
  flags = 0,
) {
  const body = { device, objects, fenceValues, guestEventPointer, flags };
  return (await guest.call(commands.waitForSyncObjectFromCpu, body)).status;
}

test('a monitored fence has a page of its own in the IO space with its value at the start, before the answer', async () => {
  const guest = await RawGuest.start({ asyncMessages: false });
  const device = await createDevice(guest);
  const pages = new Set<bigint>();
  for (const value of [0n, 1n, 0x1_0000_0000n, MAX_U64 - 1n]) {
    const fence = await createFence(guest, device, value);
    assert.equal(fence.address % 4096n, 0n);
    assert.ok(fence.address >= IO_SPACE_START);
    assert.ok(fence.address < IO_SPACE_START + BigInt(guest.bus.window.lengthBytes) - 4096n);
    assert.equal(guest.fenceAt(fence.address), value);
    assert.notEqual(fence.gpuAddress, 0n);
    assert.equal(fence.globalHandle, 0);
    pages.add(fence.address);
  }
  assert.equal(pages.size, 4);
  const hidden = await createFence(guest, device, 0n, SyncObjectFlags.noGpuAccess);
  assert.equal(hidden.gpuAddress, 0n);
  await finish(guest);
});

test('a signal from the CPU is seen at once; going back needs the flag', async () => {
  const guest = await RawGuest.start({ asyncMessages: false });
  const device = await createDevice(guest);
  const a = await createFence(guest, device);
  const b = await createFence(guest, device, 5n);
  assert.equal(await signal(guest, device, [a.handle, b.handle], [7n, MAX_U64]), NtStatus.success);
  assert.equal(guest.fenceAt(a.address), 7n);
  assert.equal(guest.fenceAt(b.address), MAX_U64);
  assert.equal(await signal(guest, device, [a.handle], [6n]), NtStatus.invalidParameter);
  assert.equal(guest.fenceAt(a.address), 7n);
  assert.equal(await signal(guest, device, [a.handle], [6n], SignalFlags.allowFenceRewind), NtStatus.success);
  assert.equal(guest.fenceAt(a.address), 6n);
  await finish(guest);
});

test('a CPU wait answers at once and fires its event exactly once, also when it was satisfied before', async () => {
  const guest = await RawGuest.start({ asyncMessages: false });
  const device = await createDevice(guest);
  const a = await createFence(guest, device);
  const b = await createFence(guest, device);
  assert.equal(await waitFromCpu(guest, device, [a.handle], [0n], 2n), NtStatus.success);
  assert.deepEqual(guest.events, [2n]);
  assert.equal(await waitFromCpu(guest, device, [a.handle, b.handle], [1n, 2n], 0xfedc_ba98_7654_3210n), 0);
  assert.equal(
    await waitFromCpu(guest, device, [a.handle, b.handle], [1n, 2n], 4n, WaitFromCpuFlags.waitAny),
    0,
  );
  await signal(guest, device, [a.handle], [1n]);
  assert.deepEqual(guest.events, [2n, 4n]);
  await signal(guest, device, [b.handle], [3n]);
  assert.deepEqual(guest.events, [2n, 4n, 0xfedc_ba98_7654_3210n]);
  await signal(guest, device, [b.handle], [4n]);
  assert.equal(guest.events.length, 3);
  await finish(guest);
});

test('CPU waits: handles of other kinds, stale and foreign ones, and no event are refused without an event', async () => {
  const guest = await RawGuest.start({ asyncMessages: false });
  const device = await createDevice(guest);
  const fence = await createFence(guest, device);
  const stale = await createFence(guest, device);
  await guest.call(commands.destroySyncObject, { syncObject: stale.handle });
  const mine = guest.process;
  guest.process = (await guest.call(commands.createProcess, {})).hprocess;
  const otherDevice = await createDevice(guest);
  for (let i = 0; i < 8; i += 1) await createFence(guest, otherDevice);
  const foreign = await createFence(guest, otherDevice);
  const other = guest.process;
  guest.process = mine;
  const bad = [0, device, stale.handle, foreign.handle, fence.handle ^ 1, 0xffff_ffff];
  for (const object of bad) {
    assert.equal(
      await waitFromCpu(guest, device, [fence.handle, object], [0n, 0n], 9n),
      NtStatus.invalidParameter,
    );
    assert.equal(await signal(guest, device, [fence.handle, object], [1n, 1n]), NtStatus.invalidParameter);
    const destroyed = await guest.call(commands.destroySyncObject, { syncObject: object });
    assert.equal(destroyed.status, NtStatus.invalidParameter);
  }
  for (const badDevice of [0, fence.handle, 0xffff_ffff]) {
    assert.equal(await waitFromCpu(guest, badDevice, [fence.handle], [0n], 9n), NtStatus.invalidParameter);
    assert.equal(await signal(guest, badDevice, [fence.handle], [1n]), NtStatus.invalidParameter);
  }
  assert.equal(await waitFromCpu(guest, device, [fence.handle], [0n], 0n), NtStatus.invalidParameter);
  assert.equal(await waitFromCpu(guest, device, [], [], 9n), NtStatus.invalidParameter);
  assert.deepEqual(guest.events, []);
  assert.equal(guest.fenceAt(fence.address), 0n);
  await guest.call(commands.destroyProcess, {}, { process: other });
  await finish(guest);
});

test('destroying a fence, a device or a process releases the CPU waits made through it', async () => {
  const guest = await RawGuest.start({ asyncMessages: false });
  const device = await createDevice(guest);
  const second = await createDevice(guest);
  const a = await createFence(guest, device);
  const b = await createFence(guest, device);
  const c = await createFence(guest, device);
  await waitFromCpu(guest, device, [a.handle], [1n], 2n);
  await waitFromCpu(guest, second, [b.handle], [1n], 3n);
  await waitFromCpu(guest, device, [c.handle], [1n], 4n);
  await guest.call(commands.destroySyncObject, { syncObject: a.handle });
  assert.deepEqual(guest.events, [2n]);
  await guest.call(commands.destroyDevice, { device: second });
  assert.deepEqual(guest.events, [2n, 3n]);
  await endProcess(guest);
  assert.deepEqual(guest.events, [2n, 3n, 4n]);
  await guest.close();
});

test('rights: a no-signal instance cannot be signalled, a no-wait one not waited for', async () => {
  const guest = await RawGuest.start({ asyncMessages: false });
  const device = await createDevice(guest);
  const mute = await createFence(guest, device, 0n, SyncObjectFlags.noSignal);
  const blind = await createFence(guest, device, 0n, SyncObjectFlags.noWait);
  assert.equal(await signal(guest, device, [mute.handle], [1n]), NtStatus.accessDenied);
  assert.equal(await waitFromCpu(guest, device, [blind.handle], [0n], 2n), NtStatus.accessDenied);
  assert.deepEqual(guest.events, []);
  await finish(guest);
});

test('the fence of a queue can be waited for, but not signalled, destroyed or shared', async () => {
  const guest = await RawGuest.start({ asyncMessages: false });
  const device = await createDevice(guest);
  const hw = await createHwQueue(guest, device);
  const paging = await createPagingQueue(guest, device);
  for (const fence of [hw.fence, paging.fence]) {
    assert.equal(await waitFromCpu(guest, device, [fence], [0n], 2n), NtStatus.success);
    assert.equal(await signal(guest, device, [fence], [1n]), NtStatus.invalidParameter);
    const destroyed = await guest.call(commands.destroySyncObject, { syncObject: fence });
    assert.equal(destroyed.status, NtStatus.invalidParameter);
    assert.equal((await guest.call(commands.createNtSharedObject, { object: fence })).sharedHandle, 0);
  }
  await finish(guest);
});

test('signals queued to contexts take effect in order, and a wait parks the context', async () => {
  const guest = await RawGuest.start({ asyncMessages: false });
  const device = await createDevice(guest);
  const first = await createContext(guest, device);
  const second = await createContext(guest, device);
  const a = await createFence(guest, device);
  const b = await createFence(guest, device);
  const wait = { context: first, objects: [a.handle], fenceValues: [1n] };
  assert.equal((await guest.call(commands.waitForSyncObjectFromGpu, wait)).status, NtStatus.success);
  const both = { contexts: [first, second], objects: [b.handle], fenceValues: [5n] };
  assert.equal((await guest.call(commands.signalSyncObject, both)).status, NtStatus.success);
  assert.equal(guest.fenceAt(b.address), 0n);
  await signal(guest, device, [a.handle], [1n]);
  assert.equal(guest.fenceAt(b.address), 5n);
  await finish(guest);
});

test('a CPU event enqueued to contexts fires when all have come to it, at once with none', async () => {
  const guest = await RawGuest.start({ asyncMessages: false });
  const device = await createDevice(guest);
  const context = await createContext(guest, device);
  const fence = await createFence(guest, device);
  await guest.call(commands.waitForSyncObjectFromGpu, {
    context,
    objects: [fence.handle],
    fenceValues: [1n],
  });
  const flags = SignalFlags.enqueueCpuEvent;
  const event = { contexts: [context], flags, cpuEventHandle: 77n };
  assert.equal((await guest.call(commands.signalSyncObject, event)).status, NtStatus.success);
  assert.deepEqual(guest.events, []);
  await signal(guest, device, [fence.handle], [1n]);
  assert.deepEqual(guest.events, [77n]);
  assert.equal((await guest.call(commands.signalSyncObject, { flags, cpuEventHandle: 78n })).status, 0);
  assert.deepEqual(guest.events, [77n, 78n]);
  const none = await guest.call(commands.signalSyncObject, { ...event, cpuEventHandle: 0n });
  assert.equal(none.status, NtStatus.invalidParameter);
  await finish(guest);
});

test('counts: at the limits, one above, and values between', async () => {
  const guest = await RawGuest.start({ asyncMessages: false });
  const device = await createDevice(guest);
  const context = await createContext(guest, device);
  const fence = await createFence(guest, device);
  const list = <T>(length: number, value: T): T[] => Array.from({ length }, () => value);
  const signalled = (objects: number, contexts: number) =>
    guest.call(commands.signalSyncObject, {
      objects: list(objects, fence.handle),
      contexts: list(contexts, context),
      fenceValues: list(objects, 1n),
    });
  assert.equal((await signalled(32, 64)).status, NtStatus.success);
  assert.equal((await signalled(33, 1)).status, NtStatus.invalidParameter);
  assert.equal((await signalled(1, 65)).status, NtStatus.invalidParameter);
  const waited = (count: number) =>
    guest.call(commands.waitForSyncObjectFromGpu, {
      context,
      objects: list(count, fence.handle),
      fenceValues: list(count, 1n),
    });
  assert.equal((await waited(0)).status, NtStatus.invalidParameter);
  assert.equal((await waited(32)).status, NtStatus.success);
  assert.equal((await waited(33)).status, NtStatus.invalidParameter);
  const many = list(500, fence.handle);
  assert.equal(await waitFromCpu(guest, device, many, list(500, 0n), 3n), NtStatus.success);
  await finish(guest);
});

test('the older kinds: mutex, semaphore, fence without a page, CPU notification', async () => {
  const guest = await RawGuest.start({ asyncMessages: false });
  const device = await createDevice(guest);
  const context = await createContext(guest, device);
  const make = async (info: object) =>
    await guest.call(commands.createSyncObject, { args: { device, info } });
  const mutex = await make({ type: SyncObjectType.mutex, mutex: { initialState: 0 } });
  const semaphore = await make({
    type: SyncObjectType.semaphore,
    semaphore: { maxCount: 8, initialCount: 2 },
  });
  const fence = await make({ type: SyncObjectType.fence, fence: { fenceValue: 40n } });
  const notification = await make({ type: SyncObjectType.cpuNotification, cpuNotification: { event: 55n } });
  for (const { syncObject, fenceStorageAddress } of [mutex, semaphore, fence, notification]) {
    assert.notEqual(syncObject, 0);
    assert.equal(fenceStorageAddress, 0n);
  }
  const legacy = (objects: number[], fenceValue = 0n) =>
    guest.call(commands.signalSyncObject, { objects, contexts: [context], fenceValue });
  assert.equal((await legacy([notification.syncObject])).status, 0);
  assert.equal((await legacy([notification.syncObject])).status, 0);
  assert.deepEqual(guest.events, [55n, 55n]);
  assert.equal((await legacy([mutex.syncObject, semaphore.syncObject])).status, 0);
  assert.equal((await legacy([fence.syncObject], 41n)).status, 0);
  const wait = { context, objects: [fence.syncObject], fenceValues: [41n], legacyFenceObject: true };
  assert.equal((await guest.call(commands.waitForSyncObjectFromGpu, wait)).status, 0);
  await guest.call(commands.destroyDevice, { device });
  assert.equal(guest.partition.census()['syncObjects'], 4);
  await finish(guest);
});

test('sync objects that cannot be: unknown kind and flags, shared without NT security, a notification without event', async () => {
  const guest = await RawGuest.start({ asyncMessages: false });
  const device = await createDevice(guest);
  const before = guest.partition.census();
  const bad: object[] = [
    { type: 0 },
    { type: 7 },
    { type: 0xffff_ffff },
    { type: SyncObjectType.monitoredFence, flags: 0x100 },
    { type: SyncObjectType.monitoredFence, flags: SyncObjectFlags.shared },
    { type: SyncObjectType.semaphore, semaphore: { maxCount: 1, initialCount: 2 } },
    { type: SyncObjectType.cpuNotification },
    { type: SyncObjectType.cpuNotification, flags: 3, cpuNotification: { event: 1n } },
  ];
  for (const info of bad) {
    const payload = await guest.send(commands.createSyncObject, { args: { device, info } });
    assert.equal(
      payload.length,
      0,
      JSON.stringify(info, (_key, value) => String(value)),
    );
  }
  assert.deepEqual(guest.partition.census(), before);
  await finish(guest);
});

test('a periodic fence rises with the virtual refresh while it is open', async () => {
  const clock = new FakeClock();
  const guest = await RawGuest.start({ asyncMessages: false, clock });
  const device = await createDevice(guest);
  const info = { type: SyncObjectType.periodicMonitoredFence, periodicMonitoredFence: { time: 10_000n } };
  const made = await guest.call(commands.createSyncObject, { args: { device, info } });
  assert.equal(guest.fenceAt(made.fenceStorageAddress), 0n);
  clock.advance(1000);
  assert.ok(guest.fenceAt(made.fenceStorageAddress) >= 59n);
  assert.equal(await waitFromCpu(guest, device, [made.syncObject], [100n], 8n), 0);
  clock.advance(1000);
  await guest.call(commands.flushHeapTransitions, {});
  assert.deepEqual(guest.events, [8n]);
  await finish(guest);
});

test('all processes of a guest together have no more objects than their quota; one that ends gives back its own', async () => {
  const guest = await RawGuest.start({ asyncMessages: false, quotas: { objects: 100 } });
  const makeUntilFull = async (device: number): Promise<number> => {
    const info = { type: SyncObjectType.fence };
    for (let made = 0; ; made += 1) {
      const payload = await guest.send(commands.createSyncObject, { args: { device, info } });
      if (payload.length === 0 || made === 200) return made;
    }
  };
  const first = guest.process;
  const device = await createDevice(guest);
  const info = { type: SyncObjectType.fence };
  for (let made = 0; made < 59; made += 1)
    await guest.call(commands.createSyncObject, { args: { device, info } });
  guest.process = (await guest.call(commands.createProcess, { processId: 9n, processName: 'b' })).hprocess;
  const second = await createDevice(guest);
  assert.equal(await makeUntilFull(second), 39);
  await guest.call(commands.destroyProcess, {}, { process: first });
  assert.equal(await makeUntilFull(second), 60);
  assert.equal(guest.host.census()['objects'], 100);
  await finish(guest);
});

test('a full device window and a full handle table fail creation, and leave nothing', async () => {
  const guest = await RawGuest.start({
    asyncMessages: false,
    windowMegabytes: 1,
    quotas: { objectsPerProcess: 300 },
  });
  const device = await createDevice(guest);
  let made = 0;
  for (; made < 300; made += 1) {
    const info = { type: SyncObjectType.monitoredFence };
    const payload = await guest.send(commands.createSyncObject, { args: { device, info } });
    if (payload.length === 0) break;
  }
  assert.ok(made >= 200 && made < 256, String(made));
  const info = { type: SyncObjectType.fence };
  for (; made < 299; made += 1) {
    const payload = await guest.send(commands.createSyncObject, { args: { device, info } });
    assert.equal(payload.length, 32);
  }
  assert.equal((await guest.send(commands.createSyncObject, { args: { device, info } })).length, 0);
  assert.equal((await guest.call(commands.createDevice, {})).device, 0);
  assert.equal((await guest.call(commands.createContextVirtual, { device })).context, 0);
  await finish(guest);
});
