import {
  commands,
  DestroyAllocationFlags,
  Errno,
  Limits,
  ntStatusToErrno,
  SyncObjectFlags,
} from '@dxgwire/protocol';
import { Allocation, type Device, Resource, SyncObject } from '../objects.ts';
import type { SharedAllocation, SharedResource, SharedSyncObject } from '../sharing-objects.ts';
import { destroyResource, forgetSyncObject, freeResourceHandles } from '../teardown.ts';
import type { KmtResult } from '../types/common.ts';
import type * as Types from '../types/sharing.ts';
import { type Caller, NO_BYTES, outcome, refusal } from './caller.ts';
import { destroyInHost } from './sync.ts';

/** The shared part of an object that may be shared. */
function shareable(caller: Caller, handle: number): SharedResource | SharedSyncObject | null {
  const { handles } = caller.process;
  const syncObject = handles.get(handle, 'syncObject');
  return syncObject !== null
    ? syncObject.sharedOwner
    : (handles.get(handle, 'resource')?.sharedOwner ?? null);
}

/** Ioctl 0x3f. The first descriptor of an object makes its NT object in the host; a resource is sealed by it. */
export async function shareObjects(
  caller: Caller,
  args: Types.ShareObjectsArgs,
): Promise<Types.ShareObjectsResult> {
  const refuse = (ret: number) => ({ ret, sharedHandle: -1 });
  if (caller.refusal !== 0) return refuse(caller.refusal);
  const object = args.objects[0];
  if (object === undefined || args.objects.length > Limits.maxShareObjects) return refuse(-Errno.EINVAL);
  const shared = shareable(caller, object);
  if (shared === null) return refuse(-Errno.EINVAL);
  const { descriptors, stockDefects } = caller.driver;
  const ret = await descriptors.acquireNt(caller.process, shared, object);
  if (ret < 0) {
    // The stock driver gives back a reference that it did not get: the next call then asks the host for nothing.
    if (stockDefects) shared.ntReferences -= 1;
    return refuse(ret);
  }
  if ('seal' in shared) {
    if (!shared.seal()) {
      await descriptors.releaseNt(shared);
      return refuse(-Errno.EINVAL);
    }
    return { ret: 0, sharedHandle: descriptors.add({ kind: 'resource', shared }) };
  }
  return { ret: 0, sharedHandle: descriptors.add({ kind: 'syncObject', shared }) };
}

/** What the two ways to open a sync object have in common. */
interface OpenedSyncObject extends KmtResult {
  readonly syncObject: number;
  readonly fenceView: Types.OpenSyncObjectFromNtHandle2Result['fenceView'];
  readonly gpuVa: bigint;
}

interface SyncObjectOpening {
  readonly shared: SharedSyncObject;
  /** Type of the guest's object; sync files always make monitored fences. */
  readonly type: number;
  readonly flags: number;
  readonly engineAffinity: number;
  /** Whether a positive status, a busy index and the like are failures that destroy the host's object again. */
  readonly isStrict: boolean;
}

async function openSyncObject(
  caller: Caller,
  device: Device,
  opening: SyncObjectOpening,
): Promise<OpenedSyncObject> {
  const nothing = { syncObject: 0, fenceView: null, gpuVa: 0n };
  const { driver, process } = caller;
  const { shared } = opening;
  const syncObject = new SyncObject(device, opening.type, true);
  syncObject.sharedOwner = shared;
  const body = {
    device: device.handle,
    globalSyncObject: shared.globalHandle,
    engineAffinity: shared.isMonitoredFence ? opening.engineAffinity : 0,
    flags: opening.flags,
  };
  const answer = await driver.wire.call(
    null,
    commands.openSyncObject,
    process.hostHandle,
    body,
    (reply) => reply,
  );
  if (answer.reply === null) {
    forgetSyncObject(syncObject);
    return { ...outcome(answer), ...nothing };
  }
  const { gpuVirtualAddress, guestCpuPhysicalAddress, status, syncObject: handle } = answer.reply;
  let ret = ntStatusToErrno(status);
  if (ret > 0 && opening.isStrict) ret = 0;
  if (ret === 0 && syncObject.isMonitoredFence) {
    syncObject.fenceView = driver.ioSpace?.mapFence(guestCpuPhysicalAddress) ?? null;
    if (syncObject.fenceView === null) ret = -Errno.ENOMEM;
  }
  const wasOpened = ntStatusToErrno(status) >= 0;
  if (ret === 0) {
    ret = process.handles.assign(handle, 'syncObject', syncObject);
    if (ret === 0) syncObject.handle = handle;
  }
  const { fenceView } = syncObject;
  if (ret === 0) return { ret, syncObject: handle, fenceView, gpuVa: gpuVirtualAddress };
  forgetSyncObject(syncObject);
  if (wasOpened && opening.isStrict) await destroyInHost(caller, handle);
  return { ret, ...nothing };
}

