import {
  DeviceStateType,
  deviceErrorReasonType,
  deviceExecutionStateType,
  deviceStateTypeType,
  pageFaultFlagsType,
  renderPipelineStageType,
} from '../enums.ts';
import { deviceResetStateType, faultErrorCodeType } from '../flags.ts';
import { unionByEnum } from '../schema/entries.ts';
import { bytes, handle, u32, u64 } from '../schema/scalars.ts';
import { struct } from '../schema/struct.ts';

/** Structs of the device commands: copies of ioctl arguments, and parts of them. */

export const devicePageFaultState = struct('d3dkmt_devicepagefault_state', {
  faultedPrimitiveApiSequenceNumber: u64,
  faultedPipelineStage: renderPipelineStageType,
  faultedBindTableEntry: u32,
  pageFaultFlags: pageFaultFlagsType,
  faultErrorCode: faultErrorCodeType,
  faultedVirtualAddress: u64,
});

export const getDeviceStateArgs = struct('d3dkmt_getdevicestate', {
  device: handle,
  stateType: deviceStateTypeType,
  state: unionByEnum(
    'stateType',
    {
      [DeviceStateType.execution]: 'executionState',
      [DeviceStateType.reset]: 'resetState',
      [DeviceStateType.pageFault]: 'pageFaultState',
    },
    {
      executionState: deviceExecutionStateType,
      resetState: deviceResetStateType,
      pageFaultState: devicePageFaultState,
    },
    { alignment: bytes(48) },
  ),
});

export const markDeviceAsErrorArgs = struct('d3dkmt_markdeviceaserror', {
  device: handle,
  reason: deviceErrorReasonType,
});
