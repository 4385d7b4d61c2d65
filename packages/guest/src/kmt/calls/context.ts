import { commands, Errno, Limits, ntStatusToErrno } from '@dxgwire/protocol';
import { Context, type Device, HwQueue } from '../objects.ts';
import type { FenceView, KmtResult } from '../types/common.ts';
import type * as Types from '../types/device.ts';
import { type Caller, NO_BYTES, outcome, refusal } from './caller.ts';

/** Ioctl 0x04. */
export async function createContextVirtual(
  caller: Caller,
  args: Types.CreateContextVirtualArgs,
): Promise<Types.CreateContextVirtualResult> {
  const nothing = { context: 0, privDrvData: NO_BYTES };
  const device = caller.device(args.device);
  if (typeof device === 'number') return { ...refusal(caller, device), ...nothing };
  const privDrvData = args.privDrvData ?? NO_BYTES;
  if (privDrvData.length > Limits.maxPrivateDataBytes) return { ret: -Errno.EINVAL, ...nothing };
  const { driver, process } = caller;
  const context = new Context(device);
  const body = {
    device: args.device,
    nodeOrdinal: args.nodeOrdinal ?? 0,
    engineAffinity: args.engineAffinity ?? 0,
    flags: args.flags ?? 0,
    clientHint: args.clientHint ?? 0,
    privDrvData,
  };
  device.enter();
  const command = commands.createContextVirtual;
  const answer = await driver.wire.call(device.adapter, command, process.hostHandle, body, (reply) => ({
    context: reply.context,
    privDrvData: reply.privDrvData.slice(),
  }));
  device.leave();
  const created = answer.reply;
  // The driver makes EINVAL of whatever kept the host from answering with a handle.
  let ret = answer.lost === undefined ? -Errno.EINVAL : answer.ret;
  if (created !== null && created.context !== 0) {
    ret = process.handles.assign(created.context, 'context', context);
    if (ret === 0) {
      context.handle = created.context;
      return { ret: 0, ...created };
    }
    await driver.wire.status(device.adapter, commands.destroyContext, process.hostHandle, created);
  }
  device.contexts.delete(context);
  return { ...outcome({ ...answer, ret }), ...nothing };
}

/** Frees what the guest holds for the hardware queues of a context; the host's die with the context. */
function forgetHwQueues(context: Context): void {
  const { handles } = context.device.process;
  for (const queue of context.hwQueues) {
    handles.free(queue.handle, 'hwQueue');
    handles.free(queue.progressFence, 'implicitFence');
    queue.fenceView = null;
  }
  context.hwQueues.clear();
}

/** Ioctl 0x05. */
export async function destroyContext(caller: Caller, args: Types.DestroyContextArgs): Promise<KmtResult> {
  if (caller.refusal !== 0) return { ret: caller.refusal };
  const { handles, hostHandle } = caller.process;
  const context = handles.get(args.context, 'context');
  if (context === null) return { ret: -Errno.EINVAL };
  const device = caller.deviceOf(args.context, 'context');
  handles.free(args.context, 'context');
  if (typeof device === 'number') return refusal(caller, device);
  const body = { context: args.context };
  const result = await caller.driver.wire.status(device.adapter, commands.destroyContext, hostHandle, body);
  forgetHwQueues(context);
  device.contexts.delete(context);
  return result;
}

interface HwQueueReply {
  readonly ret: number;
  readonly queue: number;
  readonly queueProgressFence: number;
  readonly fenceAddress: bigint;
  readonly queueProgressFenceGpuVa: bigint;
  readonly privDrvData: Uint8Array;
}

/** Ioctl 0x18. */
export async function createHwQueue(
  caller: Caller,
  args: Types.CreateHwQueueArgs,
): Promise<Types.CreateHwQueueResult> {
  const nothing = {
    queue: 0,
    queueProgressFence: 0,
    queueProgressFenceGpuVa: 0n,
    fenceView: null,
    privDrvData: NO_BYTES,
  };
  const device = caller.deviceOf(args.context, 'context');
  if (typeof device === 'number') return { ...refusal(caller, device), ...nothing };
  const context = caller.process.handles.get(args.context, 'context');
  const privDrvData = args.privDrvData ?? NO_BYTES;
  const tooLarge = privDrvData.length > Limits.maxPrivateDataBytes;
  if (context === null || tooLarge) return { ret: -Errno.EINVAL, ...nothing };
  const { driver, process } = caller;
  const body = { context: args.context, flags: args.flags ?? 0, privDrvData };
  device.enter();
  const command = commands.createHwQueue;
  const answer = await driver.wire.call(device.adapter, command, process.hostHandle, body, (reply) => ({
    ret: ntStatusToErrno(reply.status),
    queue: reply.hwqueue,
    queueProgressFence: reply.hwqueueProgressFence,
    fenceAddress: reply.hwqueueProgressFenceCpuva,
    queueProgressFenceGpuVa: reply.hwqueueProgressFenceGpuva,
    privDrvData: reply.privDrvData.slice(),
  }));
  device.leave();
  if (answer.reply === null) return { ...outcome(answer), ...nothing };
  const fenceView = driver.ioSpace?.mapFence(answer.reply.fenceAddress) ?? null;
  const ret = addHwQueue(context, answer.reply, fenceView);
  if (ret === 0) {
    const { queue, queueProgressFence, queueProgressFenceGpuVa } = answer.reply;
    const out = { queue, queueProgressFence, queueProgressFenceGpuVa, privDrvData: answer.reply.privDrvData };
    return { ret: 0, fenceView, ...out };
  }
  if (answer.reply.queue !== 0) await sendDestroyHwQueue(caller, device, answer.reply.queue);
  return { ret, ...nothing };
}

