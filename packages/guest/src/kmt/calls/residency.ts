import { commands, Errno, Limits, NtStatus, ntStatusToErrno } from '@dxgwire/protocol';
import { PagingQueue } from '../objects.ts';
import type { KmtResult } from '../types/common.ts';
import type * as Types from '../types/residency.ts';
import { type Caller, outcome, refusal } from './caller.ts';

/** Ioctl 0x07. A fence page outside the IO space fails the call without a message; the queue stays in the host. */
export async function createPagingQueue(
  caller: Caller,
  args: Types.CreatePagingQueueArgs,
): Promise<Types.CreatePagingQueueResult> {
  const nothing = { pagingQueue: 0, syncObject: 0, fenceView: null };
  const device = caller.device(args.device);
  if (typeof device === 'number') return { ...refusal(caller, device), ...nothing };
  const { driver, process } = caller;
  const body = {
    args: {
      device: args.device,
      priority: args.priority ?? 0,
      physicalAdapterIndex: args.physicalAdapterIndex ?? 0,
    },
  };
  device.enter();
  const command = commands.createPagingQueue;
  const answer = await driver.wire.call(device.adapter, command, process.hostHandle, body, (reply) => reply);
  device.leave();
  if (answer.reply === null) return { ...outcome(answer), ...nothing };
  const { fenceStoragePhysicalAddress, pagingQueue, syncObject } = answer.reply;
  const fenceView = driver.ioSpace?.mapFence(fenceStoragePhysicalAddress) ?? null;
  if (fenceView === null) return { ret: -Errno.ENOMEM, ...nothing };
  const queue = new PagingQueue(device);
  let ret = process.handles.assign(pagingQueue, 'pagingQueue', queue);
  if (ret === 0) {
    ret = process.handles.assign(syncObject, 'implicitFence', null);
    if (ret < 0) process.handles.free(pagingQueue, 'pagingQueue');
  }
  if (ret < 0) {
    device.pagingQueues.delete(queue);
    if (pagingQueue !== 0) {
      const destroy = commands.destroyPagingQueue;
      await driver.wire.call(device.adapter, destroy, process.hostHandle, { pagingQueue }, () => null);
    }
    return { ret, ...nothing };
  }
  queue.handle = pagingQueue;
  queue.syncObject = syncObject;
  queue.fenceView = fenceView;
  return { ret: 0, pagingQueue, syncObject, fenceView };
}

/** Ioctl 0x1c. */
export async function destroyPagingQueue(
  caller: Caller,
  args: Types.DestroyPagingQueueArgs,
): Promise<KmtResult> {
  if (caller.refusal !== 0) return { ret: caller.refusal };
  const { driver, process } = caller;
  const queue = process.handles.get(args.pagingQueue, 'pagingQueue');
  if (queue === null) return { ret: -Errno.EINVAL };
  const device = caller.deviceOf(args.pagingQueue, 'pagingQueue');
  process.handles.free(args.pagingQueue, 'pagingQueue');
  process.handles.free(queue.syncObject, 'implicitFence');
  if (typeof device === 'number') return refusal(caller, device);
  const body = { pagingQueue: args.pagingQueue };
  const command = commands.destroyPagingQueue;
  const answer = await driver.wire.call(device.adapter, command, process.hostHandle, body, () => null);
  queue.fenceView = null;
  device.pagingQueues.delete(queue);
  return outcome(answer);
}

function isListLength(count: number): boolean {
  return count > 0 && count <= Limits.maxResidencyAllocations;
}

