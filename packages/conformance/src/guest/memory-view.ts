import type { GuestMessage } from './view.ts';

const STORE = { allocation: 28, gpadl: 32 } as const;
const PAGES = { allocation: 28, count: 32, offset: 36 } as const;
const DESTROY = { resource: 28, count: 32, list: 40 } as const;
const MOST_DESTROYED = 1024;
/** More allocations with pages of a guest's than it can have: what is beyond is not judged. */
const MOST_ENTRIES = 65_536;

/** What a guest says of its own memory that it lends to allocations. */
export class GuestMemoryView {
  /** Whether a bus knows a GPADL, where one is asked. */
  lookUp: ((gpadl: number) => boolean) | null = null;
  readonly #gpadls = new Set<number>();
  /** The allocation for which a GPADL was named, while it may be in use. */
  readonly #users = new Map<number, number>();
  /** By process and allocation: the page that comes next. */
  readonly #nextPages = new Map<string, number>();

  add(gpadl: number): void {
    if (this.#gpadls.size < MOST_ENTRIES) this.#gpadls.add(gpadl);
  }

  remove(gpadl: number): void {
    this.#gpadls.delete(gpadl);
    this.#users.delete(gpadl);
  }

  has(gpadl: number): boolean {
    return this.#gpadls.has(gpadl) || this.lookUp?.(gpadl) === true;
  }

  /** The allocation that may still use a GPADL. */
  userOf(gpadl: number): number | undefined {
    return this.#users.get(gpadl);
  }

  /** Takes a piece of a page list. @returns the page at which it had to begin. */
  takePages({ at, process, view }: GuestMessage): number {
    const key = `${process}/${view.getUint32(at + PAGES.allocation, true)}`;
    const offset = view.getUint32(at + PAGES.offset, true);
    // A list from its beginning may be that of another allocation with the handle of an old one.
    const wanted = offset === 0 ? 0 : (this.#nextPages.get(key) ?? 0);
    if (this.#nextPages.size < MOST_ENTRIES || this.#nextPages.has(key))
      this.#nextPages.set(key, offset + view.getUint32(at + PAGES.count, true));
    return wanted;
  }

  /** What an answer says of memory in use. */
  answered({ at, bodyBytes, command, view }: GuestMessage): void {
    if (command === undefined || bodyBytes < command.fixedBytes) return;
    const word = (offset: number): number => view.getUint32(at + offset, true);
    if (command.name === 'SetExistingSysMemStore') {
      const gpadl = word(STORE.gpadl);
      if (this.has(gpadl)) this.#users.set(gpadl, word(STORE.allocation));
    } else if (command.name === 'DestroyDevice' || command.name === 'DestroyProcess') this.#users.clear();
    else if (command.name === 'DestroyAllocation') {
      // Which allocations a resource has is not known here.
      if (word(DESTROY.resource) !== 0) this.#users.clear();
      else this.#release(view, at + DESTROY.list, Math.min(word(DESTROY.count), MOST_DESTROYED));
    }
  }

  #release(view: DataView, at: number, count: number): void {
    const ended = new Set<number>();
    const end = Math.min(at + 4 * count, view.byteLength - 3);
    for (let offset = at; offset < end; offset += 4) ended.add(view.getUint32(offset, true));
    for (const [gpadl, allocation] of this.#users) if (ended.has(allocation)) this.#users.delete(gpadl);
  }
}
