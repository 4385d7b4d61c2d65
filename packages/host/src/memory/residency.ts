import type { Allocation, AllocationInstance, ChargeState } from './allocation.ts';
import type { DeviceMemory } from './device-memory.ts';
import type { DeviceWork, WorkSnapshot } from './device-work.ts';
import type { Pager } from './pager.ts';
import { PagingOperation } from './paging-queue.ts';
import type { ProcessMemory } from './process-memory.ts';
import { offerRank, type Segment } from './segment.ts';
import { Status } from './status.ts';

/** What has to be put back when a request cannot be granted as a whole. */
interface ChargeBefore {
  readonly allocation: Allocation;
  readonly charge: ChargeState;
  readonly payer: ProcessMemory | null;
  readonly segment: Segment | null;
  readonly committed: boolean;
}

export interface GrantResult {
  readonly granted: boolean;
  /** What has still to come in; null when all is resident, or nothing was granted. */
  readonly operation: PagingOperation | null;
  /** When not granted: bytes that were missing for the first allocation that had no place. */
  readonly missingBytes: number;
}

/** Operations times allocations that may wait for memory at a time, all queues together. */
const MAX_WAITERS = 1_048_576;
const TOO_MANY_WAIT: GrantResult = { granted: false, operation: null, missingBytes: 0 };
const ALL_RESIDENT: GrantResult = { granted: true, operation: null, missingBytes: 0 };

/**
 * Residency by reference counts. Granting is book-keeping only and all or nothing: memory is charged to the process
 * that pins it, within what others neither use nor reserve. The pager then moves bytes to make it so; since charges
 * never exceed a segment, it always gets there.
 *
 * An allocation that nobody pins any more is first *busy*, while GPU work queued before may use it, and then goes out
 * or becomes a victim. Busy memory still counts against its process: nobody waits for another process' GPU work.
 */
export class Residency {
  readonly #pager: Pager;
  /** Whether contents survive leaving a segment. If not, what came in stays until it is destroyed or offered. */
  readonly #canEvict: boolean;
  readonly #commitLimitBytes: number;

  constructor(pager: Pager, canEvict: boolean, commitLimitBytes: number) {
    this.#pager = pager;
    this.#canEvict = canEvict;
    this.#commitLimitBytes = commitLimitBytes;
  }