/** Ioctl 0x0b. The message names the queue only; device is 0. */
export async function makeResident(
  caller: Caller,
  args: Types.MakeResidentArgs,
): Promise<Types.MakeResidentResult> {
  const nothing = { pagingFenceValue: 0n, numBytesToTrim: 0n };
  const allocations = args.allocationList;
  if (!isListLength(allocations.length)) return { ret: -Errno.EINVAL, ...nothing };
  const device = caller.deviceOf(args.pagingQueue, 'pagingQueue');
  if (typeof device === 'number') return { ...refusal(caller, device), ...nothing };
  const body = { pagingQueue: args.pagingQueue, flags: args.flags ?? 0, allocations };
  const { hostHandle } = caller.process;
  const { wire } = caller.driver;
  const answer = await wire.call(device.adapter, commands.makeResident, hostHandle, body, (reply) => reply);
  if (answer.reply === null) return { ...outcome(answer), ...nothing };
  const ret = ntStatusToErrno(answer.reply.status);
  if (ret !== 0 && ret !== NtStatus.pending) return { ret, ...nothing };
  const { numBytesToTrim, pagingFenceValue } = answer.reply;
  return { ret, pagingFenceValue, numBytesToTrim };
}

/** Ioctl 0x1e. */
export async function evict(caller: Caller, args: Types.EvictArgs): Promise<Types.EvictResult> {
  const { allocations } = args;
  if (!isListLength(allocations.length)) return { ret: -Errno.EINVAL, numBytesToTrim: 0n };
  const device = caller.device(args.device);
  if (typeof device === 'number') return { ...refusal(caller, device), numBytesToTrim: 0n };
  const body = { device: args.device, flags: args.flags ?? 0, allocations };
  const { hostHandle } = caller.process;
  const { wire } = caller.driver;
  const answer = await wire.call(device.adapter, commands.evict, hostHandle, body, (reply) => reply);
  if (answer.reply === null) return { ...outcome(answer), numBytesToTrim: 0n };
  return { ret: answer.ret, numBytesToTrim: answer.reply.numBytesToTrim };
}

/** One list of handles, of resources or of allocations, given by the caller. */
interface HandleList {
  readonly resources: boolean;
  readonly allocations: ArrayLike<number>;
}

function oneList(args: {
  readonly resources?: ArrayLike<number>;
  readonly allocations?: ArrayLike<number>;
}): HandleList | null {
  const { allocations, resources } = args;
  if ((resources === undefined) === (allocations === undefined)) return null;
  const list = resources ?? allocations ?? [];
  return isListLength(list.length) ? { resources: resources !== undefined, allocations: list } : null;
}

/** Ioctl 0x27. */
export async function offerAllocations(caller: Caller, args: Types.OfferAllocationsArgs): Promise<KmtResult> {
  const list = oneList(args);
  if (list === null) return { ret: -Errno.EINVAL };
  const device = caller.device(args.device);
  if (typeof device === 'number') return refusal(caller, device);
  const body = { device: args.device, priority: args.priority, flags: args.flags ?? 0, ...list };
  const { wire } = caller.driver;
  return wire.status(device.adapter, commands.offerAllocations, caller.process.hostHandle, body);
}

/** Ioctl 0x2c. With results the call returns 0 even when the host said "pending"; the fence value is given out always. */
export async function reclaimAllocations2(
  caller: Caller,
  args: Types.ReclaimAllocations2Args,
): Promise<Types.ReclaimAllocations2Result> {
  const nothing = { pagingFenceValue: 0n, results: null };
  const list = oneList(args);
  if (list === null) return { ret: -Errno.EINVAL, ...nothing };
  const device = caller.deviceOf(args.pagingQueue, 'pagingQueue');
  if (typeof device === 'number') return { ...refusal(caller, device), ...nothing };
  const writeResults = args.wantResults ?? false;
  const body = { device: device.handle, pagingQueue: args.pagingQueue, writeResults, ...list };
  const { hostHandle } = caller.process;
  const command = commands.reclaimAllocations;
  const answer = await caller.driver.wire.call(device.adapter, command, hostHandle, body, (reply) => reply);
  if (answer.reply === null) return { ...outcome(answer), ...nothing };
  const { discarded, pagingFenceValue, status } = answer.reply;
  const ret = ntStatusToErrno(status);
  if (ret < 0 || !writeResults) return { ret, pagingFenceValue, results: null };
  return { ret: 0, pagingFenceValue, results: discarded };
}
