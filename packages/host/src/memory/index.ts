import type { HostGuestMemory, HostWindow, PageRange } from '@dxgwire/transport';
import type {
  AdapterDescription,
  AllocationView,
  BackendAdapter,
  BackendAllocation,
  BackendDevice,
  BackendLog,
  PageWalk,
} from '../backends/contract.ts';
import type { HostClock } from '../scheduler/clock.ts';
import type { SyncObjectInstance } from '../scheduler/index.ts';
import type { DeviceWork, PageWalker, QueuedOperation } from './device-work.ts';

export type { DeviceWork, PageWalker, QueuedOperation, WorkSnapshot } from './device-work.ts';
export { Status } from './status.ts';

export declare class WindowAllocator {
  constructor(options: { window: HostWindow; clock: HostClock; quarantineMs?: number });
  allocatePage(owner: object): number;
  freePage(offset: number, owner: object): void;
  allocateBlock(lengthBytes: number, owner: object): number;
  freeBlock(offset: number, guestUnmapped: boolean): void;
  releaseOwner(owner: object): void;
  census(): { pages: number; blocks: number; retired: number };
}

export interface CreateAllocationRequest {
  readonly runtimeHandleLow: number;
  readonly runtimeHandleHigh: number;
  readonly privateData: Uint8Array;
  readonly resourcePrivateData: Uint8Array;
  readonly standardLengthBytes: number;
  readonly existingSystemMemory: boolean;
  readonly readOnly: boolean;
}

export interface VideoMemoryOptions {
  readonly adapter: BackendAdapter;
  readonly description: AdapterDescription;
  readonly windowAllocator: WindowAllocator;
  readonly window: HostWindow;
  readonly guestMemory: HostGuestMemory;
  readonly log: BackendLog;
}

export interface VideoMemoryInfo {
  budget: number;
  currentUsage: number;
  currentReservation: number;
  availableForReservation: number;
}

export declare class Allocation {
  readonly token: BackendAllocation;
  readonly lengthBytes: number;
  readonly cached: boolean;
  readonly priority: number;
  readonly view: AllocationView;
}

export declare class AllocationInstance {
  readonly allocation: Allocation;
  readonly device: DeviceMemory;
  readonly residencyCount: number;
  readonly alive: boolean;
  owner: object | null;
}

export declare class ProcessMemory {
  readonly addressSpace: AddressSpace;
  destroy(): void;
}

export declare class DeviceMemory {
  readonly process: ProcessMemory;
  readonly token: BackendDevice;
  readonly work: DeviceWork;
}

export declare class PagingQueue {
  readonly device: DeviceMemory;
  readonly priority: number;
  readonly fence: SyncObjectInstance;
}

export interface PagingResult {
  status: number;
  pagingFenceValue: bigint;
}

export interface ReserveRequest {
  readonly baseAddress: bigint;
  readonly minimumAddress: bigint;
  readonly maximumAddress: bigint;
  readonly size: bigint;
  readonly reservationType: number;
  readonly driverProtection: bigint;
}

export interface MapRequest {
  readonly baseAddress: bigint;
  readonly minimumAddress: bigint;
  readonly maximumAddress: bigint;
  readonly instance: AllocationInstance | null;
  readonly offsetInPages: bigint;
  readonly sizeInPages: bigint;
  readonly protection: bigint;
  readonly driverProtection: bigint;
}

export type UpdateOperation =
  | {
      readonly kind: 0 | 3;
      readonly baseAddress: bigint;
      readonly size: bigint;
      readonly instance: AllocationInstance | null;
      readonly allocationOffset: bigint;
      readonly allocationSize: bigint;
      readonly protection?: bigint;
      readonly driverProtection?: bigint;
    }
  | { readonly kind: 1; readonly baseAddress: bigint; readonly size: bigint; readonly protection: bigint }
  | {
      readonly kind: 2;
      readonly sourceAddress: bigint;
      readonly size: bigint;
      readonly destAddress: bigint;
    };

export declare class AddressSpace implements PageWalker {
  reserve(request: ReserveRequest): { status: number; virtualAddress: bigint };
  map(request: MapRequest): { status: number; virtualAddress: bigint };
  prepareUpdate(operations: readonly UpdateOperation[]): {
    status: number;
    operation: QueuedOperation | null;
  };
  free(baseAddress: bigint, size: bigint): number;
  walk(address: bigint, lengthBytes: number, access: 'read' | 'write'): PageWalk;
  census(): { reservations: number; mappings: number };
}

export declare class VideoMemory {
  constructor(options: VideoMemoryOptions);
  createProcess(): ProcessMemory;
  createDevice(
    process: ProcessMemory,
    token: BackendDevice,
    work: DeviceWork,
    onFailure: (status: number) => void,
  ): DeviceMemory;
  destroyDevice(device: DeviceMemory): void;
  createAllocation(
    device: DeviceMemory,
    request: CreateAllocationRequest,
  ): { status: number; instance: AllocationInstance | null; refused?: string };
  createResident(
    device: DeviceMemory,
    instances: readonly AllocationInstance[],
    done?: (status: number) => void,
  ): number;
  openAllocation(
    device: DeviceMemory,
    allocation: Allocation,
    options: { readOnly: boolean },
  ): AllocationInstance | null;
  destroyAllocations(
    instances: readonly AllocationInstance[],
    options: { assumeNotInUse: boolean },
    done: () => void,
  ): void;
  setSystemPages(
    instance: AllocationInstance,
    offsetInPages: number,
    frames: ArrayLike<bigint>,
    count: number,
  ): number;
  setSystemRanges(instance: AllocationInstance, ranges: readonly PageRange[]): number;
  lock(instance: AllocationInstance): { status: number; offset: number };
  unlock(instance: AllocationInstance): number;
  invalidateCache(instance: AllocationInstance, offset: bigint, length: bigint): number;
  createPagingQueue(device: DeviceMemory, priority: number, fence: SyncObjectInstance): PagingQueue | null;
  destroyPagingQueue(queue: PagingQueue): void;
  makeResident(
    queue: PagingQueue,
    instances: readonly AllocationInstance[],
    flags: number,
  ): { status: number; pagingFenceValue: bigint; numBytesToTrim: bigint };
  evict(device: DeviceMemory, instances: readonly AllocationInstance[], flags: number): bigint;
  offer(instances: readonly AllocationInstance[], priority: number, flags: number): number;
  reclaim(
    queue: PagingQueue,
    groups: readonly (readonly AllocationInstance[])[],
    results: Uint32Array | null,
  ): PagingResult;
  setPriority(instance: AllocationInstance, priority: number): number;
  residencyStatus(instance: AllocationInstance): 1 | 2 | 3;
  updateProperty(
    queue: PagingQueue,
    instance: AllocationInstance,
    request: {
      readonly supportedSegmentSet: number;
      readonly preferredSegment: number;
      readonly flags: number;
      readonly propertyMask: number;
    },
  ): PagingResult;
  queryVideoMemoryInfo(process: ProcessMemory, group: number): VideoMemoryInfo | null;
  changeReservation(process: ProcessMemory, group: number, reservation: bigint): number;
  setQuota(process: ProcessMemory, group: number, lengthBytes: number): void;
  settled(): boolean;
  census(): Record<string, number>;
}
