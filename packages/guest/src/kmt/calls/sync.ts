import { commands, Errno, Limits, SignalFlags, SyncObjectFlags, SyncObjectType } from '@dxgwire/protocol';
import type { Adapter } from '../adapter.ts';
import type { HostEvent } from '../host-events.ts';
import { type Device, SyncObject } from '../objects.ts';
import { SharedSyncObject } from '../sharing-objects.ts';
import { forgetSyncObject } from '../teardown.ts';
import type { FenceView, KmtLoss, KmtResult } from '../types/common.ts';
import type * as Types from '../types/sync.ts';
import { type Caller, outcome, refusal } from './caller.ts';
import { registerEvent } from './events.ts';

interface SyncObjectReply {
  readonly syncObject: number;
  readonly globalSyncObject: number;
  readonly fenceGpuVa: bigint;
  readonly fenceStorageAddress: bigint;
}

/** The wire's form of a sync object's description: the alternative of its type; addresses, which are outputs, are 0. */
function infoOnWire(info: Types.SynchronizationObjectInfo2, eventId: number) {
  const { type } = info;
  const flags = info.flags ?? 0;
  switch (type) {
    case SyncObjectType.mutex:
      return { type, flags, mutex: info.mutex };
    case SyncObjectType.semaphore:
      return { type, flags, semaphore: info.semaphore };
    case SyncObjectType.fence:
      return { type, flags, fence: info.fence };
    case SyncObjectType.cpuNotification:
      return { type, flags, cpuNotification: { event: BigInt(eventId) } };
    case SyncObjectType.monitoredFence:
      return { type, flags, monitoredFence: info.monitoredFence };
    case SyncObjectType.periodicMonitoredFence:
      return { type, flags, periodicMonitoredFence: info.periodicMonitoredFence };
    default:
      return { type, flags };
  }
}

/** Ioctl 0x10. */
export async function createSynchronizationObject2(
  caller: Caller,
  args: Types.CreateSynchronizationObject2Args,
): Promise<Types.CreateSynchronizationObject2Result> {
  const nothing = { syncObject: 0, sharedHandle: 0, fenceView: null, fenceGpuVirtualAddress: 0n };
  const { info } = args;
  const device = caller.device(args.device);
  if (typeof device === 'number') return { ...refusal(caller, device), ...nothing };
  const isShared = ((info.flags ?? 0) & SyncObjectFlags.shared) !== 0;
  const hasNtSecurity = ((info.flags ?? 0) & SyncObjectFlags.ntSecuritySharing) !== 0;
  const event = info.type === SyncObjectType.cpuNotification ? info.cpuNotification?.event : null;
  if ((isShared && !hasNtSecurity) || event === undefined) return { ret: -Errno.EINVAL, ...nothing };
  const { driver, process } = caller;
  const syncObject = new SyncObject(device, info.type, isShared);
  if (event !== null) syncObject.eventId = registerEvent(caller, event, device.adapter, false);
  const body = { args: { device: args.device, info: infoOnWire(info, syncObject.eventId) }, clientHint: 1 };
  device.enter();
  try {
    const command = commands.createSyncObject;
    const answer = await driver.wire.call(
      device.adapter,
      command,
      process.hostHandle,
      body,
      (reply) => reply,
    );
    if (answer.reply === null) {
      forgetSyncObject(syncObject);
      return { ...outcome(answer), ...nothing };
    }
    const ret = adoptSyncObject(caller, syncObject, answer.reply);
    if (ret < 0) {
      forgetSyncObject(syncObject);
      await destroyInHost(caller, answer.reply.syncObject);
      return { ret, ...nothing };
    }
    return {
      ret: 0,
      syncObject: answer.reply.syncObject,
      sharedHandle: syncObject.sharedOwner?.globalHandle ?? 0,
      fenceView: syncObject.fenceView,
      fenceGpuVirtualAddress: syncObject.isMonitoredFence ? answer.reply.fenceGpuVa : 0n,
    };
  } finally {
    device.leave();
  }
}

/** Takes over the host's object. @returns 0 or minus an errno. */
function adoptSyncObject(caller: Caller, syncObject: SyncObject, reply: SyncObjectReply): number {
  if (syncObject.isShared && reply.globalSyncObject === 0) return -Errno.EINVAL;
  let fenceView: FenceView | null = null;
  if (syncObject.isMonitoredFence) {
    fenceView = caller.driver.ioSpace?.mapFence(reply.fenceStorageAddress) ?? null;
    if (fenceView === null) return -Errno.ENOMEM;
  }
  const ret = caller.process.handles.assign(reply.syncObject, 'syncObject', syncObject);
  if (ret < 0) return ret;
  syncObject.handle = reply.syncObject;
  syncObject.fenceView = fenceView;
  if (syncObject.isShared) syncObject.sharedOwner = new SharedSyncObject(syncObject, reply.globalSyncObject);
  return 0;
}

