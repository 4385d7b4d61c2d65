import { commands, Errno, Limits } from '@dxgwire/protocol';
import type { Adapter } from '../adapter.ts';
import type { CompletionSink } from '../message-channel.ts';
import type { Device } from '../objects.ts';
import type { KmtResult } from '../types/common.ts';
import type * as Submission from '../types/submission.ts';
import type * as Sync from '../types/sync.ts';
import type { GuestCommand } from '../wire.ts';
import { type Caller, NO_BYTES, NO_HANDLES, refusal } from './caller.ts';
import { registerEvent } from './events.ts';
import { enqueuesCpuEvent, exactly } from './sync.ts';

/**
 * The calls that are one-way while asynchronous messages are on: submissions, signals, GPU waits. Each is written once,
 * as a `Send`: checks, then one message. {@link calling} waits for what can be waited for, {@link posting} does not.
 */
export type Send<Args> = (caller: Caller, args: Args, way: Way) => number | Promise<KmtResult>;

/** How a message leaves: returns minus an errno when it did not. */
export interface Way {
  send<Request extends object>(
    caller: Caller,
    adapter: Adapter,
    command: GuestCommand<Request, unknown>,
    body: Request,
  ): number | Promise<KmtResult>;
}

const callingWay: Way = {
  send(caller, adapter, command, body) {
    const { wire } = caller.driver;
    const { hostHandle } = caller.process;
    if (!wire.asyncMessages) return wire.status(adapter, command, hostHandle, body);
    return wire.post(adapter, command, hostHandle, body, NOBODY);
  },
};

/** Takes completions that cannot come. */
const NOBODY: CompletionSink = { complete: () => undefined, lose: () => undefined };

/** The call with a promise. */
export function calling<Args>(send: Send<Args>, caller: Caller, args: Args): Promise<KmtResult> {
  const result = send(caller, args, callingWay);
  return typeof result === 'number' ? Promise.resolve(refusal(caller, result)) : result;
}

/** Sends without a promise; an answer, if one is due, goes to `sink`. */
export class PostingWay implements Way {
  private readonly sink: CompletionSink;

  constructor(sink: CompletionSink) {
    this.sink = sink;
  }

  send<Request extends object>(
    caller: Caller,
    adapter: Adapter,
    command: GuestCommand<Request, unknown>,
    body: Request,
  ): number {
    return caller.driver.wire.post(adapter, command, caller.process.hostHandle, body, this.sink);
  }
}

/** The call without one. */
export function posting<Args>(send: Send<Args>, caller: Caller, args: Args, way: PostingWay): number {
  return send(caller, args, way) as number;
}

const NO_VALUES: ArrayLike<bigint> = [];

/** Bodies are encoded before the call returns, so one of each kind serves every call. */
const hwQueueBody = {
  args: { hwqueue: 0, hwqueueProgressFenceId: 0n, commandBuffer: 0n, commandLength: 0 },
  writtenPrimaries: NO_HANDLES,
  privDrvData: NO_BYTES,
};
const signalBody = {
  flags: 0,
  fenceValue: 0n,
  cpuEventHandle: 0n,
  device: 0,
  objects: NO_HANDLES,
  contexts: NO_HANDLES,
  fenceValues: NO_VALUES,
};
const waitBody = { context: 0, legacyFenceObject: false, fenceValues: NO_VALUES, objects: NO_HANDLES };

/** Ioctl 0x34. */
export const submitCommandToHwQueue: Send<Submission.SubmitCommandToHwQueueArgs> = (caller, args, way) => {
  const privDrvData = args.privDrvData ?? NO_BYTES;
  const primaries = args.writtenPrimaries ?? NO_HANDLES;
  const limit = Limits.maxMessageBytes;
  if (privDrvData.length > limit || primaries.length > limit) return -Errno.EINVAL;
  const device = caller.deviceOf(args.hwqueue, 'hwQueue');
  if (typeof device === 'number') return device;
  hwQueueBody.args.hwqueue = args.hwqueue;
  hwQueueBody.args.hwqueueProgressFenceId = args.hwqueueProgressFenceId;
  hwQueueBody.args.commandBuffer = args.commandBuffer ?? 0n;
  hwQueueBody.args.commandLength = args.commandLength ?? 0;
  hwQueueBody.writtenPrimaries = primaries;
  hwQueueBody.privDrvData = privDrvData;
  return way.send(caller, device.adapter, commands.submitCommandToHwQueue, hwQueueBody);
};

