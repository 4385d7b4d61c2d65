import { SyncObjectType, syncObjectTypeType } from '../enums.ts';
import { syncObjectFlagsType } from '../flags.ts';
import { named, unionByEnum } from '../schema/entries.ts';
import { array, handle, pointer, u32, u64 } from '../schema/scalars.ts';
import { struct } from '../schema/struct.ts';

/** Structs of the synchronisation commands: copies of ioctl arguments, and parts of them. */

export const mutexInfo = struct('d3dddi_synchronizationobjectinfo2.synchronization_mutex', {
  initialState: u32,
});

export const semaphoreInfo = struct('d3dddi_synchronizationobjectinfo2.semaphore', {
  maxCount: u32,
  initialCount: u32,
});

export const fenceInfo = struct('d3dddi_synchronizationobjectinfo2.fence', {
  fenceValue: u64,
});

export const cpuNotificationInfo = struct('d3dddi_synchronizationobjectinfo2.cpu_notification', {
  event: u64,
});

export const monitoredFenceInfo = struct('d3dddi_synchronizationobjectinfo2.monitored_fence', {
  initialFenceValue: u64,
  fenceCpuVirtualAddress: pointer(),
  fenceGpuVirtualAddress: u64,
  engineAffinity: u32,
});

export const periodicMonitoredFenceInfo = struct(
  'd3dddi_synchronizationobjectinfo2.periodic_monitored_fence',
  {
    adapter: handle,
    vidpnTargetId: u32,
    time: u64,
    fenceCpuVirtualAddress: pointer(),
    fenceGpuVirtualAddress: u64,
    engineAffinity: u32,
  },
);

export const reservedInfo = struct('d3dddi_synchronizationobjectinfo2.reserved', {
  reserved: array(u64, 8),
});

export const syncObjectInfo = struct('d3dddi_synchronizationobjectinfo2', {
  type: syncObjectTypeType,
  flags: syncObjectFlagsType,
  alternative: unionByEnum(
    'type',
    {
      [SyncObjectType.mutex]: 'mutex',
      [SyncObjectType.semaphore]: 'semaphore',
      [SyncObjectType.fence]: 'fence',
      [SyncObjectType.cpuNotification]: 'cpuNotification',
      [SyncObjectType.monitoredFence]: 'monitoredFence',
      [SyncObjectType.periodicMonitoredFence]: 'periodicMonitoredFence',
    },
    {
      mutex: named('synchronization_mutex', mutexInfo),
      semaphore: semaphoreInfo,
      fence: fenceInfo,
      cpuNotification: cpuNotificationInfo,
      monitoredFence: monitoredFenceInfo,
      periodicMonitoredFence: periodicMonitoredFenceInfo,
    },
    { reserved: reservedInfo },
  ),
  sharedHandle: handle,
});

export const createSyncObjectArgs = struct('d3dkmt_createsynchronizationobject2', {
  device: handle,
  reserved: u32,
  info: syncObjectInfo,
  syncObject: handle,
  reserved1: u32,
});
