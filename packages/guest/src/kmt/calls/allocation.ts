import { commands, Errno, Limits, NtStatus, ntStatusToErrno } from '@dxgwire/protocol';
import type { Allocation, Device } from '../objects.ts';
import { destroyAllocation, destroyResource, freeAllocationHandle } from '../teardown.ts';
import type * as Types from '../types/allocation.ts';
import type { KmtResult } from '../types/common.ts';
import { type Caller, NO_HANDLES, outcome, refusal } from './caller.ts';

/** Ioctl 0x13. */
export async function destroyAllocation2(
  caller: Caller,
  args: Types.DestroyAllocation2Args,
): Promise<KmtResult> {
  const allocations = args.allocations ?? NO_HANDLES;
  const resource = args.resource ?? 0;
  const isOne = (allocations.length === 0) !== (resource === 0);
  if (allocations.length > Limits.maxCreateAllocations || !isOne) return { ret: -Errno.EINVAL };
  const device = caller.device(args.device);
  if (typeof device === 'number') return refusal(caller, device);
  device.enter();
  try {
    const targets = resource === 0 ? takeAllocations(caller, device, allocations) : null;
    if (resource !== 0) return await destroyWholeResource(caller, device, args, resource);
    if (targets === null) return { ret: -Errno.EINVAL };
    const result = await sendDestroy(caller, device, args, 0, allocations);
    // The host has let go: now the pages' GPADLs can be torn down.
    for (const allocation of targets) {
      allocation.handle = 0;
      await destroyAllocation(allocation);
    }
    return result;
  } finally {
    device.leave();
  }
}

/**
 * The allocations of a call, their handles freed: of one owner, none of a shared resource. Guest handles go before the
 * host's, so that the host may use their indices again at once. Null when one of them does not fit.
 */
function takeAllocations(
  caller: Caller,
  device: Device,
  handles: ArrayLike<number>,
): readonly Allocation[] | null {
  const targets = new Set<Allocation>();
  const first = caller.process.handles.get(handles[0]!, 'allocation');
  const owner = first?.resource ?? null;
  for (let index = 0; index < handles.length; index += 1) {
    const allocation = caller.process.handles.get(handles[index]!, 'allocation');
    if (allocation === null) return null;
    const isForeign = allocation.device !== device || allocation.resource !== owner;
    if (isForeign || (owner?.sharedOwner ?? null) !== null) return null;
    targets.add(allocation);
  }
  for (const allocation of targets) freeAllocationHandle(allocation);
  return [...targets];
}

async function destroyWholeResource(
  caller: Caller,
  device: Device,
  args: Types.DestroyAllocation2Args,
  handle: number,
): Promise<KmtResult> {
  const { handles } = caller.process;
  const resource = handles.get(handle, 'resource');
  if (resource === null || resource.device !== device) return { ret: -Errno.EINVAL };
  handles.free(handle, 'resource');
  resource.handle = 0;
  resource.hasEntry = false;
  for (const allocation of resource.allocations) freeAllocationHandle(allocation);
  const result = await sendDestroy(caller, device, args, handle, NO_HANDLES);
  await destroyResource(resource);
  return result;
}

function sendDestroy(
  caller: Caller,
  device: Device,
  args: Types.DestroyAllocation2Args,
  resource: number,
  allocations: ArrayLike<number>,
): Promise<KmtResult> {
  const body = { device: args.device, resource, flags: args.flags ?? 0, allocations };
  const { wire } = caller.driver;
  return wire.status(device.adapter, commands.destroyAllocation, caller.process.hostHandle, body);
}

const noFlush = (): void => undefined;

/** The CPU's view of an allocation that has one. */
function lockedView(allocation: Allocation): Types.Lock2Result {
  const { cpuData, mapping } = allocation;
  const flush =
    mapping === null ? noFlush : (offset: number, length: number) => mapping.flush(offset, length);
  return { ret: 0, data: cpuData, flush };
}

