import {
  EvictFlags,
  Limits,
  MakeResidentFlags,
  NtStatus,
  OfferFlags,
  OfferPriority,
} from '@dxgwire/protocol';
import type { Device } from '../device.ts';
import { returnFencePage, takeFencePage } from '../fence-pages.ts';
import type { SomeHandlers } from '../handler.ts';
import type { AllocationInstance } from '../memory/index.ts';
import { type ImplicitFence, ObjectKind, type PagingQueue } from '../objects.ts';
import { createImplicitFence } from '../scheduler/index.ts';
import { findAllocations, findDevice, findPagingQueue, findResource } from './lookup.ts';

function isListLength(length: number): boolean {
  return length >= 1 && length <= Limits.maxResidencyAllocations;
}

/** The memory behind a list of allocations; null when one is not of this device, or the list's length is no good. */
function findInstances(device: Device, handles: ArrayLike<number>): AllocationInstance[] | null {
  if (!isListLength(handles.length)) return null;
  return findAllocations(device, handles)?.map((allocation) => allocation.instance) ?? null;
}

/** The memory behind each handle of a list of allocations, or of resources. */
function findGroups(
  device: Device,
  handles: ArrayLike<number>,
  areResources: boolean,
): AllocationInstance[][] | null {
  if (!areResources) return findInstances(device, handles)?.map((instance) => [instance]) ?? null;
  if (!isListLength(handles.length)) return null;
  const groups: AllocationInstance[][] = [];
  for (let i = 0; i < handles.length; i += 1) {
    const resource = findResource(device, handles[i]!);
    if (resource === undefined) return null;
    groups.push([...resource.allocations].map((allocation) => allocation.instance));
  }
  return groups;
}

/** Residency and paging-queue commands. */
export const residencyHandlers: SomeHandlers<
  | 'createPagingQueue'
  | 'destroyPagingQueue'
  | 'makeResident'
  | 'evict'
  | 'offerAllocations'
  | 'reclaimAllocations'
> = {
  createPagingQueue(call, request) {
    const { process, partition } = call;
    const { device: handle, priority, physicalAdapterIndex } = request.args;
    const device = findDevice(call, handle);
    if (device === undefined || physicalAdapterIndex !== 0) return NtStatus.invalidParameter;
    if (!device.isActive) return NtStatus.deviceRemoved;
    // The queue and its fence take a handle each.
    if (process.objects.room < 2) return NtStatus.noMemory;
    const page = takeFencePage(device, false);
    if (page === null) return NtStatus.noMemory;
    const instance = createImplicitFence(partition.bus.window, page.windowOffset);
    const queue = device.engine.memory.createPagingQueue(device.memory, priority, instance);
    if (queue === null) {
      instance.close();
      returnFencePage(process, device, page, true);
      return NtStatus.invalidParameter;
    }
    const fence: ImplicitFence = { handle: 0, device, instance, ...page };
    const pagingQueue: PagingQueue = { handle: 0, device, queue, fence };
    pagingQueue.handle = process.objects.add(ObjectKind.pagingQueue, pagingQueue);
    fence.handle = process.objects.add(ObjectKind.implicitFence, fence);
    device.pagingQueues.add(pagingQueue);
    return {
      pagingQueue: pagingQueue.handle,
      syncObject: fence.handle,
      fenceStoragePhysicalAddress: partition.ioSpace.addressOf(page.windowOffset),
    };
  },

  destroyPagingQueue(call, request) {
    const pagingQueue = findPagingQueue(call, request.pagingQueue);
    if (pagingQueue === undefined) return NtStatus.invalidParameter;
    pagingQueue.device.destroyPagingQueue(pagingQueue);
    return NtStatus.success;
  },

  makeResident(call, request) {
    const pagingQueue = findPagingQueue(call, request.pagingQueue);
    if (pagingQueue === undefined) return NtStatus.invalidParameter;
    const { device, queue } = pagingQueue;
    const instances = findInstances(device, request.allocations);
    const hasReserved = (request.flags & MakeResidentFlags.reserved) !== 0;
    if (instances === null || hasReserved) return NtStatus.invalidParameter;
    return device.engine.memory.makeResident(queue, instances, request.flags);
  },

  evict(call, request) {
    const device = findDevice(call, request.device);
    const instances = device === undefined ? null : findInstances(device, request.allocations);
    if (device === undefined || instances === null) return NtStatus.invalidParameter;
    if ((request.flags & EvictFlags.reserved) !== 0) return NtStatus.invalidParameter;
    return { numBytesToTrim: device.engine.memory.evict(device.memory, instances, request.flags) };
  },

  offerAllocations(call, request) {
    const device = findDevice(call, request.device);
    const groups = device === undefined ? null : findGroups(device, request.allocations, request.resources);
    if (device === undefined || groups === null) return NtStatus.invalidParameter;
    if ((request.flags & OfferFlags.reserved) !== 0) return NtStatus.invalidParameter;
    if (request.priority < OfferPriority.low || request.priority > OfferPriority.auto) {
      return NtStatus.invalidParameter;
    }
    return device.engine.memory.offer(groups.flat(), request.priority, request.flags);
  },

  reclaimAllocations(call, request) {
    const pagingQueue = findPagingQueue(call, request.pagingQueue);
    if (pagingQueue === undefined) return NtStatus.invalidParameter;
    const { device, queue } = pagingQueue;
    const groups = findGroups(device, request.allocations, request.resources);
    if (groups === null) return NtStatus.invalidParameter;
    const discarded = new Uint32Array(request.writeResults ? groups.length : 1);
    const results = request.writeResults ? discarded : null;
    return { discarded, ...device.engine.memory.reclaim(queue, groups, results) };
  },
};
