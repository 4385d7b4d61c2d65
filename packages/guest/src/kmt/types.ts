/** The D3DKMT calls of the Linux driver as TypeScript sees them: names, arguments, results. */

export type * from './types/adapter.ts';
export type * from './types/allocation.ts';
export type * from './types/common.ts';
export type * from './types/device.ts';
export type * from './types/gpu-virtual-address.ts';
export type * from './types/residency.ts';
export type * from './types/sharing.ts';
export type * from './types/submission.ts';
export type * from './types/sync.ts';

import type * as Adapter from './types/adapter.ts';
import type * as Allocation from './types/allocation.ts';
import type { KmtResult } from './types/common.ts';
import type * as Device from './types/device.ts';
import type * as GpuVa from './types/gpu-virtual-address.ts';
import type * as Residency from './types/residency.ts';
import type * as Sharing from './types/sharing.ts';
import type * as Submission from './types/submission.ts';
import type * as Sync from './types/sync.ts';

type Done = Promise<KmtResult>;

/**
 * The 65 calls. A call whose local checks pass has sent its packet when it returns its promise (of a call that
 * needs several packets, the first one). Arguments are read before the call returns: they may be reused.
 */
export interface D3dkmtCalls {
  enumAdapters2(args?: Adapter.EnumAdapters2Args): Promise<Adapter.EnumAdapters2Result>;
  enumAdapters3(args?: Adapter.EnumAdapters3Args): Promise<Adapter.EnumAdapters3Result>;
  openAdapterFromLuid(args: Adapter.OpenAdapterFromLuidArgs): Promise<Adapter.OpenAdapterFromLuidResult>;
  closeAdapter(args: Adapter.CloseAdapterArgs): Done;
  queryAdapterInfo(args: Adapter.QueryAdapterInfoArgs): Promise<Adapter.QueryAdapterInfoResult>;
  queryVideoMemoryInfo(args: Adapter.QueryVideoMemoryInfoArgs): Promise<Adapter.QueryVideoMemoryInfoResult>;
  changeVideoMemoryReservation(args: Adapter.ChangeVideoMemoryReservationArgs): Done;
  queryClockCalibration(
    args: Adapter.QueryClockCalibrationArgs,
  ): Promise<Adapter.QueryClockCalibrationResult>;
  queryStatistics(args: Adapter.QueryStatisticsArgs): Promise<Adapter.QueryStatisticsResult>;
  flushHeapTransitions(args: Adapter.FlushHeapTransitionsArgs): Done;
  escape(args: Adapter.EscapeArgs): Promise<Adapter.EscapeResult>;
  isFeatureEnabled(args: Adapter.IsFeatureEnabledArgs): Promise<Adapter.IsFeatureEnabledResult>;
  enumProcesses(args: Adapter.EnumProcessesArgs): Promise<Adapter.EnumProcessesResult>;

  createDevice(args: Device.CreateDeviceArgs): Promise<Device.CreateDeviceResult>;
  destroyDevice(args: Device.DestroyDeviceArgs): Done;
  getDeviceState(args: Device.GetDeviceStateArgs): Promise<Device.GetDeviceStateResult>;
  markDeviceAsError(args: Device.MarkDeviceAsErrorArgs): Done;
  createContextVirtual(args: Device.CreateContextVirtualArgs): Promise<Device.CreateContextVirtualResult>;
  destroyContext(args: Device.DestroyContextArgs): Done;
  createHwQueue(args: Device.CreateHwQueueArgs): Promise<Device.CreateHwQueueResult>;
  destroyHwQueue(args: Device.DestroyHwQueueArgs): Done;
  setContextSchedulingPriority(args: Device.SetSchedulingPriorityArgs): Done;
  getContextSchedulingPriority(args: Device.SchedulingPriorityArgs): Promise<Device.SchedulingPriorityResult>;
  setContextInProcessSchedulingPriority(args: Device.SetSchedulingPriorityArgs): Done;
  getContextInProcessSchedulingPriority(
    args: Device.SchedulingPriorityArgs,
  ): Promise<Device.SchedulingPriorityResult>;

  createAllocation(args: Allocation.CreateAllocationArgs): Promise<Allocation.CreateAllocationResult>;
  destroyAllocation2(args: Allocation.DestroyAllocation2Args): Done;
  lock2(args: Allocation.Lock2Args): Promise<Allocation.Lock2Result>;
  unlock2(args: Allocation.Unlock2Args): Done;
  setAllocationPriority(args: Allocation.SetAllocationPriorityArgs): Done;
  getAllocationPriority(
    args: Allocation.GetAllocationPriorityArgs,
  ): Promise<Allocation.GetAllocationPriorityResult>;
  queryAllocationResidency(
    args: Allocation.QueryAllocationResidencyArgs,
  ): Promise<Allocation.QueryAllocationResidencyResult>;
  invalidateCache(args: Allocation.InvalidateCacheArgs): Done;
  updateAllocationProperty(
    args: Allocation.UpdateAllocationPropertyArgs,
  ): Promise<Allocation.UpdateAllocationPropertyResult>;

