import { offerPriorityType } from '../enums.ts';
import {
  allocationInfoFlagsType,
  createAllocationFlagsType,
  destroyAllocationFlagsType,
  evictFlagsType,
  makeResidentFlagsType,
  offerFlagsType,
  updateGpuVaFlagsType,
} from '../flags.ts';
import { overlapping } from '../schema/entries.ts';
import { array, handle, i32, pointer, u32, u64 } from '../schema/scalars.ts';
import { struct } from '../schema/struct.ts';

/**
 * Arguments of the ioctls on allocations, residency, GPU virtual addresses and sharing of the Linux driver, as C lays them out, and structs
 * that these point to. Pointers are addresses of the calling process. None of these structs travels in a message; their
 * unions show no value, because the guest's calls take typed arguments instead.
 */

export const setAllocationPriorityArgs = struct('d3dkmt_setallocationpriority', {
  device: handle,
  resource: handle,
  allocationList: pointer('struct:d3dkmthandle'),
  allocationCount: u32,
  reserved: u32,
  priorities: pointer('u32'),
});

export const getAllocationPriorityArgs = struct('d3dkmt_getallocationpriority', {
  device: handle,
  resource: handle,
  allocationList: pointer('struct:d3dkmthandle'),
  allocationCount: u32,
  reserved: u32,
  priorities: pointer('u32'),
});

export const allocationInfo2 = struct('d3dddi_allocationinfo2', {
  allocation: handle,
  sysmem: pointer(),
  privDrvData: pointer(),
  privDrvDataSize: u32,
  vidpnSourceId: u32,
  flags: allocationInfoFlagsType,
  gpuVirtualAddress: u64,
  union0: overlapping({
    priority: u32,
    unused: u64,
  }),
  reserved: array(u64, 5),
});

export const createAllocationArgs = struct('d3dkmt_createallocation', {
  device: handle,
  resource: handle,
  globalShare: handle,
  reserved: u32,
  privateRuntimeData: pointer(),
  privateRuntimeDataSize: u32,
  reserved1: u32,
  union0: overlapping({
    standardAllocation: pointer('struct:d3dkmt_createstandardallocation'),
    privDrvData: pointer(),
  }),
  privDrvDataSize: u32,
  allocCount: u32,
  allocationInfo: pointer('struct:d3dddi_allocationinfo2'),
  flags: createAllocationFlagsType,
  reserved2: u32,
  privateRuntimeResourceHandle: u64,
});

export const destroyAllocation2Args = struct('d3dkmt_destroyallocation2', {
  device: handle,
  resource: handle,
  allocations: pointer('struct:d3dkmthandle'),
  allocCount: u32,
  flags: destroyAllocationFlagsType,
});

export const makeResidentArgs = struct('d3dddi_makeresident', {
  pagingQueue: handle,
  allocCount: u32,
  allocationList: pointer('struct:d3dkmthandle'),
  priorityList: pointer('u32'),
  flags: makeResidentFlagsType,
  pagingFenceValue: u64,
  numBytesToTrim: u64,
});

export const evictArgs = struct('d3dkmt_evict', {
  device: handle,
  allocCount: u32,
  allocations: pointer('struct:d3dkmthandle'),
  flags: evictFlagsType,
  reserved: u32,
  numBytesToTrim: u64,
});

export const updateGpuVirtualAddressArgs = struct('d3dkmt_updategpuvirtualaddress', {
  device: handle,
  context: handle,
  fenceObject: handle,
  numOperations: u32,
  operations: pointer('struct:d3dddi_updategpuvirtualaddress_operation'),
  reserved0: u32,
  reserved1: u32,
  reserved2: u64,
  fenceValue: u64,
  flags: updateGpuVaFlagsType,
  reserved3: u32,
});

export const openAllocationInfo2 = struct('d3dddi_openallocationinfo2', {
  allocation: handle,
  privDrvData: pointer(),
  privDrvDataSize: u32,
  gpuVa: u64,
  reserved: array(u64, 6),
});

export const offerAllocationsArgs = struct('d3dkmt_offerallocations', {
  device: handle,
  reserved: u32,
  resources: pointer('struct:d3dkmthandle'),
  allocations: pointer('struct:d3dkmthandle'),
  allocationCount: u32,
  priority: offerPriorityType,
  flags: offerFlagsType,
  reserved1: u32,
});

export const reclaimAllocations2Args = struct('d3dkmt_reclaimallocations2', {
  pagingQueue: handle,
  allocationCount: u32,
  resources: pointer('struct:d3dkmthandle'),
  allocations: pointer('struct:d3dkmthandle'),
  union0: overlapping({
    discarded: pointer('u32'),
    results: pointer('enum:d3dddi_reclaim_result'),
  }),
  pagingFenceValue: u64,
});

export const openResourceFromNtHandleArgs = struct('d3dkmt_openresourcefromnthandle', {
  device: handle,
  reserved: u32,
  ntHandle: u64,
  allocationCount: u32,
  reserved1: u32,
  openAllocInfo: pointer('struct:d3dddi_openallocationinfo2'),
  privateRuntimeDataSize: i32,
  reserved2: u32,
  privateRuntimeData: pointer(),
  resourcePrivDrvDataSize: u32,
  reserved3: u32,
  resourcePrivDrvData: pointer(),
  totalPrivDrvDataSize: u32,
  totalPrivDrvData: pointer(),
  resource: handle,
  keyedMutex: handle,
  keyedMutexPrivateData: pointer(),
  keyedMutexPrivateDataSize: u32,
  syncObject: handle,
});

export const queryResourceInfoFromNtHandleArgs = struct('d3dkmt_queryresourceinfofromnthandle', {
  device: handle,
  reserved: u32,
  ntHandle: u64,
  privateRuntimeData: pointer(),
  privateRuntimeDataSize: u32,
  totalPrivDrvDataSize: u32,
  resourcePrivDrvDataSize: u32,
  allocationCount: u32,
});

export const shareObjectsArgs = struct('d3dkmt_shareobjects', {
  objectCount: u32,
  reserved: u32,
  objects: pointer('struct:d3dkmthandle'),
  objectAttr: pointer(),
  desiredAccess: u32,
  reserved1: u32,
  sharedHandle: pointer('u64'),
});

export const shareObjectWithHostArgs = struct('d3dkmt_shareobjectwithhost', {
  deviceHandle: handle,
  objectHandle: handle,
  reserved: u64,
  objectVailNtHandle: u64,
});

export const invalidateCacheArgs = struct('d3dkmt_invalidatecache', {
  device: handle,
  allocation: handle,
  offset: u64,
  length: u64,
});
