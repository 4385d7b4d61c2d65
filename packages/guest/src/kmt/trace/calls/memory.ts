import { bytesText, type CallInput, handleText, hexText, parseOperations } from '../call-values.ts';
import { type Call, type CallOutcome, done, given, type Runner } from './common.ts';

export const memoryCalls: Record<string, Runner> = {
  CreatePagingQueue: async ({ input, process }) => {
    const result = await process.createPagingQueue({
      device: input.number('device'),
      priority: input.number('priority'),
      physicalAdapterIndex: input.number('physical_adapter_index'),
    });
    const out = { paging_queue: handleText(result.pagingQueue), sync_object: handleText(result.syncObject) };
    return done(result, out, result.fenceView);
  },
  DestroyPagingQueue: async ({ input, process }) =>
    done(await process.destroyPagingQueue({ pagingQueue: input.number('paging_queue') })),
  CreateAllocation: (call) => createAllocation(call),
  DestroyAllocation2: async ({ input, process }) =>
    done(
      await process.destroyAllocation2({
        device: input.number('device'),
        resource: input.number('resource'),
        allocations: input.numbers('allocations'),
        flags: input.number('flags'),
      }),
    ),
  Lock2: async ({ input, process }) => {
    const target = { device: input.number('device'), allocation: input.number('allocation') };
    const result = await process.lock2(target);
    return {
      ...done(result, { mapped: result.data === null ? 0 : 1 }),
      mappedAt: result.data?.byteOffset ?? null,
    };
  },
  Unlock2: async ({ input, process }) =>
    done(await process.unlock2({ device: input.number('device'), allocation: input.number('allocation') })),
  SetAllocationPriority: async ({ input, process }) =>
    done(
      await process.setAllocationPriority({
        device: input.number('device'),
        resource: input.number('resource'),
        allocationList: input.numbers('allocations'),
        priorities: input.numbers('priorities'),
      }),
    ),
  GetAllocationPriority: async ({ input, process }) => {
    const result = await process.getAllocationPriority({
      device: input.number('device'),
      resource: input.number('resource'),
      allocationList: input.numbers('allocations'),
    });
    return done(result, { priorities: [...result.priorities] });
  },
  QueryAllocationResidency: async ({ input, process }) => {
    const result = await process.queryAllocationResidency({
      device: input.number('device'),
      resource: input.number('resource'),
      allocations: input.numbers('allocations'),
    });
    return done(result, { status: [...result.residencyStatus] });
  },
  UpdateAllocationProperty: async ({ input, process }) => {
    const result = await process.updateAllocationProperty({
      pagingQueue: input.number('paging_queue'),
      allocation: input.number('allocation'),
      supportedSegmentSet: input.number('supported_segment_set'),
      preferredSegment: input.number('preferred_segment'),
      propertyMaskValue: input.number('property_mask'),
    });
    return done(result, { paging_fence_value: Number(result.pagingFenceValue) });
  },
  InvalidateCache: async ({ input, process }) =>
    done(
      await process.invalidateCache({
        device: input.number('device'),
        allocation: input.number('allocation'),
        offset: input.big('offset'),
        length: input.big('length'),
      }),
    ),
  MakeResident: async ({ input, process }) => {
    const result = await process.makeResident({
      pagingQueue: input.number('paging_queue'),
      allocationList: input.numbers('allocations'),
      flags: input.number('flags'),
    });
    const { numBytesToTrim, pagingFenceValue } = result;
    const out = { paging_fence_value: Number(pagingFenceValue), num_bytes_to_trim: Number(numBytesToTrim) };
    return done(result, out);
  },
  Evict: async ({ input, process }) => {
    const result = await process.evict({
      device: input.number('device'),
      allocations: input.numbers('allocations'),
      flags: input.number('flags'),
    });
    return done(result, { num_bytes_to_trim: Number(result.numBytesToTrim) });
  },
  OfferAllocations: async ({ input, process }) =>
    done(
      await process.offerAllocations({
        device: input.number('device'),
        ...handleList(input),
        priority: input.number('priority'),
        flags: input.number('flags'),
      }),
    ),
  ReclaimAllocations2: async ({ input, process }) => {
    const result = await process.reclaimAllocations2({
      pagingQueue: input.number('paging_queue'),
      ...handleList(input),
      wantResults: input.number('want_results') === 1,
    });
    const results = result.results === null ? null : [...result.results];
    return done(result, { paging_fence_value: Number(result.pagingFenceValue), results });
  },
  ReserveGpuVirtualAddress: async ({ input, process }) => {
    const result = await process.reserveGpuVirtualAddress({
      adapter: input.number('adapter_or_paging_queue'),
      baseAddress: input.big('base_address'),
      minimumAddress: input.big('minimum_address'),
      maximumAddress: input.big('maximum_address'),
      size: input.big('size'),
      reservationType: input.number('reservation_type'),
      driverProtection: input.big('driver_protection'),
    });
    return done(result, { virtual_address: hexText(result.virtualAddress) });
  },
  MapGpuVirtualAddress: async ({ input, process }) => {
    const result = await process.mapGpuVirtualAddress({
      pagingQueue: input.number('paging_queue'),
      baseAddress: input.big('base_address'),
      allocation: input.number('allocation'),
      offsetInPages: input.big('offset_in_pages'),
      sizeInPages: input.big('size_in_pages'),
      protection: input.big('protection'),
    });
    const { pagingFenceValue, virtualAddress } = result;
    return done(result, {
      virtual_address: hexText(virtualAddress),
      paging_fence_value: Number(pagingFenceValue),
    });
  },
  UpdateGpuVirtualAddress: async ({ input, process }) => {
    const result = await process.updateGpuVirtualAddress({
      device: input.number('device'),
      context: input.number('context'),
      fenceObject: input.number('fence_object'),
      fenceValue: input.big('fence_value'),
      flags: input.number('flags'),
      operations: parseOperations(input.bytes('operations') ?? new Uint8Array(0)),
    });
    return done(result, { fence_value: Number(result.fenceValue) });
  },
  FreeGpuVirtualAddress: async ({ input, process }) =>
    done(
      await process.freeGpuVirtualAddress({
        adapter: input.number('adapter'),
        baseAddress: input.big('base_address'),
        size: input.big('size'),
      }),
    ),
};

