import {
  allocationResidencyStatusType,
  StandardAllocationDriverType,
  standardAllocationDriverTypeType,
} from '../enums.ts';
import { createAllocationFlagsType, destroyAllocationFlagsType } from '../flags.ts';
import { vgpuCommand } from '../schema/command.ts';
import { overlay, tailCount, unionByEnum, unionShownAs } from '../schema/entries.ts';
import {
  always,
  atLeastOne,
  byRequest,
  data,
  handles,
  longs,
  reply,
  resultArea,
  roundedUp,
  spare,
  structsWithData,
  vgpuRequest,
  words,
} from '../schema/message.ts';
import { bool, handle, ntstatus, pointer, u32, u64 } from '../schema/scalars.ts';
import { roundUp } from '../schema/struct.ts';
import {
  allocationInfo,
  allocationInfoReturn,
  gdiSurfaceData,
  lock2Args,
  queryAllocationResidencyArgs,
  shadowSurfaceData,
  sharedPrimarySurfaceData,
  stagingSurfaceData,
  unlock2Args,
  updateAllocationPropertyArgs,
} from '../structs/allocation.ts';
import { statusReply } from './common.ts';

/** Allocation and resource commands: creation, storage, CPU access, priorities and properties. */

interface CreateAllocationCounts {
  readonly allocInfo?: readonly { readonly privDrvData?: Uint8Array | undefined }[] | undefined;
}

export const createAllocation = vgpuCommand({
  name: 'CreateAllocation',
  id: 4,
  summary:
    'Makes allocations, alone or in a new or existing resource, with private data for the driver in and out.',
  notes: [
    'Behind the tails follow the private data of each allocation, in order and without padding; likewise in the reply.',
    '`resource` of the request counts only without `createResource`.',
    'The reply gives back at most the private bytes that came, for each allocation: the guest does not check it.',
    '`allocationSize` decides how many pages the guest maps or pins: `allocationSize >> 12`.',
    'For a standard allocation the driver data are one `d3dkmt_createstandardallocation`, 24 bytes.',
  ],
  request: vgpuRequest(
    'dxgkvmb_command_createallocation',
    {
      device: handle,
      resource: handle,
      privateRuntimeDataSize: tailCount(u32),
      privDrvDataSize: tailCount(u32),
      allocCount: tailCount(u32),
      flags: createAllocationFlagsType,
      privateRuntimeResourceHandle: u64,
      makeResident: bool,
    },
    {
      allocInfo: structsWithData(allocationInfo, 'allocCount', 'privDrvData', 'privDrvDataSize'),
      privateRuntimeData: data('privateRuntimeDataSize'),
      privDrvData: data('privDrvDataSize'),
    },
  ),
  reply: reply(
    'dxgkvmb_command_createallocation_return',
    {
      flags: createAllocationFlagsType,
      resource: handle,
      globalShare: handle,
      vgpuFlags: u32,
      allocationInfo: overlay(allocationInfoReturn),
    },
    {
      allocationInfo: structsWithData(
        allocationInfoReturn,
        byRequest('allocCount', (request: CreateAllocationCounts) => request.allocInfo?.length ?? 0),
        'privDrvData',
        'privDrvDataSize',
        (request: CreateAllocationCounts, index) => request.allocInfo?.[index]?.privDrvData?.length ?? 0,
      ),
    },
    { tailsAt: 16 },
  ),
  replyLength: {
    text: '16 + 72 * allocCount + sum of allocInfo[i].privDrvDataSize',
    of(request: CreateAllocationCounts) {
      let bytes = 16;
      for (const info of request.allocInfo ?? []) bytes += 72 + (info.privDrvData?.length ?? 0);
      return bytes;
    },
  },
  failure: 'short-reply',
  calls: ['CreateAllocation2'],
  limits: {
    allocCount: '1..1024',
    privateRuntimeDataSize: '0..131071',
    privDrvDataSize: '0..131071',
    'total message without extended header': '<= 131072',
  },
});

export const destroyAllocation = vgpuCommand({
  name: 'DestroyAllocation',
  id: 5,
  summary: 'Destroys allocations by handle, or a resource with all of its allocations.',
  notes: ['When it is answered, the host has let go of the guest memory behind the allocations.'],
  request: vgpuRequest(
    'dxgkvmb_command_destroyallocation',
    {
      device: handle,
      resource: handle,
      allocCount: tailCount(u32),
      flags: destroyAllocationFlagsType,
      allocations: overlay(handle),
    },
    { allocations: handles('allocCount') },
    { tailsAt: 40, trailing: spare(8) },
  ),
  reply: statusReply,
  failure: 'status',
  calls: ['DestroyAllocation2'],
  limits: { allocCount: '0..1024; 0 when resource is set' },
});

