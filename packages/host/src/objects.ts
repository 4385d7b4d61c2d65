import type { Device } from './device.ts';
import type { GuestProcess } from './guest-process.ts';
import type { AllocationInstance, PagingQueue as MemoryPagingQueue } from './memory/index.ts';
import type { ExecutionQueue, SchedulerContext, SyncObjectInstance } from './scheduler/index.ts';
import type { SharedResource, SharedSyncObject } from './shared-objects.ts';

/**
 * The objects that a guest names by handle. They hold names, owners and rights; the mechanisms behind them belong
 * to the managers (memory, scheduler).
 */

/** Kinds of a process's handle table, with the driver's own numbers. */
export const ObjectKind = {
  device: 3,
  resource: 4,
  allocation: 5,
  context: 7,
  syncObject: 8,
  pagingQueue: 10,
  hwQueue: 15,
  /** The fence of a paging or hardware queue: can be waited for, but not destroyed, signalled or shared. */
  implicitFence: 32,
} as const;

/** What stands behind each kind of a process's handle table. */
export type ProcessObjects = {
  [ObjectKind.device]: Device;
  [ObjectKind.resource]: Resource;
  [ObjectKind.allocation]: Allocation;
  [ObjectKind.context]: Context;
  [ObjectKind.syncObject]: SyncObject;
  [ObjectKind.pagingQueue]: PagingQueue;
  [ObjectKind.hwQueue]: HwQueue;
  [ObjectKind.implicitFence]: ImplicitFence;
};

/** A group of allocations made or opened together. */
export interface Resource {
  handle: number;
  readonly device: Device;
  /** In order of creation. A set: guests destroy them in any order, and one resource may have very many. */
  readonly allocations: Set<Allocation>;
  /** Created with create_shared, or opened: may be shared. */
  readonly isShared: boolean;
  /** Opened instances may not be written to. */
  readonly readOnly: boolean;
  /** Shared, or opened: no allocation is added, and none goes alone. */
  isSealed: boolean;
  /** What its NT handles stand for, once it has had one. */
  shared: SharedResource | null;
}

/** One process's (and device's) name for an allocation. */
export interface Allocation {
  handle: number;
  readonly device: Device;
  readonly resource: Resource | null;
  readonly instance: AllocationInstance;
  readonly runtimeHandleLow: number;
  readonly runtimeHandleHigh: number;
  readonly existingSystemMemory: boolean;
  readonly readOnly: boolean;
  /** The GPADL that its pages came by; 0 when none. */
  gpadl: number;
}

export interface Context {
  handle: number;
  readonly device: Device;
  readonly context: SchedulerContext;
  readonly hwQueues: Set<HwQueue>;
}

export interface HwQueue {
  handle: number;
  readonly context: Context;
  readonly queue: ExecutionQueue;
  readonly progressFence: ImplicitFence;
}

export interface PagingQueue {
  handle: number;
  readonly device: Device;
  readonly queue: MemoryPagingQueue;
  readonly fence: ImplicitFence;
}

/** A fence page that the guest maps, and its place in the process's GPU address space. */
export interface FencePage {
  /** Offset in the device window, bytes; −1 when the object has no page. */
  readonly windowOffset: number;
  /** 0 when it has none. */
  readonly gpuAddress: bigint;
}

export interface ImplicitFence extends FencePage {
  handle: number;
  readonly device: Device;
  readonly instance: SyncObjectInstance;
}

/** One process's name for a sync object. */
export interface SyncObject extends FencePage {
  handle: number;
  readonly process: GuestProcess;
  /** The device it goes down with: for monitored fences of both kinds. Null for the older kinds. */
  readonly device: Device | null;
  readonly instance: SyncObjectInstance;
  /** The VM-wide object when it was created shared, or opened. */
  readonly shared: SharedSyncObject | null;
}
