import type { AllocationView, BackendDevice } from './backends/contract.ts';
import { closeSyncObject, returnFencePage } from './fence-pages.ts';
import type { GuestProcess, ProcessOnEngine } from './guest-process.ts';
import type { AddressSpace, DeviceMemory } from './memory/index.ts';
import { Status } from './memory/index.ts';
import {
  type Allocation,
  type Context,
  type HwQueue,
  type ImplicitFence,
  ObjectKind,
  type PagingQueue,
  type Resource,
  type SyncObject,
} from './objects.ts';
import { ExecutionState, type SchedulerDevice } from './scheduler/index.ts';
import type { GpuEngine, VirtualGpu } from './virtual-gpu.ts';

export interface DeviceOptions {
  readonly process: GuestProcess;
  readonly gpu: VirtualGpu;
  readonly engine: GpuEngine;
  /** The guest's cookie, echoed in SetGuestData; never interpreted. */
  readonly cookie: bigint;
}

/** A device: what one process has open on one virtual GPU, and everything that goes down with it. */
export class Device {
  handle = 0;
  readonly process: GuestProcess;
  readonly gpu: VirtualGpu;
  readonly engine: GpuEngine;
  readonly cookie: bigint;
  readonly token: BackendDevice;
  readonly memory: DeviceMemory;
  readonly scheduler: SchedulerDevice;
  readonly contexts = new Set<Context>();
  readonly pagingQueues = new Set<PagingQueue>();
  readonly resources = new Set<Resource>();
  /** Those of resources included. */
  readonly allocations = new Set<Allocation>();
  /** Monitored fences of both kinds; the older kinds outlive the device. */
  readonly syncObjects = new Set<SyncObject>();
  /** By the runtime's own handle: low half, then high half. */
  readonly #runtimeNames = new Map<number, Map<number, Allocation>>();
  isDestroyed = false;

  constructor(options: DeviceOptions) {
    const { process, engine } = options;
    this.process = process;
    this.gpu = options.gpu;
    this.engine = engine;
    this.cookie = options.cookie;
    this.token = engine.adapter.createDevice();
    const place: ProcessOnEngine = process.on(engine);
    this.scheduler = engine.scheduler.createDevice(place.scheduler, {
      pageWalker: place.memory.addressSpace,
      owner: this,
      cpuWaits: process.cpuWaits,
    });
    this.memory = engine.memory.createDevice(place.memory, this.token, this.scheduler, (status) =>
      engine.scheduler.markDeviceError(
        this.scheduler,
        status === Status.noMemory ? ExecutionState.outOfMemory : ExecutionState.reset,
      ),
    );
    engine.addUser();
    process.devices.add(this);
    this.gpu.devices.add(this);
  }

  /** The GPU address space of its process. */
  get addressSpace(): AddressSpace {
    return this.memory.process.addressSpace;
  }

  /** True while it may work: created, not destroyed, in state active. */
  get isActive(): boolean {
    return this.scheduler.state === ExecutionState.active;
  }

  /** Puts the device into error: its work is abandoned, only queries and destruction remain. */
  fail(state: ExecutionState): void {
    this.engine.scheduler.markDeviceError(this.scheduler, state);
  }

  /** Lets submissions name an allocation by the handle its creator chose; the latest of a name counts. */
  registerRuntimeName(allocation: Allocation): void {
    const { runtimeHandleLow: low, runtimeHandleHigh: high } = allocation;
    if (low === 0 && high === 0) return;
    let byHigh = this.#runtimeNames.get(low);
    if (byHigh === undefined) {
      byHigh = new Map();
      this.#runtimeNames.set(low, byHigh);
    }
    byHigh.set(high, allocation);
  }

  /** Ends the name of an allocation, unless a later one has it now: when no work that was queued can look for it any more. */
  forgetRuntimeName(allocation: Allocation): void {
    const byHigh = this.#runtimeNames.get(allocation.runtimeHandleLow);
    if (byHigh?.get(allocation.runtimeHandleHigh) !== allocation) return;
    byHigh.delete(allocation.runtimeHandleHigh);
    if (byHigh.size === 0) this.#runtimeNames.delete(allocation.runtimeHandleLow);
  }