/**
 * Ioctl 0x25. Only the first lock reaches the host; system memory of the caller's own never does. The size comes from
 * the allocation's creation, the place from the host, and both are held against the IO space and against what other
 * processes have locked.
 */
export async function lock2(caller: Caller, args: Types.Lock2Args): Promise<Types.Lock2Result> {
  const refuse = (result: KmtResult) => ({ ...outcome(result), data: null, flush: noFlush });
  if (caller.refusal !== 0) return refuse({ ret: caller.refusal });
  const { driver, process } = caller;
  const known = process.handles.get(args.allocation, 'allocation');
  if (known === null) return refuse({ ret: -Errno.EINVAL });
  if (known.cpuData !== null) {
    if (known.mapping !== null) known.lockCount += 1;
    return lockedView(known);
  }
  const device = caller.device(args.device);
  if (typeof device === 'number') return refuse(refusal(caller, device));
  const body = { args: { device: args.device, allocation: args.allocation, flags: args.flags ?? 0 } };
  const answer = await driver.wire.call(
    device.adapter,
    commands.lock2,
    process.hostHandle,
    body,
    (reply) => reply,
  );
  if (answer.reply === null) return refuse(answer);
  const ret = ntStatusToErrno(answer.reply.status);
  if (ret < 0) return refuse({ ret });
  // Looked up again: the allocation may be gone, or another lock may have been answered first.
  const allocation = process.handles.get(args.allocation, 'allocation');
  if (allocation === null) return refuse({ ret: -Errno.EINVAL });
  if (allocation.cpuData === null) {
    const mapping =
      driver.ioSpace?.mapPages(answer.reply.cpuVisibleBufferOffset, allocation.pageCount) ?? null;
    if (mapping === null || !allocation.map(mapping)) return refuse({ ret: -Errno.ENOMEM });
  }
  if (allocation.mapping !== null) allocation.lockCount += 1;
  return lockedView(allocation);
}

/** Ioctl 0x37. Only the last unlock reaches the host, after the view is gone; with system memory every one does. */
export async function unlock2(caller: Caller, args: Types.Unlock2Args): Promise<KmtResult> {
  if (caller.refusal !== 0) return { ret: caller.refusal };
  const { driver, process } = caller;
  const allocation = process.handles.get(args.allocation, 'allocation');
  if (allocation === null || allocation.cpuData === null) return { ret: -Errno.EINVAL };
  if (allocation.mapping !== null) {
    allocation.lockCount -= 1;
    if (allocation.lockCount > 0) return { ret: 0 };
    allocation.unmap();
  }
  const device = caller.device(args.device);
  if (typeof device === 'number') return refusal(caller, device);
  const body = { args: { device: args.device, allocation: args.allocation } };
  return driver.wire.status(device.adapter, commands.unlock2, process.hostHandle, body);
}

/** Exactly one of a resource and a list of allocations. */
function isOneOf(resource: number, allocations: ArrayLike<number>): boolean {
  return (resource === 0) !== (allocations.length === 0) && allocations.length <= Limits.maxMessageBytes;
}

/** Ioctl 0x2e. */
export async function setAllocationPriority(
  caller: Caller,
  args: Types.SetAllocationPriorityArgs,
): Promise<KmtResult> {
  const device = caller.device(args.device);
  if (typeof device === 'number') return refusal(caller, device);
  const resource = args.resource ?? 0;
  const allocations = args.allocationList ?? NO_HANDLES;
  if (!isOneOf(resource, allocations)) return { ret: -Errno.EINVAL };
  const count = Math.max(allocations.length, 1);
  if (args.priorities.length < count) return { ret: -Errno.EFAULT };
  const priorities = Array.from(args.priorities).slice(0, count);
  const body = { device: args.device, resource, allocations, priorities };
  const { wire } = caller.driver;
  return wire.status(device.adapter, commands.setAllocationPriority, caller.process.hostHandle, body);
}

