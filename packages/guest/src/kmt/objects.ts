import type { Adapter } from './adapter.ts';
import type { WindowMapping } from './io-space.ts';
import type { ProcessState } from './process-state.ts';
import type { SharedResource, SharedSyncObject } from './sharing-objects.ts';
import type { FenceView } from './types/common.ts';

/** D3DKMT_DEVICEEXECUTION_STATE: active. */
const EXECUTION_ACTIVE = 1;

/** A device and what hangs under it, in the order of creation: that is the order of destruction. */
export class Device {
  readonly adapter: Adapter;
  readonly process: ProcessState;
  handle = 0;
  /** `created` until the host gave a handle: such a device is flushed at the end, but not destroyed. */
  state: 'created' | 'active' | 'destroyed' = 'created';
  readonly contexts = new Set<Context>();
  readonly pagingQueues = new Set<PagingQueue>();
  /** Allocations outside resources. */
  readonly allocations = new Set<Allocation>();
  readonly resources = new Set<Resource>();
  /** Monitored fences; other sync objects outlive the device. */
  readonly syncObjects = new Set<SyncObject>();
  /** The execution state seen last, valid while the driver's device-state counter is the one noted here. */
  executionState = EXECUTION_ACTIVE;
  executionStateCounter = 0;
  private users = 0;
  private waiters: (() => void)[] = [];

  constructor(adapter: Adapter, process: ProcessState) {
    this.adapter = adapter;
    this.process = process;
  }

  /** Calls that make or destroy objects of the device hold it, so that its destruction comes after them. */
  enter(): void {
    this.users += 1;
  }

  leave(): void {
    this.users -= 1;
    if (this.users === 0) for (const wake of this.waiters.splice(0)) wake();
  }

  get isBusy(): boolean {
    return this.users > 0;
  }

  /** Resolves when no call holds the device. */
  idle(): Promise<void> {
    return this.users === 0 ? Promise.resolve() : new Promise((resolve) => this.waiters.push(resolve));
  }
}

export class Context {
  readonly device: Device;
  handle = 0;
  readonly hwQueues = new Set<HwQueue>();

  constructor(device: Device) {
    this.device = device;
    device.contexts.add(this);
  }
}

export class HwQueue {
  readonly context: Context;
  handle = 0;
  progressFence = 0;
  fenceView: FenceView | null = null;

  constructor(context: Context) {
    this.context = context;
    context.hwQueues.add(this);
  }
}

export class PagingQueue {
  readonly device: Device;
  handle = 0;
  syncObject = 0;
  fenceView: FenceView | null = null;

  constructor(device: Device) {
    this.device = device;
    device.pagingQueues.add(this);
  }
}

export class Resource {
  readonly device: Device;
  handle = 0;
  /** Whether the handle is in the process's table. */
  hasEntry = false;
  isDestroyed = false;
  readonly allocations = new Set<Allocation>();
  sharedOwner: SharedResource | null = null;

  constructor(device: Device) {
    this.device = device;
    device.resources.add(this);
  }
}

/** How the pages of an allocation over existing system memory were given to the host. */
export interface PinnedMemory {
  /** GPADL that describes the pages; null with page lists. */
  gpadl: number | null;
  readonly pageCount: number;
  /** False once the driver gave up the pages: of a device's own allocations before the host hears of it. */
  isPinned: boolean;
}

export class Allocation {
  readonly process: ProcessState;
  readonly device: Device;
  /** Null: the device owns it directly. */
  readonly resource: Resource | null;
  handle = 0;
  hasEntry = false;
  pageCount = 0;
  isCached = false;
  /** The private data for openers of the resource; kept for shared resources until they are sealed. */
  privDrvData: Uint8Array | null = null;
  /** CPU view: the caller's own system memory, or a mapping of the window. */
  cpuData: Uint8Array | null = null;
  mapping: WindowMapping | null = null;
  lockCount = 0;
  pinned: PinnedMemory | null = null;

  constructor(process: ProcessState, device: Device, resource: Resource | null) {
    this.process = process;
    this.device = device;
    this.resource = resource;
    (resource ?? device).allocations.add(this);
  }

  /** Takes the allocation out of its owner's list. */
  detach(): void {
    (this.resource ?? this.device).allocations.delete(this);
  }

  /** Takes over a part of the window as the CPU's view, unless another process works with it. */
  map(mapping: WindowMapping): boolean {
    const { locked } = this.process.driver;
    for (const other of locked)
      if (this.isForeign(other) && other.mapping?.overlaps(mapping) === true) return false;
    locked.add(this);
    this.mapping = mapping;
    this.cpuData = mapping.data;
    return true;
  }

  unmap(): void {
    if (this.mapping === null) return;
    this.process.driver.locked.delete(this);
    this.mapping = null;
    this.cpuData = null;
    this.lockCount = 0;
  }

  /** Whether another allocation, alive and not of the same shared resource, belongs to another process. */
  private isForeign(other: Allocation): boolean {
    const shared = this.resource?.sharedOwner ?? null;
    const isSame = shared !== null && other.resource?.sharedOwner === shared;
    return other.process !== this.process && other.hasEntry && other.device.adapter.isActive && !isSame;
  }
}

export class SyncObject {
  readonly process: ProcessState;
  readonly adapter: Adapter;
  /** The device of a monitored fence; other kinds do not belong to one. */
  readonly device: Device | null;
  readonly type: number;
  readonly isMonitoredFence: boolean;
  readonly isShared: boolean;
  sharedOwner: SharedSyncObject | null = null;
  handle = 0;
  fenceView: FenceView | null = null;
  /** Event id of a CPU-notification object, 0 when there is none. */
  eventId = 0;

  constructor(device: Device, type: number, isShared: boolean) {
    this.process = device.process;
    this.adapter = device.adapter;
    this.type = type;
    this.isShared = isShared;
    this.isMonitoredFence = isMonitoredFenceType(type);
    this.device = this.isMonitoredFence ? device : null;
    this.device?.syncObjects.add(this);
  }
}

/** Sync-object types 5 and 6: they have a fence page, and die with their device. */
export function isMonitoredFenceType(type: number): boolean {
  return type === 5 || type === 6;
}
