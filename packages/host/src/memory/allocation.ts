import type { PageRange } from '@dxgwire/transport';
import type { AllocationStorage, AllocationView, BackendAllocation } from '../backends/contract.ts';
import type { Mapping } from './address-space-types.ts';
import type { DeviceMemory } from './device-memory.ts';
import type { DeviceWork, WorkSnapshot } from './device-work.ts';
import type { PagingOperation } from './paging-queue.ts';
import type { ProcessMemory } from './process-memory.ts';
import type { Segment } from './segment.ts';

export const NORMAL_PRIORITY = 0x78000000;

/** Where an allocation's contents are. `waiting`: is to come in, but there is no room yet. */
export type PhysicalState = 'out' | 'waiting' | 'entering' | 'in' | 'leaving';

/** How an allocation counts against its payer. */
export type ChargeState = 'none' | 'pinned' | 'busy';

/** The live view that backends get. */
interface LiveView extends AllocationView {
  storage: AllocationStorage | null;
  resident: boolean;
}

/** Memory, whoever has it open. */
export class Allocation {
  readonly token: BackendAllocation;
  readonly lengthBytes: number;
  /** CPU mappings are cached. */
  readonly cached: boolean;
  readonly existingSystemMemory: boolean;
  readonly view: LiveView;
  /** The device that made it: its backend device has to outlive it. */
  readonly creator: DeviceMemory;
  readonly instances = new Set<AllocationInstance>();
  /** NT shared objects and the like that keep it. */
  retains = 0;
  priority = NORMAL_PRIORITY;
  /** Segments that the backend allows. */
  readonly allowedSegments: readonly Segment[];
  /** Segments it may live in, best first: what the guest left of the allowed ones. */
  segments: readonly Segment[];

  physical: PhysicalState = 'out';
  /** The segment that it is in, or comes into, or goes out of. */
  segment: Segment | null = null;
  /** The segment that it is to be in; null when it is not wanted. */
  target: Segment | null = null;
  /** The segment whose contents are saved in system memory. */
  savedFrom: Segment | null = null;
  /** Paging priority, 0 low to 2 high, of what waits for it. */
  waitRank = 1;
  waiters: PagingOperation[] = [];

  charge: ChargeState = 'none';
  payer: ProcessMemory | null = null;
  chargedSegment: Segment | null = null;
  /** Instances with a residency count above 0. */
  pinCount = 0;
  /** Somebody is called when the first of the marks is passed. */
  isWatched = false;
  /** By device: a mark behind GPU work that may use it although it is not wanted any more. */
  readonly #marks = new Map<DeviceWork, WorkSnapshot>();
  /** Rank among victims while it is offered, else -1. */
  offeredRank = -1;
  offerDecommits = false;
  /** Its contents were dropped while it was offered. */
  discarded = false;
  /** Its memory cannot be had again, or what was behind it is gone: only destruction remains. */
  lost = false;
  /** Stays where it is until there is pressure, once it is not wanted. */
  lazyEviction = false;
  /** Bytes that hold contents somewhere, in a segment or saved: counts against the commit limit. */
  committed = false;
  /** Place in the window while it is locked, else -1. */
  lockOffset = -1;
  /** Instances that have it locked. */
  readonly lockers = new Set<AllocationInstance>();
  /** An instance went away with its lock: the guest may have the place mapped for a moment longer. */
  lockMayLinger = false;
  /** Existing system memory: the guest pages so far. */
  readonly systemRanges: PageRange[] = [];
  systemPages = 0;
  systemComplete = false;
  /** The backend's allocation is destroyed, or will be as soon as it has come to rest. */
  dying = false;
  destroyed = false;
  onDestroyed: (() => void)[] = [];

  victimRank = -1;
  victimPrevious: Allocation | null = null;
  victimNext: Allocation | null = null;

  constructor(
    creator: DeviceMemory,
    token: BackendAllocation,
    options: {
      readonly lengthBytes: number;
      readonly cached: boolean;
      readonly segments: readonly Segment[];
      readonly existingSystemMemory: boolean;
    },
  ) {
    this.creator = creator;
    this.token = token;
    this.lengthBytes = options.lengthBytes;
    this.cached = options.cached;
    this.allowedSegments = options.segments;
    this.segments = options.segments;
    this.existingSystemMemory = options.existingSystemMemory;
    this.view = { allocation: token, lengthBytes: options.lengthBytes, storage: null, resident: false };
  }

  /** Whether GPU work that was queued before may still use it. */
  get isBusy(): boolean {
    return this.nextMark() !== null;
  }

  /** A mark that GPU work has still to pass. */
  nextMark(): WorkSnapshot | null {
    for (const [work, mark] of this.#marks) {
      if (!mark.done) return mark;
      this.#marks.delete(work);
    }
    return null;
  }

  /** GPU work up to `mark` may use it. A later mark of the same device stands behind all that an earlier one does. */
  addMark(work: DeviceWork, mark: WorkSnapshot): void {
    this.#marks.set(work, mark);
  }
}

/** One opening of an allocation by one device: what a handle stands for. */
export class AllocationInstance {
  readonly allocation: Allocation;
  readonly device: DeviceMemory;
  /** Not the creator's: an opener of a shared resource. */
  readonly isOpened: boolean;
  readonly readOnly: boolean;
  residencyCount = 0;
  /** False from the moment that its handle is dead. */
  alive = true;
  /** All that it had is given back. */
  finalized = false;
  readonly mappings = new Set<Mapping>();
  /** For the caller. */
  owner: object | null = null;

  constructor(allocation: Allocation, device: DeviceMemory, isOpened: boolean, readOnly: boolean) {
    this.allocation = allocation;
    this.device = device;
    this.isOpened = isOpened;
    this.readOnly = readOnly;
    allocation.instances.add(this);
    device.instances.add(this);
  }
}
