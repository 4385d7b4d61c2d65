import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NtStatus } from '@dxgwire/protocol';
import { makeQueues, type Queues, type Scenario, startScenario } from './testing/scenario.ts';
import type { KmtResult } from './types/common.ts';

const EINVAL = -22;
const EOVERFLOW = -75;
const ENOMEM = -12;
const PENDING = NtStatus.pending;

type Call = (scenario: Scenario & Queues) => Promise<KmtResult>;

/** Calls whose reply has fields: the bytes that the driver wants at least. */
const REPLIES: readonly (readonly [name: string, bytes: number, call: Call])[] = [
  [
    'QueryAdapterInfo',
    4 + 24,
    ({ adapter, process }) => process.queryAdapterInfo({ adapter, type: 0, privateData: new Uint8Array(24) }),
  ],
  ['QueryVideoMemoryInfo', 32, ({ adapter, process }) => process.queryVideoMemoryInfo({ adapter })],
  ['QueryClockCalibration', 32, ({ adapter, process }) => process.queryClockCalibration({ adapter })],
  [
    'QueryStatistics',
    784,
    ({ process }) => process.queryStatistics({ type: 0, adapterLuid: { low: 0x10, high: 0x0a } }),
  ],
  ['IsFeatureEnabled', 16, ({ adapter, process }) => process.isFeatureEnabled({ adapter, featureId: 1 })],
  ['GetDeviceState', 60, ({ device, process }) => process.getDeviceState({ device, stateType: 2 })],
  [
    'GetContextSchedulingPriority',
    8,
    ({ context, process }) => process.getContextSchedulingPriority({ context }),
  ],
  [
    'MakeResident',
    24,
    ({ allocation, pagingQueue, process }) =>
      process.makeResident({ pagingQueue, allocationList: [allocation] }),
  ],
  ['Evict', 8, ({ allocation, device, process }) => process.evict({ device, allocations: [allocation] })],
  [
    'ReclaimAllocations',
    16 + 8,
    ({ allocation, pagingQueue, process }) =>
      process.reclaimAllocations2({ pagingQueue, allocations: [allocation, 0x40000040], wantResults: true }),
  ],
  [
    'ReserveGpuVirtualAddress',
    16,
    ({ adapter, process }) => process.reserveGpuVirtualAddress({ adapter, size: 65_536n }),
  ],
  [
    'MapGpuVirtualAddress',
    24,
    ({ allocation, pagingQueue, process }) =>
      process.mapGpuVirtualAddress({ pagingQueue, allocation, sizeInPages: 1n }),
  ],
  ['Lock2', 16, ({ allocation, device, process }) => process.lock2({ device, allocation })],
  [
    'QueryAllocationResidency',
    4 + 8,
    ({ allocation, device, process }) =>
      process.queryAllocationResidency({ device, allocations: [allocation, 0x40000040] }),
  ],
  [
    'GetAllocationPriority',
    4 + 4,
    ({ allocation, device, process }) =>
      process.getAllocationPriority({ device, allocationList: [allocation] }),
  ],
  [
    'UpdateAllocationProperty',
    16,
    ({ allocation, pagingQueue, process }) => process.updateAllocationProperty({ pagingQueue, allocation }),
  ],
  ['CreateHwQueue', 72, ({ context, process }) => process.createHwQueue({ context })],
  ['CreatePagingQueue', 24, ({ device, process }) => process.createPagingQueue({ device })],
  [
    'CreateSyncObject',
    32,
    ({ device, process }) => process.createSynchronizationObject2({ device, info: { type: 5 } }),
  ],
  [
    'CreateAllocation',
    16 + 72,
    ({ device, process }) => process.createAllocation({ device, allocationInfo: [{}] }),
  ],
];

