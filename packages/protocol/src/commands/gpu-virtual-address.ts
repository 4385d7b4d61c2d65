import {
  gpuVaReservationTypeType,
  UpdateGpuVaOperationType,
  updateGpuVaOperationTypeType,
} from '../enums.ts';
import { gpuVaProtectionType } from '../flags.ts';
import { vgpuCommand } from '../schema/command.ts';
import { overlay, tailCount, unionByEnum } from '../schema/entries.ts';
import { reply, structs, vgpuRequest } from '../schema/message.ts';
import { handle, ntstatus, u32, u64 } from '../schema/scalars.ts';
import { struct } from '../schema/struct.ts';
import { statusReply } from './common.ts';

/** GPU virtual address commands. */

const mapOperation = struct('d3dddi_updategpuvirtualaddress_operation.map', {
  baseAddress: u64,
  size: u64,
  allocation: handle,
  allocationOffset: u64,
  allocationSize: u64,
});

const mapProtectOperation = struct('d3dddi_updategpuvirtualaddress_operation.map_protect', {
  baseAddress: u64,
  size: u64,
  allocation: handle,
  allocationOffset: u64,
  allocationSize: u64,
  protection: gpuVaProtectionType,
  driverProtection: u64,
});

const unmapOperation = struct('d3dddi_updategpuvirtualaddress_operation.unmap', {
  baseAddress: u64,
  size: u64,
  protection: gpuVaProtectionType,
});

const copyOperation = struct('d3dddi_updategpuvirtualaddress_operation.copy', {
  sourceAddress: u64,
  size: u64,
  destAddress: u64,
});

const updateGpuVaOperation = struct('d3dddi_updategpuvirtualaddress_operation', {
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

const mapGpuVirtualAddressArgs = struct('d3dddi_mapgpuvirtualaddress', {
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

const reserveGpuVirtualAddressArgs = struct('d3dddi_reservegpuvirtualaddress', {
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

const freeGpuVirtualAddressArgs = struct('d3dkmt_freegpuvirtualaddress', {
  adapter: handle,
  reserved: u32,
  baseAddress: u64,
  size: u64,
});

export const freeGpuVirtualAddress = vgpuCommand({
  name: 'FreeGpuVirtualAddress',
  id: 16,
  summary: 'Gives back a range of GPU virtual addresses.',
  request: vgpuRequest('dxgkvmb_command_freegpuvirtualaddress', { args: freeGpuVirtualAddressArgs }),
  reply: statusReply,
  failure: 'status',
  calls: ['FreeGpuVirtualAddress'],
});

export const mapGpuVirtualAddress = vgpuCommand({
  name: 'MapGpuVirtualAddress',
  id: 17,
  summary:
    'Maps pages of an allocation (or nothing) at GPU virtual addresses, in the order of a paging queue.',
  request: vgpuRequest('dxgkvmb_command_mapgpuvirtualaddress', {
    args: mapGpuVirtualAddressArgs,
    device: handle,
  }),
  reply: reply('dxgkvmb_command_mapgpuvirtualaddress_return', {
    virtualAddress: u64,
    pagingFenceValue: u64,
    status: ntstatus,
  }),
  failure: 'status',
  calls: ['MapGpuVirtualAddress'],
});

export const reserveGpuVirtualAddress = vgpuCommand({
  name: 'ReserveGpuVirtualAddress',
  id: 18,
  summary: 'Reserves a range of GPU virtual addresses.',
  request: vgpuRequest('dxgkvmb_command_reservegpuvirtualaddress', { args: reserveGpuVirtualAddressArgs }),
  reply: reply('dxgkvmb_command_reservegpuvirtualaddress_return', {
    virtualAddress: u64,
    pagingFenceValue: u64,
  }),
  failure: 'short-reply',
  calls: ['ReserveGpuVirtualAddress'],
});

export const updateGpuVirtualAddress = vgpuCommand({
  name: 'UpdateGpuVirtualAddress',
  id: 19,
  summary: 'Changes many mappings at once, in the order of a context.',
  request: vgpuRequest(
    'dxgkvmb_command_updategpuvirtualaddress',
    {
      fenceValue: u64,
      device: handle,
      context: handle,
      fenceObject: handle,
      numOperations: tailCount(u32),
      flags: u32,
      operations: overlay(updateGpuVaOperation),
    },
    { operations: structs(updateGpuVaOperation, 'numOperations') },
    { tailsAt: 56 },
  ),
  reply: statusReply,
  failure: 'status',
  calls: ['UpdateGpuVirtualAddress'],
  limits: { numOperations: '1..2048' },
});
