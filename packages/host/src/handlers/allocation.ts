import {
  AllocationReturnFlags,
  DestroyAllocationFlags,
  Limits,
  NtStatus,
  StandardAllocationDriverType,
} from '@dxgwire/protocol';
import { ALLOCATION_DATA_BYTES, AllocationKind, encodeAllocationData } from '@dxgwire/protocol/blobs';
import type { Device } from '../device.ts';
import { type Call, later, type SomeHandlers } from '../handler.ts';
import type { Allocation } from '../objects.ts';
import { createAllocations, discardAllocations } from './create-allocations.ts';
import { findAllocation, findAllocations, findDevice, findPagingQueue, findResource } from './lookup.ts';

/** Allocations of 4 GiB and more cannot be locked: the guest maps with a 32-bit length. */
const MAX_LOCK_BYTES = 0xffff_f000;

type CreateReply = Exclude<ReturnType<AllocationHandlers['createAllocation']>, number>;
type AllocationHandlers = SomeHandlers<
  | 'createAllocation'
  | 'destroyAllocation'
  | 'lock2'
  | 'unlock2'
  | 'ddiGetStandardAllocationDriverData'
  | 'queryAllocationResidency'
  | 'setExistingSysMemStore'
  | 'setExistingSysMemPages'
  | 'updateAllocationProperty'
  | 'setAllocationPriority'
  | 'getAllocationPriority'
  | 'invalidateCache'
>;

/** What a command means that names either one resource or a list of allocations; null when it names neither well. */
function findTargets(device: Device, resource: number, handles: ArrayLike<number>): Allocation[] | null {
  if (resource === 0) return handles.length === 0 ? null : findAllocations(device, handles);
  if (handles.length !== 0) return null;
  const found = findResource(device, resource);
  return found === undefined ? null : [...found.allocations];
}

/** The allocations that a DestroyAllocation may take together: all there, none twice, none sealed into a resource. */
function findDestroyed(device: Device, handles: ArrayLike<number>): Allocation[] | null {
  if (handles.length === 0 || handles.length > Limits.maxCreateAllocations) return null;
  const allocations = findAllocations(device, handles);
  if (allocations === null || new Set(allocations).size !== allocations.length) return null;
  return allocations.some((allocation) => allocation.resource?.isSealed === true) ? null : allocations;
}

function destroyAllocations(
  device: Device,
  allocations: readonly Allocation[],
  flags: number,
): ReturnType<AllocationHandlers['destroyAllocation']> {
  for (const allocation of allocations) {
    allocation.resource?.allocations.delete(allocation);
    device.forgetAllocation(allocation);
  }
  const instances = allocations.map((allocation) => allocation.instance);
  const assumeNotInUse = (flags & DestroyAllocationFlags.assumeNotInUse) !== 0;
  const { memory } = device.engine;
  // They count until they are gone: behind work that waits for ever, ever more could be destroyed.
  const { objects } = device.process.partition;
  objects.add(allocations.length);
  const ended = (): void => {
    objects.remove(allocations.length);
    // Work that was queued before looks for its buffers and textures by their names when its turn has come.
    for (const allocation of allocations) device.forgetRuntimeName(allocation);
  };
  // Guest pages are unpinned as soon as the answer is there: then nothing may use them any more.
  if (allocations.some((allocation) => allocation.existingSystemMemory)) {
    return later((complete) =>
      memory.destroyAllocations(instances, { assumeNotInUse }, () => {
        ended();
        complete(NtStatus.success);
      }),
    );
  }
  // An answer never waits for what only another call of the guest may bring about, such as a signal.
  const isSynchronous = (flags & DestroyAllocationFlags.synchronousDestroy) !== 0;
  const mark = isSynchronous && !assumeNotInUse ? device.scheduler.ableSnapshot() : null;
  memory.destroyAllocations(instances, { assumeNotInUse }, ended);
  return mark === null
    ? NtStatus.success
    : later((complete) => mark.onDone(() => complete(NtStatus.success)));
}

/** Not by arguments of Math.max: a resource may have more allocations than a call can have arguments. */
function largest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value));
}

/** An allocation over guest pages of its own creator, that has none yet. */
function findUnbacked(call: Call, device: number, handle: number): Allocation | undefined {
  const found = findDevice(call, device);
  const allocation = found === undefined ? undefined : findAllocation(found, handle);
  return allocation?.existingSystemMemory === true ? allocation : undefined;
}

