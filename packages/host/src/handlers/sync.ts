import {
  Limits,
  NtStatus,
  SignalFlags,
  SyncObjectFlags,
  SyncObjectType,
  WaitFromCpuFlags,
} from '@dxgwire/protocol';
import type { Device } from '../device.ts';
import { closeSyncObject, NO_FENCE_PAGE, returnFencePage, takeFencePage } from '../fence-pages.ts';
import type { Call, SomeHandlers } from '../handler.ts';
import { type FencePage, ObjectKind, type SyncObject } from '../objects.ts';
import {
  createSyncObject,
  type ExecutionQueue,
  type SyncObjectInstance,
  type SyncObjectRequest,
  signalFromCpu,
} from '../scheduler/index.ts';
import type { SharedSyncObject } from '../shared-objects.ts';
import { findDevice, findQueue, findSignalObjects, findWaitObjects } from './lookup.ts';
import { settleQueued } from './submission.ts';

type RequestBody = Parameters<SomeHandlers<'createSyncObject'>['createSyncObject']>[1];
type SyncObjectInfo = RequestBody['args']['info'];

const KNOWN_FLAGS =
  SyncObjectFlags.shared |
  SyncObjectFlags.ntSecuritySharing |
  SyncObjectFlags.crossAdapter |
  SyncObjectFlags.topOfPipeline |
  SyncObjectFlags.noSignal |
  SyncObjectFlags.noWait |
  SyncObjectFlags.noSignalMaxValueOnTdr |
  SyncObjectFlags.noGpuAccess;

/** There is no display: periodic fences tick with a virtual one of 60 Hz. */
const VIRTUAL_REFRESH_MS = 1000 / 60;

/** Fences of these kinds have a page in the device window and go down with their device. */
export function hasFencePage(type: number): boolean {
  return type === SyncObjectType.monitoredFence || type === SyncObjectType.periodicMonitoredFence;
}

/** The scheduler's request for what the guest asks; null when the type does not exist or an argument is out of range. */
function describeSyncObject(call: Call, info: SyncObjectInfo): SyncObjectRequest | null {
  const { type, flags } = info;
  switch (type) {
    case SyncObjectType.mutex:
      return { type, flags, mutexInitialState: info.mutex?.initialState ?? 0 };
    case SyncObjectType.semaphore: {
      const { maxCount = 0, initialCount = 0 } = info.semaphore ?? {};
      if (initialCount > maxCount) return null;
      return { type, flags, semaphoreMaxCount: maxCount, semaphoreInitialCount: initialCount };
    }
    case SyncObjectType.fence:
      return { type, flags, fenceValue: info.fence?.fenceValue ?? 0n };
    case SyncObjectType.cpuNotification: {
      const event = info.cpuNotification?.event ?? 0n;
      const { hostEvents } = call.partition;
      return event === 0n ? null : { type, flags, notify: () => hostEvents.signalGuestEvent(event) };
    }
    case SyncObjectType.monitoredFence:
      return { type, flags, fenceValue: info.monitoredFence?.initialFenceValue ?? 0n };
    case SyncObjectType.periodicMonitoredFence:
      return { type, flags, fenceValue: 0n, periodMs: VIRTUAL_REFRESH_MS, clock: call.partition.clock };
    default:
      return null;
  }
}

/** The page that an instance of an object needs: {@link NO_FENCE_PAGE} for kinds without, null when there is no room. */
export function takePageFor(device: Device, type: number, flags: number): FencePage | null {
  if (!hasFencePage(type)) return NO_FENCE_PAGE;
  return takeFencePage(device, (flags & SyncObjectFlags.noGpuAccess) === 0);
}

/** Names an instance in the process; the caller has seen that there is room for one more object. */
export function nameSyncObject(
  device: Device,
  instance: SyncObjectInstance,
  page: FencePage,
  shared: SharedSyncObject | null,
): SyncObject {
  const { process } = device;
  const owner = hasFencePage(instance.object.type) ? device : null;
  const object: SyncObject = { handle: 0, process, device: owner, instance, shared, ...page };
  object.handle = process.objects.add(ObjectKind.syncObject, object);
  owner?.syncObjects.add(object);
  return object;
}

function createInstance(
  call: Call,
  description: SyncObjectRequest,
  page: FencePage,
): { instance: SyncObjectInstance; shared: SharedSyncObject | null } | null {
  const { bus, sharedObjects } = call.partition;
  if ((description.flags & SyncObjectFlags.shared) === 0) {
    const instance = createSyncObject(description, bus.window, page.windowOffset);
    return instance === null ? null : { instance, shared: null };
  }
  // The anchor has all rights: each opener's flags restrict its own instance only.
  const anchorFlags = description.flags & ~(SyncObjectFlags.noSignal | SyncObjectFlags.noWait);
  const anchor = createSyncObject({ ...description, flags: anchorFlags }, bus.window, -1);
  if (anchor === null) return null;
  const shared = sharedObjects.addSyncObject(anchor);
  if (shared === null) {
    anchor.close();
    return null;
  }
  return { instance: anchor.open(description.flags, page.windowOffset), shared };
}

type SignalBody = Parameters<SomeHandlers<'signalSyncObject'>['signalSyncObject']>[1];

