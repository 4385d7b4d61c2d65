import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CreateAllocationFlags as Flags, NtStatus } from '@dxgwire/protocol';
import type { KmtProcess } from './process.ts';
import { makeQueues, type Scenario, startScenario } from './testing/scenario.ts';

const EINVAL = -22;
const EBADF = -9;
const ENOTRECOVERABLE = -131;
const SHARED = 3;

/** A second process with a device on the same adapter. */
async function openSecond({ driver }: Scenario): Promise<{ process: KmtProcess; device: number }> {
  const process = await driver.openDevice({ pid: 5000 });
  const { adapters } = await process.enumAdapters3({ adapterCount: 1 });
  const { device } = await process.createDevice({ adapter: adapters[0]!.adapterHandle });
  return { process, device };
}

async function sharedFence({ device, process }: Scenario): Promise<number> {
  const info = { type: 5, flags: SHARED, monitoredFence: { initialFenceValue: 4n } };
  const { ret, syncObject } = await process.createSynchronizationObject2({ device, info });
  assert.equal(ret, 0);
  return syncObject;
}

test('the host has one NT object for all descriptors of a fence, until the last is closed', async () => {
  const scenario = await startScenario();
  const { host, process } = scenario;
  const fence = await sharedFence(scenario);
  const from = host.sent.length;
  const first = await process.shareObjects({ objects: [fence] });
  const second = await process.shareObjects({ objects: [fence] });
  assert.deepEqual([first.sharedHandle, second.sharedHandle], [1000, 1001]);
  assert.deepEqual(host.names(from), ['CreateNtSharedObject']);
  assert.equal(host.last('CreateNtSharedObject').body['object'], fence);
  assert.deepEqual(await process.closeFd(1000), { ret: 0 });
  assert.deepEqual(host.names(from), ['CreateNtSharedObject']);
  await process.closeFd(1001);
  assert.deepEqual(host.names(from), ['CreateNtSharedObject', 'DestroyNtSharedObject']);
  assert.deepEqual(await process.closeFd(1001), { ret: EBADF });
  assert.equal((await process.shareObjects({ objects: [fence] })).sharedHandle, 1002);
});

test('descriptors asked for at the same time ask the host once', async () => {
  const scenario = await startScenario();
  const { host, process } = scenario;
  const fence = await sharedFence(scenario);
  const from = host.sent.length;
  const share = () => process.shareObjects({ objects: [fence] });
  const results = await Promise.all([share(), share(), share()]);
  assert.deepEqual(
    results.map(({ sharedHandle }) => sharedHandle),
    [1000, 1001, 1002],
  );
  assert.deepEqual(host.names(from), ['CreateNtSharedObject']);
});

test('an NT object without a handle cannot be shared', async () => {
  const scenario = await startScenario();
  const { host, process } = scenario;
  const fence = await sharedFence(scenario);
  host.next('CreateNtSharedObject', () => ({ sharedHandle: 0 }));
  assert.deepEqual(await process.shareObjects({ objects: [fence] }), {
    ret: ENOTRECOVERABLE,
    sharedHandle: -1,
  });
});

test('another process opens the fence by its global handle', async () => {
  const scenario = await startScenario();
  const { host } = scenario;
  const fence = await sharedFence(scenario);
  const { sharedHandle } = await scenario.process.shareObjects({ objects: [fence] });
  const { device, process } = await openSecond(scenario);
  host.next('OpenSyncObject', () => ({
    syncObject: 0x40004000,
    gpuVirtualAddress: 0x77000n,
    guestCpuPhysicalAddress: host.page(),
  }));
  const opened = await process.openSyncObjectFromNtHandle2({ ntHandle: sharedHandle, device });
  assert.deepEqual([opened.ret, opened.syncObject, opened.fenceValueGpuVa], [0, 0x40004000, 0x77000n]);
  assert.equal(opened.fenceView?.value(), 0n);
  const { body, channel } = host.last('OpenSyncObject');
  assert.equal(channel, 1);
  assert.notEqual(body['globalSyncObject'], 0);
  // Both processes may go without the descriptor going.
  await scenario.process.closeDevice();
  assert.ok(!host.names().includes('DestroyNtSharedObject'));
  await process.closeDevice();
  await process.closeFd(sharedHandle);
  assert.equal(host.names().at(-1), 'DestroyNtSharedObject');
});

