import type { GuestObject } from './objects.ts';
import type { GuestMessage } from './view.ts';

const PAGE_BYTES = 4096;
/** Above that no guest has memory, and numbers are not exact. */
const MOST_ADDRESS = 1n << 52n;
const PAGES = { allocation: 28, count: 32, offset: 36 } as const;
/** More allocations with pages of a guest's than it can have: what is beyond is not judged. */
const MOST_ENTRIES = 65_536;

/** What a guest says of its own memory that it lends to allocations. */
export class GuestMemoryView {
  /** The bytes of a GPADL that a bus knows, where one is asked. */
  lookUp: ((gpadl: number) => number | null) | null = null;
  /** Whether the guest may share the page at an address. */
  contains: ((address: number, lengthBytes: number) => boolean) | null = null;
  /** Where the guest has put the IO space. */
  ioSpace: { readonly start: bigint; readonly end: bigint } | null = null;
  readonly #gpadls = new Map<number, number | null>();
  /** The allocation for which a GPADL was named. */
  readonly #users = new Map<number, GuestObject>();
  /** By process and allocation: the page that comes next. */
  readonly #nextPages = new Map<string, number>();

  add(gpadl: number, lengthBytes: number | null): void {
    if (this.#gpadls.size < MOST_ENTRIES) this.#gpadls.set(gpadl, lengthBytes);
  }

  remove(gpadl: number): void {
    this.#gpadls.delete(gpadl);
    this.#users.delete(gpadl);
  }

  has(gpadl: number): boolean {
    return this.#gpadls.has(gpadl) || this.bytesOf(gpadl) !== null;
  }

  /** The bytes that a GPADL describes; null where nobody knows. */
  bytesOf(gpadl: number): number | null {
    return this.#gpadls.get(gpadl) ?? this.lookUp?.(gpadl) ?? null;
  }

  /** Whether an address is that of a page that the guest may share; false where nobody knows. */
  isGuestPage(address: bigint): boolean {
    return address < MOST_ADDRESS && this.contains?.(Number(address), PAGE_BYTES) === true;
  }

  /** An allocation has the memory of a GPADL. */
  use(gpadl: number, allocation: GuestObject): void {
    if (this.#users.size < MOST_ENTRIES) this.#users.set(gpadl, allocation);
  }

  /** The allocation that may still use a GPADL: until its end was answered, whatever the answer. */
  userOf(gpadl: number): GuestObject | undefined {
    const user = this.#users.get(gpadl);
    return user === undefined || hasEnded(user) ? undefined : user;
  }

  /** GPADLs of allocations that have ended, but for those of some processes. */
  *leftOver(processes: ReadonlySet<number>): Iterable<number> {
    for (const [gpadl, user] of this.#users) if (hasEnded(user) && !processes.has(user.process)) yield gpadl;
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
}

function hasEnded({ isEnded, wasAsked, ending }: GuestObject): boolean {
  return isEnded || (wasAsked && ending === null);
}
