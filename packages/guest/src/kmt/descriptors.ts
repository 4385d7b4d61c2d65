import { commands, Errno } from '@dxgwire/protocol';
import type { Adapter } from './adapter.ts';
import type { KmtDriver } from './driver.ts';
import type { HostEvent } from './host-events.ts';
import type { ProcessState } from './process-state.ts';
import type { SharedResource, SharedSyncObject } from './sharing-objects.ts';
import type { KmtLoss } from './types/common.ts';

/** Where file descriptors of NT handles and sync files start. */
const FIRST_DESCRIPTOR = 1000;

/** A sync file: a Linux file that stands for a fence having reached a value. */
export class SyncPoint implements HostEvent {
  readonly once = true;
  readonly adapter: Adapter;
  /** The value that waits through this file wait for. */
  fenceValue: bigint;
  eventId = 0;
  sharedSyncObject: SharedSyncObject | null = null;
  isSignaled = false;
  lost: KmtLoss | null = null;
  private readonly countsUp: boolean;
  private readonly waiters: (() => void)[] = [];

  constructor(adapter: Adapter, fenceValue: bigint, countsUp: boolean) {
    this.adapter = adapter;
    this.fenceValue = fenceValue;
    this.countsUp = countsUp;
  }

  signal(): void {
    this.isSignaled = true;
    // A defect of the stock driver that shows on the wire: waits made afterwards wait for one more.
    if (this.countsUp) this.fenceValue += 1n;
    this.wake();
  }

  abandon(loss: KmtLoss): void {
    this.lost = loss;
    this.wake();
  }

  /** Resolves when the file is signalled, or never will be. */
  ended(): Promise<void> {
    if (this.isSignaled || this.lost !== null) return Promise.resolve();
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  private wake(): void {
    for (const resolve of this.waiters.splice(0)) resolve();
  }
}

export type DescriptorTarget =
  | { readonly kind: 'resource'; readonly shared: SharedResource }
  | { readonly kind: 'syncObject'; readonly shared: SharedSyncObject }
  | { readonly kind: 'syncFile'; readonly point: SyncPoint };

/**
 * The guest's open files other than the device: NT handles of shared objects and sync files. One table for all
 * processes: a descriptor is used in another process as if it had been passed over a socket.
 */
export class Descriptors {
  private readonly driver: KmtDriver;
  private readonly targets = new Map<number, DescriptorTarget>();
  private next = FIRST_DESCRIPTOR;

  constructor(driver: KmtDriver) {
    this.driver = driver;
  }

  /** Open descriptors. */
  get count(): number {
    return this.targets.size;
  }

  add(target: DescriptorTarget): number {
    const descriptor = this.next;
    this.next += 1;
    this.targets.set(descriptor, target);
    return descriptor;
  }

  get<K extends DescriptorTarget['kind']>(
    descriptor: number,
    kind: K,
  ): Extract<DescriptorTarget, { readonly kind: K }> | null {
    const target = this.targets.get(descriptor);
    return target?.kind === kind ? (target as Extract<DescriptorTarget, { readonly kind: K }>) : null;
  }

  /** Closes a descriptor. @returns 0, or -EBADF. */
  async close(descriptor: number): Promise<number> {
    const target = this.targets.get(descriptor);
    if (target === undefined) return -Errno.EBADF;
    this.targets.delete(descriptor);
    if (target.kind === 'syncFile') await this.releaseSyncPoint(target.point);
    else await this.releaseNt(target.shared);
    return 0;
  }

  /** What the last close of a sync file does; also for one that never got a descriptor. */
  async releaseSyncPoint(point: SyncPoint): Promise<void> {
    if (point.eventId !== 0) this.driver.events.remove(point.eventId);
    point.eventId = 0;
    if (point.sharedSyncObject !== null) await this.releaseNt(point.sharedSyncObject);
    point.sharedSyncObject = null;
  }

  /** Takes a reference on the host's NT object, which the first one makes. @returns 0 or minus an errno. */
  async acquireNt(
    process: ProcessState,
    shared: SharedResource | SharedSyncObject,
    object: number,
  ): Promise<number> {
    while (shared.ntBusy !== null) await shared.ntBusy;
    if (shared.ntReferences === 0) {
      const command = commands.createNtSharedObject;
      const call = this.driver.wire.call(
        null,
        command,
        process.hostHandle,
        { object },
        (reply) => reply.sharedHandle,
      );
      shared.ntBusy = call.then(() => undefined);
      const answer = await call;
      shared.ntBusy = null;
      if (answer.reply === null) return answer.ret;
      if (answer.reply === 0) return -Errno.ENOTRECOVERABLE;
      shared.ntHandle = answer.reply;
    }
    shared.ntReferences += 1;
    return 0;
  }

  /** Gives a reference back; with the last one the host's NT object goes. */
  async releaseNt(shared: SharedResource | SharedSyncObject): Promise<void> {
    while (shared.ntBusy !== null) await shared.ntBusy;
    shared.ntReferences -= 1;
    const sharedHandle = shared.ntHandle;
    if (shared.ntReferences !== 0 || sharedHandle === 0) return;
    shared.ntHandle = 0;
    const call = this.driver.wire.status(null, commands.destroyNtSharedObject, 0, { sharedHandle });
    shared.ntBusy = call.then(() => undefined);
    await call;
    shared.ntBusy = null;
  }
}