export const lock2 = vgpuCommand({
  name: 'Lock2',
  id: 23,
  summary: 'Makes the storage of an allocation visible in the IO space.',
  notes: [
    '`cpuVisibleBufferOffset` is an absolute guest-physical address in the IO space, at the start of a page.',
  ],
  request: vgpuRequest('dxgkvmb_command_lock2', {
    args: lock2Args,
    useLegacyLock: bool,
    flags: u32,
    privDrvData: u32,
  }),
  reply: reply('dxgkvmb_command_lock2_return', {
    status: ntstatus,
    cpuVisibleBufferOffset: pointer(),
  }),
  failure: 'status',
  calls: ['Lock2'],
});

export const unlock2 = vgpuCommand({
  name: 'Unlock2',
  id: 24,
  summary: 'Ends the visibility that Lock2 gave.',
  notes: ['Also sent for system-memory allocations, for which Lock2 never is.'],
  request: vgpuRequest('dxgkvmb_command_unlock2', {
    args: unlock2Args,
    useLegacyUnlock: bool,
  }),
  reply: statusReply,
  failure: 'status',
  calls: ['Unlock2'],
});

const surfaces = {
  primary: sharedPrimarySurfaceData,
  shadow: shadowSurfaceData,
  staging: stagingSurfaceData,
  gdiSurface: gdiSurfaceData,
};

const standardAllocationSurfaces = {
  [StandardAllocationDriverType.sharedPrimarySurface]: 'primary',
  [StandardAllocationDriverType.shadowSurface]: 'shadow',
  [StandardAllocationDriverType.stagingSurface]: 'staging',
  [StandardAllocationDriverType.gdiSurface]: 'gdiSurface',
} as const;

interface StandardDataSizes {
  readonly privDriverDataSize?: number | undefined;
  readonly privDriverResourceSize?: number | undefined;
}

export const ddiGetStandardAllocationDriverData = vgpuCommand({
  name: 'DdiGetStandardAllocationDriverData',
  id: 39,
  summary: 'Asks which private data a standard allocation has: first the sizes, then the bytes.',
  notes: ['The first call has both sizes 0 and gets sizes alone; the second asks for that many bytes.'],
  request: vgpuRequest('dxgkvmb_command_getstandardallocprivdata', {
    allocType: standardAllocationDriverTypeType,
    privDriverDataSize: u32,
    privDriverResourceSize: u32,
    physicalAdapterIndex: u32,
    surface: unionByEnum('allocType', standardAllocationSurfaces, surfaces),
  }),
  reply: reply(
    'dxgkvmb_command_getstandardallocprivdata_return',
    {
      status: ntstatus,
      privDriverDataSize: u32,
      privDriverResourceSize: u32,
      surface: unionShownAs(surfaces, 'gdiSurface'),
    },
    {
      allocPrivData: data(
        byRequest(
          'privDriverDataSize of the request',
          (request: StandardDataSizes) => request.privDriverDataSize ?? 0,
        ),
      ),
      resourcePrivData: data(
        byRequest(
          'privDriverResourceSize of the request',
          (request: StandardDataSizes) => request.privDriverResourceSize ?? 0,
        ),
      ),
    },
    { trailing: roundedUp },
  ),
  replyLength: {
    text: '36 + privDriverDataSize + privDriverResourceSize of the request, rounded up to 8',
    of: (request: StandardDataSizes) =>
      roundUp(36 + (request.privDriverDataSize ?? 0) + (request.privDriverResourceSize ?? 0), 8),
  },
  failure: 'status',
  calls: ['CreateAllocation2'],
});

interface AllocationList {
  readonly allocations?: ArrayLike<number> | undefined;
}

/** Elements of an answer per allocation: a resource (no allocations) has one. */
function countOrOne(request: AllocationList): number {
  return Math.max(request.allocations?.length ?? 0, 1);
}

export const queryAllocationResidency = vgpuCommand({
  name: 'QueryAllocationResidency',
  id: 41,
  summary: 'Asks where allocations, or the allocations of a resource, are.',
  notes: ['For a resource there is one answer, and no allocations in the request.'],
  request: vgpuRequest(
    'dxgkvmb_command_queryallocationresidency',
    { args: queryAllocationResidencyArgs },
    { allocations: handles('args.allocationCount') },
  ),
  reply: reply(
    'dxgkvmb_command_queryallocationresidency_return',
    {
      status: ntstatus,
    },
    {
      residencyStatus: words(byRequest('max(allocationCount, 1)', countOrOne), allocationResidencyStatusType),
    },
    { trailing: roundedUp },
  ),
  replyLength: {
    text: '4 + 4 * max(allocationCount, 1), rounded up to 8',
    of: (request: AllocationList) => roundUp(4 + 4 * countOrOne(request), 8),
  },
  failure: 'status',
  calls: ['QueryAllocationResidency'],
  limits: { 'args.allocation_count': '0..131072; exactly one of allocation_count and resource is zero' },
});

