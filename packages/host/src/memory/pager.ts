import type { BackendAdapter, BackendLog } from '../backends/contract.ts';
import type { Allocation } from './allocation.ts';
import { priorityRank, type Segment } from './segment.ts';
import { Status } from './status.ts';

/** What paging did so far. Counters only grow. */
export interface PagingStatistics {
  pageIns: number;
  pageInBytes: number;
  pageOuts: number;
  pageOutBytes: number;
  /** Page-outs that dropped the contents of offered memory. */
  discards: number;
}

/**
 * Moves allocations between segments and system memory. It decides nothing about rights: what is to be where was
 * promised before, within what segments hold. A move that has to wait for room waits; backends may take their time.
 *
 * Like the scheduler it has one loop: events mark segments, and the loop serves marked segments, so no chain of
 * moves recurses.
 */
export class Pager {
  readonly statistics: PagingStatistics = {
    pageIns: 0,
    pageInBytes: 0,
    pageOuts: 0,
    pageOutBytes: 0,
    discards: 0,
  };
  /** Bytes of allocations that have contents, wherever they are. */
  committedBytes = 0;
  /** Entries in all allocations' lists of waiters. */
  waiterCount = 0;
  readonly #adapter: BackendAdapter;
  readonly #log: BackendLog;
  readonly #marked = new Set<Segment>();
  #serving = false;
  #moving = 0;
  #settledCallbacks: (() => void)[] = [];

  constructor(adapter: BackendAdapter, log: BackendLog) {
    this.#adapter = adapter;
    this.#log = log;
  }

  /** Whether the backend moves nothing now. */
  get isSettled(): boolean {
    return this.#moving === 0;
  }

  /** Calls back once the backend moves nothing, perhaps at once. */
  whenSettled(callback: () => void): void {
    if (this.isSettled) callback();
    else this.#settledCallbacks.push(callback);
  }

  /** Brings an allocation into `segment`, which has promised the room. */
  bringIn(allocation: Allocation, segment: Segment): void {
    allocation.target = segment;
    this.unlist(allocation);
    if (allocation.physical === 'waiting') {
      if (allocation.segment === segment) return;
      this.#stopWaiting(allocation);
    }
    if (allocation.physical === 'out') this.#wait(allocation);
    else if (allocation.physical === 'in' && allocation.segment !== segment) this.#leave(allocation, false);
    this.#serve();
  }

  /** The allocation is not wanted any more; it may still be used until {@link idle}. Nobody waits for it any more. */
  letGo(allocation: Allocation): void {
    allocation.target = null;
    const wasWaiting = allocation.physical === 'waiting';
    if (wasWaiting) this.#stopWaiting(allocation);
    this.#tellWaiters(allocation, false);
    if (wasWaiting) this.#serve();
  }

  /** Nothing uses the allocation: it goes out now, or stays as a victim for when there is pressure. */
  idle(allocation: Allocation): void {
    if (allocation.physical !== 'in' || allocation.target !== null) return;
    const segment = allocation.segment!;
    if (allocation.offeredRank >= 0) segment.victims.add(allocation, allocation.offeredRank);
    else if (allocation.lazyEviction) segment.victims.add(allocation, priorityRank(allocation.priority));
    else this.#leave(allocation, false);
    this.#mark(segment);
    this.#serve();
  }

  /** Its rank among victims has changed. */
  rerank(allocation: Allocation): void {
    if (allocation.victimRank < 0 || allocation.offeredRank >= 0) return;
    allocation.segment!.victims.add(allocation, priorityRank(allocation.priority));
  }

  /** Takes it off the list of victims. */
  unlist(allocation: Allocation): void {
    if (allocation.victimRank >= 0) allocation.segment!.victims.remove(allocation);
  }

  /** Destroys the backend's allocation, once it has come to rest. Its charge is gone already. */
  destroy(allocation: Allocation): void {
    if (allocation.dying) return;
    allocation.dying = true;
    allocation.view.resident = false;
    this.unlist(allocation);
    this.letGo(allocation);
    if (allocation.physical === 'in' || allocation.physical === 'out') this.#destroyNow(allocation);
  }

  commit(allocation: Allocation): void {
    if (allocation.committed) return;
    allocation.committed = true;
    this.committedBytes += allocation.lengthBytes;
  }

  uncommit(allocation: Allocation): void {
    if (!allocation.committed) return;
    allocation.committed = false;
    this.committedBytes -= allocation.lengthBytes;
  }

