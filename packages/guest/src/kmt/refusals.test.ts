import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CreateAllocationFlags as Flags } from '@dxgwire/protocol';
import { KmtEvent } from './event.ts';
import { makeQueues, type Queues, type Scenario, sizeData, startScenario } from './testing/scenario.ts';
import type { KmtResult } from './types/common.ts';

const EINVAL = -22;
const EOVERFLOW = -75;
const EFAULT = -14;
const EBADF = -9;
/** What the driver returns for a bad standard allocation is the NTSTATUS itself. */
const RAW_INVALID_PARAMETER = -1073741811;
const BAD = 0xdead0040;

type Case = readonly [
  name: string,
  ret: number,
  call: (scenario: Scenario & Queues) => Promise<Pick<KmtResult, 'ret'>>,
];

const many = (count: number) => new Uint32Array(count).fill(0x40000400);
const bytes = (count: number) => new Uint8Array(count);

const ADAPTER: readonly Case[] = [
  [
    'QueryAdapterInfo without data',
    EINVAL,
    ({ adapter, process }) => process.queryAdapterInfo({ adapter, type: 0, privateData: bytes(0) }),
  ],
  [
    'QueryAdapterInfo with too much data',
    EINVAL,
    ({ adapter, process }) => process.queryAdapterInfo({ adapter, type: 0, privateData: bytes(131_073) }),
  ],
  [
    'QueryAdapterInfo with more than fits a message',
    EINVAL,
    ({ adapter, process }) => process.queryAdapterInfo({ adapter, type: 0, privateData: bytes(131_018) }),
  ],
  [
    'QueryAdapterInfo of an unknown adapter',
    EINVAL,
    ({ process }) => process.queryAdapterInfo({ adapter: BAD, type: 0, privateData: bytes(4) }),
  ],
  [
    'OpenAdapterFromLuid of an unknown LUID',
    EINVAL,
    ({ process }) => process.openAdapterFromLuid({ adapterLuid: { low: 1, high: 2 } }),
  ],
  [
    'CloseAdapter twice',
    EINVAL,
    async ({ process }) => {
      const { adapters } = await process.enumAdapters3({ adapterCount: 1 });
      const { adapterHandle } = adapters[0]!;
      await process.closeAdapter({ adapterHandle });
      return process.closeAdapter({ adapterHandle });
    },
  ],
  [
    'EnumAdapters3 with too much room',
    EINVAL,
    ({ process }) => process.enumAdapters3({ adapterCount: 65_536 }),
  ],
  ['EnumAdapters2 with too much room', EINVAL, ({ process }) => process.enumAdapters2({ numAdapters: 65 })],
  [
    'QueryVideoMemoryInfo of another process',
    EINVAL,
    ({ adapter, process }) => process.queryVideoMemoryInfo({ adapter, process: 1n }),
  ],
  [
    'ChangeVideoMemoryReservation of another process',
    EINVAL,
    ({ adapter, process }) => process.changeVideoMemoryReservation({ adapter, process: 1n, reservation: 0n }),
  ],
  [
    'QueryStatistics of an unknown pid',
    EINVAL,
    ({ process }) =>
      process.queryStatistics({ type: 0, adapterLuid: { low: 0x10, high: 0x0a }, process: 99n }),
  ],
  [
    'QueryStatistics of an unknown adapter succeeds',
    0,
    ({ process }) => process.queryStatistics({ type: 0, adapterLuid: { low: 9, high: 9 } }),
  ],
  [
    'Escape with too much data',
    EINVAL,
    ({ adapter, process }) => process.escape({ adapter, privDrvData: bytes(131_073) }),
  ],
  [
    'a known escape of 3 bytes',
    EINVAL,
    ({ adapter, process }) => process.escape({ adapter, flags: 0x40, privDrvData: bytes(3) }),
  ],
  [
    'a known escape that translates a handle stays in the guest',
    0,
    ({ adapter, process }) =>
      process.escape({ adapter, flags: 0x40, privDrvData: Uint8Array.of(1, 0, 0, 0) }),
  ],
  [
    'a test command buffer of 111 bytes',
    EINVAL,
    ({ adapter, process }) => {
      const privDrvData = bytes(111);
      privDrvData[0] = 3;
      return process.escape({ adapter, flags: 0x40, privDrvData });
    },
  ],
  [
    'a test command buffer without a DMA buffer',
    EINVAL,
    ({ adapter, process }) => {
      const privDrvData = bytes(112);
      privDrvData[0] = 3;
      return process.escape({ adapter, flags: 0x40, privDrvData });
    },
  ],
  [
    'EnumProcesses without room',
    EOVERFLOW,
    ({ process }) => process.enumProcesses({ adapterLuid: { low: 0x10, high: 0x0a }, bufferCount: 0 }),
  ],
  [
    'EnumProcesses of an unknown adapter',
    EINVAL,
    ({ process }) => process.enumProcesses({ adapterLuid: { low: 1, high: 1 }, bufferCount: 4 }),
  ],
  [
    'a handle of another kind',
    EINVAL,
    ({ device, process }) => process.flushHeapTransitions({ adapter: device }),
  ],
];

