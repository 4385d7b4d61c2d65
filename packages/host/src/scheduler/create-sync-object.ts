import type { HostWindow } from '@dxgwire/transport';
import type { HostClock } from './clock.ts';
import { CountingObject } from './counting-object.ts';
import { CpuNotification } from './cpu-notification.ts';
import { Fence, PeriodicFence } from './fence.ts';
import { FLAG_NO_SIGNAL, SyncKind, type SyncObject, SyncObjectInstance } from './sync-object.ts';

/** Flag of creation: a lost signal leaves the value as it is. */
const FLAG_NO_SIGNAL_MAX_VALUE_ON_TDR = 1 << 6;

export interface SyncObjectRequest {
  /** Kind, 1 to 6. */
  readonly type: number;
  /** d3dddi_synchronizationobject_flags. */
  readonly flags: number;
  /** Mutex: not 0 when it is owned from the start, so that the first wait needs a signal. */
  readonly mutexInitialState?: number;
  readonly semaphoreMaxCount?: number;
  readonly semaphoreInitialCount?: number;
  /** Fences: initial value. */
  readonly fenceValue?: bigint;
  /** CPU notification: sends the event. */
  readonly notify?: () => void;
  /** Periodic monitored fence: its clock and period. */
  readonly clock?: HostClock;
  readonly periodMs?: number;
}

/**
 * Makes a synchronization object with its first instance.
 *
 * @param windowOffset page for a monitored fence's value; -1 for none. The initial value is there on return.
 * @returns null for unknown kinds, for a semaphore whose counts make no sense, and when what a kind needs is missing.
 */
export function createSyncObject(
  request: SyncObjectRequest,
  window: HostWindow,
  windowOffset: number,
): SyncObjectInstance | null {
  const object = makeObject(request);
  if (object === null) return null;
  const instance = new SyncObjectInstance(object, request.flags, window, windowOffset);
  if (object instanceof CpuNotification) object.creator = instance;
  return instance;
}

function makeObject(request: SyncObjectRequest): SyncObject | null {
  const maxValueOnLoss = (request.flags & FLAG_NO_SIGNAL_MAX_VALUE_ON_TDR) === 0;
  switch (request.type) {
    case SyncKind.mutex:
      return new CountingObject(request.type, request.mutexInitialState ? 0 : 1, 1);
    case SyncKind.semaphore: {
      const maxCount = request.semaphoreMaxCount ?? 0;
      const initialCount = request.semaphoreInitialCount ?? 0;
      if (maxCount < 1 || initialCount > maxCount) return null;
      return new CountingObject(request.type, initialCount, maxCount);
    }
    case SyncKind.fence:
    case SyncKind.monitoredFence:
      return new Fence(request.type, request.fenceValue ?? 0n, maxValueOnLoss);
    case SyncKind.cpuNotification:
      return request.notify === undefined ? null : new CpuNotification(request.notify);
    case SyncKind.periodicMonitoredFence:
      if (request.clock === undefined || !(request.periodMs! > 0)) return null;
      return new PeriodicFence(request.clock, request.periodMs!);
    default:
      return null;
  }
}

/** The fence inside a paging queue or a hardware queue: starts at 0, only the host signals it. */
export function createImplicitFence(window: HostWindow, windowOffset: number): SyncObjectInstance {
  const fence = new Fence(SyncKind.monitoredFence, 0n, true);
  return new SyncObjectInstance(fence, FLAG_NO_SIGNAL, window, windowOffset);
}
