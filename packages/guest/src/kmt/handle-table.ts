import { Errno, HandleLayout, handleIndex, handleUnique, makeHandle } from '@dxgwire/protocol';
import type { Adapter } from './adapter.ts';
import type { Allocation, Context, Device, HwQueue, PagingQueue, Resource, SyncObject } from './objects.ts';

/** Kinds of entries in a process's main table. */
export interface EntryObjects {
  device: Device;
  resource: Resource;
  allocation: Allocation;
  context: Context;
  syncObject: SyncObject;
  pagingQueue: PagingQueue;
  hwQueue: HwQueue;
  /** The fence of a paging queue or hardware queue: an entry without an object behind it. */
  implicitFence: null;
}
export type EntryKind = keyof EntryObjects;

interface Entry {
  readonly kind: EntryKind;
  readonly unique: number;
  readonly object: EntryObjects[EntryKind];
}

/** Indices below this live in an array; a host that picks larger ones costs a map entry each, not megabytes. */
const DENSE_INDICES = 65_536;

/**
 * The objects of one process at the indices that the host chose. Look-ups compare index and `unique` and ignore
 * `instance`, as the driver does.
 */
export class HandleTable {
  private readonly dense: (Entry | undefined)[] = [];
  private readonly sparse = new Map<number, Entry>();
  /** Entries in use. */
  count = 0;

  /**
   * Stores an object under the host's handle.
   * @returns 0, or -EINVAL when the handle is null or its index the last one or in use. The stock driver enters null
   * handles; no host means them as objects.
   */
  assign<K extends EntryKind>(handle: number, kind: K, object: EntryObjects[K]): number {
    const index = handleIndex(handle);
    if (handle === 0 || index >= HandleLayout.indexMax || this.at(index) !== undefined) return -Errno.EINVAL;
    const entry: Entry = { kind, unique: handleUnique(handle), object };
    if (index < DENSE_INDICES) {
      // A gap in the array would make it a dictionary, so it is filled.
      while (this.dense.length < index) this.dense.push(undefined);
      this.dense[index] = entry;
    } else {
      this.sparse.set(index, entry);
    }
    this.count += 1;
    return 0;
  }

  /** The object of that kind, or null. Implicit fences have none: see {@link kindOf}. */
  get<K extends EntryKind>(handle: number, kind: K): EntryObjects[K] | null {
    const entry = this.find(handle);
    return entry !== undefined && entry.kind === kind ? (entry.object as EntryObjects[K]) : null;
  }

  kindOf(handle: number): EntryKind | null {
    return this.find(handle)?.kind ?? null;
  }

  /** Frees the entry if it has that handle and kind. */
  free(handle: number, kind: EntryKind): void {
    if (this.find(handle)?.kind !== kind) return;
    const index = handleIndex(handle);
    if (index < DENSE_INDICES) this.dense[index] = undefined;
    else this.sparse.delete(index);
    this.count -= 1;
  }

  /** All entries in order of their indices. */
  *entries(): Generator<readonly [kind: EntryKind, object: EntryObjects[EntryKind]]> {
    for (const entry of this.dense) if (entry !== undefined) yield [entry.kind, entry.object];
    const indices = [...this.sparse.keys()].sort((a, b) => a - b);
    for (const index of indices) {
      const entry = this.sparse.get(index);
      if (entry !== undefined) yield [entry.kind, entry.object];
    }
  }

  private at(index: number): Entry | undefined {
    return index < DENSE_INDICES ? this.dense[index] : this.sparse.get(index);
  }

  private find(handle: number): Entry | undefined {
    const entry = this.at(handleIndex(handle));
    return entry !== undefined && entry.unique === handleUnique(handle) ? entry : undefined;
  }
}

/**
 * The adapter handles of one process, which the guest gives out itself: 0x40000000, 0x40000040, ... A freed slot goes
 * to the end of the list of free ones and comes back with `unique` 2.
 */
export class AdapterHandleTable {
  private readonly slots: { adapter: Adapter | null; unique: number }[] = [];
  /** Indices of free slots from `nextFree` on, first in, first out. */
  private freeIndices: number[] = [];
  private nextFree = 0;

  /** @returns a new handle. */
  allocate(adapter: Adapter): number {
    if (this.freeIndices.length - this.nextFree <= HandleLayout.tableMinFreeEntries) this.grow();
    const index = this.freeIndices[this.nextFree]!;
    this.nextFree += 1;
    const slot = this.slots[index]!;
    slot.adapter = adapter;
    return makeHandle(index, slot.unique);
  }

  get(handle: number): Adapter | null {
    const slot = this.slots[handleIndex(handle)];
    return slot !== undefined && slot.unique === handleUnique(handle) ? slot.adapter : null;
  }

  /** @returns the adapter that the handle named, or null when it named none. */
  free(handle: number): Adapter | null {
    const adapter = this.get(handle);
    if (adapter === null) return null;
    const index = handleIndex(handle);
    this.slots[index] = { adapter: null, unique: 2 };
    this.freeIndices.push(index);
    return adapter;
  }

  /** Forgets all handles. */
  clear(): void {
    for (const [index, slot] of this.slots.entries()) {
      if (slot.adapter !== null) this.free(makeHandle(index, slot.unique));
    }
  }

  private grow(): void {
    this.freeIndices = this.freeIndices.slice(this.nextFree);
    this.nextFree = 0;
    for (let added = 0; added < HandleLayout.tableSizeIncrement; added += 1) {
      this.freeIndices.push(this.slots.length);
      this.slots.push({ adapter: null, unique: 1 });
    }
  }
}