const DEVICE: readonly Case[] = [
  ['CreateDevice on an unknown adapter', EINVAL, ({ process }) => process.createDevice({ adapter: BAD })],
  [
    'DestroyDevice of a context',
    EINVAL,
    ({ context, process }) => process.destroyDevice({ device: context }),
  ],
  [
    'the execution state of an untouched device',
    0,
    ({ device, process }) => process.getDeviceState({ device, stateType: 1 }),
  ],
  [
    'CreateContextVirtual with too much data',
    EINVAL,
    ({ device, process }) => process.createContextVirtual({ device, privDrvData: bytes(131_073) }),
  ],
  [
    'CreateContextVirtual with more than fits a message',
    EINVAL,
    ({ device, process }) => process.createContextVirtual({ device, privDrvData: bytes(131_072) }),
  ],
  ['CreateHwQueue on a device', EINVAL, ({ device, process }) => process.createHwQueue({ context: device })],
  ['DestroyHwQueue of its fence', EINVAL, ({ fence, process }) => process.destroyHwQueue({ queue: fence })],
  [
    'a priority of no context',
    EINVAL,
    ({ process }) => process.setContextSchedulingPriority({ context: BAD, priority: 0 }),
  ],
];

const MEMORY: readonly Case[] = [
  [
    'CreateAllocation of none',
    EINVAL,
    ({ device, process }) => process.createAllocation({ device, allocationInfo: [] }),
  ],
  [
    'CreateAllocation of 1025',
    EINVAL,
    ({ device, process }) => process.createAllocation({ device, allocationInfo: new Array(1025).fill({}) }),
  ],
  [
    'an allocation with 128 KiB of private data',
    EINVAL,
    ({ device, process }) =>
      process.createAllocation({ device, allocationInfo: [{ privDrvData: bytes(131_072) }] }),
  ],
  [
    '128 KiB of runtime data',
    EOVERFLOW,
    ({ device, process }) =>
      process.createAllocation({ device, privateRuntimeData: bytes(131_072), allocationInfo: [{}] }),
  ],
  [
    '128 KiB of driver data',
    EOVERFLOW,
    ({ device, process }) =>
      process.createAllocation({ device, privDrvData: bytes(131_072), allocationInfo: [{}] }),
  ],
  [
    'private data of 128 KiB in all',
    EOVERFLOW,
    ({ device, process }) => {
      const half = { privDrvData: bytes(65_536) };
      return process.createAllocation({ device, allocationInfo: [half, half] });
    },
  ],
  [
    'a message above 128 KiB',
    EOVERFLOW,
    ({ device, process }) =>
      process.createAllocation({ device, privateRuntimeData: bytes(131_000), allocationInfo: [{}] }),
  ],
  [
    'a message above 128 KiB with its extended header only',
    EINVAL,
    ({ device, process }) =>
      process.createAllocation({ device, privateRuntimeData: bytes(130_990), allocationInfo: [{}] }),
  ],
  [
    'an answer above 128 KiB',
    EINVAL,
    ({ device, process }) => {
      const info = { privDrvData: bytes(100) };
      return process.createAllocation({ device, allocationInfo: new Array(800).fill(info) });
    },
  ],
  [
    'an existing section',
    EINVAL,
    ({ device, process }) =>
      process.createAllocation({ device, flags: Flags.existingSection, allocationInfo: [{}] }),
  ],
  [
    'protected content',
    EINVAL,
    ({ device, process }) =>
      process.createAllocation({ device, flags: Flags.createProtected, allocationInfo: [{}] }),
  ],
  [
    'shared without a resource',
    EINVAL,
    ({ device, process }) =>
      process.createAllocation({ device, flags: Flags.createShared, allocationInfo: [{}] }),
  ],
  [
    'shared without NT security',
    EINVAL,
    ({ device, process }) =>
      process.createAllocation({
        device,
        flags: Flags.createShared | Flags.createResource,
        allocationInfo: [{}],
      }),
  ],
  [
    'more for an unknown resource',
    EINVAL,
    ({ device, process }) => process.createAllocation({ device, resource: BAD, allocationInfo: [{}] }),
  ],
  [
    'system memory that is not page aligned',
    EINVAL,
    ({ device, host, process }) => {
      const block = host.memory.allocate(8192);
      const sysmem = { block, offset: 8, length: 4096 };
      return process.createAllocation({ device, allocationInfo: [{ sysmem }] });
    },
  ],
  [
    'system memory for one of two',
    EINVAL,
    ({ device, host, process }) => {
      const sysmem = { block: host.memory.allocate(4096), offset: 0, length: 4096 };
      return process.createAllocation({ device, allocationInfo: [{ sysmem }, {}] });
    },
  ],
  [
    'a standard allocation without its description',
    EFAULT,
    ({ device, process }) =>
      process.createAllocation({ device, flags: Flags.standardAllocation, allocationInfo: [{}] }),
  ],
  [
    'a standard heap without memory',
    RAW_INVALID_PARAMETER,
    ({ device, process }) =>
      process.createAllocation({
        device,
        flags: Flags.standardAllocation | Flags.existingSysmem,
        standardAllocation: { type: 1, existingHeapData: { size: 4096n } },
        allocationInfo: [{}],
      }),
  ],
  [
    'a cross-adapter allocation over system memory',
    RAW_INVALID_PARAMETER,
    ({ device, process }) =>
      process.createAllocation({
        device,
        flags: Flags.standardAllocation | Flags.existingSysmem,
        standardAllocation: { type: 2, existingHeapData: { size: 4096n } },
        allocationInfo: [{}],
      }),
  ],
  [
    'a standard allocation of an unknown type',
    RAW_INVALID_PARAMETER,
    ({ device, process }) =>
      process.createAllocation({
        device,
        flags: Flags.standardAllocation,
        standardAllocation: { type: 3, existingHeapData: { size: 4096n } },
        allocationInfo: [{}],
      }),
  ],
  [
    'a standard allocation of half a page',
    EINVAL,
    ({ device, process }) =>
      process.createAllocation({
        device,
        flags: Flags.standardAllocation,
        standardAllocation: { type: 2, existingHeapData: { size: 2048n } },
        allocationInfo: [{}],
      }),
  ],
  [
    'a standard allocation with private data',
    EINVAL,
    ({ device, process }) =>
      process.createAllocation({
        device,
        flags: Flags.standardAllocation,
        standardAllocation: { type: 2, existingHeapData: { size: 4096n } },
        allocationInfo: [{ privDrvData: sizeData(4096) }],
      }),
  ],
  ['DestroyAllocation2 of nothing', EINVAL, ({ device, process }) => process.destroyAllocation2({ device })],
  [
    'DestroyAllocation2 of both',
    EINVAL,
    ({ allocation, device, process }) =>
      process.destroyAllocation2({ device, resource: BAD, allocations: [allocation] }),
  ],
  [
    'DestroyAllocation2 of an unknown allocation',
    EINVAL,
    ({ allocation, device, process }) =>
      process.destroyAllocation2({ device, allocations: [allocation, BAD] }),
  ],
  [
    'Unlock2 without a lock',
    EINVAL,
    ({ allocation, device, process }) => process.unlock2({ device, allocation }),
  ],
  [
    'Lock2 of an unknown allocation',
    EINVAL,
    ({ device, process }) => process.lock2({ device, allocation: BAD }),
  ],
  [
    'a priority of nothing',
    EINVAL,
    ({ device, process }) => process.setAllocationPriority({ device, priorities: [1] }),
  ],
  [
    'priorities that are missing',
    EFAULT,
    ({ allocation, device, process }) =>
      process.setAllocationPriority({ device, allocationList: [allocation], priorities: [] }),
  ],
  ['a residency of nothing', EINVAL, ({ device, process }) => process.queryAllocationResidency({ device })],
  [
    'MakeResident of none',
    EINVAL,
    ({ pagingQueue, process }) => process.makeResident({ pagingQueue, allocationList: [] }),
  ],
  [
    'MakeResident of 10,241',
    EINVAL,
    ({ pagingQueue, process }) => process.makeResident({ pagingQueue, allocationList: many(10_241) }),
  ],
  [
    'MakeResident on a device',
    EINVAL,
    ({ allocation, device, process }) =>
      process.makeResident({ pagingQueue: device, allocationList: [allocation] }),
  ],
  ['Evict of none', EINVAL, ({ device, process }) => process.evict({ device, allocations: [] })],
  ['an offer of nothing', EINVAL, ({ device, process }) => process.offerAllocations({ device, priority: 2 })],
  [
    'an offer of both',
    EINVAL,
    ({ allocation, device, process }) =>
      process.offerAllocations({ device, priority: 2, resources: [allocation], allocations: [allocation] }),
  ],
  [
    'a reclaim of 10,241',
    EINVAL,
    ({ pagingQueue, process }) => process.reclaimAllocations2({ pagingQueue, allocations: many(10_241) }),
  ],
  [
    'a reservation on a device',
    EINVAL,
    ({ device, process }) => process.reserveGpuVirtualAddress({ adapter: device, size: 65_536n }),
  ],
  [
    'an update of nothing',
    EINVAL,
    ({ context, device, fence, process }) =>
      process.updateGpuVirtualAddress({
        device,
        context,
        fenceObject: fence,
        fenceValue: 1n,
        operations: [],
      }),
  ],
  [
    'an update of more than fits a message',
    EINVAL,
    ({ context, device, fence, process }) => {
      const operations = new Array(2047).fill({ unmap: { baseAddress: 0n, size: 0n } });
      return process.updateGpuVirtualAddress({
        device,
        context,
        fenceObject: fence,
        fenceValue: 1n,
        operations,
      });
    },
  ],
];

