import { type HostGuestMemory, type HostWindow, PAGE_BYTES, type PageRange } from '@dxgwire/transport';
import type {
  AdapterDescription,
  AllocationResult,
  BackendAdapter,
  BackendDevice,
  BackendLog,
} from '../backends/contract.ts';
import type { SyncObjectInstance } from '../scheduler/sync-object.ts';
import { Allocation, AllocationInstance } from './allocation.ts';
import { Destruction } from './destruction.ts';
import { DeviceMemory } from './device-memory.ts';
import type { DeviceWork } from './device-work.ts';
import { type LockResult, lockAllocation, unlockAllocation } from './lock.ts';
import { Pager, type PagingStatistics } from './pager.ts';
import { type PagingOperation, PagingQueue } from './paging-queue.ts';
import { GroupMemory, ProcessMemory } from './process-memory.ts';
import { Residency } from './residency.ts';
import { Segment, SegmentGroup } from './segment.ts';
import { Status } from './status.ts';
import { addSystemPages, setSystemRanges } from './system-memory.ts';
import type { WindowAllocator } from './window-allocator.ts';

const MAKE_RESIDENT_CANT_TRIM_FURTHER = 1 << 0;
const MAKE_RESIDENT_MUST_SUCCEED = 1 << 1;
const EVICT_ONLY_IF_NECESSARY = 1 << 0;
const OFFER_IMMEDIATELY = 1 << 0;
const OFFER_ALLOW_DECOMMIT = 1 << 1;
const PROPERTY_ACCESSED_PHYSICALLY = 1 << 0;
const PROPERTY_SUPPORTED_SEGMENTS = 1 << 1;
const PROPERTY_PREFERRED_SEGMENT = 1 << 2;

/** What became of an offered allocation (d3dddi_reclaim_result). */
export const ReclaimResult = { ok: 0, discarded: 1, notCommitted: 2 } as const;

export interface VideoMemoryLimits {
  /** Regions, and mappings, of one address space. */
  readonly addressRanges: number;
  /** Operations of one paging queue that are not done. */
  readonly pagingOperations: number;
  /** Bytes of all allocations that have contents, in a segment or out. */
  readonly commitBytes: number;
}

export interface VideoMemoryOptions {
  readonly adapter: BackendAdapter;
  readonly description: AdapterDescription;
  readonly windowAllocator: WindowAllocator;
  readonly window: HostWindow;
  readonly guestMemory: HostGuestMemory;
  readonly log: BackendLog;
  readonly limits?: Partial<VideoMemoryLimits>;
}

export interface CreateAllocationRequest {
  /** The runtime's own name for it (private_runtime_resource_handle), two u32. */
  readonly runtimeHandleLow: number;
  readonly runtimeHandleHigh: number;
  /** The backend may change it in place. */
  readonly privateData: Uint8Array;
  readonly resourcePrivateData: Uint8Array;
  readonly standardLengthBytes: number;
  readonly existingSystemMemory: boolean;
  /** Guest pages that commands must not write. */
  readonly readOnly: boolean;
}

/** Bytes, all below 2^53. */
export interface VideoMemoryInfo {
  /** What the process can have resident: MakeResident grants so much. */
  readonly budget: number;
  readonly currentUsage: number;
  readonly currentReservation: number;
  readonly availableForReservation: number;
}

/** Measured use of a segment, bytes. */
export interface SegmentStatistics {
  readonly id: number;
  /** 0 local, 1 non-local. */
  readonly group: number;
  readonly lengthBytes: number;
  /** Promised to allocations: wanted, or still in use by the GPU. */
  readonly committedBytes: number;
  readonly residentBytes: number;
  /** Contents that left the segment and are saved in system memory. */
  readonly evictedBytes: number;
  readonly allocationsCommitted: number;
  readonly allocationsResident: number;
}

export interface PagingResult {
  status: number;
  pagingFenceValue: bigint;
}

export interface MakeResidentResult extends PagingResult {
  numBytesToTrim: bigint;
}

/** The memory manager of one virtual GPU. Knows no handles and no messages; nothing that a guest asks throws. */
export class VideoMemory {
  readonly segments: readonly Segment[];
  readonly #adapter: BackendAdapter;
  readonly #windowAllocator: WindowAllocator;
  readonly #guestMemory: HostGuestMemory;
  readonly #log: BackendLog;
  readonly #limits: VideoMemoryLimits;
  readonly #groups: readonly GroupMemory[];
  readonly #processes = new Set<ProcessMemory>();
  readonly #pager: Pager;
  readonly #residency: Residency;
  readonly #destruction: Destruction;
  #allocations = 0;
  #pagingQueues = 0;

  constructor(options: VideoMemoryOptions) {
    const { adapter, description } = options;
    this.#adapter = adapter;
    this.#windowAllocator = options.windowAllocator;
    this.#guestMemory = options.guestMemory;
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
    this.#destruction = new Destruction(adapter, options.windowAllocator, this.#residency, this.#pager);
  }