/** Tells the host that an object is of no use, if it has one. */
export async function destroyInHost(caller: Caller, syncObject: number): Promise<void> {
  if (syncObject === 0) return;
  const { wire } = caller.driver;
  await wire.status(null, commands.destroySyncObject, caller.process.hostHandle, { syncObject });
}

/** Ioctl 0x1d. Created by a vGPU command, destroyed by a global one. */
export async function destroySynchronizationObject(
  caller: Caller,
  args: Types.DestroySynchronizationObjectArgs,
): Promise<KmtResult> {
  if (caller.refusal !== 0) return { ret: caller.refusal };
  const syncObject = caller.process.handles.get(args.syncObject, 'syncObject');
  if (syncObject === null) return { ret: -Errno.EINVAL };
  forgetSyncObject(syncObject);
  const body = { syncObject: args.syncObject };
  return caller.driver.wire.status(null, commands.destroySyncObject, caller.process.hostHandle, body);
}

/** What the driver returns when a signal interrupts a wait. */
const RESTART_SYSTEM_CALL = -512;

/** A wait inside the call: over when the host signals it, the caller interrupts it, or the adapter is gone. */
class BlockingWait implements HostEvent {
  readonly once = true;
  readonly adapter: Adapter;
  readonly ended: Promise<KmtResult>;
  private settle!: (result: KmtResult) => void;

  constructor(adapter: Adapter) {
    this.adapter = adapter;
    this.ended = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  signal(): void {
    this.settle({ ret: 0 });
  }

  abandon(lost: KmtLoss): void {
    this.settle({ ret: -Errno.ENODEV, lost });
  }

  interrupt(): void {
    this.settle({ ret: RESTART_SYSTEM_CALL });
  }
}

/**
 * Ioctl 0x3a. The host answers that the wait is registered; its end comes as an event, always, also when the fences
 * had their values all along.
 */
export async function waitForSynchronizationObjectFromCpu(
  caller: Caller,
  args: Types.WaitForSynchronizationObjectFromCpuArgs,
): Promise<KmtResult> {
  const count = args.objects.length;
  if (count > Limits.maxMessageBytes || count === 0) return { ret: -Errno.EINVAL };
  const device = caller.device(args.device);
  if (typeof device === 'number') return refusal(caller, device);
  const fenceValues = exactly(args.fenceValues, count);
  if (fenceValues === null) return { ret: -Errno.EFAULT };
  const { driver } = caller;
  const asyncEvent = args.asyncEvent ?? null;
  if (asyncEvent !== null) {
    const id = registerEvent(caller, asyncEvent, device.adapter);
    const result = await registerWait(caller, device, args, fenceValues, id);
    if (result.ret < 0) driver.events.remove(id);
    return result;
  }
  const wait = new BlockingWait(device.adapter);
  const id = driver.events.add(wait);
  const result = await registerWait(caller, device, args, fenceValues, id);
  if (result.ret < 0) {
    driver.events.remove(id);
    return result;
  }
  const interrupt = () => wait.interrupt();
  if (args.interrupt?.aborted === true) interrupt();
  args.interrupt?.addEventListener('abort', interrupt);
  const end = await wait.ended;
  args.interrupt?.removeEventListener('abort', interrupt);
  driver.events.remove(id);
  return end;
}

function registerWait(
  caller: Caller,
  device: Device,
  args: Types.WaitForSynchronizationObjectFromCpuArgs,
  fenceValues: ArrayLike<bigint>,
  eventId: number,
): Promise<KmtResult> {
  const body = {
    device: args.device,
    flags: args.flags ?? 0,
    guestEventPointer: BigInt(eventId),
    objects: args.objects,
    fenceValues,
  };
  const { wire } = caller.driver;
  return wire.status(device.adapter, commands.waitForSyncObjectFromCpu, caller.process.hostHandle, body);
}

/** The first `count` values; null when there are fewer: the driver would read past the caller's memory. */
export function exactly(values: ArrayLike<bigint>, count: number): ArrayLike<bigint> | null {
  if (values.length === count) return values;
  return values.length < count ? null : Array.from(values).slice(0, count);
}

/** Whether a signal carries a CPU event. */
export function enqueuesCpuEvent(flags: number): boolean {
  return (flags & SignalFlags.enqueueCpuEvent) !== 0;
}
