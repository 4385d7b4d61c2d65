import { vgpuCommand } from '../schema/command.ts';
import { overlay, tailCount } from '../schema/entries.ts';
import { reply, structs, vgpuRequest } from '../schema/message.ts';
import { handle, ntstatus, u32, u64 } from '../schema/scalars.ts';
import {
  freeGpuVirtualAddressArgs,
  mapGpuVirtualAddressArgs,
  reserveGpuVirtualAddressArgs,
  updateGpuVaOperation,
} from '../structs/gpu-virtual-address.ts';
import { statusReply } from './common.ts';

/** GPU virtual address commands. */

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
  notes: ['`device` is 0: the device follows from the paging queue.'],
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
  notes: ["`adapter` is the host's adapter handle or a paging queue."],
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
