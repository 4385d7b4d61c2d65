import type { BackendAdapter } from '../backends/contract.ts';
import type { AllocationInstance } from './allocation.ts';
import type { Residency } from './residency.ts';
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
 * @returns ACCESS_DENIED for an opener of a shared resource, NOT_SUPPORTED for what cannot be shown in the window,
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
  if (instance.isOpened) return refused(Status.accessDenied);
  if (allocation.existingSystemMemory) return refused(Status.notSupported);
  if (allocation.lockOffset >= 0) return { status: Status.success, offset: allocation.lockOffset };
  if (!residency.commit(allocation)) return refused(Status.noMemory);
  const offset = windowAllocator.allocateBlock(allocation.lengthBytes, windowOwner);
  if (offset < 0) return refused(Status.noMemory);
  const storage = { kind: 'window', offset, length: allocation.lengthBytes } as const;
  if (!adapter.setStorage(allocation.token, storage)) {
    windowAllocator.freeBlock(offset, true);
    return refused(Status.notSupported);
  }
  allocation.lockOffset = offset;
  allocation.view.storage = storage;
  return { status: Status.success, offset };
}

/** Unlock2, also of what was never locked: the driver sends that for existing system memory. */
export function unlockAllocation(
  adapter: BackendAdapter,
  windowAllocator: WindowAllocator,
  instance: AllocationInstance,
): number {
  const { allocation } = instance;
  if (!instance.alive) return Status.invalidParameter;
  if (allocation.lockOffset < 0 || instance.isOpened) return Status.success;
  adapter.setStorage(allocation.token, null);
  allocation.view.storage = null;
  // The driver unmaps before it sends Unlock2.
  windowAllocator.freeBlock(allocation.lockOffset, true);
  allocation.lockOffset = -1;
  return Status.success;
}

/** The creator's instance goes away while it is locked. The driver unmaps only after it was told. */
export function dropLock(
  adapter: BackendAdapter,
  windowAllocator: WindowAllocator,
  instance: AllocationInstance,
): void {
  const { allocation } = instance;
  if (allocation.lockOffset < 0 || instance.isOpened) return;
  adapter.setStorage(allocation.token, null);
  allocation.view.storage = null;
  windowAllocator.freeBlock(allocation.lockOffset, false);
  allocation.lockOffset = -1;
}

function refused(status: number): LockResult {
  return { status, offset: -1 };
}