/** Ioctl 0x0f. Only the first context is looked up here. */
export const submitCommand: Send<Submission.SubmitCommandArgs> = (caller, args, way) => {
  const contexts = args.broadcastContext;
  if (contexts.length > Limits.maxBroadcastContexts || contexts.length === 0) return -Errno.EINVAL;
  const privDrvData = args.privDrvData ?? NO_BYTES;
  if (privDrvData.length > Limits.maxPrivateDataBytes) return -Errno.EINVAL;
  const historyBuffers = args.historyBufferArray ?? NO_HANDLES;
  if (historyBuffers.length > Limits.maxHistoryBuffers) return -Errno.EINVAL;
  const writtenPrimaries = args.writtenPrimaries ?? NO_HANDLES;
  if (writtenPrimaries.length > Limits.maxWrittenPrimaries) return -Errno.EINVAL;
  const device = caller.deviceOf(contexts[0]!, 'context');
  if (typeof device === 'number') return device;
  const body = {
    args: {
      commandBuffer: args.commandBuffer ?? 0n,
      commandLength: args.commandLength ?? 0,
      flags: args.flags ?? 0,
      presentHistoryToken: args.presentHistoryToken ?? 0n,
      broadcastContextCount: contexts.length,
      broadcastContext: contexts,
      numPrimaries: writtenPrimaries.length,
      writtenPrimaries,
    },
    historyBuffers,
    privDrvData,
  };
  return way.send(caller, device.adapter, commands.submitCommand, body);
};

interface Signal {
  readonly flags: number;
  readonly fenceValue?: bigint;
  readonly eventId?: number;
  readonly device?: number;
  readonly objects: ArrayLike<number>;
  readonly contexts: ArrayLike<number>;
  readonly fenceValues: ArrayLike<bigint> | undefined;
}

/** One message for all five calls that signal. Without a value array the legacy value in the head counts. */
function sendSignal(caller: Caller, device: Device, signal: Signal, way: Way): number | Promise<KmtResult> {
  const fenceValues =
    signal.fenceValues === undefined ? NO_VALUES : exactly(signal.fenceValues, signal.objects.length);
  if (fenceValues === null) return -Errno.EFAULT;
  signalBody.flags = signal.flags;
  signalBody.fenceValue = signal.fenceValue ?? 0n;
  signalBody.cpuEventHandle = BigInt(signal.eventId ?? 0);
  signalBody.device = signal.device ?? 0;
  signalBody.objects = signal.objects;
  signalBody.contexts = signal.contexts;
  signalBody.fenceValues = fenceValues;
  return way.send(caller, device.adapter, commands.signalSyncObject, signalBody);
}

/** Forgets the event of a signal that failed: now, or when the host says so. */
function withEvent(
  caller: Caller,
  eventId: number,
  result: number | Promise<KmtResult>,
): number | Promise<KmtResult> {
  const { events } = caller.driver;
  if (typeof result === 'number') {
    if (result < 0) events.remove(eventId);
    return result;
  }
  return result.then((settled) => {
    if (settled.ret < 0) events.remove(eventId);
    return settled;
  });
}

