import { CreateContextFlags, SyncObjectType } from '@dxgwire/protocol';
import { AllocationKind, encodeAllocationData, encodeContextBlob } from '@dxgwire/protocol/blobs';
import { STREAM_VERSION } from '@dxgwire/protocol/stream';
import { KmtEvent, unwrap } from '../kmt/index.ts';
import type { DeviceKernel } from './kernel.ts';
import { type KernelHandles, type KernelOptions, KmtKernel, type ReturnEvent } from './kmt-kernel.ts';

/**
 * Makes a D3DKMT device with all that our driver needs of it. What does not depend on each other is sent together:
 * the host is waited for four times.
 */
export async function openKernel(options: KernelOptions): Promise<DeviceKernel> {
  const { process, adapter, wait } = options;
  const { device } = unwrap(await wait(process.createDevice({ adapter })), 'createDevice');
  if (device === 0) throw new Error('the host refused to create a device');
  const pending = options.features.returnEvents ? createReturnEvent(options, device) : Promise.resolve(null);
  try {
    return new KmtKernel(options, await openContext(options, device, pending));
  } catch (error) {
    void dropReturnEvent(options, pending);
    void process.destroyDevice({ device });
    throw error;
  }
}

/** What the host signals by itself when there are answers. */
async function createReturnEvent({ process }: KernelOptions, device: number): Promise<ReturnEvent> {
  const event = new KmtEvent();
  const info = { type: SyncObjectType.cpuNotification, cpuNotification: { event } };
  const made = await process.createSynchronizationObject2({ device, info });
  return { event, object: unwrap(made, 'createSynchronizationObject2').syncObject };
}

async function dropReturnEvent(
  { process }: KernelOptions,
  pending: Promise<ReturnEvent | null>,
): Promise<void> {
  const made = await pending.catch(() => null);
  if (made !== null) await process.destroySynchronizationObject({ syncObject: made.object });
}

async function openContext(
  options: KernelOptions,
  device: number,
  pendingEvent: Promise<ReturnEvent | null>,
): Promise<KernelHandles> {
  const { process, wait, features, label, returnRingBytes } = options;
  const ringHandle = 1n;
  const [paging, ring, fence, returnEvent] = await wait(
    Promise.all([
      process.createPagingQueue({ device }),
      process.createAllocation({
        device,
        makeResident: features.createResident,
        privateRuntimeResourceHandle: ringHandle,
        allocationInfo: [
          {
            privDrvData: encodeAllocationData({
              lengthBytes: returnRingBytes,
              kind: AllocationKind.returnRing,
            }),
          },
        ],
      }),
      process.createSynchronizationObject2({
        device,
        info: { type: SyncObjectType.monitoredFence, monitoredFence: { initialFenceValue: 0n } },
      }),
      pendingEvent,
    ]),
  );
  const { pagingQueue, syncObject: pagingFence } = unwrap(paging, 'createPagingQueue');
  const ringAllocation = unwrap(ring, 'createAllocation').allocationInfo[0]!.allocation;
  const { syncObject: returnFence, fenceView: returnView } = unwrap(fence, 'createSynchronizationObject2');
  const blob = encodeContextBlob({
    streamVersion: STREAM_VERSION,
    returnRing: [Number(ringHandle), 0],
    returnFence,
    ...(returnEvent === null ? {} : { returnEvent: returnEvent.object }),
    label,
  });
  const resident = features.createResident
    ? Promise.resolve(null)
    : process.makeResident({ pagingQueue, allocationList: [ringAllocation] });
  const [locked, made, paged] = await wait(
    Promise.all([
      process.lock2({ device, allocation: ringAllocation }),
      process.createContextVirtual({ device, flags: CreateContextFlags.hwQueueSupported, privDrvData: blob }),
      resident,
    ]),
  );
  if (paged !== null) unwrap(paged, 'makeResident');
  const { context } = unwrap(made, 'createContextVirtual');
  const { queue, queueProgressFence, fenceView } = unwrap(
    await wait(process.createHwQueue({ context })),
    'createHwQueue',
  );
  const { data: returnRing } = unwrap(locked, 'lock2');
  if (returnRing === null || fenceView === null || returnView === null) {
    throw new Error('the host gave a fence or a lock without memory');
  }
  return {
    device,
    pagingQueue,
    pagingFence,
    context,
    queue,
    progressFence: queueProgressFence,
    progressView: fenceView,
    returnFence,
    returnView,
    returnEvent,
    returnRing: returnRing.subarray(0, returnRingBytes),
    ringAllocation,
  };
}
