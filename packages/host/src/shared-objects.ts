import { HandleTable } from './handle-table.ts';
import type { Allocation as MemoryAllocation } from './memory/index.ts';
import type { Resource, SyncObject } from './objects.ts';
import type { SyncObjectInstance } from './scheduler/index.ts';
import type { GpuEngine } from './virtual-gpu.ts';

/**
 * Objects that more than one process of a VM may use. Sync objects are opened by a *global* handle, given at
 * creation; resources by their *NT* handle. NT handles of both kinds are made when the guest makes its first file
 * descriptor for the object, and outlive the process that made them (dxg protocol, 4.13).
 */

/** A sync object created with `shared`. It lives while an instance, or an NT handle of it, does. */
export interface SharedSyncObject {
  globalHandle: number;
  /** Keeps the object openable when all named instances are closed. It has no page of its own. */
  readonly anchor: SyncObjectInstance;
  /** Named instances and NT handles. */
  references: number;
}

/**
 * A resource's memory behind its NT handles. It lives while one of them or an opened instance does. All handles of a
 * resource share it: a guest may make very many of one with very many allocations.
 */
export interface SharedResource {
  readonly engine: GpuEngine;
  /** In order of creation; each is retained in the engine's video memory while there are handles. */
  readonly allocations: readonly MemoryAllocation[];
  readonly existingSystemMemory: boolean;
  readonly readOnly: boolean;
  /** NT handles. */
  references: number;
}

const NamedKind = { syncObject: 1, resource: 2 } as const;

type NtObjects = { [NamedKind.syncObject]: SharedSyncObject; [NamedKind.resource]: SharedResource };
type GlobalObjects = { [NamedKind.syncObject]: SharedSyncObject };

/** Number ranges of the two namespaces: a handle of one never is a handle of the other, or of an object. */
const FIRST_GLOBAL_INDEX = 0x40_0000;
const FIRST_NT_INDEX = 0x80_0000;

/** The shared objects of one partition. */
export class SharedObjects {
  readonly #globals: HandleTable<GlobalObjects>;
  readonly #ntObjects: HandleTable<NtObjects>;

  /** @param maxObjects most names of each kind. */
  constructor(maxObjects: number) {
    this.#globals = new HandleTable({ firstIndex: FIRST_GLOBAL_INDEX, maxObjects });
    this.#ntObjects = new HandleTable({ firstIndex: FIRST_NT_INDEX, maxObjects });
  }

  /** Publishes a sync object with one reference. @returns null when the namespace is full. */
  addSyncObject(anchor: SyncObjectInstance): SharedSyncObject | null {
    const shared: SharedSyncObject = { globalHandle: 0, anchor, references: 1 };
    shared.globalHandle = this.#globals.add(NamedKind.syncObject, shared);
    return shared.globalHandle === 0 ? null : shared;
  }

  findSyncObject(globalHandle: number): SharedSyncObject | undefined {
    return this.#globals.get(globalHandle, NamedKind.syncObject);
  }

  /** Gives a reference back; the last one ends the global name. */
  releaseSyncObject(shared: SharedSyncObject): void {
    shared.references -= 1;
    if (shared.references > 0) return;
    this.#globals.remove(shared.globalHandle, NamedKind.syncObject);
    shared.anchor.close();
  }

  /** Makes an NT handle of a sync object. @returns 0 when it is not shared, or the namespace is full. */
  addNtSyncObject(object: SyncObject): number {
    const shared = object.shared;
    if (shared === null) return 0;
    const handle = this.#ntObjects.add(NamedKind.syncObject, shared);
    if (handle !== 0) shared.references += 1;
    return handle;
  }

  /** Makes an NT handle of a resource. @returns 0 when it may not be shared, or the namespace is full. */
  addNtResource(resource: Resource): number {
    if (!resource.isShared || resource.allocations.size === 0) return 0;
    const shared = resource.shared ?? describeResource(resource);
    const handle = this.#ntObjects.add(NamedKind.resource, shared);
    if (handle === 0) return 0;
    resource.shared = shared;
    shared.references += 1;
    if (shared.references > 1) return handle;
    const { engine } = shared;
    engine.addUser();
    for (const allocation of shared.allocations) engine.memory.retain(allocation);
    return handle;
  }

  findNtResource(ntHandle: number): SharedResource | undefined {
    return this.#ntObjects.get(ntHandle, NamedKind.resource);
  }

  /** @returns false when there is no such NT handle. */
  removeNt(ntHandle: number): boolean {
    const shared = this.#ntObjects.get(ntHandle, NamedKind.syncObject);
    if (shared !== undefined) {
      this.#ntObjects.remove(ntHandle, NamedKind.syncObject);
      this.releaseSyncObject(shared);
      return true;
    }
    const resource = this.#ntObjects.get(ntHandle, NamedKind.resource);
    if (resource === undefined) return false;
    this.#ntObjects.remove(ntHandle, NamedKind.resource);
    resource.references -= 1;
    if (resource.references > 0) return true;
    for (const allocation of resource.allocations) resource.engine.memory.release(allocation);
    resource.engine.removeUser();
    return true;
  }

  /** Ends every NT handle: the guest is gone. Global names end with their instances. */
  clear(): void {
    this.#ntObjects.forEach(NamedKind.resource, (_object, handle) => this.removeNt(handle));
    this.#ntObjects.forEach(NamedKind.syncObject, (_object, handle) => this.removeNt(handle));
  }

  /** Ends the NT handles of resources whose memory is in this engine: its adapter is closed. */
  clearEngine(engine: GpuEngine): void {
    this.#ntObjects.forEach(NamedKind.resource, (object, handle) => {
      if (object.engine === engine) this.removeNt(handle);
    });
  }

  census(): { sharedSyncObjects: number; ntObjects: number } {
    return { sharedSyncObjects: this.#globals.size, ntObjects: this.#ntObjects.size };
  }
}

/** A resource is sealed by its first NT handle, so this stays true of it. */
function describeResource(resource: Resource): SharedResource {
  const allocations = [...resource.allocations];
  return {
    engine: resource.device.engine,
    allocations: allocations.map((allocation) => allocation.instance.allocation),
    existingSystemMemory: allocations[0]!.existingSystemMemory,
    readOnly: resource.readOnly,
    references: 0,
  };
}
