import { Limits, NtStatus, SubmitCommandFlags } from '@dxgwire/protocol';
import type { Device } from '../device.ts';
import type { Call, SomeHotHandlers } from '../handler.ts';
import { ObjectKind } from '../objects.ts';
import { type ExecutionQueue, ExecutionState } from '../scheduler/index.ts';
import { findContext, findHwQueue } from './lookup.ts';

/**
 * Ends a queued operation. Where the guest wants no answer, a failure can only show in the device's state; a device
 * that is lost already stays as it is.
 */
export function settleQueued(call: Call, device: Device, status: number): number {
  if (status !== NtStatus.success && !call.wantsAnswer && device.isActive) device.fail(ExecutionState.reset);
  return status;
}

/** Whether all are allocations of this process: nothing else is looked at in them. */
function areAllocations(call: Call, handles: ArrayLike<number>, count: number): boolean {
  const { objects } = call.process;
  for (let i = 0; i < count; i += 1) {
    if (objects.get(handles[i]!, ObjectKind.allocation) === undefined) return false;
  }
  return true;
}

/**
 * The queue of a context of this device. Null for others, and for a context with hardware queues, which takes work through
 * those only.
 */
function queueOf(call: Call, device: Device, handle: number): ExecutionQueue | null {
  const context = findContext(call, handle);
  return context === undefined || context.device !== device ? null : (context.context.queue ?? null);
}

/** Submission commands: the hot path. Nothing is allocated but what the queue keeps. */
export const submissionHandlers: SomeHotHandlers<'submitCommand' | 'submitCommandToHwQueue'> = {
  submitCommandToHwQueue: {
    hot(call, request) {
      const { args, privDrvData, writtenPrimaries } = request;
      const hwQueue = findHwQueue(call, args.hwqueue);
      if (hwQueue === undefined) return NtStatus.invalidParameter;
      const { device } = hwQueue.context;
      if (writtenPrimaries.length !== 0 && !areAllocations(call, writtenPrimaries, writtenPrimaries.length)) {
        return settleQueued(call, device, NtStatus.invalidParameter);
      }
      const status = device.engine.scheduler.work.submitHalves(
        hwQueue.queue,
        privDrvData,
        0,
        privDrvData.length,
        args.commandBufferLow,
        args.commandBufferHigh,
        args.commandLength,
        args.hwqueueProgressFenceIdLow,
        args.hwqueueProgressFenceIdHigh,
      );
      return settleQueued(call, device, status);
    },
  },

  submitCommand: {
    hot(call, request) {
      const { args, privDrvData, historyBuffers } = request;
      const main = findContext(call, args.broadcastContext[0]!);
      if (main === undefined) return NtStatus.invalidParameter;
      const { device } = main;
      const count = args.broadcastContextCount;
      const isValid =
        (args.flags & SubmitCommandFlags.reserved) === 0 &&
        count >= 1 &&
        count <= Limits.maxBroadcastContexts &&
        args.numPrimaries <= Limits.maxWrittenPrimaries &&
        historyBuffers.length <= Limits.maxHistoryBuffers &&
        areAllocations(call, args.writtenPrimaries, args.numPrimaries) &&
        areAllocations(call, historyBuffers, historyBuffers.length);
      if (!isValid) return settleQueued(call, device, NtStatus.invalidParameter);
      // The same buffer goes to all of them, or to none.
      for (let i = 0; i < count; i += 1) {
        if (queueOf(call, device, args.broadcastContext[i]!) === null) {
          return settleQueued(call, device, NtStatus.invalidParameter);
        }
      }
      let status: number = NtStatus.success;
      for (let i = 0; i < count && status === NtStatus.success; i += 1) {
        status = device.engine.scheduler.work.submitHalves(
          queueOf(call, device, args.broadcastContext[i]!)!,
          privDrvData,
          0,
          privDrvData.length,
          args.commandBufferLow,
          args.commandBufferHigh,
          args.commandLength,
          0,
          0,
        );
      }
      return settleQueued(call, device, status);
    },
  },
};
