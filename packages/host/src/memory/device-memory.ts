import type { BackendDevice } from '../backends/contract.ts';
import type { AllocationInstance } from './allocation.ts';
import type { DeviceWork } from './device-work.ts';
import type { PagingQueue } from './paging-queue.ts';
import type { ProcessMemory } from './process-memory.ts';

/** A device as the memory manager sees it: residency counts belong to it. */
export class DeviceMemory {
  readonly process: ProcessMemory;
  readonly token: BackendDevice;
  readonly work: DeviceWork;
  readonly instances = new Set<AllocationInstance>();
  readonly pagingQueues = new Set<PagingQueue>();
  /** The device must go into error: memory that was promised could not be had. */
  readonly onFailure: (status: number) => void;
  /** Backend allocations made through `token` that still exist. */
  backendAllocations = 0;
  destroyed = false;
  onReleased: (() => void) | null = null;
  /** For the caller. */
  owner: object | null = null;

  constructor(
    process: ProcessMemory,
    token: BackendDevice,
    work: DeviceWork,
    onFailure: (status: number) => void,
  ) {
    this.process = process;
    this.token = token;
    this.work = work;
    this.onFailure = onFailure;
  }
}