  // Processes and devices

  /** @param windowOwner under which the window allocator books what the process locks. */
  createProcess(windowOwner?: object): ProcessMemory {
    const process = new ProcessMemory(
      this.#groups,
      this.#limits.addressRanges,
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
      result = this.#adapter.createAllocation({ ...request, device: device.token });
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
    const memory = this.#guestMemory;
    return addSystemPages(this.#adapter, memory, allocation, !readOnly, offsetInPages, frames, count);
  }

  /** The ranges of a GPADL; see {@link setSystemRanges}. */
  setSystemRanges(instance: AllocationInstance, ranges: readonly PageRange[]): number {
    if (!instance.alive || instance.isOpened) return Status.invalidParameter;
    const { allocation, readOnly } = instance;
    return setSystemRanges(this.#adapter, this.#guestMemory, allocation, !readOnly, ranges);
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

  /**
   * Counts instances of the queue's device up and makes them resident, all or none.
   *
   * @returns 0 when they are, PENDING when they are once the fence has the value, NO_MEMORY with what is missing,
   *   INVALID_PARAMETER for flags or instances that cannot be.
   */
  makeResident(
    queue: PagingQueue,
    instances: readonly AllocationInstance[],
    flags: number,
  ): MakeResidentResult {
    const { device } = queue;
    const mustSucceed = (flags & MAKE_RESIDENT_MUST_SUCCEED) !== 0;
    const canTrim = (flags & MAKE_RESIDENT_CANT_TRIM_FURTHER) === 0;
    if (!queue.alive || (mustSucceed && canTrim) || !instances.every((each) => isUsable(each, device))) {
      return { status: Status.invalidParameter, pagingFenceValue: 0n, numBytesToTrim: 0n };
    }
    if (queue.pending >= this.#limits.pagingOperations) {
      return { status: Status.noMemory, pagingFenceValue: 0n, numBytesToTrim: 0n };
    }
    let value = 0;
    const result = this.#residency.pin(device, instances, queue.priority + 1, (operation) =>
      this.#pagingDone(queue, value, operation),
    );
    if (!result.granted) {
      if (mustSucceed) device.onFailure(Status.noMemory);
      const numBytesToTrim = BigInt(result.missingBytes);
      return { status: Status.noMemory, pagingFenceValue: 0n, numBytesToTrim };
    }
    value = queue.issue();
    if (result.operation === null) queue.complete(value);
    return { ...resultOf(queue, value), numBytesToTrim: BigInt(device.process.excessBytes) };
  }

  /**
   * Counts instances of a device down. Memory leaves once GPU work queued before has ended; with the flag
   * only-if-necessary it stays until there is pressure. `not_written_to` is not used: contents are always kept.
   *
   * @returns bytes that the process is over its budget.
   */
  evict(device: DeviceMemory, instances: readonly AllocationInstance[], flags: number): bigint {
    const lazy = (flags & EVICT_ONLY_IF_NECESSARY) !== 0;
    const mark = device.work.snapshot();
    for (const instance of instances) {
      if (instance.alive && instance.device === device) this.#residency.unpin(instance, lazy, mark);
    }
    return BigInt(device.process.excessBytes);
  }

  /**
   * The contents are not needed and may be dropped. Offering twice, guest pages, or memory that others have open
   * changes nothing.
   *
   * @param priority 1 low, 2 normal, 3 high, 4 by allocation priority.
   * @returns INVALID_PARAMETER for another priority, or something that is locked or lost; then nothing is offered.
   */
  offer(instances: readonly AllocationInstance[], priority: number, flags: number): number {
    if (!Number.isInteger(priority) || priority < 1 || priority > 4) return Status.invalidParameter;
    for (const { alive, allocation } of instances) {
      if (!alive || allocation.lost || allocation.lockOffset >= 0) return Status.invalidParameter;
    }
    const immediately = (flags & OFFER_IMMEDIATELY) !== 0;
    const decommit = (flags & OFFER_ALLOW_DECOMMIT) !== 0;
    for (const instance of instances) {
      const { allocation, device } = instance;
      if (allocation.existingSystemMemory || allocation.instances.size + allocation.retains > 1) continue;
      const mark = immediately ? device.work.runningSnapshot() : device.work.snapshot();
      this.#residency.offer(instance, priority, decommit, mark);
    }
    return Status.success;
  }

  /**
   * Ends offers, all or none.
   *
   * @param groups one for each handle: an allocation, or all of a resource.
   * @param results one for each group, the worst of its allocations; null when not wanted.
   * @returns 0, PENDING, or NO_MEMORY when pinned memory cannot come back now (nothing changed). The fence always has
   *   the value, or will have it.
   */
  reclaim(
    queue: PagingQueue,
    groups: readonly (readonly AllocationInstance[])[],
    results: Uint32Array | null,
  ): PagingResult {
    const { device } = queue;
    const instances = groups.flat();
    if (!queue.alive || instances.some((each) => !each.alive || each.device !== device)) {
      return { status: Status.invalidParameter, pagingFenceValue: 0n };
    }
    if (queue.pending >= this.#limits.pagingOperations) {
      return { status: Status.noMemory, pagingFenceValue: queue.lastValue };
    }
    const wasOffered = new Set(instances.filter((each) => each.allocation.offeredRank >= 0));
    let value = 0;
    const result = this.#residency.reclaim(device, instances, queue.priority + 1, (operation) =>
      this.#pagingDone(queue, value, operation),
    );
    if (!result.granted) return { status: Status.noMemory, pagingFenceValue: queue.lastValue };
    value = queue.issue();
    if (result.operation === null) queue.complete(value);
    groups.forEach((group, index) => {
      let worst: number = ReclaimResult.ok;
      for (const instance of group) worst = Math.max(worst, reclaimResult(instance, wasOffered));
      if (results !== null) results[index] = worst;
    });
    for (const instance of wasOffered) instance.allocation.discarded = false;
    return resultOf(queue, value);
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

  /**
   * Where an allocation may live. Takes effect when it comes in the next time, so there is nothing to wait for.
   *
   * @returns INVALID_PARAMETER when no segment is left, NOT_SUPPORTED for access by physical address.
   */
  updateProperty(
    queue: PagingQueue,
    instance: AllocationInstance,
    request: {
      /** Bit i: the segment with id i + 1. */
      readonly supportedSegmentSet: number;
      /** Five groups of 6 bits: segment id in the low 5, 0 for none. */
      readonly preferredSegment: number;
      readonly flags: number;
      readonly propertyMask: number;
    },
  ): PagingResult {
    const status = this.#updateProperty(queue, instance, request);
    return status === Status.success ? this.finishOnQueue(queue) : { status, pagingFenceValue: 0n };
  }

  /** An operation of the queue, such as a mapping, was done at once: gives it its fence value. */
  finishOnQueue(queue: PagingQueue): PagingResult {
    const value = queue.issue();
    queue.complete(value);
    return resultOf(queue, value);
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

  #pagingDone(queue: PagingQueue, value: number, operation: PagingOperation): void {
    if (operation.failed) queue.device.onFailure(Status.noMemory);
    queue.complete(value);
  }

  #updateProperty(
    queue: PagingQueue,
    instance: AllocationInstance,
    request: {
      readonly supportedSegmentSet: number;
      readonly preferredSegment: number;
      readonly flags: number;
      readonly propertyMask: number;
    },
  ): number {
    const { allocation } = instance;
    const { propertyMask } = request;
    if (!queue.alive || !isUsable(instance, queue.device) || allocation.existingSystemMemory) {
      return Status.invalidParameter;
    }
    if ((propertyMask & PROPERTY_ACCESSED_PHYSICALLY) !== 0 && (request.flags & 1) !== 0) {
      return Status.notSupported;
    }
    let segments = [...allocation.segments];
    if ((propertyMask & PROPERTY_SUPPORTED_SEGMENTS) !== 0) {
      segments = allocation.allowedSegments.filter(
        (segment) => segment.id >= 1 && ((request.supportedSegmentSet >>> (segment.id - 1)) & 1) !== 0,
      );
    }
    if (segments.length === 0) return Status.invalidParameter;
    if ((propertyMask & PROPERTY_PREFERRED_SEGMENT) !== 0) {
      const preferred: Segment[] = [];
      for (let shift = 0; shift < 30; shift += 6) {
        const id = (request.preferredSegment >>> shift) & 0x1f;
        const segment = segments.find((each) => each.id === id);
        if (segment !== undefined && !preferred.includes(segment)) preferred.push(segment);
      }
      segments = [...preferred, ...segments.filter((segment) => !preferred.includes(segment))];
    }
    allocation.segments = segments;
    this.#residency.segmentsChanged(allocation);
    return Status.success;
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

function resultOf(queue: PagingQueue, value: number): PagingResult {
  const status = queue.hasReached(value) ? Status.success : Status.pending;
  return { status, pagingFenceValue: BigInt(value) };
}

function isUsable(instance: AllocationInstance, device: DeviceMemory): boolean {
  return instance.alive && instance.device === device && !instance.allocation.lost;
}

function reclaimResult(instance: AllocationInstance, wasOffered: ReadonlySet<AllocationInstance>): number {
  const { allocation } = instance;
  if (allocation.lost) return ReclaimResult.notCommitted;
  return wasOffered.has(instance) && allocation.discarded ? ReclaimResult.discarded : ReclaimResult.ok;
}