  findByRuntimeName(low: number, high: number): AllocationView | null {
    return this.#runtimeNames.get(low)?.get(high)?.instance.allocation.view ?? null;
  }

  /** Takes an allocation's handle away; its runtime name and its memory go separately, behind the work that needs them. */
  forgetAllocation(allocation: Allocation): void {
    this.process.objects.remove(allocation.handle, ObjectKind.allocation);
    this.allocations.delete(allocation);
    if (allocation.gpadl !== 0) this.process.partition.gpadls.remove(allocation);
  }

  forgetResource(resource: Resource): void {
    this.process.objects.remove(resource.handle, ObjectKind.resource);
    this.resources.delete(resource);
  }

  /** Ends the names of a hardware queue; what is queued on it still runs. */
  destroyHwQueue(hwQueue: HwQueue): void {
    this.process.objects.remove(hwQueue.handle, ObjectKind.hwQueue);
    hwQueue.context.hwQueues.delete(hwQueue);
    this.engine.scheduler.destroyQueue(hwQueue.queue);
    this.#closeImplicitFence(hwQueue.progressFence);
  }

  /** Ends the names of a context and its hardware queues; what is queued on it still runs. */
  destroyContext(context: Context): void {
    for (const hwQueue of [...context.hwQueues]) this.destroyHwQueue(hwQueue);
    this.process.objects.remove(context.handle, ObjectKind.context);
    this.contexts.delete(context);
    this.engine.scheduler.destroyContext(context.context);
  }

  destroyPagingQueue(pagingQueue: PagingQueue): void {
    this.process.objects.remove(pagingQueue.handle, ObjectKind.pagingQueue);
    this.pagingQueues.delete(pagingQueue);
    this.engine.memory.destroyPagingQueue(pagingQueue.queue);
    this.#closeImplicitFence(pagingQueue.fence);
  }

  #closeImplicitFence(fence: ImplicitFence): void {
    this.process.objects.remove(fence.handle, ObjectKind.implicitFence);
    fence.instance.close();
    returnFencePage(this.process, this, fence, false);
  }

  /**
   * Abandons its work and destroys everything that hangs under it. All names are dead at once.
   *
   * @param done called when none of its work runs and none of its allocations uses guest memory any more.
   * @param guestUnmapped false where the guest did not ask for it (its adapter is gone): its programs then still have
   *   the fences' pages mapped, which no other process may get soon.
   */
  destroy(done: () => void, guestUnmapped = true): void {
    const { engine, process } = this;
    this.isDestroyed = true;
    process.objects.remove(this.handle, ObjectKind.device);
    process.beginEndOfDevice(this);
    this.gpu.beginEndOfDevice(this);
    engine.scheduler.flushDevice(this.scheduler);
    const instances = [...this.allocations].map((allocation) => allocation.instance);
    for (const allocation of [...this.allocations]) this.forgetAllocation(allocation);
    this.#runtimeNames.clear();
    for (const resource of [...this.resources]) this.forgetResource(resource);
    for (const pagingQueue of [...this.pagingQueues]) this.destroyPagingQueue(pagingQueue);
    for (const context of [...this.contexts]) this.destroyContext(context);
    for (const syncObject of [...this.syncObjects]) closeSyncObject(syncObject, guestUnmapped);
    let left = 2;
    const finish = (): void => {
      left -= 1;
      if (left > 0) return;
      engine.memory.destroyDevice(this.memory, () => {
        engine.adapter.destroyDevice(this.token);
        engine.removeUser();
      });
      process.endDevice(this);
      done();
      // A channel that is to be rescinded carries this answer first: the guest would wait for it for ever.
      this.gpu.endDevice();
    };
    engine.memory.destroyAllocations(instances, { assumeNotInUse: false }, finish);
    engine.scheduler.destroyDevice(this.scheduler, finish);
  }
}
