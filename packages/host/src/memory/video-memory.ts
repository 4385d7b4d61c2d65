import { type HostGuestMemory, PAGE_BYTES, type PageRange } from '@dxgwire/transport';
import { Account } from '../account.ts';
import type { AllocationResult, BackendAdapter, BackendDevice, BackendLog } from '../backends/contract.ts';
import type { SyncObjectInstance } from '../scheduler/sync-object.ts';
import { AddressSpace } from './address-space.ts';
import { Allocation, AllocationInstance } from './allocation.ts';
import { Destruction } from './destruction.ts';
import { DeviceMemory } from './device-memory.ts';
import type { DeviceWork } from './device-work.ts';
import { type LockResult, lockAllocation, unlockAllocation } from './lock.ts';
import { Pager, type PagingStatistics } from './pager.ts';
import { PagingCalls } from './paging-calls.ts';
import { PagingQueue } from './paging-queue.ts';
import { GroupMemory, ProcessMemory } from './process-memory.ts';
import { Residency } from './residency.ts';
import { Segment, SegmentGroup } from './segment.ts';
import { Status } from './status.ts';
import { addSystemPages, type GuestPages, setSystemRanges } from './system-memory.ts';
import type {
  CreateAllocationRequest,
  MakeResidentResult,
  PagingResult,
  PropertyRequest,
  SegmentStatistics,
  VideoMemoryInfo,
  VideoMemoryLimits,
  VideoMemoryOptions,
} from './video-memory-types.ts';
import type { WindowAllocator } from './window-allocator.ts';

const DEFAULT_GUEST_PAGE_RANGES = 1 << 21;
const DEFAULT_ADDRESS_RANGES = 1 << 20;
/** Of one address space. */
const MAX_REGIONS = 65_536;

/** The memory manager of one virtual GPU. Knows no handles and no messages; nothing that a guest asks throws. */
export class VideoMemory {
  readonly segments: readonly Segment[];
  readonly #adapter: BackendAdapter;
  readonly #windowAllocator: WindowAllocator;
  readonly #guestMemory: HostGuestMemory;
  readonly #guestPages: GuestPages;
  readonly #addressRanges: Account;
  readonly #log: BackendLog;
  readonly #limits: VideoMemoryLimits;
  readonly #groups: readonly GroupMemory[];
  readonly #processes = new Set<ProcessMemory>();
  readonly #pager: Pager;
  readonly #residency: Residency;
  readonly #destruction: Destruction;
  readonly #calls: PagingCalls;
  #allocations = 0;
  #pagingQueues = 0;