/** Ioctl 0x40. Opened by the global handle that creation brought, not by the NT handle. */
export async function openSyncObjectFromNtHandle2(
  caller: Caller,
  args: Types.OpenSyncObjectFromNtHandle2Args,
): Promise<Types.OpenSyncObjectFromNtHandle2Result> {
  const nothing = { syncObject: 0, fenceView: null, fenceValueGpuVa: 0n };
  const device = args.device === 0 ? -Errno.EINVAL : caller.device(args.device);
  if (typeof device === 'number') return { ...refusal(caller, device), ...nothing };
  const target = caller.driver.descriptors.get(args.ntHandle, 'syncObject');
  if (target === null) return { ret: -Errno.EINVAL, ...nothing };
  const { shared } = target;
  device.enter();
  try {
    const opened = await openSyncObject(caller, device, {
      shared,
      type: shared.type,
      flags: args.flags ?? 0,
      engineAffinity: args.monitoredFence?.engineAffinity ?? 0,
      isStrict: true,
    });
    const fenceValueGpuVa = shared.isMonitoredFence ? opened.gpuVa : 0n;
    return {
      ...outcome(opened),
      syncObject: opened.syncObject,
      fenceView: opened.fenceView,
      fenceValueGpuVa,
    };
  } finally {
    device.leave();
  }
}

/** Ioctl 0x41. Seals; nothing is sent. */
export async function queryResourceInfoFromNtHandle(
  caller: Caller,
  args: Types.QueryResourceInfoFromNtHandleArgs,
): Promise<Types.QueryResourceInfoFromNtHandleResult> {
  const nothing = {
    privateRuntimeDataSize: 0,
    totalPrivDrvDataSize: 0,
    resourcePrivDrvDataSize: 0,
    allocationCount: 0,
  };
  if (caller.refusal !== 0) return { ret: caller.refusal, ...nothing };
  const target = caller.driver.descriptors.get(args.ntHandle, 'resource');
  const device = caller.process.handles.get(args.device, 'device');
  if (target === null || device === null) return { ret: -Errno.EINVAL, ...nothing };
  const { shared } = target;
  if (!shared.seal()) return { ret: -Errno.EINVAL, ...nothing };
  return {
    ret: 0,
    privateRuntimeDataSize: shared.runtimeData.length,
    totalPrivDrvDataSize: shared.totalPrivDrvDataBytes,
    resourcePrivDrvDataSize: shared.resourceData.length,
    allocationCount: shared.allocations.length,
  };
}