/** Ioctl 0x11. The calling context comes first, then the others; one value for all objects. */
export const signalSynchronizationObject2: Send<Sync.SignalSynchronizationObject2Args> = (
  caller,
  args,
  way,
) => {
  const objects = args.objectArray ?? NO_HANDLES;
  const others = args.contexts ?? NO_HANDLES;
  const tooMany = others.length >= Limits.maxBroadcastContexts || objects.length > Limits.maxObjectsSignaled;
  if (tooMany) return -Errno.EINVAL;
  const flags = args.flags ?? 0;
  const contexts = others.length === 0 ? [args.context] : [args.context, ...Array.from(others)];
  const device = caller.deviceOf(args.context, 'context');
  if (!enqueuesCpuEvent(flags)) {
    if (typeof device === 'number') return device;
    const fenceValue = args.fenceValue ?? 0n;
    return sendSignal(caller, device, { flags, objects, contexts, fenceValues: undefined, fenceValue }, way);
  }
  if (args.cpuEventHandle === undefined) return -Errno.EINVAL;
  if (typeof device === 'number') return device;
  const eventId = registerEvent(caller, args.cpuEventHandle, device.adapter);
  // The field shares its place with the caller's event number in the ioctl's structure, which therefore travels.
  const fenceValue = BigInt(args.cpuEventHandle.descriptor ?? 0);
  const signal = { flags, objects, contexts, fenceValues: undefined, fenceValue, eventId };
  return withEvent(caller, eventId, sendSignal(caller, device, signal, way));
};

/** Ioctl 0x31. */
export const signalSynchronizationObjectFromCpu: Send<Sync.SignalSynchronizationObjectFromCpuArgs> = (
  caller,
  args,
  way,
) => {
  const { objects } = args;
  if (objects.length === 0 || objects.length > Limits.maxObjectsSignaled) return -Errno.EINVAL;
  const device = caller.device(args.device);
  if (typeof device === 'number') return device;
  const flags = args.flags ?? 0;
  const signal = { flags, device: args.device, objects, contexts: NO_HANDLES, fenceValues: args.fenceValues };
  return sendSignal(caller, device, signal, way);
};

/** Ioctl 0x32. Flags are not part of the call. */
export const signalSynchronizationObjectFromGpu: Send<Sync.SignalSynchronizationObjectFromGpuArgs> = (
  caller,
  args,
  way,
) => {
  const { objects } = args;
  if (objects.length === 0 || objects.length > Limits.maxMessageBytes) return -Errno.EINVAL;
  const device = caller.deviceOf(args.context, 'context');
  if (typeof device === 'number') return device;
  const signal = { flags: 0, objects, contexts: [args.context], fenceValues: args.monitoredFenceValues };
  return sendSignal(caller, device, signal, way);
};

/** Ioctl 0x33. */
export const signalSynchronizationObjectFromGpu2: Send<Sync.SignalSynchronizationObjectFromGpu2Args> = (
  caller,
  args,
  way,
) => {
  const objects = args.objects ?? NO_HANDLES;
  const flags = args.flags ?? 0;
  const { contexts } = args;
  const limit = Limits.maxMessageBytes;
  const hasEvent = enqueuesCpuEvent(flags);
  if (hasEvent) {
    if (objects.length !== 0 || args.cpuEventHandle === undefined) return -Errno.EINVAL;
  } else {
    const objectsAreGood = objects.length > 0 && objects.length <= limit;
    if (!objectsAreGood || contexts.length === 0 || contexts.length > limit) return -Errno.EINVAL;
  }
  if (contexts.length === 0) return -Errno.EFAULT;
  const device = caller.deviceOf(contexts[0]!, 'context');
  if (typeof device === 'number') return device;
  if (!hasEvent || args.cpuEventHandle === undefined) {
    const signal = { flags, objects, contexts, fenceValues: args.monitoredFenceValues };
    return sendSignal(caller, device, signal, way);
  }
  const eventId = registerEvent(caller, args.cpuEventHandle, device.adapter);
  const signal = { flags, objects, contexts, fenceValues: undefined, eventId };
  return withEvent(caller, eventId, sendSignal(caller, device, signal, way));
};