const SYNC: readonly Case[] = [
  [
    'a shared sync object without NT security',
    EINVAL,
    ({ device, process }) => process.createSynchronizationObject2({ device, info: { type: 5, flags: 1 } }),
  ],
  [
    'a CPU notification without an event',
    EINVAL,
    ({ device, process }) => process.createSynchronizationObject2({ device, info: { type: 4 } }),
  ],
  [
    'DestroySynchronizationObject of a device',
    EINVAL,
    ({ device, process }) => process.destroySynchronizationObject({ syncObject: device }),
  ],
  [
    'a legacy signal of 33 objects',
    EINVAL,
    ({ context, process }) => process.signalSynchronizationObject2({ context, objectArray: many(33) }),
  ],
  [
    'a legacy signal to 65 contexts',
    EINVAL,
    ({ context, process }) => process.signalSynchronizationObject2({ context, contexts: many(64) }),
  ],
  [
    'a legacy signal with a missing event',
    EINVAL,
    ({ context, process }) => process.signalSynchronizationObject2({ context, flags: 2 }),
  ],
  [
    'a CPU signal of nothing',
    EINVAL,
    ({ device, process }) => process.signalSynchronizationObjectFromCpu({ device, objects: [] }),
  ],
  [
    'a CPU signal of 33 objects',
    EINVAL,
    ({ device, process }) => process.signalSynchronizationObjectFromCpu({ device, objects: many(33) }),
  ],
  [
    'a CPU signal with too few values',
    EFAULT,
    ({ device, fence, process }) =>
      process.signalSynchronizationObjectFromCpu({ device, objects: [fence, fence], fenceValues: [1n] }),
  ],
  [
    'a GPU signal of nothing',
    EINVAL,
    ({ context, process }) => process.signalSynchronizationObjectFromGpu({ context, objects: [] }),
  ],
  [
    'a GPU signal with event and objects',
    EINVAL,
    ({ context, fence, process }) =>
      process.signalSynchronizationObjectFromGpu2({
        contexts: [context],
        objects: [fence],
        flags: 2,
        cpuEventHandle: new KmtEvent(),
      }),
  ],
  [
    'a GPU signal to no context',
    EINVAL,
    ({ fence, process }) =>
      process.signalSynchronizationObjectFromGpu2({
        contexts: [],
        objects: [fence],
        monitoredFenceValues: [1n],
      }),
  ],
  [
    'a legacy wait for 33 objects',
    EINVAL,
    ({ context, process }) => process.waitForSynchronizationObject2({ context, objectArray: many(33) }),
  ],
  [
    'a CPU wait for nothing',
    EINVAL,
    ({ device, process }) =>
      process.waitForSynchronizationObjectFromCpu({ device, objects: [], fenceValues: [] }),
  ],
  [
    'a CPU wait with too few values',
    EFAULT,
    ({ device, fence, process }) =>
      process.waitForSynchronizationObjectFromCpu({ device, objects: [fence], fenceValues: [] }),
  ],
  [
    'a GPU wait for 33 objects',
    EINVAL,
    ({ context, fence, process }) =>
      process.waitForSynchronizationObjectFromGpu({
        context,
        objects: new Uint32Array(33).fill(fence),
        monitoredFenceValues: new BigUint64Array(33),
      }),
  ],
  [
    'a GPU wait for a device',
    EINVAL,
    ({ context, device, process }) =>
      process.waitForSynchronizationObjectFromGpu({ context, objects: [device], fenceValue: 1n }),
  ],
  [
    'a GPU wait without values',
    EFAULT,
    ({ context, fence, process }) =>
      process.waitForSynchronizationObjectFromGpu({ context, objects: [fence] }),
  ],
  [
    'a queue signal to 65 queues',
    EINVAL,
    ({ fence, process }) =>
      process.submitSignalSyncObjectsToHwQueue({ hwqueues: many(65), objects: [fence] }),
  ],
  [
    'a queue signal of nothing',
    EINVAL,
    ({ hwQueue, process }) => process.submitSignalSyncObjectsToHwQueue({ hwqueues: [hwQueue], objects: [] }),
  ],
  [
    'a queue wait on a context',
    EINVAL,
    ({ context, fence, process }) =>
      process.submitWaitForSyncObjectsToHwQueue({ hwqueue: context, objects: [fence], fenceValues: [1n] }),
  ],
  ['a submission to no context', EINVAL, ({ process }) => process.submitCommand({ broadcastContext: [] })],
  [
    'a submission to 65 contexts',
    EINVAL,
    ({ process }) => process.submitCommand({ broadcastContext: many(65) }),
  ],
  [
    'a submission with 1025 history buffers',
    EINVAL,
    ({ context, process }) =>
      process.submitCommand({ broadcastContext: [context], historyBufferArray: many(1025) }),
  ],
  [
    'a submission with 17 primaries',
    EINVAL,
    ({ context, process }) =>
      process.submitCommand({ broadcastContext: [context], writtenPrimaries: many(17) }),
  ],
  [
    'a submission above 128 KiB',
    EINVAL,
    ({ hwQueue, process }) =>
      process.submitCommandToHwQueue({
        hwqueue: hwQueue,
        hwqueueProgressFenceId: 1n,
        privDrvData: bytes(131_072),
      }),
  ],
];

