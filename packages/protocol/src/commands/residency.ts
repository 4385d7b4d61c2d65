import { offerPriorityType, reclaimResultType } from '../enums.ts';
import { evictFlagsType, makeResidentFlagsType, offerFlagsType } from '../flags.ts';
import { vgpuCommand } from '../schema/command.ts';
import { overlay, tailCount } from '../schema/entries.ts';
import { byRequest, handles, reply, roundedUp, spare, vgpuRequest, words } from '../schema/message.ts';
import { bool, handle, ntstatus, u32, u64 } from '../schema/scalars.ts';
import { roundUp } from '../schema/struct.ts';
import { createPagingQueueArgs } from '../structs/residency.ts';
import { emptyReply, statusReply } from './common.ts';

/** Residency and paging-queue commands. */

export const createPagingQueue = vgpuCommand({
  name: 'CreatePagingQueue',
  id: 9,
  summary: 'Makes a paging queue and the monitored fence that counts its finished operations.',
  notes: ["The fence's value lies at the start of its page; `fenceStorageOffset` is not looked at."],
  request: vgpuRequest('dxgkvmb_command_createpagingqueue', { args: createPagingQueueArgs }),
  reply: reply('dxgkvmb_command_createpagingqueue_return', {
    pagingQueue: handle,
    syncObject: handle,
    fenceStoragePhysicalAddress: u64,
    fenceStorageOffset: u64,
  }),
  failure: 'short-reply',
  calls: ['CreatePagingQueue'],
});

export const destroyPagingQueue = vgpuCommand({
  name: 'DestroyPagingQueue',
  id: 10,
  summary: 'Destroys a paging queue and its fence.',
  notes: ['Any completion will do; the fence goes with the queue.'],
  request: vgpuRequest('dxgkvmb_command_destroypagingqueue', { pagingQueue: handle }),
  reply: emptyReply,
  failure: 'none',
  calls: ['DestroyPagingQueue'],
});

export const makeResident = vgpuCommand({
  name: 'MakeResident',
  id: 11,
  summary: 'Puts allocations into GPU memory, now or when the paging fence reaches the value returned.',
  notes: [
    '`device` is 0: the device follows from the paging queue.',
    'With another status than 0 or PENDING the guest drops both numbers.',
  ],
  request: vgpuRequest(
    'dxgkvmb_command_makeresident',
    {
      device: handle,
      pagingQueue: handle,
      flags: makeResidentFlagsType,
      allocCount: tailCount(u32),
      allocations: overlay(handle),
    },
    { allocations: handles('allocCount') },
    { tailsAt: 40, trailing: spare(4) },
  ),
  reply: reply('dxgkvmb_command_makeresident_return', {
    pagingFenceValue: u64,
    numBytesToTrim: u64,
    status: ntstatus,
  }),
  failure: 'status',
  calls: ['MakeResident'],
  limits: { allocCount: '1..10240' },
});

export const evict = vgpuCommand({
  name: 'Evict',
  id: 12,
  summary: 'Takes back one MakeResident of each allocation.',
  request: vgpuRequest(
    'dxgkvmb_command_evict',
    {
      device: handle,
      flags: evictFlagsType,
      allocCount: tailCount(u32),
      allocations: overlay(handle),
    },
    { allocations: handles('allocCount') },
    { tailsAt: 36 },
  ),
  reply: reply('dxgkvmb_command_evict_return', {
    numBytesToTrim: u64,
  }),
  failure: 'short-reply',
  calls: ['Evict'],
  limits: { allocCount: '1..10240' },
});

export const offerAllocations = vgpuCommand({
  name: 'OfferAllocations',
  id: 57,
  summary: 'Says that contents of allocations or resources may be thrown away.',
  request: vgpuRequest(
    'dxgkvmb_command_offerallocations',
    {
      device: handle,
      allocationCount: tailCount(u32),
      priority: offerPriorityType,
      flags: offerFlagsType,
      resources: bool,
      allocations: overlay(handle),
    },
    { allocations: handles('allocationCount') },
    { tailsAt: 44 },
  ),
  reply: statusReply,
  failure: 'status',
  calls: ['OfferAllocations'],
  limits: { allocationCount: '1..10240' },
});

interface ReclaimCounts {
  readonly allocations?: ArrayLike<number> | undefined;
  readonly writeResults?: boolean | undefined;
}

/** Entries of `discarded` in the answer; without results one entry is there all the same. */
function resultCount(request: ReclaimCounts): number {
  return request.writeResults === true ? (request.allocations?.length ?? 0) : 1;
}

export const reclaimAllocations = vgpuCommand({
  name: 'ReclaimAllocations',
  id: 58,
  summary: 'Takes offered allocations or resources back, and asks whether their contents are still there.',
  notes: [
    'The fence value always reaches the caller: give the current one when nothing is pending.',
    'Without `writeResults` the reply has one entry all the same.',
  ],
  request: vgpuRequest(
    'dxgkvmb_command_reclaimallocations',
    {
      device: handle,
      pagingQueue: handle,
      allocationCount: tailCount(u32),
      resources: bool,
      writeResults: bool,
      allocations: overlay(handle),
    },
    { allocations: handles('allocationCount') },
    { tailsAt: 40, trailing: spare(4) },
  ),
  reply: reply(
    'dxgkvmb_command_reclaimallocations_return',
    {
      pagingFenceValue: u64,
      status: ntstatus,
      discarded: overlay(reclaimResultType),
    },
    {
      discarded: words(byRequest('writeResults ? allocationCount : 1', resultCount), reclaimResultType),
    },
    { tailsAt: 12, trailing: roundedUp },
  ),
  replyLength: {
    text: '12 + 4 * (writeResults ? allocationCount : 1), rounded up to 8',
    of: (request: ReclaimCounts) => roundUp(12 + 4 * resultCount(request), 8),
  },
  failure: 'status',
  calls: ['ReclaimAllocations2'],
  limits: { allocationCount: '1..10240' },
});
