import type { Adapter } from './adapter.ts';
import type { Resource, SyncObject } from './objects.ts';

/** The host's NT object behind a shared object: made with the first descriptor, gone with the last one. */
class NtShareable {
  ntHandle = 0;
  ntReferences = 0;
  /** Set while a call makes or destroys the NT object: others wait for it. */
  ntBusy: Promise<void> | null = null;
}

/** What all instances of a shared sync object have in common. */
export class SharedSyncObject extends NtShareable {
  readonly adapter: Adapter;
  readonly type: number;
  readonly isMonitoredFence: boolean;
  /** The host's global handle: what OpenSyncObject names. */
  readonly globalHandle: number;

  constructor(syncObject: SyncObject, globalHandle: number) {
    super();
    this.adapter = syncObject.adapter;
    this.type = syncObject.type;
    this.isMonitoredFence = syncObject.isMonitoredFence;
    this.globalHandle = globalHandle;
  }
}

/** What openers of a shared resource get to know about one allocation. */
export interface SharedAllocation {
  readonly privDrvData: Uint8Array;
  readonly pageCount: number;
  readonly isCached: boolean;
}

/** What all instances of a shared resource have in common: mostly the creator's private data, kept for openers. */
export class SharedResource extends NtShareable {
  readonly adapter: Adapter;
  readonly runtimeData: Uint8Array;
  readonly resourceData: Uint8Array;
  readonly resources = new Set<Resource>();
  isSealed = false;
  /** Filled when the resource is sealed. */
  allocations: readonly SharedAllocation[] = [];
  /** Bytes of all allocations' private data. */
  totalPrivDrvDataBytes = 0;

  constructor(adapter: Adapter, runtimeData: Uint8Array, resourceData: Uint8Array) {
    super();
    this.adapter = adapter;
    this.runtimeData = runtimeData;
    this.resourceData = resourceData;
  }

  add(resource: Resource): void {
    this.resources.add(resource);
    resource.sharedOwner = this;
  }

  remove(resource: Resource): void {
    if (this.resources.delete(resource)) resource.sharedOwner = null;
  }

  /**
   * Ends the time in which allocations can be added: the first share, query or open does it. Fails once when no
   * allocation has private data; the resource counts as sealed from then on, as in the driver.
   */
  seal(): boolean {
    if (this.isSealed) return true;
    this.isSealed = true;
    const [first] = this.resources;
    if (first === undefined) return true;
    const allocations: SharedAllocation[] = [];
    let total = 0;
    for (const allocation of first.allocations) {
      const privDrvData = allocation.privDrvData ?? new Uint8Array(0);
      total += privDrvData.length;
      // Pages and caching are kept for allocations with private data only.
      const known = privDrvData.length > 0;
      allocations.push({
        privDrvData,
        pageCount: known ? allocation.pageCount : 0,
        isCached: known && allocation.isCached,
      });
      allocation.privDrvData = null;
    }
    this.allocations = allocations;
    this.totalPrivDrvDataBytes = total;
    return total > 0;
  }
}