  /** Bytes that may still get contents for the first time. */
  get commitLeftBytes(): number {
    return Math.max(0, this.#commitLimitBytes - this.#pager.committedBytes);
  }

  /** Whether an allocation may get contents. Counts it as having some if so. */
  commit(allocation: Allocation): boolean {
    if (allocation.committed) return true;
    if (allocation.lengthBytes > this.commitLeftBytes) return false;
    this.#pager.commit(allocation);
    return true;
  }

  /**
   * Counts each instance up by one (as often as it is listed) and brings in what has to.
   *
   * @param rank paging priority, 0 low to 2 high.
   * @param onDone called when the returned operation is done; not when there is none.
   */
  pin(
    device: DeviceMemory,
    instances: readonly AllocationInstance[],
    rank: number,
    onDone: (operation: PagingOperation) => void,
  ): GrantResult {
    if (this.#pager.waiterCount + instances.length > MAX_WAITERS) return TOO_MANY_WAIT;
    const undo: ChargeBefore[] = [];
    for (let i = 0; i < instances.length; i += 1) {
      const instance = instances[i]!;
      instance.residencyCount += 1;
      if (instance.residencyCount > 1) continue;
      const { allocation } = instance;
      allocation.pinCount += 1;
      if (allocation.pinCount > 1 || allocation.offeredRank >= 0) continue;
      if (this.#charge(allocation, device.process, undo)) continue;
      const missingBytes = this.#missingBytes(allocation, device.process);
      for (let j = i; j >= 0; j -= 1) countDown(instances[j]!);
      for (const before of undo.reverse()) this.#restore(before);
      return { granted: false, operation: null, missingBytes };
    }
    const operation = this.#bringIn(device, instances, rank, onDone);
    if (!operation.failed) return granted(operation);
    for (const instance of instances) this.unpin(instance, true, null);
    return { granted: false, operation: null, missingBytes: 1 };
  }

  /**
   * Counts an instance down, if it is above 0.
   *
   * @param lazy leave it where it is until there is pressure.
   * @param mark behind the GPU work that may still use it.
   */
  unpin(instance: AllocationInstance, lazy: boolean, mark: WorkSnapshot | null): void {
    if (instance.residencyCount === 0) return;
    instance.residencyCount -= 1;
    if (instance.residencyCount > 0) return;
    const { allocation } = instance;
    this.#addMark(allocation, instance.device.work, mark);
    allocation.pinCount -= 1;
    allocation.lazyEviction = lazy;
    if (allocation.pinCount === 0) {
      if (allocation.offeredRank < 0) this.#release(allocation);
    } else if (allocation.payer === instance.device.process) {
      this.#movePayer(allocation);
    }
  }

  /** The contents are not needed. @param mark behind the GPU work that may still use them. */
  offer(instance: AllocationInstance, priority: number, decommit: boolean, mark: WorkSnapshot | null): void {
    const { allocation } = instance;
    if (allocation.offeredRank >= 0) return;
    this.#addMark(allocation, instance.device.work, mark);
    this.#pager.unlist(allocation);
    allocation.offeredRank = offerRank(priority, allocation.priority);
    allocation.offerDecommits = decommit;
    if (allocation.charge === 'pinned') this.#release(allocation);
    else if (allocation.charge === 'none') this.#pager.idle(allocation);
  }

  /**
   * Ends offers, all or none, and brings in what is pinned.
   *
   * @returns as {@link pin}. An allocation that was offered with `decommit` and whose memory is gone and cannot be had
   *   does not make it fail: it is lost.
   */
  reclaim(
    device: DeviceMemory,
    instances: readonly AllocationInstance[],
    rank: number,
    onDone: (operation: PagingOperation) => void,
  ): GrantResult {
    if (this.#pager.waiterCount + instances.length > MAX_WAITERS) return TOO_MANY_WAIT;
    const undo: ChargeBefore[] = [];
    const offers: { readonly allocation: Allocation; readonly offeredRank: number }[] = [];
    for (const instance of instances) {
      const { allocation } = instance;
      if (allocation.offeredRank < 0) continue;
      offers.push({ allocation, offeredRank: allocation.offeredRank });
      allocation.offeredRank = -1;
      // Where nothing can be evicted, what is in a segment is charged whether it is pinned or not.
      const isCharged = allocation.pinCount > 0 || (!this.#canEvict && allocation.physical === 'in');
      const payer = payerOf(allocation, device.process);
      if (!isCharged || this.#charge(allocation, payer, undo)) continue;
      if (allocation.offerDecommits && allocation.discarded) {
        allocation.lost = true;
        continue;
      }
      const missingBytes = this.#missingBytes(allocation, payer);
      for (const before of undo.reverse()) this.#restore(before);
      for (const offer of offers) {
        offer.allocation.offeredRank = offer.offeredRank;
        offer.allocation.lost = false;
      }
      return { granted: false, operation: null, missingBytes };
    }
    for (const { allocation } of offers) {
      this.#pager.unlist(allocation);
      // Not pinned: it stays where it is, now as a victim of its own priority.
      if (allocation.charge !== 'none' || allocation.lost) continue;
      allocation.lazyEviction = true;
      this.#pager.idle(allocation);
    }
    const pinned = instances.filter(
      (instance) => !instance.allocation.lost && instance.allocation.pinCount > 0,
    );
    const operation = this.#bringIn(device, pinned, rank, onDone);
    if (operation.failed) device.onFailure(Status.noMemory);
    return granted(operation);
  }

  /** The instance is gone: drops its count. */
  drop(instance: AllocationInstance): void {
    if (instance.residencyCount === 0) return;
    instance.residencyCount = 1;
    this.unpin(instance, true, null);
  }

  /** The allocation is to be destroyed: nothing is charged for it any more. */
  uncharge(allocation: Allocation): void {
    this.#setCharge(allocation, 'none', null, null);
  }

  /** Whether a segment move would be needed to keep within the allocation's segments; then lets it out if idle. */
  segmentsChanged(allocation: Allocation): void {
    const { segment } = allocation;
    if (segment === null || allocation.segments.includes(segment)) return;
    if (allocation.charge !== 'none' || allocation.physical !== 'in') return;
    allocation.lazyEviction = false;
    this.#pager.unlist(allocation);
    if (this.#canEvict) this.#pager.idle(allocation);
  }

  #bringIn(
    device: DeviceMemory,
    instances: readonly AllocationInstance[],
    rank: number,
    onDone: (operation: PagingOperation) => void,
  ): PagingOperation {
    let started = false;
    const operation = new PagingOperation(device, (done) => {
      if (started) onDone(done);
    });
    // Counts itself, so that it cannot be done before all allocations were asked for.
    operation.remaining = 1;
    for (const { allocation } of instances) {
      if (allocation.offeredRank >= 0) continue;
      if (allocation.existingSystemMemory) {
        allocation.physical = 'in';
        allocation.view.resident = allocation.systemComplete && !allocation.lost;
        continue;
      }
      const segment = allocation.target ?? allocation.chargedSegment!;
      if (allocation.physical !== 'in' || allocation.segment !== segment) {
        // Before the pager is asked: it may be done, or fail, at once.
        if (allocation.waiters.at(-1) !== operation) {
          operation.remaining += 1;
          this.#pager.waiterCount += 1;
          allocation.waiters.push(operation);
        }
      }
      if (allocation.target !== null) continue;
      allocation.waitRank = rank;
      this.#pager.bringIn(allocation, segment);
    }
    operation.allocationDone(false);
    started = true;
    return operation;
  }

  /** Charges a process for an allocation that is to be resident. @returns false when there is no place for it. */
  #charge(allocation: Allocation, process: ProcessMemory, undo: ChargeBefore[]): boolean {
    if (allocation.existingSystemMemory || allocation.charge === 'pinned') return true;
    undo.push({
      allocation,
      charge: allocation.charge,
      payer: allocation.payer,
      segment: allocation.chargedSegment,
      committed: allocation.committed,
    });
    if (!this.commit(allocation)) return false;
    this.#setCharge(allocation, 'none', null, null);
    const segment = placeFor(allocation, process);
    if (segment === null) return false;
    this.#setCharge(allocation, 'pinned', process, segment);
    return true;
  }

  #restore(before: ChargeBefore): void {
    this.#setCharge(before.allocation, before.charge, before.payer, before.segment);
    if (!before.committed) this.#pager.uncommit(before.allocation);
  }

  #setCharge(
    allocation: Allocation,
    charge: ChargeState,
    payer: ProcessMemory | null,
    segment: Segment | null,
  ): void {
    const { lengthBytes } = allocation;
    if (allocation.charge === 'pinned') allocation.payer!.charge(allocation.chargedSegment!, -lengthBytes, 0);
    else if (allocation.charge === 'busy')
      allocation.payer!.charge(allocation.chargedSegment!, 0, -lengthBytes);
    if (allocation.chargedSegment !== null) allocation.chargedSegment.chargedAllocations -= 1;
    if (segment !== null) segment.chargedAllocations += 1;
    allocation.charge = charge;
    allocation.payer = payer;
    allocation.chargedSegment = segment;
    if (charge === 'pinned') payer!.charge(segment!, lengthBytes, 0);
    else if (charge === 'busy') payer!.charge(segment!, 0, lengthBytes);
  }

  /** Nobody wants it resident any more. */
  #release(allocation: Allocation): void {
    if (allocation.existingSystemMemory) {
      if (!allocation.isBusy) this.#systemIdle(allocation);
      return;
    }
    if (!this.#canEvict && allocation.offeredRank < 0) return;
    this.#pager.letGo(allocation);
    if (allocation.isBusy && allocation.physical !== 'out') {
      this.#setCharge(allocation, 'busy', allocation.payer, allocation.chargedSegment);
      return;
    }
    this.#setCharge(allocation, 'none', null, null);
    this.#pager.idle(allocation);
  }

  #addMark(allocation: Allocation, work: DeviceWork, mark: WorkSnapshot | null): void {
    if (mark === null || mark.done) return;
    allocation.addMark(work, mark);
    if (!allocation.isWatched) this.#watch(allocation, mark);
  }

  /** One callback at a time for each allocation, however many marks it gets: a guest must not pile them up. */
  #watch(allocation: Allocation, mark: WorkSnapshot): void {
    allocation.isWatched = true;
    mark.onDone(() => {
      allocation.isWatched = false;
      const next = allocation.nextMark();
      if (next !== null) this.#watch(allocation, next);
      else if (allocation.existingSystemMemory) {
        if (allocation.pinCount === 0) this.#systemIdle(allocation);
      } else if (allocation.charge === 'busy') {
        this.#setCharge(allocation, 'none', null, null);
        this.#pager.idle(allocation);
      }
    });
  }

  #systemIdle(allocation: Allocation): void {
    allocation.physical = 'out';
    allocation.view.resident = false;
  }

