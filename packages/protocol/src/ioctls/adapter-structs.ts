import {
  clientHintType,
  dxgkFeatureIdType,
  escapeTypeType,
  memorySegmentGroupType,
  queryAdapterInfoTypeType,
} from '../enums.ts';
import {
  allocationListEntryFlagsType,
  createContextFlagsType,
  createDeviceFlagsType,
  createHwQueueFlagsType,
  enumAdaptersFilterType,
  escapeFlagsType,
  patchLocationSlotType,
} from '../flags.ts';
import { luid } from '../schema/luid.ts';
import { handle, i32, pointer, u32, u64 } from '../schema/scalars.ts';
import { struct } from '../schema/struct.ts';
import { featureResult } from '../structs/adapter.ts';

/**
 * Arguments of the ioctls on adapters, devices, contexts and queues of the Linux driver, as C lays them out, and structs
 * that these point to. Pointers are addresses of the calling process. None of these structs travels in a message; their
 * unions show no value, because the guest's calls take typed arguments instead.
 */

export const adapterInfo = struct('d3dkmt_adapterinfo', {
  adapterHandle: handle,
  adapterLuid: luid,
  numSources: u32,
  presentMoveRegionsPreferred: u32,
});

export const enumAdapters2Args = struct('d3dkmt_enumadapters2', {
  numAdapters: u32,
  reserved: u32,
  adapters: pointer('struct:d3dkmt_adapterinfo'),
});

export const closeAdapterArgs = struct('d3dkmt_closeadapter', {
  adapterHandle: handle,
});

export const openAdapterFromLuidArgs = struct('d3dkmt_openadapterfromluid', {
  adapterLuid: luid,
  adapterHandle: handle,
});

export const allocationListEntry = struct('d3dddi_allocationlist', {
  allocation: handle,
  value: allocationListEntryFlagsType,
});

export const patchLocationListEntry = struct('d3dddi_patchlocationlist', {
  allocationIndex: u32,
  value: patchLocationSlotType,
  driverId: u32,
  allocationOffset: u32,
  patchOffset: u32,
  splitOffset: u32,
});

export const createDeviceArgs = struct('d3dkmt_createdevice', {
  adapter: handle,
  reserved3: u32,
  flags: createDeviceFlagsType,
  device: handle,
  commandBuffer: pointer(),
  commandBufferSize: u32,
  reserved: u32,
  allocationList: pointer('struct:d3dddi_allocationlist'),
  allocationListSize: u32,
  reserved1: u32,
  patchLocationList: pointer('struct:d3dddi_patchlocationlist'),
  patchLocationListSize: u32,
  reserved2: u32,
});

export const destroyDeviceArgs = struct('d3dkmt_destroydevice', {
  device: handle,
});

export const destroyContextArgs = struct('d3dkmt_destroycontext', {
  context: handle,
});

export const createContextVirtualArgs = struct('d3dkmt_createcontextvirtual', {
  device: handle,
  nodeOrdinal: u32,
  engineAffinity: u32,
  flags: createContextFlagsType,
  privDrvData: pointer(),
  privDrvDataSize: u32,
  clientHint: clientHintType,
  context: handle,
});

export const destroyPagingQueueArgs = struct('d3dddi_destroypagingqueue', {
  pagingQueue: handle,
});

export const escapeArgs = struct('d3dkmt_escape', {
  adapter: handle,
  device: handle,
  type: escapeTypeType,
  flags: escapeFlagsType,
  privDrvData: pointer(),
  privDrvDataSize: u32,
  context: handle,
});

export const setContextSchedulingPriorityArgs = struct('d3dkmt_setcontextschedulingpriority', {
  context: handle,
  priority: i32,
});

export const setContextInProcessSchedulingPriorityArgs = struct(
  'd3dkmt_setcontextinprocessschedulingpriority',
  {
    context: handle,
    priority: i32,
  },
);

export const getContextSchedulingPriorityArgs = struct('d3dkmt_getcontextschedulingpriority', {
  context: handle,
  priority: i32,
});

export const getContextInProcessSchedulingPriorityArgs = struct(
  'd3dkmt_getcontextinprocessschedulingpriority',
  {
    context: handle,
    priority: i32,
  },
);

export const queryVideoMemoryInfoArgs = struct('d3dkmt_queryvideomemoryinfo', {
  process: u64,
  adapter: handle,
  memorySegmentGroup: memorySegmentGroupType,
  budget: u64,
  currentUsage: u64,
  currentReservation: u64,
  availableForReservation: u64,
  physicalAdapterIndex: u32,
});

export const queryAdapterInfoArgs = struct('d3dkmt_queryadapterinfo', {
  adapter: handle,
  type: queryAdapterInfoTypeType,
  privateData: pointer(),
  privateDataSize: u32,
});

export const flushHeapTransitionsArgs = struct('d3dkmt_flushheaptransitions', {
  adapter: handle,
});

export const createHwQueueArgs = struct('d3dkmt_createhwqueue', {
  context: handle,
  flags: createHwQueueFlagsType,
  privDrvDataSize: u32,
  reserved: u32,
  privDrvData: pointer(),
  queue: handle,
  queueProgressFence: handle,
  queueProgressFenceCpuVa: pointer(),
  queueProgressFenceGpuVa: u64,
});

export const destroyHwQueueArgs = struct('d3dkmt_destroyhwqueue', {
  queue: handle,
});

export const enumAdapters3Args = struct('d3dkmt_enumadapters3', {
  filter: enumAdaptersFilterType,
  adapterCount: u32,
  reserved: u32,
  adapters: pointer('struct:d3dkmt_adapterinfo'),
});

export const enumProcessesArgs = struct('d3dkmt_enumprocesses', {
  adapterLuid: luid,
  buffer: pointer('u32'),
  bufferCount: u64,
});

export const isFeatureEnabledArgs = struct('d3dkmt_isfeatureenabled', {
  adapter: handle,
  featureId: dxgkFeatureIdType,
  result: featureResult,
});