  constructor(options: VideoMemoryOptions) {
    const { adapter, description } = options;
    this.#adapter = adapter;
    this.#windowAllocator = options.windowAllocator;
    this.#guestMemory = options.guestMemory;
    const held = options.guestPageRanges ?? new Account(DEFAULT_GUEST_PAGE_RANGES);
    this.#addressRanges = options.addressRanges ?? new Account(DEFAULT_ADDRESS_RANGES);
    this.#guestPages = { adapter, guestMemory: options.guestMemory, held };
    this.#log = options.log;
    this.segments = description.segments.map((segment) => new Segment(segment));
    let totalBytes = 0;
    const groupBytes = [0, 0];
    for (const segment of this.segments) {
      totalBytes += segment.lengthBytes;
      groupBytes[segment.group]! += segment.lengthBytes;
    }
    this.#groups = groupBytes.map((lengthBytes) => new GroupMemory(lengthBytes));
    this.#limits = {
      addressRanges: 262_144,
      pagingOperations: 65_536,
      commitBytes: 4 * totalBytes,
      ...options.limits,
    };
    this.#pager = new Pager(adapter, options.log);
    this.#residency = new Residency(this.#pager, description.canEvict, this.#limits.commitBytes);
    this.#calls = new PagingCalls(this.#residency, this.#limits.pagingOperations);
    this.#destruction = new Destruction(adapter, options.windowAllocator, this.#residency, this.#pager);
  }

  // Processes and devices

  /** @param windowOwner under which the window allocator books what the process locks. */
  createProcess(windowOwner?: object): ProcessMemory {
    const process = new ProcessMemory(
      this.#groups,
      new AddressSpace(this.#limits.addressRanges, MAX_REGIONS, this.#addressRanges),
      windowOwner ?? null,
      (destroyed) => this.#processes.delete(destroyed),
    );
    this.#processes.add(process);
    return process;
  }

  /** @param onFailure memory that was promised could not be had: the device must go into error. */
  createDevice(
    process: ProcessMemory,
    token: BackendDevice,
    work: DeviceWork,
    onFailure: (status: number) => void,
  ): DeviceMemory {
    const device = new DeviceMemory(process, token, work, onFailure);
    process.devices.add(device);
    return device;
  }

  /**
   * Destroys a device and, at once, all instances that it still has. Nothing of it may run any more.
   *
   * @param released called once no backend allocation made by the device exists: openers in other devices may keep some.
   */
  destroyDevice(device: DeviceMemory, released?: () => void): void {
    for (const queue of [...device.pagingQueues]) this.destroyPagingQueue(queue);
    for (const instance of [...device.instances]) this.#destruction.finalize(instance, () => {});
    device.process.devices.delete(device);
    device.destroyed = true;
    if (device.backendAllocations === 0) released?.();
    else device.onReleased = released ?? null;
  }

  // Allocations

  /** @returns INVALID_PARAMETER when the backend refuses the private data, and what it says. */
  createAllocation(
    device: DeviceMemory,
    request: CreateAllocationRequest,
  ): { status: number; instance: AllocationInstance | null; refused?: string } {
    let result: AllocationResult | { readonly refused: string };
    try {
      result = this.#adapter.createAllocation({ device: device.token, ...request });
    } catch (error) {
      this.#log.error({ error: String(error) }, 'the backend failed to create an allocation');
      return { status: Status.noMemory, instance: null };
    }
    if ('refused' in result) {
      return { status: Status.invalidParameter, instance: null, refused: result.refused };
    }
    const segments = this.#segmentsOf(result.segments);
    const isPlaced = request.existingSystemMemory || segments.length > 0;
    if (!isPlaced || result.lengthBytes < PAGE_BYTES || result.lengthBytes % PAGE_BYTES !== 0) {
      this.#log.error({ lengthBytes: result.lengthBytes }, 'the backend made an allocation that cannot be');
      this.#adapter.destroyAllocation(result.allocation);
      return { status: Status.noMemory, instance: null };
    }
    const allocation = new Allocation(device, result.allocation, {
      lengthBytes: result.lengthBytes,
      cached: result.cached,
      segments: request.existingSystemMemory ? [] : segments,
      existingSystemMemory: request.existingSystemMemory,
    });
    device.backendAllocations += 1;
    this.#allocations += 1;
    allocation.onDestroyed.push(() => {
      this.#allocations -= 1;
    });
    const instance = new AllocationInstance(allocation, device, false, request.readOnly);
    return { status: Status.success, instance };
  }

  /**
   * Makes new allocations resident as part of their creation.
   *
   * @param done called when PENDING was returned, with the final status; until then the device's work is held back.
   * @returns 0 when they are resident, PENDING, or NO_MEMORY with nothing changed.
   */
  createResident(
    device: DeviceMemory,
    instances: readonly AllocationInstance[],
    done?: (status: number) => void,
  ): number {
    const result = this.#residency.pin(device, instances, 1, (operation) => {
      if (operation.failed) device.onFailure(Status.noMemory);
      device.work.release();
      done?.(operation.failed ? Status.noMemory : Status.success);
    });
    if (!result.granted) return Status.noMemory;
    if (result.operation === null) return Status.success;
    device.work.hold();
    return Status.pending;
  }

  /** Opens an allocation of a shared resource. @returns null when its memory is gone. */
  openAllocation(
    device: DeviceMemory,
    allocation: Allocation,
    options: { readonly readOnly: boolean },
  ): AllocationInstance | null {
    if (allocation.lost || allocation.dying) return null;
    return new AllocationInstance(allocation, device, true, options.readOnly);
  }

  /** Keeps an allocation's memory although all its instances may go. */
  retain(allocation: Allocation): void {
    allocation.retains += 1;
  }

  /** @param done called once memory that nobody keeps is gone, or at once when somebody does. */
  release(allocation: Allocation, done?: () => void): void {
    allocation.retains -= 1;
    if (allocation.retains > 0 || allocation.instances.size > 0) done?.();
    else this.#destruction.end(allocation, done ?? (() => {}));
  }

  /**
   * Destroys instances: their handles are dead at once, their memory goes when GPU work cannot use it any more. The
   * creator's instance over guest pages ends those for all who have it open.
   *
   * @param done called when nothing uses what was destroyed any more, perhaps before the call returns.
   */
  destroyAllocations(
    instances: readonly AllocationInstance[],
    options: { readonly assumeNotInUse: boolean },
    done: () => void,
  ): void {
    const alive = instances.filter((instance) => instance.alive);
    this.#destruction.destroy(alive, options.assumeNotInUse, done);
  }

  // Existing system memory

  /** One SetExistingSysMemPages message; see {@link addSystemPages}. */
  setSystemPages(
    instance: AllocationInstance,
    offsetInPages: number,
    frames: ArrayLike<bigint>,
    count: number,
  ): number {
    if (!instance.alive || instance.isOpened) return Status.invalidParameter;
    const { allocation, readOnly } = instance;
    return addSystemPages(this.#guestPages, allocation, !readOnly, offsetInPages, frames, count);
  }

  /** The ranges of a GPADL; see {@link setSystemRanges}. */
  setSystemRanges(instance: AllocationInstance, ranges: readonly PageRange[]): number {
    if (!instance.alive || instance.isOpened) return Status.invalidParameter;
    const { allocation, readOnly } = instance;
    return setSystemRanges(this.#guestPages, allocation, !readOnly, ranges);
  }

  /** The guest takes its pages back: the allocation is dead for the GPU. @param done nothing touches them any more. */
  revokeSystemMemory(instance: AllocationInstance, done: () => void): void {
    this.#destruction.revoke(instance.allocation, done);
  }

  // CPU access

  /** Lock2. @returns the offset in the window; see {@link lockAllocation}. */
  lock(instance: AllocationInstance): LockResult {
    const { windowOwner } = instance.device.process;
    return lockAllocation(this.#adapter, this.#windowAllocator, this.#residency, windowOwner, instance);
  }

  unlock(instance: AllocationInstance): number {
    return unlockAllocation(this.#adapter, this.#windowAllocator, instance);
  }

  /**
   * Brings guest pages up to date where the host has a copy only; else mappings are coherent and nothing is to do.
   *
   * @param done gets INVALID_PARAMETER for a range outside the allocation.
   */
  invalidateCache(
    instance: AllocationInstance,
    offset: bigint,
    length: bigint,
    done: (status: number) => void,
  ): void {
    const { allocation } = instance;
    if (!instance.alive || allocation.lost || offset + length > BigInt(allocation.lengthBytes)) {
      done(Status.invalidParameter);
      return;
    }
    if (!allocation.systemComplete || this.#guestMemory.kind === 'mapped' || length === 0n) {
      done(Status.success);
      return;
    }
    const fetches: Promise<void>[] = [];
    let position = 0;
    const start = Number(offset);
    const end = start + Number(length);
    for (const range of allocation.systemRanges) {
      const from = Math.max(start, position);
      const to = Math.min(end, position + range.length);
      if (from < to) fetches.push(this.#guestMemory.fetch(range.address + from - position, to - from));
      position += range.length;
    }
    Promise.all(fetches).then(
      () => done(Status.success),
      () => done(Status.deviceRemoved),
    );
  }

  // Residency

  /** @param priority -1, 0 or 1. @returns null for another priority. */
  createPagingQueue(device: DeviceMemory, priority: number, fence: SyncObjectInstance): PagingQueue | null {
    if (priority !== -1 && priority !== 0 && priority !== 1) return null;
    const queue = new PagingQueue(device, priority, fence);
    device.pagingQueues.add(queue);
    this.#pagingQueues += 1;
    return queue;
  }

  /** What it started goes on; its fence is not signalled any more. */
  destroyPagingQueue(queue: PagingQueue): void {
    if (!queue.alive) return;
    queue.alive = false;
    queue.device.pagingQueues.delete(queue);
    this.#pagingQueues -= 1;
  }

  /** See {@link PagingCalls.makeResident}. */
  makeResident(
    queue: PagingQueue,
    instances: readonly AllocationInstance[],
    flags: number,
  ): MakeResidentResult {
    return this.#calls.makeResident(queue, instances, flags);
  }

  /** See {@link PagingCalls.evict}. */
  evict(device: DeviceMemory, instances: readonly AllocationInstance[], flags: number): bigint {
    return this.#calls.evict(device, instances, flags);
  }

  /** See {@link PagingCalls.offer}. */
  offer(instances: readonly AllocationInstance[], priority: number, flags: number): number {
    return this.#calls.offer(instances, priority, flags);
  }

  /** See {@link PagingCalls.reclaim}. */
  reclaim(
    queue: PagingQueue,
    groups: readonly (readonly AllocationInstance[])[],
    results: Uint32Array | null,
  ): PagingResult {
    return this.#calls.reclaim(queue, groups, results);
  }

  /** See {@link PagingCalls.updateProperty}. */
  updateProperty(queue: PagingQueue, instance: AllocationInstance, request: PropertyRequest): PagingResult {
    return this.#calls.updateProperty(queue, instance, request);
  }

  /** See {@link PagingCalls.finishOnQueue}. */
  finishOnQueue(queue: PagingQueue): PagingResult {
    return this.#calls.finishOnQueue(queue);
  }

  /** A hint for the order of eviction; any 32-bit number. */
  setPriority(instance: AllocationInstance, priority: number): number {
    instance.allocation.priority = priority;
    this.#pager.rerank(instance.allocation);
    return Status.success;
  }

  /** 1 resident in the GPU's memory, 2 in memory shared with the CPU, 3 not resident. */
  residencyStatus(instance: AllocationInstance): 1 | 2 | 3 {
    const { allocation } = instance;
    if (allocation.lost || allocation.physical !== 'in') return 3;
    return allocation.segment?.group === SegmentGroup.local ? 1 : 2;
  }

  // Budgets

  /** @param group 0 local, 1 non-local. @returns null for another. */
  queryVideoMemoryInfo(process: ProcessMemory, group: number): VideoMemoryInfo | null {
    const account = process.accounts[group];
    if (account === undefined) return null;
    return {
      budget: Math.min(account.budgetBytes, account.pinnedBytes + this.#residency.commitLeftBytes),
      currentUsage: account.pinnedBytes,
      currentReservation: account.reservationBytes,
      availableForReservation: account.reservableBytes,
    };
  }

  /** @returns INVALID_PARAMETER for more than is available, or no such group. */
  changeReservation(process: ProcessMemory, group: number, reservation: bigint): number {
    const account = process.accounts[group];
    if (account === undefined || reservation > BigInt(account.reservableBytes))
      return Status.invalidParameter;
    account.reserve(Number(reservation));
    return Status.success;
  }

  /** The embedder's limit for a process. Lowering it evicts nothing; the guest is told how much to trim. */
  setQuota(process: ProcessMemory, group: number, lengthBytes: number): void {
    const account = process.accounts[group];
    if (account !== undefined) account.quotaBytes = lengthBytes;
  }

  // Sight

  get pagingStatistics(): Readonly<PagingStatistics> {
    return this.#pager.statistics;
  }

  /** Bytes of all allocations that have contents. */
  get committedBytes(): number {
    return this.#pager.committedBytes;
  }

  /** @param index of the adapter description's segments. */
  segmentStatistics(index: number): SegmentStatistics {
    const segment = this.segments[index]!;
    return {
      id: segment.id,
      group: segment.group,
      lengthBytes: segment.lengthBytes,
      committedBytes: segment.pinnedBytes + segment.busyBytes,
      residentBytes: segment.usedBytes,
      evictedBytes: segment.evictedBytes,
      allocationsCommitted: segment.chargedAllocations,
      allocationsResident: segment.usedAllocations,
    };
  }

  processSegmentStatistics(
    process: ProcessMemory,
    index: number,
  ): { readonly committedBytes: number; readonly residentBytes: number } {
    const { pinnedBytes, busyBytes, residentBytes } = process.useOf(this.segments[index]!);
    return { committedBytes: pinnedBytes + busyBytes, residentBytes };
  }

  /** Whether the backend moves nothing now. */
  settled(): boolean {
    return this.#pager.isSettled;
  }

  /** Calls back once the backend moves nothing, perhaps at once. */
  whenSettled(done: () => void): void {
    this.#pager.whenSettled(done);
  }

  census(): Record<string, number> {
    let devices = 0;
    let instances = 0;
    let reservations = 0;
    let mappings = 0;
    for (const process of this.#processes) {
      devices += process.devices.size;
      for (const device of process.devices) instances += device.instances.size;
      const addresses = process.addressSpace.census();
      reservations += addresses.reservations;
      mappings += addresses.mappings;
    }
    return {
      memoryProcesses: this.#processes.size,
      memoryDevices: devices,
      allocations: this.#allocations,
      allocationInstances: instances,
      pagingQueues: this.#pagingQueues,
      addressRegions: reservations,
      addressMappings: mappings,
    };
  }

  #segmentsOf(ids: readonly number[]): Segment[] {
    const segments: Segment[] = [];
    for (const id of ids) {
      const segment = this.segments.find((each) => each.id === id);
      if (segment !== undefined && !segments.includes(segment)) segments.push(segment);
    }
    return segments;
  }
}
