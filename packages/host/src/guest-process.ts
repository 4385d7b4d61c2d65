import type { Device } from './device.ts';
import { closeSyncObject } from './fence-pages.ts';
import { FIRST_HANDLE_INDEX, HandleTable } from './handle-table.ts';
import type { ProcessMemory } from './memory/index.ts';
import { ObjectKind, type ProcessObjects } from './objects.ts';
import type { Partition } from './partition.ts';
import { CpuWaits, type SchedulerProcess } from './scheduler/index.ts';
import type { GpuEngine } from './virtual-gpu.ts';

/** What a process has on one engine: its GPU address space and budget, and its share of the scheduler. */
export interface ProcessOnEngine {
  readonly memory: ProcessMemory;
  readonly scheduler: SchedulerProcess;
}

/**
 * Processes begin to number their objects at places this far apart, so that a handle of one seldom means something in
 * another; after so many the places repeat. A guest's table is an array: it grows to the highest index in use.
 */
const STAGGER_HANDLES = 64;
const STAGGERED_PROCESSES = 64;

/** A guest process: its handle table, its waits, and what it has on each GPU. */
export class GuestProcess {
  /** Its name in messages; the partition gives it. */
  handle = 0;
  readonly partition: Partition;
  readonly objects: HandleTable<ProcessObjects>;
  readonly cpuWaits: CpuWaits;
  readonly devices = new Set<Device>();
  readonly #onEngines = new Map<GpuEngine, ProcessOnEngine>();
  isDestroyed = false;
  /** Devices that are no longer there by name, but whose work has not ended. */
  #dyingDevices = 0;
  #onLastDevice: (() => void) | null = null;

  /** @param number tells it from the processes beside it, of this guest and of others. */
  constructor(partition: Partition, number: number) {
    const { quotas } = partition.options;
    this.partition = partition;
    this.objects = new HandleTable({
      firstIndex: FIRST_HANDLE_INDEX + (number % STAGGERED_PROCESSES) * STAGGER_HANDLES,
      maxObjects: quotas.objectsPerProcess,
      held: partition.objects,
    });
    this.cpuWaits = new CpuWaits({
      maxWaits: quotas.cpuWaitsPerProcess,
      held: partition.cpuWaits,
      signalEvent: (event) => partition.hostEvents.signalGuestEvent(event),
    });
  }

  /** Its place on an engine, made when first needed. */
  on(engine: GpuEngine): ProcessOnEngine {
    let place = this.#onEngines.get(engine);
    if (place === undefined) {
      place = { memory: engine.memory.createProcess(this), scheduler: engine.scheduler.createProcess() };
      this.#onEngines.set(engine, place);
      engine.addUser();
    }
    return place;
  }

  /** Its place on an engine, if it has one. */
  existingOn(engine: GpuEngine): ProcessOnEngine | undefined {
    return this.#onEngines.get(engine);
  }

  /** A device begins to go; {@link endDevice} follows. */
  beginEndOfDevice(device: Device): void {
    this.devices.delete(device);
    this.#dyingDevices += 1;
  }

  /** A device is gone. What the process had on an engine that is lost goes with the last one. */
  endDevice(device: Device): void {
    this.#dyingDevices -= 1;
    this.#leaveIfLost(device.engine);
    if (this.#dyingDevices === 0) this.#onLastDevice?.();
  }

  #leaveIfLost(engine: GpuEngine): void {
    const place = this.#onEngines.get(engine);
    if (place === undefined || !engine.isLost || this.isDestroyed) return;
    for (const device of this.devices) if (device.engine === engine) return;
    this.#leave(engine, place);
  }

  #leave(engine: GpuEngine, place: ProcessOnEngine): void {
    this.#onEngines.delete(engine);
    engine.scheduler.destroyProcess(place.scheduler);
    place.memory.destroy();
    engine.removeUser();
  }

  /**
   * Destroys its devices, then all that is left. Its names are dead at once.
   *
   * @param done called when nothing of it runs or uses guest memory any more.
   */
  destroy(done: () => void): void {
    this.isDestroyed = true;
    for (const device of [...this.devices]) device.destroy(() => {});
    this.objects.forEach(ObjectKind.syncObject, (object) => closeSyncObject(object));
    this.cpuWaits.releaseAll();
    const finish = (): void => {
      for (const [engine, place] of [...this.#onEngines]) this.#leave(engine, place);
      // No view of the process is left in the guest: its pages may go to others.
      this.partition.windowAllocator.releaseOwner(this);
      this.objects.dispose();
      done();
    };
    if (this.#dyingDevices === 0) finish();
    else this.#onLastDevice = finish;
  }

  /** Live objects by kind. */
  census(): Record<string, number> {
    const { objects } = this;
    return {
      devices: this.devices.size,
      resources: objects.count(ObjectKind.resource),
      allocations: objects.count(ObjectKind.allocation),
      contexts: objects.count(ObjectKind.context),
      hwQueues: objects.count(ObjectKind.hwQueue),
      pagingQueues: objects.count(ObjectKind.pagingQueue),
      syncObjects: objects.count(ObjectKind.syncObject),
      cpuWaits: this.cpuWaits.pending,
    };
  }
}
