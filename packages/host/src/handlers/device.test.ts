import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commands, NtStatus } from '@dxgwire/protocol';
import { createHost } from '../host.ts';
import { FakeBackend } from '../testing/fake-backend.ts';
import {
  createAllocation,
  createContext,
  createDevice,
  createFence,
  createHwQueue,
  createPagingQueue,
  endProcess,
  finish,
} from '../testing/objects.ts';
import { RawGuest } from '../testing/raw-guest.ts';

/** One of everything on a device, some of it waiting for what never comes. */
async function fill(guest: RawGuest, device: number): Promise<void> {
  const context = await createContext(guest, device);
  const { hwqueue } = await createHwQueue(guest, device);
  const fence = await createFence(guest, device, 0n, 3);
  const { pagingQueue } = await createPagingQueue(guest, device);
  const allocation = await createAllocation(guest, device, 8192);
  await guest.call(commands.createAllocation, { device, allocInfo: [{}, {}], flags: 1 });
  await guest.call(commands.createSyncObject, { args: { device, info: { type: 1 } } });
  await guest.call(commands.makeResident, { pagingQueue, allocations: [allocation] });
  await guest.call(commands.mapGpuVirtualAddress, { args: { pagingQueue, allocation, sizeInPages: 2n } });
  await guest.call(commands.lock2, { args: { device, allocation } });
  const objects = [fence.handle];
  await guest.call(commands.waitForSyncObjectFromCpu, {
    device,
    objects,
    fenceValues: [9n],
    guestEventPointer: 3n,
  });
  for (const target of [context, hwqueue]) {
    guest.post(commands.waitForSyncObjectFromGpu, { context: target, objects, fenceValues: [9n] });
  }
  guest.post(commands.submitCommandToHwQueue, { args: { hwqueue, hwqueueProgressFenceId: 1n } });
  guest.post(commands.submitCommand, { args: { broadcastContextCount: 1, broadcastContext: [context] } });
  await guest.call(commands.flushHeapTransitions, {});
}

test('DestroyDevice takes contexts, queues, fences, allocations and waits along; older sync objects stay', async () => {
  const guest = await RawGuest.start();
  const device = await createDevice(guest);
  await fill(guest, device);
  assert.equal((await guest.call(commands.destroyDevice, { device })).status, NtStatus.success);
  const census = guest.partition.census();
  const left = Object.entries(census).filter(([, count]) => count !== 0);
  assert.deepEqual(Object.fromEntries(left.filter(([kind]) => !kind.startsWith('memory.address'))), {
    processes: 1,
    objects: 1,
    syncObjects: 1,
    'memory.memoryProcesses': 1,
  });
  assert.equal(guest.backend.left, 0);
  assert.deepEqual(guest.events, [3n]);
  assert.equal((await guest.call(commands.destroyDevice, { device })).status, NtStatus.invalidParameter);
  await finish(guest);
});

test('DestroyProcess, the end of the link, and an abort free everything', async () => {
  const guest = await RawGuest.start();
  for (let i = 0; i < 2; i += 1) await fill(guest, await createDevice(guest));
  await endProcess(guest);
  await guest.close();
  for (const end of ['close', 'abort'] as const) {
    const other = await RawGuest.start();
    await fill(other, await createDevice(other));
    if (end === 'close') await other.bus.close();
    else other.bus.abort(new Error('the guest died'));
    await other.partition.ended;
    assert.equal(other.backend.left, 0);
    assert.equal(other.backend.opened[0]!.isClosed, true);
    assert.deepEqual(other.host.census(), { partitions: 0 });
  }
});

test('DestroyDevice is answered when nothing of it runs any more', async () => {
  const guest = await RawGuest.start();
  const device = await createDevice(guest);
  const { hwqueue } = await createHwQueue(guest, device);
  const adapter = guest.backend.opened[0]!;
  adapter.holdsRuns = true;
  guest.post(commands.submitCommandToHwQueue, { args: { hwqueue, hwqueueProgressFenceId: 1n } });
  let isAnswered = false;
  const destroyed = guest.call(commands.destroyDevice, { device }).then((reply) => {
    isAnswered = true;
    return reply;
  });
  await guest.call(commands.flushHeapTransitions, {});
  assert.equal(isAnswered, false);
  assert.equal((await guest.call(commands.destroyDevice, { device })).status, NtStatus.invalidParameter);
  [...adapter.running][0]!.finish();
  assert.equal((await destroyed).status, NtStatus.success);
  await finish(guest);
});

test('DestroyProcess waits for a device that was being destroyed before it', async () => {
  const guest = await RawGuest.start();
  const device = await createDevice(guest);
  const { hwqueue } = await createHwQueue(guest, device);
  const adapter = guest.backend.opened[0]!;
  adapter.holdsRuns = true;
  guest.post(commands.submitCommandToHwQueue, { args: { hwqueue, hwqueueProgressFenceId: 1n } });
  const answers: string[] = [];
  const destroyed = guest.call(commands.destroyDevice, { device }).then(() => answers.push('device'));
  const ended = guest.call(commands.destroyProcess, {}).then(() => answers.push('process'));
  guest.process = (await guest.call(commands.createProcess, {})).hprocess;
  assert.deepEqual(answers, []);
  [...adapter.running][0]!.finish();
  await Promise.all([destroyed, ended]);
  assert.deepEqual(answers.sort(), ['device', 'process']);
  await finish(guest);
});

