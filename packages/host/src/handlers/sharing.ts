import { NtStatus } from '@dxgwire/protocol';
import type { SomeHandlers } from '../handler.ts';
import { type Allocation, ObjectKind, type Resource } from '../objects.ts';
import { findDevice } from './lookup.ts';
import { nameSyncObject, takePageFor } from './sync.ts';

/** Sharing between guest processes, and with programs on the host. */
export const sharingHandlers: SomeHandlers<
  'openResource' | 'openSyncObject' | 'createNtSharedObject' | 'destroyNtSharedObject' | 'shareObjectWithHost'
> = {
  /** By the NT handle: new names in this process, with residency, mappings and locks of their own. */
  openResource(call, request) {
    const { process, partition } = call;
    const device = findDevice(call, request.device);
    const shared = partition.sharedObjects.findNtResource(request.globalShare);
    if (device === undefined || shared === undefined || !request.ntSecuritySharing)
      return NtStatus.invalidParameter;
    if (shared.allocations.length !== request.allocationCount) return NtStatus.invalidParameter;
    if (shared.engine !== device.engine) {
      return shared.engine.isLost ? NtStatus.deviceRemoved : NtStatus.objectTypeMismatch;
    }
    if (process.objects.room < shared.allocations.length + 1) return NtStatus.noMemory;
    const { memory } = device.engine;
    const { readOnly } = shared;
    const resource: Resource = {
      handle: 0,
      device,
      allocations: new Set(),
      isShared: true,
      isSealed: true,
      shared: null,
      readOnly,
    };
    for (const allocation of shared.allocations) {
      const instance = memory.openAllocation(device.memory, allocation, { readOnly });
      if (instance === null) {
        const opened = [...resource.allocations].map((each) => each.instance);
        if (opened.length > 0) memory.destroyAllocations(opened, { assumeNotInUse: true }, () => {});
        return NtStatus.deviceRemoved;
      }
      resource.allocations.add({
        handle: 0,
        device,
        resource,
        instance,
        runtimeHandleLow: 0,
        runtimeHandleHigh: 0,
        existingSystemMemory: false,
        readOnly,
        gpadl: 0,
      });
    }
    resource.handle = process.objects.add(ObjectKind.resource, resource);
    device.resources.add(resource);
    for (const allocation of resource.allocations) {
      allocation.handle = process.objects.add(ObjectKind.allocation, allocation);
      device.allocations.add(allocation);
    }
    const handleOf = (allocation: Allocation): number => allocation.handle;
    return {
      resource: resource.handle,
      status: NtStatus.success,
      allocations: [...resource.allocations].map(handleOf),
    };
  },

  /** By the global handle of its creation; any process of the VM may. */
  openSyncObject(call, request) {
    const { process, partition } = call;
    const device = process.objects.get(request.device, ObjectKind.device);
    const shared = partition.sharedObjects.findSyncObject(request.globalSyncObject);
    if (device === undefined || shared === undefined) return NtStatus.invalidParameter;
    if (process.objects.room < 1) return NtStatus.noMemory;
    const { flags } = request;
    const page = takePageFor(device, shared.anchor.object.type, flags);
    if (page === null) return NtStatus.noMemory;
    shared.references += 1;
    const object = nameSyncObject(device, shared.anchor.open(flags, page.windowOffset), page, shared);
    return {
      syncObject: object.handle,
      status: NtStatus.success,
      gpuVirtualAddress: page.gpuAddress,
      guestCpuPhysicalAddress: page.windowOffset < 0 ? 0n : partition.ioSpace.addressOf(page.windowOffset),
    };
  },

  createNtSharedObject(call, request) {
    const { process, partition } = call;
    const syncObject = process.objects.get(request.object, ObjectKind.syncObject);
    const resource = process.objects.get(request.object, ObjectKind.resource);
    let sharedHandle = 0;
    if (syncObject !== undefined) sharedHandle = partition.sharedObjects.addNtSyncObject(syncObject);
    else if (resource !== undefined) {
      sharedHandle = partition.sharedObjects.addNtResource(resource);
      if (sharedHandle !== 0) resource.isSealed = true;
    }
    return sharedHandle === 0 ? NtStatus.objectTypeMismatch : { sharedHandle };
  },

  destroyNtSharedObject(call, request) {
    return call.partition.sharedObjects.removeNt(request.sharedHandle)
      ? NtStatus.success
      : NtStatus.invalidParameter;
  },

  /** The token is random: whoever has it may open the object through {@link Partition.hostShares}. */
  shareObjectWithHost(call, request) {
    const { process, partition } = call;
    const device = process.objects.get(request.deviceHandle, ObjectKind.device);
    if (device === undefined) return NtStatus.invalidParameter;
    const syncObject = process.objects.get(request.objectHandle, ObjectKind.syncObject);
    const resource = process.objects.get(request.objectHandle, ObjectKind.resource);
    let token: bigint;
    if (syncObject !== undefined) token = partition.hostShares.shareSyncObject(syncObject);
    else if (resource?.device === device) token = partition.hostShares.shareResource(resource);
    else return NtStatus.objectTypeMismatch;
    return token === 0n ? NtStatus.noMemory : { status: NtStatus.success, vailNtHandle: token };
  },
};
