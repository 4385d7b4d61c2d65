import type { StructType } from '../schema/types.ts';
import {
  changeVideoMemoryReservationArgs,
  queryClockCalibrationArgs,
  queryStatisticsArgs,
} from '../structs/adapter.ts';
import {
  lock2Args,
  queryAllocationResidencyArgs,
  unlock2Args,
  updateAllocationPropertyArgs,
} from '../structs/allocation.ts';
import { getDeviceStateArgs, markDeviceAsErrorArgs } from '../structs/device.ts';
import {
  freeGpuVirtualAddressArgs,
  mapGpuVirtualAddressArgs,
  reserveGpuVirtualAddressArgs,
} from '../structs/gpu-virtual-address.ts';
import { createPagingQueueArgs } from '../structs/residency.ts';
import { submitCommandArgs, submitCommandToHwQueueArgs } from '../structs/submission.ts';
import { createSyncObjectArgs } from '../structs/sync.ts';
import {
  closeAdapterArgs,
  createContextVirtualArgs,
  createDeviceArgs,
  createHwQueueArgs,
  destroyContextArgs,
  destroyDeviceArgs,
  destroyHwQueueArgs,
  destroyPagingQueueArgs,
  enumAdapters2Args,
  enumAdapters3Args,
  enumProcessesArgs,
  escapeArgs,
  flushHeapTransitionsArgs,
  getContextInProcessSchedulingPriorityArgs,
  getContextSchedulingPriorityArgs,
  isFeatureEnabledArgs,
  openAdapterFromLuidArgs,
  queryAdapterInfoArgs,
  queryVideoMemoryInfoArgs,
  setContextInProcessSchedulingPriorityArgs,
  setContextSchedulingPriorityArgs,
} from './adapter-structs.ts';
import {
  createAllocationArgs,
  destroyAllocation2Args,
  evictArgs,
  getAllocationPriorityArgs,
  invalidateCacheArgs,
  makeResidentArgs,
  offerAllocationsArgs,
  openResourceFromNtHandleArgs,
  queryResourceInfoFromNtHandleArgs,
  reclaimAllocations2Args,
  setAllocationPriorityArgs,
  shareObjectsArgs,
  shareObjectWithHostArgs,
  updateGpuVirtualAddressArgs,
} from './memory-structs.ts';
import {
  createSyncFileArgs,
  destroySynchronizationObjectArgs,
  openSyncObjectFromNtHandle2Args,
  openSyncObjectFromSyncFileArgs,
  signalSynchronizationObject2Args,
  signalSynchronizationObjectFromCpuArgs,
  signalSynchronizationObjectFromGpu2Args,
  signalSynchronizationObjectFromGpuArgs,
  submitSignalSyncObjectsToHwQueueArgs,
  submitWaitForSyncObjectsToHwQueueArgs,
  waitForSynchronizationObject2Args,
  waitForSynchronizationObjectFromCpuArgs,
  waitForSynchronizationObjectFromGpuArgs,
  waitSyncFileArgs,
} from './sync-structs.ts';

/** One ioctl of the Linux driver's device file. */
export interface Ioctl {
  /** Number of the ioctl, 0x01 to 0x49. */
  readonly number: number;
  /** The D3DKMT call, without the prefix. */
  readonly name: string;
  readonly argument: StructType;
  /** The encoded request number: read and write, argument size, type 0x47, number. */
  readonly request: number;
  /** Commands that it can send. */
  readonly sends: readonly string[];
}

function ioctl(number: number, name: string, argument: StructType, sends: readonly string[]): Ioctl {
  const request = (0xc0000000 | (argument.sizeBytes << 16) | 0x4700 | number) >>> 0;
  return { number, name, argument, request, sends };
}

