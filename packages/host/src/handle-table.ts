import type { Account } from './account.ts';

/**
 * Typed handle tables: the names that a guest uses for objects of its host.
 *
 * A handle is 32 bits: instance (bits 0..5, always 0 here), index (bits 6..29) and unique (bits 30..31). The guest
 * driver keeps an array indexed by `index`, one for all kinds of a process, and refuses an index that it still
 * uses: so indices are dense, one space serves all kinds, and a freed index waits behind 128 others before it
 * comes back (dxg protocol, 3.1 and 3.2). `unique` moves on with each reuse; look-ups compare all 32 bits.
 */

const INDEX_SHIFT = 6;
const UNIQUE_SHIFT = 30;
/** Largest index that the guest's table takes (0xFFFFFE; the next one is reserved). */
export const MAX_HANDLE_INDEX = 0xff_fffe;
/** First index handed out: above the handles that the guest numbers itself for its adapters (from index 0). */
export const FIRST_HANDLE_INDEX = 4096;
/** Freed indices that must be queued behind one before it is used again. */
export const HANDLE_REUSE_DISTANCE = 128;

const NO_KIND = 0;
const END = -1;

export interface HandleTableOptions {
  /** Default {@link FIRST_HANDLE_INDEX}. */
  readonly firstIndex?: number;
  /** Most objects alive at a time. Default: all that the index space holds. */
  readonly maxObjects?: number;
  /** Where the objects of several tables count together. */
  readonly held?: Account;
}

/** Puts a handle together from its parts; instance is 0. */
function composeHandle(index: number, unique: number): number {
  return ((unique << UNIQUE_SHIFT) | (index << INDEX_SHIFT)) >>> 0;
}

/**
 * A table whose kinds are small positive numbers, each with its own type of object: `HandleTable<{3: Device}>`.
 * Look-up costs two array reads and allocates nothing.
 */
export class HandleTable<Kinds extends { readonly [kind: number]: object }> {
  readonly #firstIndex: number;
  readonly #maxObjects: number;
  /** Per slot (index − first index): the live handle or 0, its kind, its object, and the next free slot. */
  readonly #handles: number[] = [];
  readonly #kinds: number[] = [];
  readonly #objects: (Kinds[number] | null)[] = [];
  readonly #nextFree: number[] = [];
  readonly #uniques: number[] = [];
  #held: Account | null;
  #freeHead = END;
  #freeTail = END;
  #freeCount = 0;
  #size = 0;

  constructor(options: HandleTableOptions = {}) {
    this.#held = options.held ?? null;
    this.#firstIndex = options.firstIndex ?? FIRST_HANDLE_INDEX;
    this.#maxObjects = Math.min(
      options.maxObjects ?? Number.POSITIVE_INFINITY,
      // The last indices stay free so that the reuse distance holds even when the table is full.
      MAX_HANDLE_INDEX - this.#firstIndex - HANDLE_REUSE_DISTANCE,
    );
  }

  /** Objects alive. */
  get size(): number {
    return this.#size;
  }

  /** How many more objects fit. */
  get room(): number {
    const own = this.#maxObjects - this.#size;
    return this.#held === null ? own : Math.min(own, this.#held.limit - this.#held.used);
  }

  /** Names an object. @returns its handle, or 0 when the table is full. */
  add<K extends keyof Kinds & number>(kind: K, object: Kinds[K]): number {
    if (this.room < 1) return 0;
    let slot: number;
    if (this.#freeCount > HANDLE_REUSE_DISTANCE) {
      slot = this.#freeHead;
      this.#freeHead = this.#nextFree[slot]!;
      this.#freeCount -= 1;
    } else {
      slot = this.#handles.length;
      this.#uniques.push(0);
      this.#handles.push(0);
      this.#kinds.push(NO_KIND);
      this.#objects.push(null);
      this.#nextFree.push(END);
    }
    const unique = (this.#uniques[slot]! + 1) & 3;
    const handle = composeHandle(this.#firstIndex + slot, unique);
    this.#uniques[slot] = unique;
    this.#handles[slot] = handle;
    this.#kinds[slot] = kind;
    this.#objects[slot] = object;
    this.#size += 1;
    this.#held?.add(1);
    return handle;
  }

  /** The live object of that kind and name, or undefined: also for 0, stale handles and other kinds. */
  get<K extends keyof Kinds & number>(handle: number, kind: K): Kinds[K] | undefined {
    const slot = this.#slotOf(handle);
    if (slot < 0 || this.#kinds[slot] !== kind) return undefined;
    return this.#objects[slot] as Kinds[K];
  }

  /** The kind of a live handle, or 0. */
  kindOf(handle: number): number {
    const slot = this.#slotOf(handle);
    return slot < 0 ? NO_KIND : this.#kinds[slot]!;
  }

  /** Forgets a name. @returns false when there is no live object of that kind and name. */
  remove<K extends keyof Kinds & number>(handle: number, kind: K): boolean {
    const slot = this.#slotOf(handle);
    if (slot < 0 || this.#kinds[slot] !== kind) return false;
    this.#handles[slot] = 0;
    this.#kinds[slot] = NO_KIND;
    this.#objects[slot] = null;
    this.#nextFree[slot] = END;
    if (this.#freeTail === END || this.#freeCount === 0) this.#freeHead = slot;
    else this.#nextFree[this.#freeTail] = slot;
    this.#freeTail = slot;
    this.#freeCount += 1;
    this.#size -= 1;
    this.#held?.remove(1);
    return true;
  }

  /** The table is not used any more: what is left in it does not count. */
  dispose(): void {
    this.#held?.remove(this.#size);
    this.#held = null;
  }

  /** Visits every live object of a kind. Removing during the visit is allowed. */
  forEach<K extends keyof Kinds & number>(kind: K, visit: (object: Kinds[K], handle: number) => void): void {
    for (let slot = 0; slot < this.#handles.length; slot += 1) {
      if (this.#kinds[slot] === kind) visit(this.#objects[slot] as Kinds[K], this.#handles[slot]!);
    }
  }

  /** Live objects of a kind. */
  count(kind: keyof Kinds & number): number {
    let count = 0;
    for (const each of this.#kinds) if (each === kind) count += 1;
    return count;
  }

  /** The slot of a live handle, or −1. A handle that is not live reads 0 there; 0 is in no slot's name. */
  #slotOf(handle: number): number {
    const slot = ((handle << 2) >>> (INDEX_SHIFT + 2)) - this.#firstIndex;
    return slot >= 0 && slot < this.#handles.length && handle !== 0 && this.#handles[slot] === handle
      ? slot
      : END;
  }
}
