import {
  gpuVaReservationTypeType,
  UpdateGpuVaOperationType,
  updateGpuVaOperationTypeType,
} from '../enums.ts';
import { gpuVaProtectionType } from '../flags.ts';
import { unionByEnum } from '../schema/entries.ts';
import { handle, u32, u64 } from '../schema/scalars.ts';
import { struct } from '../schema/struct.ts';

/** Structs of the GPU virtual address commands: copies of ioctl arguments, and parts of them. */

export const mapOperation = struct('d3dddi_updategpuvirtualaddress_operation.map', {
  baseAddress: u64,
  size: u64,
  allocation: handle,
  allocationOffset: u64,
  allocationSize: u64,
});

export const mapProtectOperation = struct('d3dddi_updategpuvirtualaddress_operation.map_protect', {
  baseAddress: u64,
  size: u64,
  allocation: handle,
  allocationOffset: u64,
  allocationSize: u64,
  protection: gpuVaProtectionType,
  driverProtection: u64,
});

export const unmapOperation = struct('d3dddi_updategpuvirtualaddress_operation.unmap', {
  baseAddress: u64,
  size: u64,
  protection: gpuVaProtectionType,
});

export const copyOperation = struct('d3dddi_updategpuvirtualaddress_operation.copy', {
  sourceAddress: u64,
  size: u64,
  destAddress: u64,
});

export const updateGpuVaOperation = struct('d3dddi_updategpuvirtualaddress_operation', {
  operation: updateGpuVaOperationTypeType,
  alternative: unionByEnum(
    'operation',
    {
      [UpdateGpuVaOperationType.map]: 'map',
      [UpdateGpuVaOperationType.unmap]: 'unmap',
      [UpdateGpuVaOperationType.copy]: 'copy',
      [UpdateGpuVaOperationType.mapProtect]: 'mapProtect',
    },
    { map: mapOperation, mapProtect: mapProtectOperation, unmap: unmapOperation, copy: copyOperation },
  ),
});

export const mapGpuVirtualAddressArgs = struct('d3dddi_mapgpuvirtualaddress', {
  pagingQueue: handle,
  baseAddress: u64,
  minimumAddress: u64,
  maximumAddress: u64,
  allocation: handle,
  offsetInPages: u64,
  sizeInPages: u64,
  protection: gpuVaProtectionType,
  driverProtection: u64,
  reserved0: u32,
  reserved1: u64,
  virtualAddress: u64,
  pagingFenceValue: u64,
});

export const reserveGpuVirtualAddressArgs = struct('d3dddi_reservegpuvirtualaddress', {
  adapter: handle,
  baseAddress: u64,
  minimumAddress: u64,
  maximumAddress: u64,
  size: u64,
  reservationType: gpuVaReservationTypeType,
  driverProtection: u64,
  virtualAddress: u64,
  pagingFenceValue: u64,
});

export const freeGpuVirtualAddressArgs = struct('d3dkmt_freegpuvirtualaddress', {
  adapter: handle,
  reserved: u32,
  baseAddress: u64,
  size: u64,
});