const SHARING: readonly Case[] = [
  [
    'sharing of two objects',
    EINVAL,
    ({ fence, process }) => process.shareObjects({ objects: [fence, fence] }),
  ],
  [
    'sharing of what is not shared',
    EINVAL,
    ({ fence, process }) => process.shareObjects({ objects: [fence] }),
  ],
  ['sharing of a device', EINVAL, ({ device, process }) => process.shareObjects({ objects: [device] })],
  [
    'opening an unknown NT handle',
    EINVAL,
    ({ device, process }) => process.openSyncObjectFromNtHandle2({ device, ntHandle: 1000 }),
  ],
  [
    'a query of an unknown NT handle',
    EINVAL,
    ({ device, process }) => process.queryResourceInfoFromNtHandle({ device, ntHandle: 1000 }),
  ],
  [
    'a wait for an unknown sync file',
    EINVAL,
    ({ context, process }) => process.waitSyncFile({ context, syncFileHandle: 1000 }),
  ],
  [
    'a sync file of a device',
    EINVAL,
    ({ device, process }) => process.createSyncFile({ device, monitoredFence: device, fenceValue: 1n }),
  ],
  ['a close of an unknown descriptor', EBADF, ({ process }) => process.closeFd(1000)],
];

for (const [family, cases] of Object.entries({ ADAPTER, DEVICE, MEMORY, SYNC, SHARING })) {
  test(`${family.toLowerCase()} calls that the guest answers itself: no packet leaves`, async () => {
    const scenario = await startScenario();
    const queues = await makeQueues(scenario);
    for (const [name, expected, call] of cases) {
      const before = scenario.host.sent.length;
      const { ret } = await call({ ...scenario, ...queues });
      assert.equal(ret, expected, name);
      assert.deepEqual(scenario.host.names(before), [], name);
    }
    const { eventsRegistered, pinnedPages } = scenario.driver.statistics;
    assert.deepEqual([eventsRegistered, pinnedPages], [0, 0]);
  });
}