/** Ioctl 0x3c. */
export async function getAllocationPriority(
  caller: Caller,
  args: Types.GetAllocationPriorityArgs,
): Promise<Types.GetAllocationPriorityResult> {
  const nothing = { priorities: new Uint32Array(0) };
  const device = caller.device(args.device);
  if (typeof device === 'number') return { ...refusal(caller, device), ...nothing };
  const resource = args.resource ?? 0;
  const allocations = args.allocationList ?? NO_HANDLES;
  if (!isOneOf(resource, allocations)) return { ret: -Errno.EINVAL, ...nothing };
  const body = { device: args.device, resource, allocations };
  const command = commands.getAllocationPriority;
  const { hostHandle } = caller.process;
  const answer = await caller.driver.wire.call(device.adapter, command, hostHandle, body, (reply) => reply);
  if (answer.reply === null) return { ...outcome(answer), ...nothing };
  const ret = ntStatusToErrno(answer.reply.status);
  return ret < 0 ? { ret, ...nothing } : { ret: 0, priorities: answer.reply.priorities };
}

/** Ioctl 0x2a. */
export async function queryAllocationResidency(
  caller: Caller,
  args: Types.QueryAllocationResidencyArgs,
): Promise<Types.QueryAllocationResidencyResult> {
  const nothing = { residencyStatus: new Uint32Array(0) };
  const resource = args.resource ?? 0;
  const allocations = args.allocations ?? NO_HANDLES;
  if ((resource === 0) === (allocations.length === 0)) return { ret: -Errno.EINVAL, ...nothing };
  const device = caller.device(args.device);
  if (typeof device === 'number') return { ...refusal(caller, device), ...nothing };
  if (!isOneOf(resource, allocations)) return { ret: -Errno.EINVAL, ...nothing };
  const body = { args: { device: args.device, resource }, allocations };
  const command = commands.queryAllocationResidency;
  const { hostHandle } = caller.process;
  const answer = await caller.driver.wire.call(device.adapter, command, hostHandle, body, (reply) => reply);
  if (answer.reply === null) return { ...outcome(answer), ...nothing };
  const ret = ntStatusToErrno(answer.reply.status);
  return ret < 0 ? { ret, ...nothing } : { ret: 0, residencyStatus: answer.reply.residencyStatus };
}

/** Ioctl 0x24. */
export async function invalidateCache(caller: Caller, args: Types.InvalidateCacheArgs): Promise<KmtResult> {
  const device = caller.device(args.device);
  if (typeof device === 'number') return refusal(caller, device);
  const { allocation, length, offset } = args;
  const body = { device: args.device, allocation, offset, length };
  const { wire } = caller.driver;
  return wire.status(device.adapter, commands.invalidateCache, caller.process.hostHandle, body);
}

/** Ioctl 0x38. The fence value is given out for "pending" only. */
export async function updateAllocationProperty(
  caller: Caller,
  args: Types.UpdateAllocationPropertyArgs,
): Promise<Types.UpdateAllocationPropertyResult> {
  const device = caller.deviceOf(args.pagingQueue, 'pagingQueue');
  if (typeof device === 'number') return { ...refusal(caller, device), pagingFenceValue: 0n };
  const body = {
    args: {
      pagingQueue: args.pagingQueue,
      allocation: args.allocation,
      supportedSegmentSet: args.supportedSegmentSet ?? 0,
      preferredSegment: args.preferredSegment ?? 0,
      flags: args.flags ?? 0,
      propertyMaskValue: args.propertyMaskValue ?? 0,
    },
  };
  const command = commands.updateAllocationProperty;
  const { hostHandle } = caller.process;
  const answer = await caller.driver.wire.call(device.adapter, command, hostHandle, body, (reply) => reply);
  if (answer.reply === null) return { ...outcome(answer), pagingFenceValue: 0n };
  const ret = ntStatusToErrno(answer.reply.status);
  return { ret, pagingFenceValue: ret === NtStatus.pending ? answer.reply.pagingFenceValue : 0n };
}