test('two guests of one host know nothing of each other', async () => {
  const backend = new FakeBackend();
  const host = createHost({ backend });
  const guest = await RawGuest.start({ host, backend });
  const other = await RawGuest.start({ host, backend });
  const device = await createDevice(guest);
  const otherDevice = await createDevice(other);
  await fill(guest, device);
  await fill(other, otherDevice);
  const before = other.partition.census();
  const census = host.census();
  assert.equal(census['devices'], 2);
  assert.equal(census['partitions'], 2);
  // A handle of one guest is none in another, whose objects stay as they are; its own still works.
  const foreign = await guest.call(commands.destroyDevice, { device: otherDevice });
  assert.equal(foreign.status, NtStatus.invalidParameter);
  assert.deepEqual(other.partition.census(), before);
  assert.equal((await guest.call(commands.destroyDevice, { device })).status, NtStatus.success);
  assert.deepEqual(other.partition.census(), before);
  assert.deepEqual(other.events, []);
  await guest.bus.close();
  await guest.partition.ended;
  assert.deepEqual(other.partition.census(), before);
  await endProcess(other).catch(() => {});
  assert.equal(backend.left, 0);
  await other.close();
});

test('the quota of processes fails CreateProcess with a zero handle', async () => {
  const guest = await RawGuest.start({ quotas: { processes: 2 } });
  assert.notEqual((await guest.call(commands.createProcess, {})).hprocess, 0);
  assert.equal((await guest.call(commands.createProcess, {})).hprocess, 0);
  await guest.call(commands.destroyProcess, {}, { process: guest.process });
  guest.process = (await guest.call(commands.createProcess, { processId: 5n, processName: 'x' })).hprocess;
  assert.notEqual(guest.process, 0);
  await guest.close();
});

test('what a guest sends never gets into the log: tokens, private data, names', async () => {
  const { createLog } = await import('../pino-log.ts');
  const lines: string[] = [];
  const log = createLog({ level: 'trace', destination: { write: (line) => lines.push(line) } });
  const backend = new FakeBackend();
  const host = createHost({ backend, log });
  const guest = await RawGuest.start({ host, backend, name: 'quiet' });
  guest.process = (
    await guest.call(commands.createProcess, {
      process: 0xfeed_0000_1111n,
      processId: 987_654n,
      processName: 'secret',
    })
  ).hprocess;
  const { device } = await guest.call(commands.createDevice, { errorCode: 0xfeed_0000_2222n });
  await guest.call(commands.createContextVirtual, { device, privDrvData: Uint8Array.of(0xff, 0xde, 0xad) });
  await guest.call(commands.markDeviceAsError, { args: { device } });
  await guest.call(commands.destroyDevice, { device: 0 });
  const text = lines.join('');
  assert.ok(lines.length > 3);
  for (const secret of ['secret', '987654', String(0xfeed_0000_1111n), String(0xfeed_0000_2222n), 'feed00']) {
    assert.equal(text.includes(secret), false, secret);
  }
  await guest.close();
});

test('reserved bits of flags are refused wherever there are any', async () => {
  const guest = await RawGuest.start({ asyncMessages: false });
  const device = await createDevice(guest);
  const context = await createContext(guest, device);
  const { context: container } = await createHwQueue(guest, device);
  const fence = await createFence(guest, device);
  const { pagingQueue } = await createPagingQueue(guest, device);
  const allocation = await createAllocation(guest, device);
  const flags = 1 << 29;
  const objects = [fence.handle];
  const before = guest.partition.census();
  assert.equal((await guest.call(commands.createDevice, { flags })).device, 0);
  assert.equal((await guest.call(commands.createContextVirtual, { device, flags })).context, 0);
  assert.equal((await guest.send(commands.createAllocation, { device, flags, allocInfo: [{}] })).length, 0);
  assert.equal((await guest.send(commands.evict, { device, flags, allocations: [allocation] })).length, 0);
  const args = { flags, broadcastContextCount: 1, broadcastContext: [context] };
  const statuses = [
    await guest.call(commands.createHwQueue, { context: container, flags }),
    await guest.call(commands.submitCommand, { args }),
    await guest.call(commands.signalSyncObject, { device, flags, objects, fenceValues: [1n] }),
    await guest.call(commands.waitForSyncObjectFromCpu, {
      device,
      flags,
      objects,
      fenceValues: [1n],
      guestEventPointer: 1n,
    }),
    await guest.call(commands.makeResident, { pagingQueue, flags, allocations: [allocation] }),
    await guest.call(commands.offerAllocations, { device, flags, priority: 2, allocations: [allocation] }),
    await guest.call(commands.destroyAllocation, { device, flags, allocations: [allocation] }),
    await guest.call(commands.updateGpuVirtualAddress, { device, context, flags, operations: [{}] }),
  ];
  for (const { status } of statuses) assert.equal(status, NtStatus.invalidParameter);
  assert.deepEqual(guest.partition.census(), before);
  await finish(guest);
});