for (const [name, size, call] of REPLIES) {
  test(`${name}: a reply of fewer than ${size} bytes is an overflow, the padding of a ring included`, async () => {
    const scenario = await startScenario();
    const all = { ...scenario, ...(await makeQueues(scenario)) };
    // A ring reports lengths as multiples of 8: the driver takes up to 7 bytes too few.
    const rounded = Math.ceil(size / 8) * 8;
    for (const length of [0, rounded - 8]) {
      scenario.host.next(name, () => new Uint8Array(length));
      assert.equal((await call(all)).ret, EOVERFLOW, `${length} bytes`);
    }
    const before = scenario.process.handleCount;
    scenario.host.next(name, () => new Uint8Array(rounded - 7));
    assert.notEqual((await call(all)).ret, EOVERFLOW, `${rounded - 7} bytes`);
    assert.equal(scenario.driver.statistics.completionsPending, 0);
    assert.ok(scenario.process.handleCount <= before + 2);
  });
}

/** Calls whose reply is an NTSTATUS and nothing else. */
const STATUSES: readonly (readonly [name: string, call: Call])[] = [
  [
    'ChangeVideoMemoryReservation',
    (s) => s.process.changeVideoMemoryReservation({ adapter: s.adapter, reservation: 1n }),
  ],
  ['MarkDeviceAsError', (s) => s.process.markDeviceAsError({ ...s, reason: 0x80000000 })],
  ['OfferAllocations', (s) => s.process.offerAllocations({ ...s, allocations: [s.allocation], priority: 1 })],
  [
    'SetAllocationPriority',
    (s) => s.process.setAllocationPriority({ ...s, allocationList: [s.allocation], priorities: [1] }),
  ],
  ['InvalidateCache', (s) => s.process.invalidateCache({ ...s, offset: 0n, length: 1n })],
  ['FreeGpuVirtualAddress', (s) => s.process.freeGpuVirtualAddress({ ...s, baseAddress: 0n, size: 1n })],
  ['SetContextSchedulingPriority', (s) => s.process.setContextSchedulingPriority({ ...s, priority: 1 })],
  [
    'SubmitCommandToHwQueue',
    (s) => s.process.submitCommandToHwQueue({ hwqueue: s.hwQueue, hwqueueProgressFenceId: 1n }),
  ],
  ['SubmitCommand', (s) => s.process.submitCommand({ broadcastContext: [s.context] })],
  [
    'SignalSyncObject',
    (s) => s.process.signalSynchronizationObjectFromCpu({ ...s, objects: [s.fence], fenceValues: [1n] }),
  ],
  [
    'WaitForSyncObjectFromGpu',
    (s) =>
      s.process.waitForSynchronizationObjectFromGpu({ ...s, objects: [s.fence], monitoredFenceValues: [1n] }),
  ],
  ['DestroySyncObject', (s) => s.process.destroySynchronizationObject({ syncObject: s.fence })],
  ['DestroyHwQueue', (s) => s.process.destroyHwQueue({ queue: s.hwQueue })],
  ['DestroyContext', (s) => s.process.destroyContext({ context: s.context })],
  [
    'DestroyAllocation',
    (s) => s.process.destroyAllocation2({ device: s.device, allocations: [s.allocation] }),
  ],
];

const status = (value: number) => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
};

for (const [name, call] of STATUSES) {
  test(`${name}: statuses become errnos, positive ones pass through`, async () => {
    const cases = [
      [status(0), 0],
      [status(PENDING), PENDING],
      [status(0xc0000017), ENOMEM],
      [status(0xc000000d), EINVAL],
      [status(0xc0000001), EINVAL],
      // Too short for a status, but a ring would have reported 8 bytes.
      [Uint8Array.of(3, 1), PENDING],
      [new Uint8Array(0), EOVERFLOW],
    ] as const;
    for (const [bytes, ret] of cases) {
      const scenario = await startScenario();
      const all = { ...scenario, ...(await makeQueues(scenario)) };
      scenario.host.next(name, () => bytes);
      assert.equal((await call(all)).ret, ret);
    }
  });
}