function handleList(input: CallInput): { resources?: number[]; allocations?: number[] } {
  if (input.has('resources')) return { resources: input.numbers('resources') };
  return input.has('allocations') ? { allocations: input.numbers('allocations') } : {};
}

async function createAllocation({ context, input, process, step }: Call): Promise<CallOutcome> {
  const count = input.number('count');
  const allocationInfo = Array.from({ length: count }, (_, index) => {
    const key = `alloc${index}`;
    const hasSysmem = input.has(`${key}_sysmem_first_pfn`);
    return {
      flags: input.number(`${key}_flags`),
      vidpnSourceId: input.number(`${key}_vidpn`),
      ...given('privDrvData', input.bytes(`${key}_private`)),
      ...(hasSysmem ? { sysmem: context.pages(step, input.number(`${key}_sysmem_first_pfn`)) } : {}),
    };
  });
  const standard = input.has('standard_type')
    ? {
        standardAllocation: {
          type: input.number('standard_type'),
          existingHeapData: { size: input.big('standard_heap_size') },
        },
      }
    : {};
  const result = await process.createAllocation({
    device: input.number('device'),
    resource: input.number('resource'),
    flags: input.number('flags'),
    privateRuntimeResourceHandle: input.big('private_runtime_resource_handle'),
    ...given('privateRuntimeData', input.bytes('private_runtime_data')),
    ...given('privDrvData', input.bytes('private_driver_data')),
    ...standard,
    allocationInfo,
  });
  const out: Record<string, unknown> = {
    resource: handleText(result.resource),
    global_share: handleText(result.globalShare),
  };
  for (const [index, made] of result.allocationInfo.entries()) {
    out[`alloc${index}`] = handleText(made.allocation);
    out[`alloc${index}_private`] = bytesText(input.bytes(`alloc${index}_private`), made.privDrvData);
  }
  return done(result, out);
}
