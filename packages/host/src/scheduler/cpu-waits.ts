import type { Account } from '../account.ts';
import { Status } from '../memory/status.ts';
import type { InstanceWait, SyncObjectInstance } from './sync-object.ts';
import { highHalf, lowHalf } from './u64.ts';
import { WaitNode } from './wait-heap.ts';

export interface CpuWaitsOptions {
  /** Sends SignalGuestEvent. Called exactly once per accepted wait. */
  readonly signalEvent: (event: bigint) => void;
  /** Most waits registered at a time (65,536); there is no cancel in the protocol, so they can pile up. */
  readonly maxWaits?: number;
  /** Most objects that all these waits together wait for (262,144). */
  readonly maxObjects?: number;
  /** Where the waits of all processes of a guest, and the objects that they wait for, count together. */
  readonly held?: Account;
}

/** CPU waits of one guest process, each ending in one guest event. */
export class CpuWaits {
  readonly #signalEvent: (event: bigint) => void;
  readonly #maxWaits: number;
  readonly #byWaiter = new Map<object, Set<CpuWait>>();
  readonly #maxObjects: number;
  readonly #held: Account | null;
  #pending = 0;
  #objects = 0;

  constructor(options: CpuWaitsOptions) {
    this.#signalEvent = options.signalEvent;
    this.#maxWaits = options.maxWaits ?? 65_536;
    this.#maxObjects = options.maxObjects ?? 262_144;
    this.#held = options.held ?? null;
  }

  /** Waits whose event is still to be sent. */
  get pending(): number {
    return this.#pending;
  }

  /**
   * Registers a wait. Its event is sent exactly once: when it is satisfied (also when it is already), or when an
   * instance that it names is closed, or when its waiter or the process ends.
   *
   * @param waiter the device (SchedulerDevice) on whose behalf the wait is; see {@link releaseWaiter}.
   * @param any satisfied by any one object, else by all.
   * @returns INVALID_PARAMETER for no objects or one that is no monitored fence, ACCESS_DENIED for an instance that
   *   may not be waited on, NO_MEMORY above `maxWaits`, `maxObjects` or what the guest may. The event is then not sent.
   */
  wait(
    waiter: object,
    instances: readonly SyncObjectInstance[],
    values: ArrayLike<bigint>,
    any: boolean,
    event: bigint,
  ): number {
    if (instances.length === 0 || values.length < instances.length) return Status.invalidParameter;
    let satisfied = 0;
    for (let i = 0; i < instances.length; i += 1) {
      const instance = instances[i]!;
      if (!instance.object.isMonitored || instance.isClosed) return Status.invalidParameter;
      if (instance.noWait) return Status.accessDenied;
      const value = values[i]!;
      if (instance.object.isSatisfied(lowHalf(value), highHalf(value))) satisfied += 1;
    }
    if (any ? satisfied > 0 : satisfied === instances.length) {
      this.#signalEvent(event);
      return Status.success;
    }
    if (this.#pending >= this.#maxWaits) return Status.noMemory;
    if (this.#objects + instances.length > this.#maxObjects) return Status.noMemory;
    if (this.#held !== null && !this.#held.hasRoomFor(1 + instances.length)) return Status.noMemory;
    this.#register(waiter, instances, values, any ? 1 : instances.length - satisfied, event);
    return Status.success;
  }

  /** Ends all waits of one waiter by sending their events. */
  releaseWaiter(waiter: object): void {
    const waits = this.#byWaiter.get(waiter);
    if (waits === undefined) return;
    for (const wait of waits) wait.release();
  }

  /** Ends all waits of the process by sending their events. */
  releaseAll(): void {
    for (const waiter of [...this.#byWaiter.keys()]) this.releaseWaiter(waiter);
  }

  #register(
    waiter: object,
    instances: readonly SyncObjectInstance[],
    values: ArrayLike<bigint>,
    remaining: number,
    event: bigint,
  ): void {
    const wait = new CpuWait(this, waiter, event, remaining);
    for (let i = 0; i < instances.length; i += 1) {
      const instance = instances[i]!;
      const low = lowHalf(values[i]!);
      const high = highHalf(values[i]!);
      if (instance.object.isSatisfied(low, high)) continue;
      const node = new CpuWaitNode(wait, instance);
      wait.nodes.push(node);
      instance.addWait(wait);
      instance.object.addWaiter(node, low, high);
    }
    let waits = this.#byWaiter.get(waiter);
    if (waits === undefined) {
      waits = new Set();
      this.#byWaiter.set(waiter, waits);
    }
    waits.add(wait);
    this.#pending += 1;
    this.#objects += wait.nodes.length;
    this.#held?.add(1 + wait.nodes.length);
  }

  /** For {@link CpuWait} only: the wait has ended. */
  finish(wait: CpuWait): void {
    const waits = this.#byWaiter.get(wait.waiter);
    waits?.delete(wait);
    if (waits?.size === 0) this.#byWaiter.delete(wait.waiter);
    this.#pending -= 1;
    this.#objects -= wait.nodes.length;
    this.#held?.remove(1 + wait.nodes.length);
    this.#signalEvent(wait.event);
  }
}

class CpuWait implements InstanceWait {
  readonly nodes: CpuWaitNode[] = [];
  readonly waiter: object;
  readonly event: bigint;
  readonly #owner: CpuWaits;
  #remaining: number;
  #ended = false;

  constructor(owner: CpuWaits, waiter: object, event: bigint, remaining: number) {
    this.#owner = owner;
    this.waiter = waiter;
    this.event = event;
    this.#remaining = remaining;
  }

  objectReached(): void {
    this.#remaining -= 1;
    if (this.#remaining === 0) this.release();
  }

  release(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const node of this.nodes) {
      node.leave();
      node.instance.removeWait(this);
    }
    this.#owner.finish(this);
  }
}

class CpuWaitNode extends WaitNode {
  readonly wait: CpuWait;
  readonly instance: SyncObjectInstance;

  constructor(wait: CpuWait, instance: SyncObjectInstance) {
    super();
    this.wait = wait;
    this.instance = instance;
  }

  override wake(): void {
    this.wait.objectReached();
  }
}