  /** The payer has let go, but others have it pinned: one of them pays from now on. */
  #movePayer(allocation: Allocation): void {
    if (allocation.charge !== 'pinned') return;
    const heir = payerOf(allocation, allocation.payer!);
    if (heir !== allocation.payer) this.#setCharge(allocation, 'pinned', heir, allocation.chargedSegment);
  }

  #missingBytes(allocation: Allocation, process: ProcessMemory): number {
    let least = Number.POSITIVE_INFINITY;
    for (const segment of allocation.segments) {
      const account = process.accounts[segment.group]!;
      least = Math.min(least, account.pinnedBytes + allocation.lengthBytes - account.budgetBytes);
    }
    return Number.isFinite(least) ? Math.max(least, 1) : allocation.lengthBytes;
  }
}

/** Who pays for an allocation: `preferred` if it has it pinned, else another that has; `preferred` if nobody has. */
function payerOf(allocation: Allocation, preferred: ProcessMemory): ProcessMemory {
  let payer = preferred;
  for (const { residencyCount, device } of allocation.instances) {
    if (residencyCount === 0) continue;
    if (device.process === preferred) return preferred;
    payer = device.process;
  }
  return payer;
}

/** The best segment that has room for an allocation. Where it is already comes first: that moves nothing. */
function placeFor(allocation: Allocation, process: ProcessMemory): Segment | null {
  const { segment, segments, lengthBytes } = allocation;
  if (segment !== null && segments.includes(segment) && process.admits(segment, lengthBytes)) return segment;
  for (const candidate of segments) if (process.admits(candidate, lengthBytes)) return candidate;
  return null;
}

function granted(operation: PagingOperation): GrantResult {
  return operation.remaining === 0 ? ALL_RESIDENT : { granted: true, operation, missingBytes: 0 };
}

function countDown(instance: AllocationInstance): void {
  instance.residencyCount -= 1;
  if (instance.residencyCount === 0) instance.allocation.pinCount -= 1;
}