/** Ioctl 0x42. The host gives handles only; all data are the guest's copies from the creation. */
export async function openResourceFromNtHandle(
  caller: Caller,
  args: Types.OpenResourceFromNtHandleArgs,
): Promise<Types.OpenResourceFromNtHandleResult> {
  const nothing = {
    resource: 0,
    totalPrivDrvDataSize: 0,
    openAllocInfo: [],
    privateRuntimeData: NO_BYTES,
    resourcePrivDrvData: NO_BYTES,
  };
  if (caller.refusal !== 0) return { ret: caller.refusal, ...nothing };
  const { driver, process } = caller;
  const target = driver.descriptors.get(args.ntHandle, 'resource');
  if (target === null) return { ret: -Errno.EINVAL, ...nothing };
  const device = caller.device(args.device);
  if (typeof device === 'number') return { ...refusal(caller, device), ...nothing };
  const { shared } = target;
  const fits =
    shared.seal() &&
    args.allocationCount === shared.allocations.length &&
    args.privateRuntimeDataSize >= shared.runtimeData.length &&
    args.resourcePrivDrvDataSize >= shared.resourceData.length &&
    args.totalPrivDrvDataSize >= shared.totalPrivDrvDataBytes;
  if (!fits) return { ret: -Errno.EINVAL, ...nothing };
  device.enter();
  try {
    const resource = new Resource(device);
    const body = {
      device: device.handle,
      ntSecuritySharing: true,
      globalShare: shared.ntHandle,
      allocationCount: args.allocationCount,
      totalPrivDrvDataSize: args.totalPrivDrvDataSize,
    };
    const command = commands.openResource;
    const answer = await driver.wire.call(
      device.adapter,
      command,
      process.hostHandle,
      body,
      (reply) => reply,
    );
    const ret = answer.reply === null ? answer.ret : Math.min(ntStatusToErrno(answer.reply.status), 0);
    if (answer.reply === null || ret < 0) {
      await destroyResource(resource);
      return { ...outcome({ ...answer, ret }), ...nothing };
    }
    shared.add(resource);
    const entered = enterOpened(
      resource,
      shared.allocations,
      answer.reply.resource,
      answer.reply.allocations,
    );
    if (entered < 0)
      return { ret: await undoOpen(caller, resource, answer.reply.resource, entered), ...nothing };
    return {
      ret: 0,
      resource: resource.handle,
      totalPrivDrvDataSize: shared.totalPrivDrvDataBytes,
      openAllocInfo: [...resource.allocations].map((allocation, index) => ({
        allocation: allocation.handle,
        privDrvData: shared.allocations[index]?.privDrvData.slice() ?? NO_BYTES,
      })),
      privateRuntimeData: shared.runtimeData.slice(),
      resourcePrivDrvData: shared.resourceData.slice(),
    };
  } finally {
    device.leave();
  }
}

/** Enters an opened resource and its allocations into the table. */
function enterOpened(
  resource: Resource,
  shared: readonly SharedAllocation[],
  handle: number,
  allocationHandles: ArrayLike<number>,
): number {
  const { device } = resource;
  const { handles } = device.process;
  const ret = handles.assign(handle, 'resource', resource);
  if (ret < 0) return ret;
  resource.handle = handle;
  resource.hasEntry = true;
  for (const [index, known] of shared.entries()) {
    const allocation = new Allocation(device.process, device, resource);
    allocation.pageCount = known.pageCount;
    allocation.isCached = known.isCached;
    const allocationHandle = allocationHandles[index] ?? 0;
    const assigned = handles.assign(allocationHandle, 'allocation', allocation);
    if (assigned < 0) return assigned;
    allocation.handle = allocationHandle;
    allocation.hasEntry = true;
  }
  return 0;
}

async function undoOpen(caller: Caller, resource: Resource, handle: number, ret: number): Promise<number> {
  freeResourceHandles(resource);
  resource.handle = 0;
  if (handle !== 0) {
    const flags = DestroyAllocationFlags.assumeNotInUse;
    const body = { device: resource.device.handle, resource: handle, flags, allocations: [] };
    const { wire } = caller.driver;
    await wire.status(resource.device.adapter, commands.destroyAllocation, caller.process.hostHandle, body);
  }
  await destroyResource(resource);
  return ret;
}

/** Ioctl 0x44. Any status but 0 is a failure to the driver, also a positive one. Nothing is looked up in the guest. */
export async function shareObjectWithHost(
  caller: Caller,
  args: Types.ShareObjectWithHostArgs,
): Promise<Types.ShareObjectWithHostResult> {
  if (caller.refusal !== 0) return { ret: caller.refusal, objectVailNtHandle: 0n };
  const body = { deviceHandle: args.deviceHandle, objectHandle: args.objectHandle };
  const { wire } = caller.driver;
  const { hostHandle } = caller.process;
  const answer = await wire.call(null, commands.shareObjectWithHost, hostHandle, body, (reply) => reply);
  if (answer.reply === null) return { ...outcome(answer), objectVailNtHandle: 0n };
  const ret = ntStatusToErrno(answer.reply.status);
  return { ret, objectVailNtHandle: ret === 0 ? answer.reply.vailNtHandle : 0n };
}

/** Flags with which sync files open their fence. */
export const SYNC_FILE_FLAGS =
  SyncObjectFlags.shared | SyncObjectFlags.ntSecuritySharing | SyncObjectFlags.noSignal;

export { openSyncObject };