test('a closed file refuses every call with EBADF, an inherited one with ENOTTY', async () => {
  const scenario = await startScenario();
  const queues = await makeQueues(scenario);
  const inherited = scenario.process.inherited();
  const before = scenario.host.sent.length;
  assert.equal((await inherited.createDevice({ adapter: scenario.adapter })).ret, -25);
  assert.equal((await inherited.enumAdapters3()).ret, -25);
  assert.equal((await inherited.closeDevice()).ret, -25);
  assert.equal(
    inherited.postSubmitCommandToHwQueue({ hwqueue: queues.hwQueue, hwqueueProgressFenceId: 1n }),
    -25,
  );
  assert.equal(scenario.host.sent.length, before);
  await scenario.process.closeDevice();
  assert.equal((await scenario.process.createDevice({ adapter: scenario.adapter })).ret, EBADF);
  assert.equal((await scenario.process.shareObjects({ objects: [queues.fence] })).ret, EBADF);
  assert.equal((await scenario.process.closeDevice()).ret, EBADF);
});

test('arguments of the wrong type are refused as a bad pointer is, and nothing rejects', async () => {
  const { device, host, process } = await startScenario();
  const before = host.sent.length;
  const fenceValues = [1] as unknown as bigint[];
  const result = await process.signalSynchronizationObjectFromCpu({ device, objects: [5], fenceValues });
  assert.equal(result.ret, EFAULT);
  assert.equal(host.sent.length, before);
});
