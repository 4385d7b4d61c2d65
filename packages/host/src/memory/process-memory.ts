import type { AddressSpace } from './address-space.ts';
import type { DeviceMemory } from './device-memory.ts';
import type { Segment } from './segment.ts';

/** Memory of one segment group on one virtual GPU, shared by all processes. */
export class GroupMemory {
  readonly lengthBytes: number;
  /** Sum over processes of what each is sure of: the larger of its use and its reservation. */
  committedBytes = 0;
  reservedBytes = 0;

  constructor(lengthBytes: number) {
    this.lengthBytes = lengthBytes;
  }
}

/** One process' part of a segment group. */
export class GroupAccount {
  readonly group: GroupMemory;
  /** To be resident on behalf of this process: WDDM's current usage. */
  pinnedBytes = 0;
  /** No longer wanted, but queued work of this process may still use it. Not for others to take. */
  busyBytes = 0;
  reservationBytes = 0;
  quotaBytes = Number.POSITIVE_INFINITY;
  #committedBytes = 0;

  constructor(group: GroupMemory) {
    this.group = group;
  }

  /**
   * What this process can have resident in total: all that others neither use nor reserved, up to its quota. A promise:
   * so much will be granted.
   */
  get budgetBytes(): number {
    const others = this.group.committedBytes - this.#committedBytes;
    return Math.max(0, Math.min(this.quotaBytes, this.group.lengthBytes - others));
  }

  /** How much it is over its budget, after a quota was lowered. */
  get excessBytes(): number {
    return Math.max(0, this.pinnedBytes - this.budgetBytes);
  }

  /** Most that it could reserve: at most half of the group goes to reservations. */
  get reservableBytes(): number {
    const others = this.group.reservedBytes - this.reservationBytes;
    const half = Math.floor(this.group.lengthBytes / 2);
    return Math.max(0, Math.min(this.budgetBytes, half - others));
  }

  add(pinnedBytes: number, busyBytes: number): void {
    this.pinnedBytes += pinnedBytes;
    this.busyBytes += busyBytes;
    this.#update();
  }

  reserve(lengthBytes: number): void {
    this.group.reservedBytes += lengthBytes - this.reservationBytes;
    this.reservationBytes = lengthBytes;
    this.#update();
  }

  #update(): void {
    const committedBytes = Math.max(this.pinnedBytes + this.busyBytes, this.reservationBytes);
    this.group.committedBytes += committedBytes - this.#committedBytes;
    this.#committedBytes = committedBytes;
  }
}

/** One process' use of one segment, bytes. */
export interface SegmentUse {
  pinnedBytes: number;
  busyBytes: number;
  /** In the segment now, of allocations that the process created. */
  residentBytes: number;
}

/** A guest process as one virtual GPU's memory manager sees it. */
export class ProcessMemory {
  readonly addressSpace: AddressSpace;
  readonly accounts: readonly GroupAccount[];
  readonly devices = new Set<DeviceMemory>();
  readonly #uses = new Map<Segment, SegmentUse>();
  /** Under which locked blocks are booked in the window allocator. */
  readonly windowOwner: object;
  /** For the caller. */
  owner: object | null = null;
  readonly #onDestroy: (process: ProcessMemory) => void;

  constructor(
    groups: readonly GroupMemory[],
    addressSpace: AddressSpace,
    windowOwner: object | null,
    onDestroy: (process: ProcessMemory) => void,
  ) {
    this.windowOwner = windowOwner ?? this;
    this.accounts = groups.map((group) => new GroupAccount(group));
    this.addressSpace = addressSpace;
    this.#onDestroy = onDestroy;
  }

  /** After its devices: gives up reservations and addresses. */
  destroy(): void {
    for (const account of this.accounts) account.reserve(0);
    this.addressSpace.clear();
    this.#onDestroy(this);
  }

  /** Bytes over budget in all groups. */
  get excessBytes(): number {
    let sum = 0;
    for (const account of this.accounts) sum += account.excessBytes;
    return sum;
  }

  charge(segment: Segment, pinnedBytes: number, busyBytes: number): void {
    this.accounts[segment.group]!.add(pinnedBytes, busyBytes);
    segment.pinnedBytes += pinnedBytes;
    segment.busyBytes += busyBytes;
    const use = this.useOf(segment);
    use.pinnedBytes += pinnedBytes;
    use.busyBytes += busyBytes;
  }

  /** What it uses of one segment. */
  useOf(segment: Segment): SegmentUse {
    let use = this.#uses.get(segment);
    if (use === undefined) {
      use = { pinnedBytes: 0, busyBytes: 0, residentBytes: 0 };
      this.#uses.set(segment, use);
    }
    return use;
  }

  /** Whether so much more may become resident in a segment for this process. */
  admits(segment: Segment, lengthBytes: number): boolean {
    const account = this.accounts[segment.group]!;
    if (account.pinnedBytes + lengthBytes > account.budgetBytes) return false;
    const busyOfOthers = segment.busyBytes - this.useOf(segment).busyBytes;
    return segment.pinnedBytes + busyOfOthers + lengthBytes <= segment.lengthBytes;
  }
}