/** Allocation and resource commands. */
export const allocationHandlers: AllocationHandlers = {
  createAllocation(call, request) {
    const device = findDevice(call, request.device);
    if (device === undefined) return NtStatus.invalidParameter;
    if (!device.isActive) return NtStatus.deviceRemoved;
    const created = createAllocations(device, request);
    if (typeof created === 'number') return created;
    const { allocations, privateData, resource } = created;
    const reply: CreateReply = {
      flags: request.flags,
      resource: resource?.handle ?? 0,
      allocationInfo: allocations.map(({ handle, instance, existingSystemMemory }, index) => ({
        allocation: handle,
        allocationFlags:
          (instance.allocation.cached ? AllocationReturnFlags.cached : 0) |
          (existingSystemMemory ? AllocationReturnFlags.existingSysmem : 0),
        allocationSize: BigInt(instance.allocation.lengthBytes),
        privDrvData: privateData[index]!,
      })),
    };
    if (!request.makeResident) return reply;
    return later((complete) => {
      const settle = (status: number): void => {
        if (status === NtStatus.pending) return;
        if (status !== NtStatus.success) discardAllocations(created);
        complete(status === NtStatus.success ? reply : status);
      };
      const instances = allocations.map((allocation) => allocation.instance);
      settle(device.engine.memory.createResident(device.memory, instances, settle));
    });
  },

  destroyAllocation(call, request) {
    const device = findDevice(call, request.device);
    if (device === undefined) return NtStatus.invalidParameter;
    const { resource: handle, allocations: handles, flags } = request;
    if ((flags & DestroyAllocationFlags.reserved) !== 0) return NtStatus.invalidParameter;
    if (handle === 0) {
      const allocations = findDestroyed(device, handles);
      return allocations === null
        ? NtStatus.invalidParameter
        : destroyAllocations(device, allocations, flags);
    }
    const resource = findResource(device, handle);
    if (resource === undefined || handles.length !== 0) return NtStatus.invalidParameter;
    device.forgetResource(resource);
    return destroyAllocations(device, [...resource.allocations], flags);
  },

  lock2(call, request) {
    const { device: deviceHandle, allocation: handle } = request.args;
    const device = findDevice(call, deviceHandle);
    const allocation = device === undefined ? undefined : findAllocation(device, handle);
    if (device === undefined || allocation === undefined) return NtStatus.invalidParameter;
    if (allocation.instance.allocation.lengthBytes > MAX_LOCK_BYTES) return NtStatus.invalidParameter;
    if (!call.partition.ioSpace.isPlaced) return NtStatus.noMemory;
    const { status, offset } = device.engine.memory.lock(allocation.instance);
    if (status !== NtStatus.success) return status;
    return { status, cpuVisibleBufferOffset: call.partition.ioSpace.addressOf(offset) };
  },

  /** Also without a lock before it: the guest never sends Lock2 for its own pages, but always Unlock2. */
  unlock2(call, request) {
    const device = findDevice(call, request.args.device);
    const allocation = device === undefined ? undefined : findAllocation(device, request.args.allocation);
    if (device === undefined || allocation === undefined) return NtStatus.invalidParameter;
    return device.engine.memory.unlock(allocation.instance);
  },

  /**
   * The private data that openers of a standard allocation get. The guest asks for the sizes first; then it gives them
   * and wants the bytes, which end in zeros if it gave more than there are.
   */
  ddiGetStandardAllocationDriverData(_call, request) {
    const { allocType, gdiSurface, privDriverDataSize, privDriverResourceSize } = request;
    if (allocType !== StandardAllocationDriverType.gdiSurface || gdiSurface === undefined) {
      return NtStatus.notSupported;
    }
    if (request.physicalAdapterIndex !== 0) return NtStatus.invalidParameter;
    const surface = { ...gdiSurface, pitch: gdiSurface.width };
    if (privDriverDataSize === 0 && privDriverResourceSize === 0) {
      return { status: NtStatus.success, privDriverDataSize: ALLOCATION_DATA_BYTES, gdiSurface: surface };
    }
    if (privDriverDataSize < ALLOCATION_DATA_BYTES) return NtStatus.invalidParameter;
    const allocPrivData = new Uint8Array(privDriverDataSize);
    const lengthBytes = gdiSurface.width * Math.max(gdiSurface.height, 1);
    allocPrivData.set(encodeAllocationData({ lengthBytes, kind: AllocationKind.bytes }));
    return {
      status: NtStatus.success,
      privDriverDataSize,
      privDriverResourceSize,
      gdiSurface: surface,
      allocPrivData,
      resourcePrivData: new Uint8Array(privDriverResourceSize),
    };
  },

  queryAllocationResidency(call, request) {
    const device = findDevice(call, request.args.device);
    if (device === undefined) return NtStatus.invalidParameter;
    const { memory } = device.engine;
    const { resource } = request.args;
    const targets = findTargets(device, resource, request.allocations);
    if (targets === null || targets.length === 0) return NtStatus.invalidParameter;
    const each = targets.map((allocation) => memory.residencyStatus(allocation.instance));
    // A resource is as resident as the least resident of its allocations.
    const residencyStatus = resource === 0 ? each : [largest(each)];
    return { status: NtStatus.success, residencyStatus };
  },

  setExistingSysMemStore(call, request) {
    const allocation = findUnbacked(call, request.device, request.allocation);
    if (allocation === undefined || allocation.gpadl !== 0) return NtStatus.invalidParameter;
    const { bus, gpadls } = call.partition;
    const ranges = bus.memory.gpadl(request.gpadl);
    if (ranges === null) return NtStatus.invalidParameter;
    const status = allocation.device.engine.memory.setSystemRanges(allocation.instance, ranges);
    if (status === NtStatus.success) gpadls.add(request.gpadl, allocation);
    return status;
  },

  setExistingSysMemPages(call, request) {
    if (!call.partition.options.mapGuestMemory) return NtStatus.notSupported;
    const allocation = findUnbacked(call, request.device, request.allocation);
    const count = request.pfns.length;
    if (allocation === undefined || count === 0) return NtStatus.invalidParameter;
    const { memory } = allocation.device.engine;
    return memory.setSystemPages(allocation.instance, request.allocOffsetInPages, request.pfns, count);
  },

  updateAllocationProperty(call, request) {
    const { args } = request;
    const pagingQueue = findPagingQueue(call, args.pagingQueue);
    const allocation =
      pagingQueue === undefined ? undefined : findAllocation(pagingQueue.device, args.allocation);
    if (pagingQueue === undefined || allocation === undefined) return NtStatus.invalidParameter;
    return pagingQueue.device.engine.memory.updateProperty(pagingQueue.queue, allocation.instance, {
      supportedSegmentSet: args.supportedSegmentSet,
      preferredSegment: args.preferredSegment,
      flags: args.flags,
      propertyMask: args.propertyMaskValue,
    });
  },

  setAllocationPriority(call, request) {
    const device = findDevice(call, request.device);
    if (device === undefined) return NtStatus.invalidParameter;
    const targets = findTargets(device, request.resource, request.allocations);
    if (targets === null) return NtStatus.invalidParameter;
    const { memory } = device.engine;
    let status: number = NtStatus.success;
    targets.forEach((allocation, index) => {
      const priority = request.priorities[request.resource === 0 ? index : 0]!;
      const each = memory.setPriority(allocation.instance, priority);
      if (status === NtStatus.success) status = each;
    });
    return status;
  },

  getAllocationPriority(call, request) {
    const device = findDevice(call, request.device);
    if (device === undefined) return NtStatus.invalidParameter;
    const targets = findTargets(device, request.resource, request.allocations);
    if (targets === null || targets.length === 0) return NtStatus.invalidParameter;
    const each = targets.map((allocation) => allocation.instance.allocation.priority);
    // The members of a resource have one priority unless they were set one by one; the highest keeps it longest.
    const priorities = request.resource === 0 ? each : [largest(each)];
    return { status: NtStatus.success, priorities };
  },

  invalidateCache(call, request) {
    const device = findDevice(call, request.device);
    const allocation = device === undefined ? undefined : findAllocation(device, request.allocation);
    if (device === undefined || allocation === undefined) return NtStatus.invalidParameter;
    const { memory } = device.engine;
    const { offset, length } = request;
    return later((complete) => memory.invalidateCache(allocation.instance, offset, length, complete));
  },
};
