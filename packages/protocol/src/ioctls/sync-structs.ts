import { signalFlagsType, syncObjectFlagsType, waitFromCpuFlagsType } from '../flags.ts';
import { overlapping } from '../schema/entries.ts';
import { array, handle, pointer, u32, u64 } from '../schema/scalars.ts';
import { struct } from '../schema/struct.ts';

/**
 * Arguments of the ioctls on sync objects of the Linux driver, as C lays them out, and structs
 * that these point to. Pointers are addresses of the calling process. None of these structs travels in a message; their
 * unions show no value, because the guest's calls take typed arguments instead.
 */

export const waitFence = struct('d3dkmt_waitforsynchronizationobject2.fence', {
  fenceValue: u64,
});

export const waitForSynchronizationObject2Args = struct('d3dkmt_waitforsynchronizationobject2', {
  context: handle,
  objectCount: u32,
  objectArray: array(handle, 32),
  union0: overlapping({
    fence: waitFence,
    reserved: array(u64, 8),
  }),
});

export const signalFence = struct('d3dkmt_signalsynchronizationobject2.fence', {
  fenceValue: u64,
});

export const signalSynchronizationObject2Args = struct('d3dkmt_signalsynchronizationobject2', {
  context: handle,
  objectCount: u32,
  objectArray: array(handle, 32),
  flags: signalFlagsType,
  contextCount: u32,
  contexts: array(handle, 64),
  union0: overlapping({
    fence: signalFence,
    cpuEventHandle: u64,
    reserved: array(u64, 8),
  }),
});

export const waitForSynchronizationObjectFromCpuArgs = struct('d3dkmt_waitforsynchronizationobjectfromcpu', {
  device: handle,
  objectCount: u32,
  objects: pointer('struct:d3dkmthandle'),
  fenceValues: pointer('u64'),
  asyncEvent: u64,
  flags: waitFromCpuFlagsType,
});

export const signalSynchronizationObjectFromCpuArgs = struct('d3dkmt_signalsynchronizationobjectfromcpu', {
  device: handle,
  objectCount: u32,
  objects: pointer('struct:d3dkmthandle'),
  fenceValues: pointer('u64'),
  flags: signalFlagsType,
});

export const waitForSynchronizationObjectFromGpuArgs = struct('d3dkmt_waitforsynchronizationobjectfromgpu', {
  context: handle,
  objectCount: u32,
  objects: pointer('struct:d3dkmthandle'),
  union0: overlapping({
    monitoredFenceValues: pointer('u64'),
    fenceValue: u64,
    reserved: array(u64, 8),
  }),
});

export const signalSynchronizationObjectFromGpuArgs = struct('d3dkmt_signalsynchronizationobjectfromgpu', {
  context: handle,
  objectCount: u32,
  objects: pointer('struct:d3dkmthandle'),
  union0: overlapping({
    monitoredFenceValues: pointer('u64'),
    reserved: array(u64, 8),
  }),
});

export const signalSynchronizationObjectFromGpu2Args = struct('d3dkmt_signalsynchronizationobjectfromgpu2', {
  objectCount: u32,
  reserved1: u32,
  objects: pointer('struct:d3dkmthandle'),
  flags: signalFlagsType,
  contextCount: u32,
  contexts: pointer('struct:d3dkmthandle'),
  union0: overlapping({
    fenceValue: u64,
    cpuEventHandle: u64,
    monitoredFenceValues: pointer('u64'),
    reserved: array(u64, 8),
  }),
});

export const destroySynchronizationObjectArgs = struct('d3dkmt_destroysynchronizationobject', {
  syncObject: handle,
});

export const submitWaitForSyncObjectsToHwQueueArgs = struct('d3dkmt_submitwaitforsyncobjectstohwqueue', {
  hwqueue: handle,
  objectCount: u32,
  objects: pointer('struct:d3dkmthandle'),
  fenceValues: pointer('u64'),
});

export const submitSignalSyncObjectsToHwQueueArgs = struct('d3dkmt_submitsignalsyncobjectstohwqueue', {
  flags: signalFlagsType,
  hwqueueCount: u32,
  hwqueues: pointer('struct:d3dkmthandle'),
  objectCount: u32,
  reserved: u32,
  objects: pointer('struct:d3dkmthandle'),
  fenceValues: pointer('u64'),
});

export const openedMonitoredFence = struct('d3dkmt_opensyncobjectfromnthandle2.monitored_fence', {
  fenceValueCpuVa: pointer(),
  fenceValueGpuVa: u64,
  engineAffinity: u32,
});

export const openSyncObjectFromNtHandle2Args = struct('d3dkmt_opensyncobjectfromnthandle2', {
  ntHandle: u64,
  device: handle,
  flags: syncObjectFlagsType,
  syncObject: handle,
  reserved1: u32,
  union0: overlapping({
    monitoredFence: openedMonitoredFence,
    reserved: array(u64, 8),
  }),
});

export const createSyncFileArgs = struct('d3dkmt_createsyncfile', {
  device: handle,
  monitoredFence: handle,
  fenceValue: u64,
  syncFileHandle: u64,
});

export const waitSyncFileArgs = struct('d3dkmt_waitsyncfile', {
  syncFileHandle: u64,
  context: handle,
  reserved: u32,
});

export const openSyncObjectFromSyncFileArgs = struct('d3dkmt_opensyncobjectfromsyncfile', {
  syncFileHandle: u64,
  device: handle,
  syncobj: handle,
  fenceValue: u64,
  fenceValueCpuVa: pointer(),
  fenceValueGpuVa: u64,
});
