import {
  commands,
  Errno,
  Limits,
  NtStatus,
  ntStatusToErrno,
  UpdateGpuVaOperationType,
} from '@dxgwire/protocol';
import type { Adapter } from '../adapter.ts';
import type { KmtResult } from '../types/common.ts';
import type * as Types from '../types/gpu-virtual-address.ts';
import { type Caller, outcome, refusal } from './caller.ts';

/** The adapter meant, and what the message names: the host's adapter handle, or the paging queue as given. */
function reserver(caller: Caller, handle: number): { adapter: Adapter; onWire: number } | number {
  // Adapter handles are looked up first: a paging queue of equal value is never found.
  const adapter = caller.adapter(handle);
  if (typeof adapter !== 'number') return { adapter, onWire: adapter.hostHandle };
  if (adapter !== -Errno.EINVAL) return adapter;
  const device = caller.deviceOf(handle, 'pagingQueue');
  return typeof device === 'number' ? device : { adapter: device.adapter, onWire: handle };
}

/** Ioctl 0x08. */
export async function reserveGpuVirtualAddress(
  caller: Caller,
  args: Types.ReserveGpuVirtualAddressArgs,
): Promise<Types.ReserveGpuVirtualAddressResult> {
  const target = reserver(caller, args.adapter);
  if (typeof target === 'number') return { ...refusal(caller, target), virtualAddress: 0n };
  const body = {
    args: {
      adapter: target.onWire,
      baseAddress: args.baseAddress ?? 0n,
      minimumAddress: args.minimumAddress ?? 0n,
      maximumAddress: args.maximumAddress ?? 0n,
      size: args.size,
      reservationType: args.reservationType ?? 0,
      driverProtection: args.driverProtection ?? 0n,
    },
  };
  const command = commands.reserveGpuVirtualAddress;
  const { hostHandle } = caller.process;
  const answer = await caller.driver.wire.call(target.adapter, command, hostHandle, body, (reply) => reply);
  if (answer.reply === null) return { ...outcome(answer), virtualAddress: 0n };
  return { ret: answer.ret, virtualAddress: answer.reply.virtualAddress };
}

/** Ioctl 0x0c. The message names the queue only; device is 0. */
export async function mapGpuVirtualAddress(
  caller: Caller,
  args: Types.MapGpuVirtualAddressArgs,
): Promise<Types.MapGpuVirtualAddressResult> {
  const nothing = { virtualAddress: 0n, pagingFenceValue: 0n };
  const device = caller.deviceOf(args.pagingQueue, 'pagingQueue');
  if (typeof device === 'number') return { ...refusal(caller, device), ...nothing };
  const body = {
    args: {
      pagingQueue: args.pagingQueue,
      baseAddress: args.baseAddress ?? 0n,
      minimumAddress: args.minimumAddress ?? 0n,
      maximumAddress: args.maximumAddress ?? 0n,
      allocation: args.allocation ?? 0,
      offsetInPages: args.offsetInPages ?? 0n,
      sizeInPages: args.sizeInPages,
      protection: args.protection ?? 0n,
      driverProtection: args.driverProtection ?? 0n,
    },
  };
  const command = commands.mapGpuVirtualAddress;
  const { hostHandle } = caller.process;
  const answer = await caller.driver.wire.call(device.adapter, command, hostHandle, body, (reply) => reply);
  if (answer.reply === null) return { ...outcome(answer), ...nothing };
  const ret = ntStatusToErrno(answer.reply.status);
  if (ret !== 0 && ret !== NtStatus.pending) return { ret, ...nothing };
  const { pagingFenceValue, virtualAddress } = answer.reply;
  return { ret, virtualAddress, pagingFenceValue };
}

function operationOnWire(operation: Types.UpdateGpuVirtualAddressOperation) {
  const kinds = UpdateGpuVaOperationType;
  if ('map' in operation) return { operation: kinds.map, map: operation.map };
  if ('mapProtect' in operation) return { operation: kinds.mapProtect, mapProtect: operation.mapProtect };
  if ('unmap' in operation) return { operation: kinds.unmap, unmap: operation.unmap };
  return { operation: kinds.copy, copy: operation.copy };
}

/** Ioctl 0x39. The caller gets its own fence value back. */
export async function updateGpuVirtualAddress(
  caller: Caller,
  args: Types.UpdateGpuVirtualAddressArgs,
): Promise<Types.UpdateGpuVirtualAddressResult> {
  const device = caller.device(args.device);
  if (typeof device === 'number') return { ...refusal(caller, device), fenceValue: args.fenceValue };
  const count = args.operations.length;
  if (count === 0 || count > Limits.maxUpdateGpuVaOperations) {
    return { ret: -Errno.EINVAL, fenceValue: args.fenceValue };
  }
  const body = {
    fenceValue: args.fenceValue,
    device: args.device,
    context: args.context,
    fenceObject: args.fenceObject,
    flags: args.flags ?? 0,
    operations: args.operations.map(operationOnWire),
  };
  const command = commands.updateGpuVirtualAddress;
  const result = await caller.driver.wire.status(device.adapter, command, caller.process.hostHandle, body);
  const { fenceValue } = args;
  return result.ret < 0 ? { ...outcome(result), fenceValue } : { ret: 0, fenceValue };
}

/** Ioctl 0x20. */
export async function freeGpuVirtualAddress(
  caller: Caller,
  args: Types.FreeGpuVirtualAddressArgs,
): Promise<KmtResult> {
  const adapter = caller.adapter(args.adapter);
  if (typeof adapter === 'number') return refusal(caller, adapter);
  const body = {
    args: { adapter: adapter.hostHandle, baseAddress: args.baseAddress, size: args.size },
  };
  const { wire } = caller.driver;
  return wire.status(adapter, commands.freeGpuVirtualAddress, caller.process.hostHandle, body);
}