export const setExistingSysMemStore = vgpuCommand({
  name: 'SetExistingSysMemStore',
  id: 45,
  summary: 'Gives guest memory as the storage of an allocation, by GPADL.',
  request: vgpuRequest('dxgkvmb_command_setexistingsysmemstore', {
    device: handle,
    allocation: handle,
    gpadl: u32,
  }),
  reply: statusReply,
  failure: 'status',
  calls: ['CreateAllocation2'],
});

export const updateAllocationProperty = vgpuCommand({
  name: 'UpdateAllocationProperty',
  id: 56,
  summary: 'Changes which memory segments an allocation may be in and prefers.',
  notes: ['The fence value reaches the caller only with PENDING.'],
  request: vgpuRequest('dxgkvmb_command_updateallocationproperty', { args: updateAllocationPropertyArgs }),
  reply: reply('dxgkvmb_command_updateallocationproperty_return', {
    pagingFenceValue: u64,
    status: ntstatus,
  }),
  failure: 'status',
  calls: ['UpdateAllocationProperty'],
});

export const setAllocationPriority = vgpuCommand({
  name: 'SetAllocationPriority',
  id: 59,
  summary: 'Sets residency priorities of allocations, or of a resource.',
  notes: ['For a resource there is one priority, and no allocations.'],
  request: vgpuRequest(
    'dxgkvmb_command_setallocationpriority',
    {
      device: handle,
      resource: handle,
      allocationCount: tailCount(u32),
    },
    { allocations: handles('allocationCount'), priorities: words(atLeastOne('allocationCount')) },
  ),
  reply: statusReply,
  failure: 'status',
  calls: ['SetAllocationPriority'],
  limits: { allocationCount: '0..131072; 0 if and only if resource is set' },
});

export const getAllocationPriority = vgpuCommand({
  name: 'GetAllocationPriority',
  id: 60,
  summary: 'Asks for residency priorities of allocations, or of a resource.',
  notes: ['For a resource there is one answer, and no allocations in the request.'],
  request: vgpuRequest(
    'dxgkvmb_command_getallocationpriority',
    {
      device: handle,
      resource: handle,
      allocationCount: tailCount(u32),
    },
    { allocations: handles('allocationCount') },
    { trailing: resultArea },
  ),
  reply: reply(
    'dxgkvmb_command_getallocationpriority_return',
    {
      status: ntstatus,
    },
    { priorities: words(byRequest('max(allocationCount, 1)', countOrOne)) },
    { trailing: roundedUp },
  ),
  replyLength: {
    text: '4 + 4 * max(allocationCount, 1), rounded up to 8',
    of: (request: AllocationList) => roundUp(4 + 4 * countOrOne(request), 8),
  },
  failure: 'status',
  calls: ['GetAllocationPriority'],
  limits: { allocationCount: '0..131072; 0 if and only if resource is set' },
});

export const setExistingSysMemPages = vgpuCommand({
  name: 'SetExistingSysMemPages',
  id: 66,
  summary: 'Gives guest memory as the storage of an allocation, as a list of page-frame numbers.',
  notes: ['Behind `pfns` there may be page numbers of an earlier message.'],
  request: vgpuRequest(
    'dxgkvmb_command_setexistingsysmempages',
    {
      device: handle,
      allocation: handle,
      numPages: tailCount(u32),
      allocOffsetInPages: u32,
    },
    { pfns: longs('numPages') },
    { trailing: always(126_976) },
  ),
  reply: statusReply,
  failure: 'status',
  calls: ['CreateAllocation2'],
  limits: { numPages: '1..15867' },
});

export const invalidateCache = vgpuCommand({
  name: 'InvalidateCache',
  id: 67,
  summary: 'Makes CPU caches and the GPU agree about a range of an allocation.',
  request: vgpuRequest('dxgkvmb_command_invalidatecache', {
    device: handle,
    allocation: handle,
    offset: u64,
    length: u64,
    reserved: u64,
  }),
  reply: statusReply,
  failure: 'status',
  calls: ['InvalidateCache'],
});
