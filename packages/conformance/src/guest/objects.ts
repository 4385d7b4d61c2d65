import type { WholeMessage } from './rule.ts';

/** What kind of thing a handle of a guest process names. `fence` is that of a queue: it can be waited for, and no more. */
export type Kind =
  | 'device'
  | 'context'
  | 'hardware queue'
  | 'paging queue'
  | 'resource'
  | 'allocation'
  | 'sync object'
  | 'fence';

/** An object that a host has made for a guest process. */
export interface GuestObject {
  readonly kind: Kind;
  readonly handle: number;
  readonly process: number;
  /** The virtual GPU on which it was made: its LUID, or its channel where messages do not say. */
  readonly gpu: bigint;
  /** What it ends with; null for what only its process ends. */
  readonly parent: GuestObject | null;
  /** What ends with it. */
  readonly children: Set<GuestObject>;
  /** Flags that it was made with. */
  readonly flags: number;
  /** Type of a sync object. */
  readonly type: number;
  /** The message that asked for its end. */
  ending: object | null;
  /** Whether its end was ever asked for, whatever came of it. */
  wasAsked: boolean;
  isEnded: boolean;
  /** Of an allocation: what the host said of its size, bytes. */
  readonly sizeBytes: bigint;
  /** Of an allocation: whether its memory is the guest's own, and has been named. */
  readonly isOfGuestMemory: boolean;
  memoryNamed: boolean;
  isLocked: boolean;
  /** Of a fence: the value that the guest has last given it from its CPU. */
  value: bigint;
  /** Of a device: whether its end has been announced by FlushDevice. */
  isFlushed: boolean;
  /** Of what is shared: the name by which others open it, and the NT object that is there for it. */
  readonly globalHandle: number;
  ntHandle: number;
  /** Of a resource: how many allocations it has, and whether others may have seen that. */
  allocationCount: number;
  isSealed: boolean;
}

/** More of one process than a guest can have of it: what is beyond is not judged. */
const MOST_OBJECTS = 1 << 20;

export type NewObject = Pick<GuestObject, 'kind' | 'handle' | 'process' | 'gpu' | 'parent'> &
  Partial<GuestObject>;

/** The objects of all processes of a guest, by what its host has answered. */
export class GuestObjects {
  readonly #tables = new Map<number, Map<number, GuestObject>>();
  /** By global handle. */
  readonly #shared = new Map<number, Set<GuestObject>>();
  /** By NT handle: what it is of. */
  readonly #ntObjects = new Map<number, GuestObject>();
  #count = 0;
  /** Whether there were more than are kept: then an unknown handle says nothing. */
  isOverfull = false;

  add(from: NewObject): GuestObject | null {
    if (from.handle === 0) return null;
    if (this.#count >= MOST_OBJECTS) {
      this.isOverfull = true;
      return null;
    }
    const object: GuestObject = {
      children: new Set(),
      flags: 0,
      type: 0,
      ending: null,
      wasAsked: false,
      isEnded: false,
      sizeBytes: 0n,
      isOfGuestMemory: false,
      memoryNamed: false,
      isLocked: false,
      value: 0n,
      isFlushed: false,
      globalHandle: 0,
      ntHandle: 0,
      allocationCount: 0,
      isSealed: false,
      ...from,
    };
    let table = this.#tables.get(from.process);
    if (table === undefined) {
      table = new Map();
      this.#tables.set(from.process, table);
    }
    if (!table.has(from.handle)) this.#count += 1;
    table.set(from.handle, object);
    object.parent?.children.add(object);
    if (object.globalHandle !== 0) {
      const others = this.#shared.get(object.globalHandle);
      if (others === undefined) this.#shared.set(object.globalHandle, new Set([object]));
      else others.add(object);
    }
    return object;
  }

  /** What a process has under a handle, or had last. */
  get(process: number, handle: number): GuestObject | undefined {
    return this.#tables.get(process)?.get(handle);
  }

  /** What of a process is there. */
  *of(process: number): Iterable<GuestObject> {
    for (const object of this.#tables.get(process)?.values() ?? []) if (!object.isEnded) yield object;
  }

  *all(): Iterable<GuestObject> {
    for (const process of this.#tables.keys()) yield* this.of(process);
  }

  /** The end of an object was asked for, and so that of all that ends with it. */
  asked(object: GuestObject, message: object): void {
    object.ending ??= message;
    object.wasAsked = true;
    for (const child of object.children) this.asked(child, message);
  }

  /** The host has answered that: it is over, or as before. */
  answered(object: GuestObject, message: object, isOver: boolean): void {
    if (isOver) {
      object.isEnded = true;
      object.parent?.children.delete(object);
    } else if (object.ending === message) object.ending = null;
    for (const child of object.children) this.answered(child, message, isOver);
  }

  endProcess(process: number): void {
    const table = this.#tables.get(process);
    for (const object of table?.values() ?? []) object.isEnded = true;
    this.#count -= table?.size ?? 0;
    this.#tables.delete(process);
  }

  addNt(handle: number, object: GuestObject): void {
    if (handle === 0 || this.#ntObjects.size >= MOST_OBJECTS) return;
    this.#ntObjects.set(handle, object);
    object.ntHandle = handle;
  }

  /** What an NT object is of; undefined where there is no such, or no more. */
  ofNt(handle: number): GuestObject | undefined {
    return this.#ntObjects.get(handle);
  }

  endNt(handle: number): void {
    const object = this.#ntObjects.get(handle);
    this.#ntObjects.delete(handle);
    if (object?.ntHandle === handle) object.ntHandle = 0;
  }

  get ntHandles(): readonly number[] {
    return [...this.#ntObjects.keys()];
  }

  /** A sync object by its global handle, which is good as long as an instance or its NT object is there. */
  ofGlobal(handle: number): GuestObject | undefined {
    const instances = this.#shared.get(handle);
    for (const object of instances ?? []) {
      if (!object.isEnded || object.ntHandle !== 0) return object;
      instances?.delete(object);
    }
    if (instances?.size === 0) this.#shared.delete(handle);
    return undefined;
  }
}

/** The device of an object. */
export function deviceOf(object: GuestObject): GuestObject | null {
  for (let each: GuestObject | null = object; each !== null; each = each.parent)
    if (each.kind === 'device') return each;
  return null;
}

/** A word of a message, counted from its command header; 0 where the message has ended. */
export function wordOf({ view, at }: WholeMessage, offset: number): number {
  return at + offset + 4 <= view.byteLength ? view.getUint32(at + offset, true) : 0;
}

/** As {@link wordOf}, of 64 bits. */
export function longOf({ view, at }: WholeMessage, offset: number): bigint {
  return at + offset + 8 <= view.byteLength ? view.getBigUint64(at + offset, true) : 0n;
}