test('a failing status hides the fields beside it', async () => {
  const scenario = await startScenario();
  const { adapter, device, host, process } = scenario;
  const { allocation, pagingQueue } = await makeQueues(scenario);
  host.next('MakeResident', () => ({ pagingFenceValue: 7n, numBytesToTrim: 9n, status: NtStatus.noMemory }));
  const resident = await process.makeResident({ pagingQueue, allocationList: [allocation] });
  assert.deepEqual(resident, { ret: ENOMEM, pagingFenceValue: 0n, numBytesToTrim: 0n });
  host.next('QueryAdapterInfo', (body) => ({ ...body, status: NtStatus.invalidParameter }));
  const info = await process.queryAdapterInfo({ adapter, type: 0, privateData: Uint8Array.of(1, 2) });
  assert.deepEqual(info, { ret: EINVAL, privateData: new Uint8Array(0) });
  host.next('GetDeviceState', (body) => ({ ...body, status: NtStatus.invalidParameter }));
  assert.equal((await process.getDeviceState({ device, stateType: 3 })).ret, EINVAL);
  host.next('QueryClockCalibration', () => ({
    status: NtStatus.invalidParameter,
    clockData: { gpuFrequency: 5n, gpuClockCounter: 6n, cpuClockCounter: 7n, flags: 8 },
  }));
  // The one call that gives its fields out all the same.
  const clock = await process.queryClockCalibration({ adapter });
  assert.equal(clock.ret, EINVAL);
  assert.equal(clock.gpuFrequency, 5n);
});

test('pending passes through where the driver lets it', async () => {
  const scenario = await startScenario();
  const { host, process } = scenario;
  const { allocation, pagingQueue } = await makeQueues(scenario);
  host.on('MakeResident', () => ({ pagingFenceValue: 7n, numBytesToTrim: 9n, status: PENDING }));
  const resident = await process.makeResident({ pagingQueue, allocationList: [allocation] });
  assert.deepEqual(resident, { ret: PENDING, pagingFenceValue: 7n, numBytesToTrim: 9n });
  host.on('MapGpuVirtualAddress', () => ({
    virtualAddress: 0x10000n,
    pagingFenceValue: 3n,
    status: PENDING,
  }));
  const mapped = await process.mapGpuVirtualAddress({ pagingQueue, allocation, sizeInPages: 1n });
  assert.deepEqual([mapped.ret, mapped.virtualAddress, mapped.pagingFenceValue], [PENDING, 0x10000n, 3n]);
  host.on('UpdateAllocationProperty', () => ({ pagingFenceValue: 4n, status: PENDING }));
  const updated = await process.updateAllocationProperty({ pagingQueue, allocation });
  assert.deepEqual(updated, { ret: PENDING, pagingFenceValue: 4n });
  host.on('UpdateAllocationProperty', () => ({ pagingFenceValue: 4n, status: 0 }));
  assert.deepEqual(await process.updateAllocationProperty({ pagingQueue, allocation }), {
    ret: 0,
    pagingFenceValue: 0n,
  });
});

test('with results, a reclaim that pends returns 0 and the fence value', async () => {
  const scenario = await startScenario();
  const { host, process } = scenario;
  const { allocation, pagingQueue } = await makeQueues(scenario);
  host.on('ReclaimAllocations', () => ({ pagingFenceValue: 11n, status: PENDING, discarded: [1] }));
  const list = { pagingQueue, allocations: [allocation] };
  const asked = await process.reclaimAllocations2({ ...list, wantResults: true });
  assert.deepEqual(asked, { ret: 0, pagingFenceValue: 11n, results: Uint32Array.of(1) });
  const plain = await process.reclaimAllocations2(list);
  assert.deepEqual(plain, { ret: PENDING, pagingFenceValue: 11n, results: null });
});

test('a feature counts as unknown for every status but 0', async () => {
  const { adapter, host, process } = await startScenario();
  host.next('IsFeatureEnabled', () => ({ status: 0, result: { version: 2, value: 0x8001 } }));
  const known = await process.isFeatureEnabled({ adapter, featureId: 5 });
  assert.deepEqual(known, { ret: 0, result: 0x80010002, version: 2, enabled: true });
  host.next('IsFeatureEnabled', () => ({ status: PENDING, result: { version: 2, value: 1 } }));
  const unknown = await process.isFeatureEnabled({ adapter, featureId: 5 });
  assert.deepEqual(unknown, { ret: PENDING, result: 0, version: 0, enabled: false });
});