  createPagingQueue(args: Residency.CreatePagingQueueArgs): Promise<Residency.CreatePagingQueueResult>;
  destroyPagingQueue(args: Residency.DestroyPagingQueueArgs): Done;
  makeResident(args: Residency.MakeResidentArgs): Promise<Residency.MakeResidentResult>;
  evict(args: Residency.EvictArgs): Promise<Residency.EvictResult>;
  offerAllocations(args: Residency.OfferAllocationsArgs): Done;
  reclaimAllocations2(args: Residency.ReclaimAllocations2Args): Promise<Residency.ReclaimAllocations2Result>;

  reserveGpuVirtualAddress(
    args: GpuVa.ReserveGpuVirtualAddressArgs,
  ): Promise<GpuVa.ReserveGpuVirtualAddressResult>;
  mapGpuVirtualAddress(args: GpuVa.MapGpuVirtualAddressArgs): Promise<GpuVa.MapGpuVirtualAddressResult>;
  updateGpuVirtualAddress(
    args: GpuVa.UpdateGpuVirtualAddressArgs,
  ): Promise<GpuVa.UpdateGpuVirtualAddressResult>;
  freeGpuVirtualAddress(args: GpuVa.FreeGpuVirtualAddressArgs): Done;

  createSynchronizationObject2(
    args: Sync.CreateSynchronizationObject2Args,
  ): Promise<Sync.CreateSynchronizationObject2Result>;
  destroySynchronizationObject(args: Sync.DestroySynchronizationObjectArgs): Done;
  signalSynchronizationObject2(args: Sync.SignalSynchronizationObject2Args): Done;
  waitForSynchronizationObject2(args: Sync.WaitForSynchronizationObject2Args): Done;
  signalSynchronizationObjectFromCpu(args: Sync.SignalSynchronizationObjectFromCpuArgs): Done;
  signalSynchronizationObjectFromGpu(args: Sync.SignalSynchronizationObjectFromGpuArgs): Done;
  signalSynchronizationObjectFromGpu2(args: Sync.SignalSynchronizationObjectFromGpu2Args): Done;
  waitForSynchronizationObjectFromCpu(args: Sync.WaitForSynchronizationObjectFromCpuArgs): Done;
  waitForSynchronizationObjectFromGpu(args: Sync.WaitForSynchronizationObjectFromGpuArgs): Done;

  submitCommand(args: Submission.SubmitCommandArgs): Done;
  submitCommandToHwQueue(args: Submission.SubmitCommandToHwQueueArgs): Done;
  submitSignalSyncObjectsToHwQueue(args: Submission.SubmitSignalSyncObjectsToHwQueueArgs): Done;
  submitWaitForSyncObjectsToHwQueue(args: Submission.SubmitWaitForSyncObjectsToHwQueueArgs): Done;

  shareObjects(args: Sharing.ShareObjectsArgs): Promise<Sharing.ShareObjectsResult>;
  openSyncObjectFromNtHandle2(
    args: Sharing.OpenSyncObjectFromNtHandle2Args,
  ): Promise<Sharing.OpenSyncObjectFromNtHandle2Result>;
  queryResourceInfoFromNtHandle(
    args: Sharing.QueryResourceInfoFromNtHandleArgs,
  ): Promise<Sharing.QueryResourceInfoFromNtHandleResult>;
  openResourceFromNtHandle(
    args: Sharing.OpenResourceFromNtHandleArgs,
  ): Promise<Sharing.OpenResourceFromNtHandleResult>;
  shareObjectWithHost(args: Sharing.ShareObjectWithHostArgs): Promise<Sharing.ShareObjectWithHostResult>;
  createSyncFile(args: Sharing.CreateSyncFileArgs): Promise<Sharing.CreateSyncFileResult>;
  waitSyncFile(args: Sharing.WaitSyncFileArgs): Done;
  openSyncObjectFromSyncFile(
    args: Sharing.OpenSyncObjectFromSyncFileArgs,
  ): Promise<Sharing.OpenSyncObjectFromSyncFileResult>;
}

/**
 * The calls that may be one-way, without a promise: they return what the caller could know at once, `ret` of the
 * local checks. A failure that the host reports later (only while asynchronous messages are off) goes to
 * `onPostFailure`.
 */
export interface D3dkmtPosts {
  /** Shows the host at once what was posted, and not only at the end of the turn. */
  flushPosts(): void;
  postSubmitCommand(args: Submission.SubmitCommandArgs): number;
  postSubmitCommandToHwQueue(args: Submission.SubmitCommandToHwQueueArgs): number;
  postSubmitSignalSyncObjectsToHwQueue(args: Submission.SubmitSignalSyncObjectsToHwQueueArgs): number;
  postSubmitWaitForSyncObjectsToHwQueue(args: Submission.SubmitWaitForSyncObjectsToHwQueueArgs): number;
  postSignalSynchronizationObject2(args: Sync.SignalSynchronizationObject2Args): number;
  postSignalSynchronizationObjectFromCpu(args: Sync.SignalSynchronizationObjectFromCpuArgs): number;
  postSignalSynchronizationObjectFromGpu(args: Sync.SignalSynchronizationObjectFromGpuArgs): number;
  postSignalSynchronizationObjectFromGpu2(args: Sync.SignalSynchronizationObjectFromGpu2Args): number;
  postWaitForSynchronizationObject2(args: Sync.WaitForSynchronizationObject2Args): number;
  postWaitForSynchronizationObjectFromGpu(args: Sync.WaitForSynchronizationObjectFromGpuArgs): number;
}