  #mark(segment: Segment): void {
    this.#marked.add(segment);
  }

  #serve(): void {
    if (this.#serving) return;
    this.#serving = true;
    try {
      for (const segment of this.#marked) {
        this.#marked.delete(segment);
        this.#makeRoom(segment);
        this.#startFitting(segment);
      }
    } finally {
      this.#serving = false;
    }
    if (this.#moving > 0 || this.#settledCallbacks.length === 0) return;
    for (const callback of this.#settledCallbacks.splice(0)) callback();
  }

  #makeRoom(segment: Segment): void {
    while (segment.usedBytes - segment.leavingBytes + segment.waitingBytes > segment.lengthBytes) {
      const victim = segment.victims.take();
      if (victim === null) return;
      this.#leave(victim, victim.offeredRank >= 0);
    }
  }

  #startFitting(segment: Segment): void {
    if (segment.waitingBytes === 0) return;
    for (let rank = segment.waiting.length - 1; rank >= 0; rank -= 1) {
      for (const allocation of segment.waiting[rank]!) {
        if (segment.usedBytes + allocation.lengthBytes <= segment.lengthBytes) this.#enter(allocation);
      }
    }
  }

  #wait(allocation: Allocation): void {
    const segment = allocation.target!;
    allocation.physical = 'waiting';
    allocation.segment = segment;
    segment.waiting[allocation.waitRank]!.add(allocation);
    segment.waitingBytes += allocation.lengthBytes;
    this.#mark(segment);
  }

  #stopWaiting(allocation: Allocation): void {
    const segment = allocation.segment!;
    segment.waiting[allocation.waitRank]!.delete(allocation);
    segment.waitingBytes -= allocation.lengthBytes;
    allocation.physical = 'out';
    allocation.segment = null;
    this.#mark(segment);
  }

  #enter(allocation: Allocation): void {
    const segment = allocation.segment!;
    segment.waiting[allocation.waitRank]!.delete(allocation);
    segment.waitingBytes -= allocation.lengthBytes;
    use(allocation, segment, 1);
    this.#forgetSaved(allocation);
    allocation.physical = 'entering';
    this.statistics.pageIns += 1;
    this.statistics.pageInBytes += allocation.lengthBytes;
    this.#moving += 1;
    this.#perform(
      () => this.#adapter.makeResident(allocation.token, segment.id),
      () => this.#entered(allocation),
      (error) => this.#enterFailed(allocation, error),
    );
  }

  #entered(allocation: Allocation): void {
    this.#moving -= 1;
    allocation.physical = 'in';
    allocation.view.resident = !allocation.lost;
    if (allocation.dying) {
      this.#destroyNow(allocation);
    } else if (allocation.target === null) {
      if (allocation.charge === 'none') this.idle(allocation);
    } else if (allocation.target !== allocation.segment) {
      this.#leave(allocation, false);
    } else {
      this.#tellWaiters(allocation, false);
    }
    this.#serve();
  }

  #enterFailed(allocation: Allocation, error: unknown): void {
    this.#log.error({ lengthBytes: allocation.lengthBytes, error: String(error) }, 'page-in failed');
    this.#moving -= 1;
    const segment = allocation.segment!;
    use(allocation, segment, -1);
    allocation.physical = 'out';
    allocation.segment = null;
    allocation.target = null;
    this.#mark(segment);
    if (allocation.dying) this.#destroyNow(allocation);
    else this.#tellWaiters(allocation, true);
    this.#serve();
  }

  #leave(allocation: Allocation, discard: boolean): void {
    const segment = allocation.segment!;
    allocation.physical = 'leaving';
    allocation.view.resident = false;
    segment.leavingBytes += allocation.lengthBytes;
    this.statistics.pageOuts += 1;
    this.statistics.pageOutBytes += allocation.lengthBytes;
    if (discard) {
      this.statistics.discards += 1;
      allocation.discarded = true;
    }
    this.#moving += 1;
    this.#perform(
      () => this.#adapter.evict(allocation.token, discard),
      () => this.#left(allocation, discard),
      (error) => {
        this.#log.error({ lengthBytes: allocation.lengthBytes, error: String(error) }, 'page-out failed');
        for (const instance of allocation.instances) instance.device.onFailure(Status.noMemory);
        this.#left(allocation, true);
      },
    );
  }

  #left(allocation: Allocation, discard: boolean): void {
    this.#moving -= 1;
    const segment = allocation.segment!;
    use(allocation, segment, -1);
    segment.leavingBytes -= allocation.lengthBytes;
    if (!discard) {
      allocation.savedFrom = segment;
      segment.evictedBytes += allocation.lengthBytes;
    }
    allocation.physical = 'out';
    allocation.segment = null;
    this.#mark(segment);
    if (discard) {
      allocation.discarded = true;
      if (allocation.lockOffset < 0 && allocation.target === null) this.uncommit(allocation);
    }
    if (allocation.dying) this.#destroyNow(allocation);
    else if (allocation.target !== null) this.#wait(allocation);
    this.#serve();
  }

  #destroyNow(allocation: Allocation): void {
    const { segment } = allocation;
    if (segment !== null) {
      use(allocation, segment, -1);
      this.#mark(segment);
    }
    this.#forgetSaved(allocation);
    allocation.physical = 'out';
    allocation.segment = null;
    this.uncommit(allocation);
    allocation.destroyed = true;
    this.#adapter.destroyAllocation(allocation.token);
    const { creator } = allocation;
    creator.backendAllocations -= 1;
    for (const callback of allocation.onDestroyed.splice(0)) callback();
    if (creator.destroyed && creator.backendAllocations === 0) creator.onReleased?.();
    this.#serve();
  }

  #forgetSaved(allocation: Allocation): void {
    if (allocation.savedFrom === null) return;
    allocation.savedFrom.evictedBytes -= allocation.lengthBytes;
    allocation.savedFrom = null;
  }

  #tellWaiters(allocation: Allocation, failed: boolean): void {
    if (allocation.waiters.length === 0) return;
    this.waiterCount -= allocation.waiters.length;
    for (const operation of allocation.waiters.splice(0)) operation.allocationDone(failed);
  }

  /** Calls a backend function that may be synchronous or not. */
  #perform(start: () => Promise<void> | void, done: () => void, failed: (error: unknown) => void): void {
    let result: Promise<void> | void;
    try {
      result = start();
    } catch (error) {
      failed(error);
      return;
    }
    if (result instanceof Promise) result.then(done, failed);
    else done();
  }
}

/** An allocation starts (+1) or ends (-1) to take up room in a segment. */
function use(allocation: Allocation, segment: Segment, sign: 1 | -1): void {
  const lengthBytes = sign * allocation.lengthBytes;
  segment.usedBytes += lengthBytes;
  segment.usedAllocations += sign;
  allocation.creator.process.useOf(segment).residentBytes += lengthBytes;
}
