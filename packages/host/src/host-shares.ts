import type { GuestProcess } from './guest-process.ts';
import type { Allocation as MemoryAllocation } from './memory/index.ts';
import type { Resource, SyncObject } from './objects.ts';
import type { SyncObjectInstance } from './scheduler/index.ts';
import type { SharedObjects, SharedSyncObject } from './shared-objects.ts';
import type { GpuEngine } from './virtual-gpu.ts';

/** An object of a guest, opened by a program on the host. It lives until it is closed or the guest is gone. */
export interface HostShare {
  readonly kind: 'resource' | 'sync-object';
  /** Sizes of a resource's allocations in order of creation, bytes; empty for a sync object. */
  readonly lengthsBytes: readonly number[];
  /** A fence's value; 0 for other objects. */
  readonly value: bigint;
  /** Gives the object back; more than once is harmless. */
  close(): void;
}

/** What a token stands for, with the references that keep it alive. */
interface SharedThing {
  readonly open: () => OpenedThing;
}

interface OpenedThing {
  readonly kind: HostShare['kind'];
  readonly lengthsBytes: readonly number[];
  readonly value: () => bigint;
  readonly release: () => void;
}

interface Token {
  readonly process: GuestProcess;
  readonly key: object;
  readonly thing: SharedThing;
  readonly held: OpenedThing;
}

class OpenShare implements HostShare {
  readonly #thing: OpenedThing;
  readonly #forget: (share: OpenShare) => void;
  #isClosed = false;

  constructor(thing: OpenedThing, forget: (share: OpenShare) => void) {
    this.#thing = thing;
    this.#forget = forget;
  }

  get kind(): HostShare['kind'] {
    return this.#thing.kind;
  }

  get lengthsBytes(): readonly number[] {
    return this.#thing.lengthsBytes;
  }

  get value(): bigint {
    return this.#thing.value();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#forget(this);
    this.#thing.release();
  }
}

/**
 * Objects that a guest offers to programs on its host, named by random 64-bit tokens: knowing the token is the right to
 * open the object. An object has one token, which ends with the process that offered it; what was opened lives on.
 */
export class HostShares {
  readonly #tokens = new Map<bigint, Token>();
  readonly #tokenOf = new Map<object, bigint>();
  readonly #opened = new Set<OpenShare>();
  readonly #sharedObjects: SharedObjects;
  readonly #maxShares: number;

  constructor(sharedObjects: SharedObjects, maxShares: number) {
    this.#sharedObjects = sharedObjects;
    this.#maxShares = maxShares;
  }

  /** Tokens, and objects that programs have open. */
  get size(): number {
    return this.#tokens.size + this.#opened.size;
  }

  /** @returns the token, or 0 when the quota is used up. */
  shareResource(resource: Resource): bigint {
    const { engine, process } = resource.device;
    const allocations = [...resource.allocations].map((allocation) => allocation.instance.allocation);
    return this.#share(process, resource, { open: () => openAllocations(engine, allocations) });
  }

  /** @returns the token, or 0 when the quota is used up. */
  shareSyncObject(object: SyncObject): bigint {
    const { instance, shared } = object;
    return this.#share(object.process, object, { open: () => this.#openSyncObject(instance, shared) });
  }

  #openSyncObject(instance: SyncObjectInstance, shared: SharedSyncObject | null): OpenedThing {
    const own = instance.open(0, -1);
    if (shared !== null) shared.references += 1;
    return {
      kind: 'sync-object',
      lengthsBytes: [],
      value: () => own.object.value,
      release: () => {
        own.close();
        if (shared !== null) this.#sharedObjects.releaseSyncObject(shared);
      },
    };
  }

  #share(process: GuestProcess, key: object, thing: SharedThing): bigint {
    const known = this.#tokenOf.get(key);
    if (known !== undefined) return known;
    if (this.size >= this.#maxShares) return 0n;
    const token = crypto.getRandomValues(new BigUint64Array(1))[0]! | 1n;
    this.#tokens.set(token, { process, key, thing, held: thing.open() });
    this.#tokenOf.set(key, token);
    return token;
  }

  /** Opens what a token stands for; undefined when it was never given, or has ended. */
  open(token: bigint): HostShare | undefined {
    const found = this.#tokens.get(token);
    if (found === undefined) return undefined;
    const share = new OpenShare(found.thing.open(), (closed) => this.#opened.delete(closed));
    this.#opened.add(share);
    return share;
  }

  /** Ends the tokens of a process that is gone. */
  endProcess(process: GuestProcess): void {
    for (const [token, { process: owner, key, held }] of this.#tokens) {
      if (owner !== process) continue;
      this.#tokens.delete(token);
      this.#tokenOf.delete(key);
      held.release();
    }
  }

  /** The guest is gone: closes what programs still have open. */
  closeAll(): void {
    for (const share of [...this.#opened]) share.close();
  }
}

function openAllocations(engine: GpuEngine, allocations: readonly MemoryAllocation[]): OpenedThing {
  engine.addUser();
  for (const allocation of allocations) engine.memory.retain(allocation);
  return {
    kind: 'resource',
    lengthsBytes: allocations.map((allocation) => allocation.lengthBytes),
    value: () => 0n,
    release: () => {
      for (const allocation of allocations) engine.memory.release(allocation);
      engine.removeUser();
    },
  };
}