/** Ioctl 0x35. Hardware queues stand where contexts do. */
export const submitSignalSyncObjectsToHwQueue: Send<Submission.SubmitSignalSyncObjectsToHwQueueArgs> = (
  caller,
  args,
  way,
) => {
  const { hwqueues, objects } = args;
  if (hwqueues.length > Limits.maxBroadcastContexts || hwqueues.length === 0) return -Errno.EINVAL;
  if (objects.length > Limits.maxObjectsSignaled || objects.length === 0) return -Errno.EINVAL;
  const device = caller.deviceOf(hwqueues[0]!, 'hwQueue');
  if (typeof device === 'number') return device;
  const signal = { flags: args.flags ?? 0, objects, contexts: hwqueues, fenceValues: args.fenceValues };
  return sendSignal(caller, device, signal, way);
};

function sendWait(
  caller: Caller,
  device: Device,
  context: number,
  objects: ArrayLike<number>,
  fenceValues: ArrayLike<bigint>,
  legacy: boolean,
  way: Way,
): number | Promise<KmtResult> {
  waitBody.context = context;
  waitBody.legacyFenceObject = legacy;
  waitBody.fenceValues = fenceValues;
  waitBody.objects = objects;
  return way.send(caller, device.adapter, commands.waitForSyncObjectFromGpu, waitBody);
}

/** A legacy wait has one value; the driver sends what follows it in memory, ours sends zeros. */
function legacyValues(value: bigint, count: number): ArrayLike<bigint> {
  return count === 1 ? [value] : [value, ...new Array<bigint>(count - 1).fill(0n)];
}

/** Ioctl 0x12. */
export const waitForSynchronizationObject2: Send<Sync.WaitForSynchronizationObject2Args> = (
  caller,
  args,
  way,
) => {
  const objects = args.objectArray;
  if (objects.length > Limits.maxObjectsWaitedOn || objects.length === 0) return -Errno.EINVAL;
  const device = caller.deviceOf(args.context, 'context');
  if (typeof device === 'number') return device;
  const values = legacyValues(args.fenceValue ?? 0n, objects.length);
  return sendWait(caller, device, args.context, objects, values, true, way);
};

/** Whether the values of a wait come as an array: only the first object is looked at. */
function waitsForMonitoredFence(caller: Caller, first: number): boolean | null {
  const { handles } = caller.process;
  switch (handles.kindOf(first)) {
    case 'implicitFence':
      return true;
    case 'syncObject':
      return handles.get(first, 'syncObject')?.isMonitoredFence ?? null;
    default:
      return null;
  }
}

/** Ioctl 0x3b. */
export const waitForSynchronizationObjectFromGpu: Send<Sync.WaitForSynchronizationObjectFromGpuArgs> = (
  caller,
  args,
  way,
) => {
  const { objects } = args;
  if (objects.length > Limits.maxMessageBytes || objects.length === 0) return -Errno.EINVAL;
  const device = caller.deviceOf(args.context, 'context');
  if (typeof device === 'number') return device;
  const isMonitored = waitsForMonitoredFence(caller, objects[0]!);
  if (isMonitored === null) return -Errno.EINVAL;
  const count = objects.length;
  const values = isMonitored
    ? exactly(args.monitoredFenceValues ?? NO_VALUES, count)
    : legacyValues(args.fenceValue ?? 0n, Math.min(count, Limits.maxObjectsWaitedOn));
  if (values === null) return -Errno.EFAULT;
  if (count > Limits.maxObjectsWaitedOn) return -Errno.EINVAL;
  return sendWait(caller, device, args.context, objects, values, !isMonitored, way);
};

/** Ioctl 0x36. */
export const submitWaitForSyncObjectsToHwQueue: Send<Submission.SubmitWaitForSyncObjectsToHwQueueArgs> = (
  caller,
  args,
  way,
) => {
  const { objects } = args;
  if (objects.length > Limits.maxObjectsWaitedOn || objects.length === 0) return -Errno.EINVAL;
  const values = exactly(args.fenceValues, objects.length);
  if (values === null) return -Errno.EFAULT;
  const device = caller.deviceOf(args.hwqueue, 'hwQueue');
  if (typeof device === 'number') return device;
  return sendWait(caller, device, args.hwqueue, objects, values, false, way);
};
