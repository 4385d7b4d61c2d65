import {
  type commands,
  Limits,
  NtStatus,
  type RequestOf,
  UpdateGpuVaFlags,
  UpdateGpuVaOperationType,
} from '@dxgwire/protocol';
import type { Device } from '../device.ts';
import type { Call, SomeHandlers } from '../handler.ts';
import type { AddressSpace, UpdateOperation } from '../memory/index.ts';
import { ObjectKind } from '../objects.ts';
import { findAllocation, findContext, findPagingQueue, withEngine } from './lookup.ts';
import { settleQueued } from './submission.ts';

type Operation = RequestOf<typeof commands.updateGpuVirtualAddress>['operations'][number];

/** One operation for the memory manager; null when it does not exist, or names what is no allocation of the device. */
function describeOperation(device: Device, operation: Operation): UpdateOperation | null {
  switch (operation.operation) {
    case UpdateGpuVaOperationType.map:
    case UpdateGpuVaOperationType.mapProtect: {
      const body = operation.mapProtect ?? operation.map;
      if (body === undefined) return null;
      const allocation = body.allocation === 0 ? null : findAllocation(device, body.allocation);
      if (allocation === undefined) return null;
      return {
        kind: operation.operation,
        baseAddress: body.baseAddress,
        size: body.size,
        instance: allocation?.instance ?? null,
        allocationOffset: body.allocationOffset,
        allocationSize: body.allocationSize,
        ...(operation.mapProtect === undefined
          ? {}
          : {
              protection: operation.mapProtect.protection,
              driverProtection: operation.mapProtect.driverProtection,
            }),
      };
    }
    case UpdateGpuVaOperationType.unmap:
      return operation.unmap === undefined
        ? null
        : { kind: UpdateGpuVaOperationType.unmap, ...operation.unmap };
    case UpdateGpuVaOperationType.copy:
      return operation.copy === undefined ? null : { kind: UpdateGpuVaOperationType.copy, ...operation.copy };
    default:
      return null;
  }
}

/** The caller's address space on the virtual GPU of the message, which an adapter or a paging-queue handle names. */
function nameOfAddressSpace(call: Call, handle: number): 'adapter' | Device | undefined {
  if (call.partition.findAdapter(handle) === call.gpu) return 'adapter';
  return findPagingQueue(call, handle)?.device;
}

/** GPU virtual address commands. */
export const gpuVirtualAddressHandlers: SomeHandlers<
  'reserveGpuVirtualAddress' | 'mapGpuVirtualAddress' | 'freeGpuVirtualAddress' | 'updateGpuVirtualAddress'
> = {
  reserveGpuVirtualAddress(call, request) {
    const { process } = call;
    const { args } = request;
    const named = nameOfAddressSpace(call, args.adapter);
    if (named === undefined) return NtStatus.invalidParameter;
    const reserve = (addressSpace: AddressSpace) => {
      const { status, virtualAddress } = addressSpace.reserve(args);
      return status === NtStatus.success ? { virtualAddress, pagingFenceValue: 0n } : status;
    };
    if (named !== 'adapter') return reserve(named.addressSpace);
    return withEngine(call, (engine) => {
      if (process.isDestroyed) return NtStatus.invalidParameter;
      return reserve(process.on(engine).memory.addressSpace);
    });
  },

  mapGpuVirtualAddress(call, request) {
    const { args } = request;
    const pagingQueue = findPagingQueue(call, args.pagingQueue);
    if (pagingQueue === undefined) return NtStatus.invalidParameter;
    const { device } = pagingQueue;
    const allocation = args.allocation === 0 ? null : findAllocation(device, args.allocation);
    if (allocation === undefined) return NtStatus.invalidParameter;
    const instance = allocation?.instance ?? null;
    const { status, virtualAddress } = device.addressSpace.map({ instance, ...args });
    if (status !== NtStatus.success) return status;
    // The mapping is in effect; its fence value comes after those of what the queue still has to do.
    return { virtualAddress, ...device.engine.memory.finishOnQueue(pagingQueue.queue) };
  },

  freeGpuVirtualAddress(call, request) {
    const { adapter, baseAddress, size } = request.args;
    if (call.partition.findAdapter(adapter) !== call.gpu) return NtStatus.invalidParameter;
    const { engine } = call.gpu;
    const place = engine === null ? undefined : call.process.existingOn(engine);
    return place === undefined
      ? NtStatus.invalidParameter
      : place.memory.addressSpace.free(baseAddress, size);
  },

  updateGpuVirtualAddress(call, request) {
    const { operations, fenceObject, fenceValue, flags } = request;
    const context = findContext(call, request.context);
    if (context === undefined) return NtStatus.invalidParameter;
    const { device } = context;
    const { queue } = context.context;
    if ((flags & UpdateGpuVaFlags.reserved) !== 0) return NtStatus.invalidParameter;
    const isOfDevice = request.device === 0 || request.device === device.handle;
    if (queue === null || !isOfDevice) return NtStatus.invalidParameter;
    const fence = fenceObject === 0 ? null : call.process.objects.get(fenceObject, ObjectKind.syncObject);
    if (fence === undefined || operations.length < 1 || operations.length > Limits.maxUpdateGpuVaOperations) {
      return NtStatus.invalidParameter;
    }
    const described: UpdateOperation[] = [];
    for (const operation of operations) {
      const each = describeOperation(device, operation);
      if (each === null) return NtStatus.invalidParameter;
      described.push(each);
    }
    const { status, operation } = device.addressSpace.prepareUpdate(described);
    if (operation === null) return status === NtStatus.success ? NtStatus.invalidParameter : status;
    const doNotWait = (flags & UpdateGpuVaFlags.doNotWait) !== 0;
    const { scheduler } = device.engine;
    const instance = fence?.instance ?? null;
    return settleQueued(
      call,
      device,
      scheduler.work.update(queue, operation, instance, fenceValue, doNotWait),
    );
  },
};