/** A signal that takes effect at once, on behalf of a device. */
function signalNow(call: Call, request: SignalBody, event: bigint | null): number {
  const { objects, fenceValues, fenceValue, flags } = request;
  // With an event there is no device in the message; without contexts nothing is queued before it.
  if (event === null && findDevice(call, request.device) === undefined) return NtStatus.invalidParameter;
  const instances = findSignalObjects(call, objects);
  if (instances === null) return NtStatus.invalidParameter;
  const values = fenceValues.length === 0 ? null : fenceValues;
  const status =
    instances.length === 0 ? NtStatus.success : signalFromCpu(instances, values, fenceValue, flags);
  if (status === NtStatus.success && event !== null) call.partition.hostEvents.signalGuestEvent(event);
  return status;
}

/** Synchronisation commands. */
export const syncHandlers: SomeHandlers<
  | 'createSyncObject'
  | 'destroySyncObject'
  | 'signalSyncObject'
  | 'waitForSyncObjectFromGpu'
  | 'waitForSyncObjectFromCpu'
> = {
  createSyncObject(call, request) {
    const { process, partition } = call;
    const { info } = request.args;
    const device = findDevice(call, request.args.device);
    if (device === undefined || (info.flags & ~KNOWN_FLAGS) !== 0) return NtStatus.invalidParameter;
    const isShared = (info.flags & SyncObjectFlags.shared) !== 0;
    if (isShared && (info.flags & SyncObjectFlags.ntSecuritySharing) === 0) return NtStatus.invalidParameter;
    // A CPU notification fires an event of the process that made it: no other process has use for it.
    if (isShared && info.type === SyncObjectType.cpuNotification) return NtStatus.invalidParameter;
    const description = describeSyncObject(call, info);
    if (description === null) return NtStatus.invalidParameter;
    if (process.objects.room < 1) return NtStatus.noMemory;
    const page = takePageFor(device, info.type, info.flags);
    if (page === null) return NtStatus.noMemory;
    const made = createInstance(call, description, page);
    if (made === null) {
      returnFencePage(process, device, page, true);
      return NtStatus.noMemory;
    }
    const object = nameSyncObject(device, made.instance, page, made.shared);
    return {
      syncObject: object.handle,
      globalSyncObject: made.shared?.globalHandle ?? 0,
      fenceGpuVa: page.gpuAddress,
      fenceStorageAddress: page.windowOffset < 0 ? 0n : partition.ioSpace.addressOf(page.windowOffset),
    };
  },

  destroySyncObject(call, request) {
    const object = call.process.objects.get(request.syncObject, ObjectKind.syncObject);
    if (object === undefined) return NtStatus.invalidParameter;
    closeSyncObject(object);
    return NtStatus.success;
  },

  signalSyncObject(call, request) {
    const { objects, contexts, fenceValues, fenceValue, flags } = request;
    const hasReserved = (flags & SignalFlags.reserved) !== 0;
    if (
      hasReserved ||
      objects.length > Limits.maxObjectsSignaled ||
      contexts.length > Limits.maxBroadcastContexts
    ) {
      return NtStatus.invalidParameter;
    }
    const event = (flags & SignalFlags.enqueueCpuEvent) === 0 ? null : request.cpuEventHandle;
    if (event === 0n) return NtStatus.invalidParameter;
    if (contexts.length === 0) return signalNow(call, request, event);
    const queues: ExecutionQueue[] = [];
    let device: Device | null = null;
    for (let i = 0; i < contexts.length; i += 1) {
      const target = findQueue(call, contexts[i]!);
      // Queues of one engine only: another one's cannot be reached by the same signal.
      if (target === undefined || (device !== null && target.device.engine !== device.engine)) {
        return device === null
          ? NtStatus.invalidParameter
          : settleQueued(call, device, NtStatus.invalidParameter);
      }
      device ??= target.device;
      queues.push(target.queue);
    }
    const instances = findSignalObjects(call, objects);
    if (instances === null || device === null) {
      return device === null
        ? NtStatus.invalidParameter
        : settleQueued(call, device, NtStatus.invalidParameter);
    }
    const values = fenceValues.length === 0 ? null : fenceValues;
    const { hostEvents } = call.partition;
    const notify = event === null ? null : () => hostEvents.signalGuestEvent(event);
    const { scheduler } = device.engine;
    const status = scheduler.work.signalFromGpu(queues, instances, values, fenceValue, flags, notify);
    return settleQueued(call, device, status);
  },

  waitForSyncObjectFromGpu(call, request) {
    const { objects, fenceValues } = request;
    const target = findQueue(call, request.context);
    if (target === undefined) return NtStatus.invalidParameter;
    const { queue, device } = target;
    const instances =
      objects.length >= 1 && objects.length <= Limits.maxObjectsWaitedOn
        ? findWaitObjects(call, objects)
        : null;
    if (instances === null) return settleQueued(call, device, NtStatus.invalidParameter);
    const { scheduler } = device.engine;
    const status = scheduler.work.waitFromGpu(queue, instances, fenceValues, request.legacyFenceObject);
    return settleQueued(call, device, status);
  },

  /** Registers the wait and answers at once; the event says when it is over, also when it already is. */
  waitForSyncObjectFromCpu(call, request) {
    const { process } = call;
    const device = findDevice(call, request.device);
    const event = request.guestEventPointer;
    if (device === undefined || event === 0n || request.objects.length === 0)
      return NtStatus.invalidParameter;
    const instances = findWaitObjects(call, request.objects);
    if (instances === null) return NtStatus.invalidParameter;
    if (!device.isActive) return NtStatus.deviceRemoved;
    if ((request.flags & WaitFromCpuFlags.reserved) !== 0) return NtStatus.invalidParameter;
    const isAny = (request.flags & WaitFromCpuFlags.waitAny) !== 0;
    return process.cpuWaits.wait(device.scheduler, instances, request.fenceValues, isAny, event);
  },
};
