import { commands, Errno, ntStatusToErrno, SyncObjectType } from '@dxgwire/protocol';
import { SyncPoint } from '../descriptors.ts';
import type { KmtResult } from '../types/common.ts';
import type * as Types from '../types/sharing.ts';
import { type Caller, outcome, refusal } from './caller.ts';
import { calling } from './queued.ts';
import { openSyncObject, SYNC_FILE_FLAGS } from './sharing.ts';

/** Sync files have no messages of their own: a CPU wait makes one, opening and waiting use its shared fence. */

/** Ioctl 0x45. */
export async function createSyncFile(
  caller: Caller,
  args: Types.CreateSyncFileArgs,
): Promise<Types.CreateSyncFileResult> {
  const device = caller.device(args.device);
  if (typeof device === 'number') return { ...refusal(caller, device), syncFileHandle: -1 };
  const { driver, process } = caller;
  const { descriptors, events } = driver;
  const point = new SyncPoint(device.adapter, args.fenceValue, driver.stockDefects);
  point.eventId = events.add(point);
  const failed = async (result: KmtResult) => {
    await descriptors.releaseSyncPoint(point);
    return { ...outcome(result), syncFileHandle: -1 };
  };
  const syncObject = process.handles.get(args.monitoredFence, 'syncObject');
  if (syncObject === null) return failed({ ret: -Errno.EINVAL });
  device.enter();
  try {
    const shared = syncObject.sharedOwner;
    if (shared !== null) {
      const ret = await descriptors.acquireNt(process, shared, args.monitoredFence);
      if (ret < 0) return await failed({ ret });
      point.sharedSyncObject = shared;
    }
    const body = {
      device: args.device,
      guestEventPointer: BigInt(point.eventId),
      objects: [args.monitoredFence],
      fenceValues: [args.fenceValue],
    };
    const command = commands.waitForSyncObjectFromCpu;
    const result = await driver.wire.status(device.adapter, command, process.hostHandle, body);
    if (result.ret < 0) return await failed(result);
    return { ret: 0, syncFileHandle: descriptors.add({ kind: 'syncFile', point }) };
  } finally {
    device.leave();
  }
}

/**
 * Ioctl 0x46: opens the fence, queues a wait to the context, destroys what it opened. The queued wait lives on. A sync
 * file of a fence that is not shared "succeeds" without waiting.
 */
export async function waitSyncFile(caller: Caller, args: Types.WaitSyncFileArgs): Promise<KmtResult> {
  const target = caller.driver.descriptors.get(args.syncFileHandle, 'syncFile');
  if (target === null) return { ret: caller.refusal || -Errno.EINVAL };
  const device = caller.deviceOf(args.context, 'context');
  if (typeof device === 'number') return refusal(caller, device);
  const shared = target.point.sharedSyncObject;
  if (shared === null) return { ret: 0 };
  device.enter();
  try {
    const { driver, process } = caller;
    const body = { device: device.handle, globalSyncObject: shared.globalHandle, flags: SYNC_FILE_FLAGS };
    const open = commands.openSyncObject;
    const answer = await driver.wire.call(null, open, process.hostHandle, body, (reply) => reply);
    if (answer.reply === null) return outcome(answer);
    const ret = ntStatusToErrno(answer.reply.status);
    if (ret !== 0) return { ret };
    const { syncObject } = answer.reply;
    const { fenceValue } = target.point;
    const waiting = calling(
      (who, values, way) => way.send(who, device.adapter, commands.waitForSyncObjectFromGpu, values),
      caller,
      { context: args.context, fenceValues: [fenceValue], objects: [syncObject] },
    );
    const waited = await waiting;
    if (waited.ret < 0) return waited;
    return await driver.wire.status(null, commands.destroySyncObject, process.hostHandle, { syncObject });
  } finally {
    device.leave();
  }
}

/** Ioctl 0x47. */
export async function openSyncObjectFromSyncFile(
  caller: Caller,
  args: Types.OpenSyncObjectFromSyncFileArgs,
): Promise<Types.OpenSyncObjectFromSyncFileResult> {
  const nothing = { syncobj: 0, fenceValue: 0n, fenceView: null, fenceValueGpuVa: 0n };
  if (caller.refusal !== 0) return { ret: caller.refusal, ...nothing };
  const target = caller.driver.descriptors.get(args.syncFileHandle, 'syncFile');
  if (target === null) return { ret: -Errno.EINVAL, ...nothing };
  const { point } = target;
  const shared = point.sharedSyncObject;
  // A sync file of a fence that is not shared "succeeds" without an object.
  if (shared === null) return { ret: 0, ...nothing };
  const device = caller.device(args.device);
  if (typeof device === 'number') return { ...refusal(caller, device), ...nothing };
  device.enter();
  try {
    const opened = await openSyncObject(caller, device, {
      shared,
      type: SyncObjectType.monitoredFence,
      flags: SYNC_FILE_FLAGS,
      engineAffinity: 0,
      isStrict: false,
    });
    if (opened.ret !== 0) return { ...outcome(opened), ...nothing };
    const { fenceView, gpuVa: fenceValueGpuVa, syncObject: syncobj } = opened;
    return { ret: 0, syncobj, fenceValue: point.fenceValue, fenceView, fenceValueGpuVa };
  } finally {
    device.leave();
  }
}