test('what the host opened is destroyed when the guest cannot use it', async () => {
  const scenario = await startScenario();
  const { device, host, process } = scenario;
  const fence = await sharedFence(scenario);
  const { sharedHandle: ntHandle } = await process.shareObjects({ objects: [fence] });
  const cases = [
    [{ syncObject: 0x40004000, guestCpuPhysicalAddress: 0n }, -12, ['DestroySyncObject']],
    [{ syncObject: device, guestCpuPhysicalAddress: host.page() }, EINVAL, ['DestroySyncObject']],
    [{ status: NtStatus.invalidParameter }, EINVAL, []],
  ] as const;
  for (const [reply, ret, further] of cases) {
    const from = host.sent.length;
    host.next('OpenSyncObject', () => reply);
    assert.equal((await process.openSyncObjectFromNtHandle2({ ntHandle, device })).ret, ret);
    assert.deepEqual(host.names(from), ['OpenSyncObject', ...further]);
  }
});

async function sharedResource({ device, process }: Scenario) {
  const made = await process.createAllocation({
    device,
    flags: Flags.createResource | Flags.createShared | Flags.ntSecuritySharing,
    privateRuntimeData: Uint8Array.of(1, 2, 3),
    privDrvData: Uint8Array.of(4, 5),
    allocationInfo: [{ privDrvData: Uint8Array.of(6) }, { privDrvData: Uint8Array.of(7, 8) }],
  });
  assert.equal(made.ret, 0);
  return made;
}

test('a shared resource is sealed by its first descriptor', async () => {
  const scenario = await startScenario();
  const { device, process } = scenario;
  const { resource } = await sharedResource(scenario);
  const extend = () => process.createAllocation({ device, resource, allocationInfo: [{}] });
  assert.equal((await process.shareObjects({ objects: [resource] })).ret, 0);
  assert.equal((await extend()).ret, EINVAL);
});

test('another process opens the resource and gets the data of its creation', async () => {
  const scenario = await startScenario();
  const { host } = scenario;
  const made = await sharedResource(scenario);
  const { sharedHandle: ntHandle } = await scenario.process.shareObjects({ objects: [made.resource] });
  const { device, process } = await openSecond(scenario);
  const from = host.sent.length;
  const info = await process.queryResourceInfoFromNtHandle({ device, ntHandle });
  assert.deepEqual(info, {
    ret: 0,
    privateRuntimeDataSize: 3,
    totalPrivDrvDataSize: 3,
    resourcePrivDrvDataSize: 2,
    allocationCount: 2,
  });
  assert.deepEqual(host.names(from), []);
  const { ret: _, ...sizes } = info;
  const opened = await process.openResourceFromNtHandle({ device, ntHandle, ...sizes });
  assert.equal(opened.ret, 0);
  assert.deepEqual(
    opened.openAllocInfo.map(({ privDrvData }) => [...privDrvData]),
    [[6], [7, 8]],
  );
  assert.deepEqual([...opened.privateRuntimeData], [1, 2, 3]);
  assert.deepEqual([...opened.resourcePrivDrvData], [4, 5]);
  const { body } = host.last('OpenResource');
  assert.deepEqual(
    [body['allocationCount'], body['totalPrivDrvDataSize'], body['ntSecuritySharing']],
    [2, 3, true],
  );
  const [first] = opened.openAllocInfo;
  assert.equal((await process.lock2({ device, allocation: first!.allocation })).data?.length, 4096);
  assert.equal((await process.destroyAllocation2({ device, allocations: [first!.allocation] })).ret, EINVAL);
  await process.destroyAllocation2({ device, resource: opened.resource });
  assert.equal(host.last('DestroyAllocation').body['resource'], opened.resource);
});

test('sizes that do not fit are refused, and what the host opened is undone', async () => {
  const scenario = await startScenario();
  const { device, host, process } = scenario;
  const { resource } = await sharedResource(scenario);
  const { sharedHandle: ntHandle } = await process.shareObjects({ objects: [resource] });
  const sizes = {
    allocationCount: 2,
    privateRuntimeDataSize: 3,
    resourcePrivDrvDataSize: 2,
    totalPrivDrvDataSize: 3,
  };
  for (const wrong of [
    { allocationCount: 1 },
    { allocationCount: 3 },
    { privateRuntimeDataSize: 2 },
    { resourcePrivDrvDataSize: 1 },
    { totalPrivDrvDataSize: 2 },
  ]) {
    const from = host.sent.length;
    const opened = await process.openResourceFromNtHandle({ device, ntHandle, ...sizes, ...wrong });
    assert.equal(opened.ret, EINVAL);
    assert.deepEqual(host.names(from), []);
  }
  const count = process.handleCount;
  host.next('OpenResource', () => ({ resource: 0x40004000, allocations: [0x40004040, device] }));
  assert.equal((await process.openResourceFromNtHandle({ device, ntHandle, ...sizes })).ret, EINVAL);
  const { body } = host.last('DestroyAllocation');
  assert.deepEqual([body['resource'], body['flags']], [0x40004000, 1]);
  assert.equal(process.handleCount, count);
  host.next('OpenResource', () => ({ resource: 0, allocations: [0, 0], status: NtStatus.noMemory }));
  assert.equal((await process.openResourceFromNtHandle({ device, ntHandle, ...sizes })).ret, -12);
  assert.equal(process.handleCount, count);
});