/** Every ioctl that the Linux driver implements, in order of number. */
export const ioctls: readonly Ioctl[] = [
  ioctl(0x01, 'OpenAdapterFromLuid', openAdapterFromLuidArgs, []),
  ioctl(0x02, 'CreateDevice', createDeviceArgs, ['CreateDevice', 'DestroyDevice']),
  ioctl(0x04, 'CreateContextVirtual', createContextVirtualArgs, ['CreateContextVirtual', 'DestroyContext']),
  ioctl(0x05, 'DestroyContext', destroyContextArgs, ['DestroyContext']),
  ioctl(0x06, 'CreateAllocation2', createAllocationArgs, [
    'DdiGetStandardAllocationDriverData',
    'CreateAllocation',
    'SetExistingSysMemStore',
    'SetExistingSysMemPages',
    'DestroyAllocation',
  ]),
  ioctl(0x07, 'CreatePagingQueue', createPagingQueueArgs, ['CreatePagingQueue', 'DestroyPagingQueue']),
  ioctl(0x08, 'ReserveGpuVirtualAddress', reserveGpuVirtualAddressArgs, ['ReserveGpuVirtualAddress']),
  ioctl(0x09, 'QueryAdapterInfo', queryAdapterInfoArgs, ['QueryAdapterInfo']),
  ioctl(0x0a, 'QueryVideoMemoryInfo', queryVideoMemoryInfoArgs, ['QueryVideoMemoryInfo']),
  ioctl(0x0b, 'MakeResident', makeResidentArgs, ['MakeResident']),
  ioctl(0x0c, 'MapGpuVirtualAddress', mapGpuVirtualAddressArgs, ['MapGpuVirtualAddress']),
  ioctl(0x0d, 'Escape', escapeArgs, ['Escape']),
  ioctl(0x0e, 'GetDeviceState', getDeviceStateArgs, ['GetDeviceState']),
  ioctl(0x0f, 'SubmitCommand', submitCommandArgs, ['SubmitCommand']),
  ioctl(0x10, 'CreateSynchronizationObject2', createSyncObjectArgs, [
    'CreateSyncObject',
    'DestroySyncObject',
  ]),
  ioctl(0x11, 'SignalSynchronizationObject2', signalSynchronizationObject2Args, ['SignalSyncObject']),
  ioctl(0x12, 'WaitForSynchronizationObject2', waitForSynchronizationObject2Args, [
    'WaitForSyncObjectFromGpu',
  ]),
  ioctl(0x13, 'DestroyAllocation2', destroyAllocation2Args, ['DestroyAllocation']),
  ioctl(0x14, 'EnumAdapters2', enumAdapters2Args, []),
  ioctl(0x15, 'CloseAdapter', closeAdapterArgs, ['FlushDevice', 'DestroyAllocation', 'DestroyDevice']),
  ioctl(0x16, 'ChangeVideoMemoryReservation', changeVideoMemoryReservationArgs, [
    'ChangeVideoMemoryReservation',
  ]),
  ioctl(0x18, 'CreateHwQueue', createHwQueueArgs, ['CreateHwQueue', 'DestroyHwQueue']),
  ioctl(0x19, 'DestroyDevice', destroyDeviceArgs, ['DestroyAllocation', 'DestroyDevice']),
  ioctl(0x1b, 'DestroyHwQueue', destroyHwQueueArgs, ['DestroyHwQueue']),
  ioctl(0x1c, 'DestroyPagingQueue', destroyPagingQueueArgs, ['DestroyPagingQueue']),
  ioctl(0x1d, 'DestroySynchronizationObject', destroySynchronizationObjectArgs, ['DestroySyncObject']),
  ioctl(0x1e, 'Evict', evictArgs, ['Evict']),
  ioctl(0x1f, 'FlushHeapTransitions', flushHeapTransitionsArgs, ['FlushHeapTransitions']),
  ioctl(0x20, 'FreeGpuVirtualAddress', freeGpuVirtualAddressArgs, ['FreeGpuVirtualAddress']),
  ioctl(0x21, 'GetContextInProcessSchedulingPriority', getContextInProcessSchedulingPriorityArgs, [
    'GetContextSchedulingPriority',
  ]),
  ioctl(0x22, 'GetContextSchedulingPriority', getContextSchedulingPriorityArgs, [
    'GetContextSchedulingPriority',
  ]),
  ioctl(0x24, 'InvalidateCache', invalidateCacheArgs, ['InvalidateCache']),
  ioctl(0x25, 'Lock2', lock2Args, ['Lock2']),
  ioctl(0x26, 'MarkDeviceAsError', markDeviceAsErrorArgs, ['MarkDeviceAsError']),
  ioctl(0x27, 'OfferAllocations', offerAllocationsArgs, ['OfferAllocations']),
  ioctl(0x2a, 'QueryAllocationResidency', queryAllocationResidencyArgs, ['QueryAllocationResidency']),
  ioctl(0x2c, 'ReclaimAllocations2', reclaimAllocations2Args, ['ReclaimAllocations']),
  ioctl(0x2e, 'SetAllocationPriority', setAllocationPriorityArgs, ['SetAllocationPriority']),
  ioctl(0x2f, 'SetContextInProcessSchedulingPriority', setContextInProcessSchedulingPriorityArgs, [
    'SetContextSchedulingPriority',
  ]),
  ioctl(0x30, 'SetContextSchedulingPriority', setContextSchedulingPriorityArgs, [
    'SetContextSchedulingPriority',
  ]),
  ioctl(0x31, 'SignalSynchronizationObjectFromCpu', signalSynchronizationObjectFromCpuArgs, [
    'SignalSyncObject',
  ]),
  ioctl(0x32, 'SignalSynchronizationObjectFromGpu', signalSynchronizationObjectFromGpuArgs, [
    'SignalSyncObject',
  ]),
  ioctl(0x33, 'SignalSynchronizationObjectFromGpu2', signalSynchronizationObjectFromGpu2Args, [
    'SignalSyncObject',
  ]),
  ioctl(0x34, 'SubmitCommandToHwQueue', submitCommandToHwQueueArgs, ['SubmitCommandToHwQueue']),
  ioctl(0x35, 'SubmitSignalSyncObjectsToHwQueue', submitSignalSyncObjectsToHwQueueArgs, ['SignalSyncObject']),
  ioctl(0x36, 'SubmitWaitForSyncObjectsToHwQueue', submitWaitForSyncObjectsToHwQueueArgs, [
    'WaitForSyncObjectFromGpu',
  ]),
  ioctl(0x37, 'Unlock2', unlock2Args, ['Unlock2']),
  ioctl(0x38, 'UpdateAllocationProperty', updateAllocationPropertyArgs, ['UpdateAllocationProperty']),
  ioctl(0x39, 'UpdateGpuVirtualAddress', updateGpuVirtualAddressArgs, ['UpdateGpuVirtualAddress']),
  ioctl(0x3a, 'WaitForSynchronizationObjectFromCpu', waitForSynchronizationObjectFromCpuArgs, [
    'WaitForSyncObjectFromCpu',
  ]),
  ioctl(0x3b, 'WaitForSynchronizationObjectFromGpu', waitForSynchronizationObjectFromGpuArgs, [
    'WaitForSyncObjectFromGpu',
  ]),
  ioctl(0x3c, 'GetAllocationPriority', getAllocationPriorityArgs, ['GetAllocationPriority']),
  ioctl(0x3d, 'QueryClockCalibration', queryClockCalibrationArgs, ['QueryClockCalibration']),
  ioctl(0x3e, 'EnumAdapters3', enumAdapters3Args, []),
  ioctl(0x3f, 'ShareObjects', shareObjectsArgs, ['CreateNtSharedObject']),
  ioctl(0x40, 'OpenSyncObjectFromNtHandle2', openSyncObjectFromNtHandle2Args, [
    'OpenSyncObject',
    'DestroySyncObject',
  ]),
  ioctl(0x41, 'QueryResourceInfoFromNtHandle', queryResourceInfoFromNtHandleArgs, []),
  ioctl(0x42, 'OpenResourceFromNtHandle', openResourceFromNtHandleArgs, [
    'OpenResource',
    'DestroyAllocation',
  ]),
  ioctl(0x43, 'QueryStatistics', queryStatisticsArgs, ['QueryStatistics']),
  ioctl(0x44, 'ShareObjectWithHost', shareObjectWithHostArgs, ['ShareObjectWithHost']),
  ioctl(0x45, 'CreateSyncFile', createSyncFileArgs, ['CreateNtSharedObject', 'WaitForSyncObjectFromCpu']),
  ioctl(0x46, 'WaitSyncFile', waitSyncFileArgs, [
    'OpenSyncObject',
    'WaitForSyncObjectFromGpu',
    'DestroySyncObject',
  ]),
  ioctl(0x47, 'OpenSyncObjectFromSyncFile', openSyncObjectFromSyncFileArgs, ['OpenSyncObject']),
  ioctl(0x48, 'EnumProcesses', enumProcessesArgs, []),
  ioctl(0x49, 'IsFeatureEnabled', isFeatureEnabledArgs, ['IsFeatureEnabled']),
];
