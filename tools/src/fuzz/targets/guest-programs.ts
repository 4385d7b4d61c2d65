import { KmtEvent, type KmtProcess, startDriver } from '@dxgwire/guest/kmt';
import { createGPU } from '@dxgwire/guest/webgpu';
import type { HostileBus } from './hostile-bus.ts';

const RING_BYTES = 4096;
const PAGE_BYTES = 4096;

function sized(bytes: number): Uint8Array {
  const data = new Uint8Array(16);
  new DataView(data.buffer).setUint32(0, bytes, true);
  return data;
}

/** One of most D3DKMT calls, each with what the ones before gave, whatever that is. */
export async function runCalls(bus: HostileBus): Promise<void> {
  const driver = await startDriver(bus);
  const process = await driver.openDevice({ comm: 'fuzz' });
  const { adapters } = await process.enumAdapters3({ filter: 1n, adapterCount: 8 });
  const adapter = adapters[0]?.adapterHandle ?? 0;
  await Promise.all([
    process.queryAdapterInfo({ adapter, type: 15, privateData: new Uint8Array(32) }),
    process.queryVideoMemoryInfo({ adapter, memorySegmentGroup: 0 }),
    process.queryClockCalibration({ adapter, nodeOrdinal: 0, physicalAdapterIndex: 0 }),
    process.isFeatureEnabled({ adapter, featureId: 1 }),
  ]);
  const { device } = await process.createDevice({ adapter });
  const [{ context }, { pagingQueue }, fence] = await Promise.all([
    process.createContextVirtual({ device, flags: 0x10, privDrvData: new Uint8Array(0) }),
    process.createPagingQueue({ device }),
    process.createSynchronizationObject2({ device, info: { type: 5, flags: 3 } }),
  ]);
  const { queue } = await process.createHwQueue({ context });
  const block = bus.memory.allocate(2 * PAGE_BYTES);
  const sysmem = { block, offset: 0, length: 2 * PAGE_BYTES };
  const [own, pinned] = await Promise.all([
    process.createAllocation({
      device,
      flags: 3,
      allocationInfo: [{ privDrvData: sized(8192) }, { privDrvData: sized(4096) }],
    }),
    process.createAllocation({ device, flags: 0x20, allocationInfo: [{ privDrvData: sized(8192), sysmem }] }),
  ]);
  const [allocation = 0, other = 0] = own.allocationInfo.map((info) => info.allocation);
  await useMemory(process, { device, pagingQueue, allocation, other, resource: own.resource });
  const objects = [fence.syncObject];
  const event = new KmtEvent();
  await process.submitCommandToHwQueue({
    hwqueue: queue,
    hwqueueProgressFenceId: 1n,
    privDrvData: new Uint8Array(16),
  });
  await process.waitForSynchronizationObjectFromCpu({
    device,
    objects,
    fenceValues: [5n],
    asyncEvent: event,
  });
  await process.signalSynchronizationObjectFromCpu({ device, objects, fenceValues: [5n] });
  fence.fenceView?.value();
  await useShares(process, device, fence.syncObject, own.resource);
  await process.getDeviceState({ device, stateType: 1 });
  await process.destroyAllocation2({
    device,
    allocations: pinned.allocationInfo.map((info) => info.allocation),
  });
  await process.closeDevice();
  await driver.close();
}

async function useMemory(
  process: KmtProcess,
  handles: { device: number; pagingQueue: number; allocation: number; other: number; resource: number },
): Promise<void> {
  const { device, pagingQueue, allocation, other, resource } = handles;
  const { data } = await process.lock2({ device, allocation });
  data?.fill(1);
  const mapped = await process.mapGpuVirtualAddress({
    pagingQueue,
    allocation,
    sizeInPages: 2n,
    protection: 1n,
  });
  await process.makeResident({ pagingQueue, allocationList: [allocation, other] });
  await process.evict({ device, allocations: [allocation] });
  await process.queryAllocationResidency({ device, allocations: [allocation, other] });
  await process.getAllocationPriority({ device, resource });
  await process.unlock2({ device, allocation });
  await process.freeGpuVirtualAddress({ adapter: 0, baseAddress: mapped.virtualAddress, size: 8192n });
}

async function useShares(
  process: KmtProcess,
  device: number,
  syncObject: number,
  resource: number,
): Promise<void> {
  const { sharedHandle } = await process.shareObjects({ objects: [syncObject] });
  await process.openSyncObjectFromNtHandle2({ ntHandle: sharedHandle, device });
  const shared = await process.shareObjects({ objects: [resource] });
  const info = await process.queryResourceInfoFromNtHandle({ device, ntHandle: shared.sharedHandle });
  await process.openResourceFromNtHandle({ ...info, device, ntHandle: shared.sharedHandle });
  await process.createSyncFile({ device, monitoredFence: syncObject, fenceValue: 1n });
}

/** A small program of WebGPU: all that waits for an answer, and the end. */
export async function runWebgpu(bus: HostileBus): Promise<void> {
  const gpu = createGPU({
    connect: bus,
    returnRingBytes: RING_BYTES,
    stagingLimitBytes: 1 << 20,
    log: () => {},
  });
  try {
    const adapter = await gpu.requestAdapter();
    if (adapter === null) return;
    const device = await adapter.requestDevice();
    // What went wrong while answers were read is the reason.
    void device.lost.then(({ message }) => check(new Error(message)));
    device.addEventListener('uncapturederror', (event) => event.preventDefault());
    const buffer = device.createBuffer({ size: 256, usage: 9 });
    device.queue.writeBuffer(buffer, 0, new Uint8Array(256).fill(3));
    const module = device.createShaderModule({ code: '@compute @workgroup_size(1) fn main() {}' });
    device.pushErrorScope('validation');
    const results = await Promise.allSettled([
      module.getCompilationInfo(),
      device.createComputePipelineAsync({ layout: 'auto', compute: { module } }),
      device.popErrorScope(),
      device.queue.onSubmittedWorkDone(),
      buffer.mapAsync(1),
      gpu.videoMemory(),
    ]);
    if (buffer.mapState === 'mapped') new Uint8Array(buffer.getMappedRange()).fill(1);
    for (const result of results) if (result.status === 'rejected') check(result.reason);
    buffer.destroy();
    device.destroy();
    await device.lost;
  } finally {
    await gpu.close();
  }
}

/** What JavaScript says of code that is wrong: no host may bring a guest to that. */
const DEFECTS =
  /Cannot (read|set|destructure|mix|convert)|undefined|is not (a function|iterable|defined|a constructor)|[Ii]nvalid (typed )?array|out of bounds|call stack|detached|cannot be converted/;

/** @throws the error when it is a defect and no refusal. */
export function check(error: unknown): void {
  if (!(error instanceof Error) || DEFECTS.test(error.message)) throw error;
}
