import type { AllocationInstance } from './allocation.ts';
import type { DeviceMemory } from './device-memory.ts';
import type { WorkSnapshot } from './device-work.ts';
import type { PagingOperation, PagingQueue } from './paging-queue.ts';
import type { Residency } from './residency.ts';
import type { Segment } from './segment.ts';
import { Status } from './status.ts';
import type { MakeResidentResult, PagingResult, PropertyRequest } from './video-memory-types.ts';

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

/** The calls that change what is resident: they check, decide by {@link Residency}, and answer with a status. */
export class PagingCalls {
  readonly #residency: Residency;
  readonly #maxPending: number;

  /** @param maxPending operations of one paging queue that may be under way. */
  constructor(residency: Residency, maxPending: number) {
    this.#residency = residency;
    this.#maxPending = maxPending;
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
    if (queue.pending >= this.#maxPending) {
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
    return { numBytesToTrim: BigInt(device.process.excessBytes), ...resultOf(queue, value) };
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
    // One for each device, not for each instance: making one looks at all queues.
    const marks = new Map<DeviceMemory, WorkSnapshot | null>();
    for (const instance of instances) {
      const { allocation, device } = instance;
      if (allocation.existingSystemMemory || allocation.instances.size + allocation.retains > 1) continue;
      let mark = marks.get(device);
      if (mark === undefined) {
        mark = immediately ? device.work.runningSnapshot() : device.work.snapshot();
        marks.set(device, mark);
      }
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
    if (queue.pending >= this.#maxPending) {
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

  /**
   * Where an allocation may live. Takes effect when it comes in the next time, so there is nothing to wait for.
   *
   * @returns INVALID_PARAMETER when no segment is left, NOT_SUPPORTED for access by physical address.
   */
  updateProperty(queue: PagingQueue, instance: AllocationInstance, request: PropertyRequest): PagingResult {
    const status = this.#updateProperty(queue, instance, request);
    return status === Status.success ? this.finishOnQueue(queue) : { status, pagingFenceValue: 0n };
  }

  /** An operation of the queue, such as a mapping, was done at once: gives it its fence value. */
  finishOnQueue(queue: PagingQueue): PagingResult {
    const value = queue.issue();
    queue.complete(value);
    return resultOf(queue, value);
  }

  #pagingDone(queue: PagingQueue, value: number, operation: PagingOperation): void {
    if (operation.failed) queue.device.onFailure(Status.noMemory);
    queue.complete(value);
  }

  #updateProperty(queue: PagingQueue, instance: AllocationInstance, request: PropertyRequest): number {
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
