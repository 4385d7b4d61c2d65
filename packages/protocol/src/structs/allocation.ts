import { d3dDdiFormatType, gdiSurfaceTypeType } from '../enums.ts';
import {
  allocationPropertyMaskType,
  allocationReturnFlagsType,
  lock2FlagsType,
  segmentPreferenceType,
  updateAllocationPropertyFlagsType,
} from '../flags.ts';
import { tailCount } from '../schema/entries.ts';
import { handle, pointer, u32, u64 } from '../schema/scalars.ts';
import { struct } from '../schema/struct.ts';

/** Structs of the allocation commands: copies of ioctl arguments, and parts of them. */

export const rational = struct('d3dddi_rational', {
  numerator: u32,
  denominator: u32,
});

export const gdiSurfaceData = struct('d3dkmdt_gdisurfacedata', {
  width: u32,
  height: u32,
  format: u32,
  type: gdiSurfaceTypeType,
  flags: u32,
  pitch: u32,
});

export const stagingSurfaceData = struct('d3dkmdt_stagingsurfacedata', {
  width: u32,
  height: u32,
  pitch: u32,
});

export const sharedPrimarySurfaceData = struct('d3dkmdt_sharedprimarysurfacedata', {
  width: u32,
  height: u32,
  format: d3dDdiFormatType,
  refreshRate: rational,
  vidpnSourceId: u32,
});

export const shadowSurfaceData = struct('d3dkmdt_shadowsurfacedata', {
  width: u32,
  height: u32,
  format: d3dDdiFormatType,
  pitch: u32,
});

export const queryAllocationResidencyArgs = struct('d3dkmt_queryallocationresidency', {
  device: handle,
  resource: handle,
  allocations: pointer('struct:d3dkmthandle'),
  allocationCount: tailCount(u32),
  reserved: u32,
  residencyStatus: pointer('enum:d3dkmt_allocationresidencystatus'),
});

export const lock2Args = struct('d3dkmt_lock2', {
  device: handle,
  allocation: handle,
  flags: lock2FlagsType,
  reserved: u32,
  data: pointer(),
});

export const unlock2Args = struct('d3dkmt_unlock2', {
  device: handle,
  allocation: handle,
});

export const updateAllocationPropertyArgs = struct('d3dddi_updateallocproperty', {
  pagingQueue: handle,
  allocation: handle,
  supportedSegmentSet: u32,
  preferredSegment: segmentPreferenceType,
  flags: updateAllocationPropertyFlagsType,
  pagingFenceValue: u64,
  propertyMaskValue: allocationPropertyMaskType,
});

export const describeAllocation = struct('dxgkarg_describeallocation', {
  allocation: u64,
  width: u32,
  height: u32,
  format: u32,
  multisampleMethod: u32,
  refreshRate: rational,
  privateDriverAttribute: u32,
  flags: u32,
  rotation: u32,
});

export const allocationInfoReturn = struct('dxgkvmb_command_allocinfo_return', {
  allocation: handle,
  privDrvDataSize: tailCount(u32),
  allocationFlags: allocationReturnFlagsType,
  allocationSize: u64,
  driverInfo: describeAllocation,
});

export const allocationInfo = struct('dxgkvmb_command_createallocation_allocinfo', {
  flags: u32,
  privDrvDataSize: tailCount(u32),
  vidpnSourceId: u32,
});
