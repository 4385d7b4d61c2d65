import type { Allocation } from './objects.ts';

/** Which allocations use the guest pages of which GPADL. */
export class GpadlUsers {
  readonly #users = new Map<number, Set<Allocation>>();

  add(gpadl: number, allocation: Allocation): void {
    const users = this.#users.get(gpadl);
    if (users === undefined) this.#users.set(gpadl, new Set([allocation]));
    else users.add(allocation);
    allocation.gpadl = gpadl;
  }

  remove(allocation: Allocation): void {
    const users = this.#users.get(allocation.gpadl);
    if (users?.delete(allocation) === true && users.size === 0) this.#users.delete(allocation.gpadl);
    allocation.gpadl = 0;
  }

  /**
   * The guest takes a GPADL away. An honest guest has destroyed its allocations first; whatever still uses the pages
   * lets go of them and can then only be destroyed.
   *
   * @returns when nothing touches the pages any more; undefined when nothing did.
   */
  tearDown(gpadl: number): Promise<void> | undefined {
    const users = this.#users.get(gpadl);
    if (users === undefined) return undefined;
    const releases = [...users].map((allocation) => {
      this.remove(allocation);
      return new Promise<void>((resolve) =>
        allocation.device.engine.memory.revokeSystemMemory(allocation.instance, resolve),
      );
    });
    return Promise.all(releases).then(() => undefined);
  }

  get size(): number {
    return this.#users.size;
  }
}
