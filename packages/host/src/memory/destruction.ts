import type { BackendAdapter } from '../backends/contract.ts';
import type { Allocation, AllocationInstance } from './allocation.ts';
import type { DeviceMemory } from './device-memory.ts';
import type { WorkSnapshot } from './device-work.ts';
import { dropLock } from './lock.ts';
import type { Pager } from './pager.ts';
import type { ProcessMemory } from './process-memory.ts';
import type { Residency } from './residency.ts';
import type { WindowAllocator } from './window-allocator.ts';

/** Calls back when a number of things have happened, at once when there are none. */
class CountDown {
  #remaining = 1;
  readonly #done: () => void;

  constructor(done: () => void) {
    this.#done = done;
  }

  readonly step = (): void => {
    this.#remaining -= 1;
    if (this.#remaining === 0) this.#done();
  };

  expect(): () => void {
    this.#remaining += 1;
    return this.step;
  }
}

/** How allocations end: handles at once, memory when no GPU work can touch it any more. */
export class Destruction {
  readonly #adapter: BackendAdapter;
  readonly #windowAllocator: WindowAllocator;
  readonly #residency: Residency;
  readonly #pager: Pager;

  constructor(adapter: BackendAdapter, windowAllocator: WindowAllocator, residency: Residency, pager: Pager) {
    this.#adapter = adapter;
    this.#windowAllocator = windowAllocator;
    this.#residency = residency;
    this.#pager = pager;
  }

  /**
   * Destroys instances. Without `assumeNotInUse` waits for the work queued by their devices, and always for work that
   * runs now on any device of their process: addresses are the process', so that any could use them.
   *
   * For guest pages nobody waits behind a GPU wait that may never be satisfied: the guest's thread sleeps in a call that
   * only its death ends, and the signal may be its own to give (dxg protocol, 2.3 and 8.4). Work that comes to life later
   * and touches them faults.
   */
  destroy(instances: readonly AllocationInstance[], assumeNotInUse: boolean, done: () => void): void {
    const marks = new Set<WorkSnapshot>();
    const devices = new Set<DeviceMemory>();
    const processes = new Set<ProcessMemory>();
    for (const instance of instances) {
      instance.alive = false;
      processes.add(instance.device.process);
      const { work } = instance.device;
      const takesPages = endsGuestPages(instance);
      if (!assumeNotInUse) addMark(marks, takesPages ? work.ableSnapshot() : work.snapshot());
      if (!takesPages) continue;
      for (const other of instance.allocation.instances) devices.add(other.device);
    }
    for (const process of processes) for (const device of process.devices) devices.add(device);
    for (const device of devices) addMark(marks, device.work.runningSnapshot());
    whenPassed(marks, () => {
      const countDown = new CountDown(done);
      for (const instance of instances) this.finalize(instance, countDown.expect());
      countDown.step();
    });
  }

  /** Gives back all that an instance has; with the last one, its memory. */
  finalize(instance: AllocationInstance, done: () => void): void {
    if (instance.finalized) {
      done();
      return;
    }
    instance.finalized = true;
    instance.alive = false;
    const { allocation, device } = instance;
    device.process.addressSpace.unmapInstance(instance);
    const isLast = allocation.instances.size === 1 && allocation.retains === 0;
    dropLock(this.#adapter, this.#windowAllocator, instance, isLast && !allocation.destroyed);
    this.#residency.drop(instance);
    allocation.instances.delete(instance);
    device.instances.delete(instance);
    if (isLast || endsGuestPages(instance)) this.end(allocation, done);
    else done();
  }

  /** Ends the memory itself. Instances that are left lead nowhere. */
  end(allocation: Allocation, done: () => void): void {
    if (allocation.destroyed) {
      done();
      return;
    }
    allocation.lost = true;
    allocation.onDestroyed.push(done);
    this.#residency.uncharge(allocation);
    this.#pager.destroy(allocation);
  }

  /** The guest takes back the pages behind an allocation: ends it as soon as nothing that runs can touch them. */
  revoke(allocation: Allocation, done: () => void): void {
    allocation.lost = true;
    allocation.view.resident = false;
    const marks = new Set<WorkSnapshot>();
    for (const instance of allocation.instances) {
      for (const device of instance.device.process.devices) addMark(marks, device.work.runningSnapshot());
    }
    whenPassed(marks, () => this.end(allocation, done));
  }
}

/** Guest pages are the creator's: it unpins them once its allocation is destroyed, whoever else has it open. */
function endsGuestPages(instance: AllocationInstance): boolean {
  return instance.allocation.existingSystemMemory && !instance.isOpened;
}

function addMark(marks: Set<WorkSnapshot>, mark: WorkSnapshot | null): void {
  if (mark !== null) marks.add(mark);
}

function whenPassed(marks: ReadonlySet<WorkSnapshot>, done: () => void): void {
  const countDown = new CountDown(done);
  for (const mark of marks) mark.onDone(countDown.expect());
  countDown.step();
}
