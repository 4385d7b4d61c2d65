import type { Allocation as MemoryAllocation } from './memory/index.ts';
import type { Resource, SyncObject } from './objects.ts';
import type { SyncObjectInstance } from './scheduler/index.ts';
import type { SharedObjects, SharedSyncObject } from './shared-objects.ts';
import type { GpuEngine } from './virtual-gpu.ts';

/** What a program on the host gets for the token that a guest passed to it (ShareObjectWithHost). */
export type HostShare =
  | {
      readonly kind: 'resource';
      readonly engine: GpuEngine;
      readonly allocations: readonly MemoryAllocation[];
    }
  | {
      readonly kind: 'sync-object';
      readonly instance: SyncObjectInstance;
      readonly shared: SharedSyncObject | null;
    };

/**
 * Objects that a guest gave to programs on its host, named by random 64-bit tokens: knowing the token is the right
 * to open the object. An object has one token, and lives until that is closed or the guest is gone.
 */
export class HostShares {
  readonly #byToken = new Map<bigint, HostShare>();
  readonly #tokens = new Map<object, bigint>();
  readonly #sharedObjects: SharedObjects;
  readonly #maxShares: number;

  constructor(sharedObjects: SharedObjects, maxShares: number) {
    this.#sharedObjects = sharedObjects;
    this.#maxShares = maxShares;
  }

  get size(): number {
    return this.#byToken.size;
  }

  /** @returns the token, or 0 when the quota is used up. */
  shareResource(resource: Resource): bigint {
    const { engine } = resource.device;
    const allocations = resource.allocations.map((allocation) => allocation.instance.allocation);
    return this.#share(resource, () => {
      for (const allocation of allocations) engine.memory.retain(allocation);
      return { kind: 'resource', engine, allocations };
    });
  }

  /** @returns the token, or 0 when the quota is used up. */
  shareSyncObject(object: SyncObject): bigint {
    return this.#share(object, () => {
      if (object.shared !== null) object.shared.references += 1;
      return { kind: 'sync-object', instance: object.instance.open(0, -1), shared: object.shared };
    });
  }

  #share(key: object, make: () => HostShare): bigint {
    const known = this.#tokens.get(key);
    if (known !== undefined) return known;
    if (this.#byToken.size >= this.#maxShares) return 0n;
    const token = crypto.getRandomValues(new BigUint64Array(1))[0]! | 1n;
    this.#byToken.set(token, make());
    this.#tokens.set(key, token);
    return token;
  }

  /** What a token stands for; undefined when it was never given, or is closed. */
  open(token: bigint): HostShare | undefined {
    return this.#byToken.get(token);
  }

  /** Ends a token. @returns false when there is none such. */
  close(token: bigint): boolean {
    const share = this.#byToken.get(token);
    if (share === undefined) return false;
    this.#byToken.delete(token);
    for (const [key, each] of this.#tokens) if (each === token) this.#tokens.delete(key);
    if (share.kind === 'resource') {
      for (const allocation of share.allocations) share.engine.memory.release(allocation);
    } else {
      share.instance.close();
      if (share.shared !== null) this.#sharedObjects.releaseSyncObject(share.shared);
    }
    return true;
  }

  /** Ends every token: the guest is gone. */
  clear(): void {
    for (const token of [...this.#byToken.keys()]) this.close(token);
  }
}