test('a resource whose allocations have no private data cannot be shared the first time', async () => {
  const scenario = await startScenario();
  const { device, host, process } = scenario;
  const flags = Flags.createResource | Flags.createShared | Flags.ntSecuritySharing;
  const { resource } = await process.createAllocation({ device, flags, allocationInfo: [{}] });
  const from = host.sent.length;
  assert.equal((await process.shareObjects({ objects: [resource] })).ret, EINVAL);
  assert.deepEqual(host.names(from), ['CreateNtSharedObject', 'DestroyNtSharedObject']);
  assert.equal((await process.shareObjects({ objects: [resource] })).ret, 0);
});

test('a sync file waits, opens and waits on the GPU through its shared fence', async () => {
  const scenario = await startScenario();
  const { device, driver, host, process } = scenario;
  const { context } = await makeQueues(scenario);
  const monitoredFence = await sharedFence(scenario);
  const from = host.sent.length;
  const { syncFileHandle } = await process.createSyncFile({ device, monitoredFence, fenceValue: 9n });
  assert.equal(syncFileHandle, 1000);
  assert.deepEqual(host.names(from), ['CreateNtSharedObject', 'WaitForSyncObjectFromCpu']);
  assert.deepEqual(await process.waitSyncFile({ syncFileHandle, context }), { ret: 0 });
  assert.deepEqual(host.names(from + 2), ['OpenSyncObject', 'WaitForSyncObjectFromGpu', 'DestroySyncObject']);
  const waited = () =>
    Array.from(host.last('WaitForSyncObjectFromGpu').body['fenceValues'] as BigUint64Array);
  assert.deepEqual(waited(), [9n]);
  const opened = await process.openSyncObjectFromSyncFile({ syncFileHandle, device });
  assert.deepEqual([opened.ret, opened.fenceValue], [0, 9n]);
  // The stock driver counts up when the file is signalled, and waits for that value from then on.
  host.signalEvent(BigInt(host.last('WaitForSyncObjectFromCpu').body['guestEventPointer'] as bigint));
  await process.waitSyncFile({ syncFileHandle, context });
  assert.deepEqual(waited(), [10n]);
  await process.closeFd(syncFileHandle);
  assert.equal(host.names().at(-1), 'DestroyNtSharedObject');
  assert.equal(driver.statistics.eventsRegistered, 0);
});

test('a sync file of a fence that is not shared waits for nothing', async () => {
  const scenario = await startScenario();
  const { device, host, process } = scenario;
  const { context, fence } = await makeQueues(scenario);
  const { syncFileHandle } = await process.createSyncFile({ device, monitoredFence: fence, fenceValue: 1n });
  const from = host.sent.length;
  assert.deepEqual(await process.waitSyncFile({ syncFileHandle, context }), { ret: 0 });
  const opened = await process.openSyncObjectFromSyncFile({ syncFileHandle, device });
  assert.deepEqual([opened.ret, opened.syncobj, opened.fenceView], [0, 0, null]);
  assert.deepEqual(host.names(from), []);
});

test('a sync file that the host refuses leaves neither event nor NT object', async () => {
  const scenario = await startScenario();
  const { device, driver, host, process } = scenario;
  const monitoredFence = await sharedFence(scenario);
  host.next('WaitForSyncObjectFromCpu', () => ({ status: NtStatus.noMemory }));
  const refused = await process.createSyncFile({ device, monitoredFence, fenceValue: 1n });
  assert.deepEqual(refused, { ret: -12, syncFileHandle: -1 });
  assert.equal(host.names().at(-1), 'DestroyNtSharedObject');
  assert.equal(driver.statistics.eventsRegistered, 0);
});

test('an object is shared with the host by its NT handle there', async () => {
  const scenario = await startScenario();
  const { device, host, process } = scenario;
  const fence = await sharedFence(scenario);
  host.next('ShareObjectWithHost', () => ({ vailNtHandle: 0x1122334455n }));
  const args = { deviceHandle: device, objectHandle: fence };
  assert.deepEqual(await process.shareObjectWithHost(args), { ret: 0, objectVailNtHandle: 0x1122334455n });
  host.next('ShareObjectWithHost', () => ({ status: NtStatus.pending, vailNtHandle: 1n }));
  assert.deepEqual(await process.shareObjectWithHost(args), {
    ret: NtStatus.pending,
    objectVailNtHandle: 0n,
  });
});