/** Enters a queue and its fence into the table: the fence first, as the driver does. */
function addHwQueue(context: Context, reply: HwQueueReply, fenceView: FenceView | null): number {
  if (reply.ret < 0) return reply.ret;
  if (fenceView === null) return -Errno.ENOMEM;
  const { handles } = context.device.process;
  const fenceRet = handles.assign(reply.queueProgressFence, 'implicitFence', null);
  if (fenceRet < 0) return fenceRet;
  const queue = new HwQueue(context);
  const ret = handles.assign(reply.queue, 'hwQueue', queue);
  if (ret < 0) {
    handles.free(reply.queueProgressFence, 'implicitFence');
    context.hwQueues.delete(queue);
    return ret;
  }
  queue.handle = reply.queue;
  queue.progressFence = reply.queueProgressFence;
  queue.fenceView = fenceView;
  return 0;
}

function sendDestroyHwQueue(caller: Caller, device: Device, hwqueue: number): Promise<KmtResult> {
  const { wire } = caller.driver;
  return wire.status(device.adapter, commands.destroyHwQueue, caller.process.hostHandle, { hwqueue });
}

/** Ioctl 0x1b. The progress fence's entry goes when the host has answered. */
export async function destroyHwQueue(caller: Caller, args: Types.DestroyHwQueueArgs): Promise<KmtResult> {
  if (caller.refusal !== 0) return { ret: caller.refusal };
  const { handles } = caller.process;
  const queue = handles.get(args.queue, 'hwQueue');
  if (queue === null) return { ret: -Errno.EINVAL };
  const device = caller.deviceOf(args.queue, 'hwQueue');
  handles.free(args.queue, 'hwQueue');
  if (typeof device === 'number') return refusal(caller, device);
  const result = await sendDestroyHwQueue(caller, device, args.queue);
  handles.free(queue.progressFence, 'implicitFence');
  queue.fenceView = null;
  queue.context.hwQueues.delete(queue);
  return result;
}

function setPriority(
  caller: Caller,
  args: Types.SetSchedulingPriorityArgs,
  inProcess: boolean,
): Promise<KmtResult> {
  const device = caller.deviceOf(args.context, 'context');
  if (typeof device === 'number') return Promise.resolve(refusal(caller, device));
  const body = { context: args.context, priority: args.priority, inProcess };
  const { wire } = caller.driver;
  return wire.status(device.adapter, commands.setContextSchedulingPriority, caller.process.hostHandle, body);
}

async function getPriority(
  caller: Caller,
  args: Types.SchedulingPriorityArgs,
  inProcess: boolean,
): Promise<Types.SchedulingPriorityResult> {
  const device = caller.deviceOf(args.context, 'context');
  if (typeof device === 'number') return { ...refusal(caller, device), priority: 0 };
  const body = { context: args.context, inProcess };
  const command = commands.getContextSchedulingPriority;
  const { hostHandle } = caller.process;
  const answer = await caller.driver.wire.call(device.adapter, command, hostHandle, body, (reply) => reply);
  if (answer.reply === null) return { ...outcome(answer), priority: 0 };
  const ret = ntStatusToErrno(answer.reply.status);
  return ret < 0 ? { ret, priority: 0 } : { ret: 0, priority: answer.reply.priority };
}

/** Ioctl 0x30. */
export function setContextSchedulingPriority(
  caller: Caller,
  args: Types.SetSchedulingPriorityArgs,
): Promise<KmtResult> {
  return setPriority(caller, args, false);
}

/** Ioctl 0x2f. */
export function setContextInProcessSchedulingPriority(
  caller: Caller,
  args: Types.SetSchedulingPriorityArgs,
): Promise<KmtResult> {
  return setPriority(caller, args, true);
}

/** Ioctl 0x22. */
export function getContextSchedulingPriority(
  caller: Caller,
  args: Types.SchedulingPriorityArgs,
): Promise<Types.SchedulingPriorityResult> {
  return getPriority(caller, args, false);
}

/** Ioctl 0x21. */
export function getContextInProcessSchedulingPriority(
  caller: Caller,
  args: Types.SchedulingPriorityArgs,
): Promise<Types.SchedulingPriorityResult> {
  return getPriority(caller, args, true);
}
