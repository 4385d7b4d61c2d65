import type { BackendAdapter } from '../backends/contract.ts';
import type { AllocationInstance } from './allocation.ts';
import type { Residency } from './residency.ts';
import { SegmentGroup } from './segment.ts';
import { Status } from './status.ts';
import type { WindowAllocator } from './window-allocator.ts';

export interface LockResult {
  readonly status: number;
  /** Offset in the device window. */
  readonly offset: number;
}

/**
 * Lock2: pins a CPU mapping. A yes or no, not a count: the driver counts, and two of its threads may both ask.
 *
 * @returns ACCESS_DENIED for an opener of a shared resource in another process, NOT_SUPPORTED for what cannot be shown in the window,
 *   INVALID_PARAMETER while it is offered or when it is lost, NO_MEMORY when the window is full.
 */
export function lockAllocation(
  adapter: BackendAdapter,
  windowAllocator: WindowAllocator,
  residency: Residency,
  windowOwner: object,
  instance: AllocationInstance,
): LockResult {
  const { allocation } = instance;
  if (!instance.alive || allocation.lost || allocation.offeredRank >= 0)
    return refused(Status.invalidParameter);
  if (!mayLock(instance)) return refused(Status.accessDenied);
  if (allocation.existingSystemMemory) return refused(Status.notSupported);
  if (allocation.lockOffset >= 0) {
    allocation.lockers.add(instance);
    return { status: Status.success, offset: allocation.lockOffset };
  }
  if (!residency.commit(allocation)) return refused(Status.noMemory);
  const offset = windowAllocator.allocateBlock(allocation.lengthBytes, windowOwner);
  if (offset < 0) return refused(Status.noMemory);
  const storage = { kind: 'window', offset, length: allocation.lengthBytes } as const;
  if (!adapter.setStorage(allocation.token, storage)) {
    windowAllocator.freeBlock(offset, true);
    return refused(Status.notSupported);
  }
  allocation.lockOffset = offset;
  allocation.lockers.add(instance);
  allocation.lockMayLinger = false;
  allocation.view.storage = storage;
  return { status: Status.success, offset };
}

/** Unlock2, also of what was never locked: the driver sends that for existing system memory. */
export function unlockAllocation(
  adapter: BackendAdapter,
  windowAllocator: WindowAllocator,
  instance: AllocationInstance,
): number {
  if (!instance.alive) return Status.invalidParameter;
  // The driver unmaps before it sends Unlock2.
  endLock(adapter, windowAllocator, instance, true);
  return Status.success;
}

/**
 * The instance goes away while it has a lock. The driver unmaps only after it was told.
 *
 * @param memoryEnds its memory ends right afterwards: the contents need no other place, and that in the window is free when
 *   the backend has let go of it.
 */
export function dropLock(
  adapter: BackendAdapter,
  windowAllocator: WindowAllocator,
  instance: AllocationInstance,
  memoryEnds: boolean,
): void {
  const { allocation } = instance;
  if (!memoryEnds) {
    endLock(adapter, windowAllocator, instance, false);
  } else if (allocation.lockers.delete(instance)) {
    const { lockOffset } = allocation;
    allocation.lockOffset = -1;
    allocation.onDestroyed.push(() => windowAllocator.freeBlock(lockOffset, false));
  }
}

function endLock(
  adapter: BackendAdapter,
  windowAllocator: WindowAllocator,
  instance: AllocationInstance,
  guestUnmapped: boolean,
): void {
  const { allocation } = instance;
  if (!allocation.lockers.delete(instance)) return;
  if (!guestUnmapped) allocation.lockMayLinger = true;
  if (allocation.lockers.size > 0) return;
  adapter.setStorage(allocation.token, null);
  allocation.view.storage = null;
  windowAllocator.freeBlock(allocation.lockOffset, !allocation.lockMayLinger);
  allocation.lockOffset = -1;
}

/** The creator's process may, and anybody may where memory is the CPU's anyway. */
function mayLock(instance: AllocationInstance): boolean {
  const { allocation, device } = instance;
  if (!instance.isOpened || device.process === allocation.creator.process) return true;
  return (
    allocation.allowedSegments.length > 0 &&
    allocation.allowedSegments.every((segment) => segment.group === SegmentGroup.nonLocal)
  );
}

function refused(status: number): LockResult {
  return { status, offset: -1 };
}
