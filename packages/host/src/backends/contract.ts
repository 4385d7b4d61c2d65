import type { HostGuestMemory, HostWindow, PageRange } from '@dxgwire/transport';

/**
 * The backend contract: what a kernel-mode display driver gives Windows, given to our host.
 *
 * The host owns names, rights, ordering, budgets and time-outs; a backend owns storage and execution. Every
 * argument is checked before it gets here. A backend never sees a guest handle: it hands out tokens of its own
 * (any object) and gets them back.
 */

/** A pool of memory with a size that is really there, as WDDM calls it a memory segment. */
export interface SegmentDescription {
  readonly id: number;
  /** `local`: the GPU's own memory; `non-local`: system memory that it can reach. */
  readonly group: 'local' | 'non-local';
  readonly lengthBytes: number;
}

/** An engine type of an adapter (WDDM: node). */
export interface NodeDescription {
  readonly kind: '3d' | 'compute' | 'copy' | 'other';
  readonly name: string;
  /**
   * How many submissions the scheduler may hand over before the first is done. 1: strictly one after another.
   * They are started in the order given, whatever the number.
   */
  readonly maxInFlight: number;
  /** Frequency of the node's time-stamp counter, ticks per second. */
  readonly clockHz: number;
}

export interface AdapterDescription {
  /** What the device is, in words; at most 79 UTF-16 units. A software device says so here. */
  readonly description: string;
  /** A name that is stable between runs, at most 259 UTF-16 units. */
  readonly instanceId: string;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly softwareDevice: boolean;
  readonly computeOnly: boolean;
  readonly driverVersion: string;
  readonly segments: readonly SegmentDescription[];
  readonly nodes: readonly NodeDescription[];
  /** Whether contents can be moved out of a segment and back (real eviction). */
  readonly canEvict: boolean;
  /** Time without an end after which a submission counts as hung, milliseconds. */
  readonly timeoutMs: number;
  /** What QueryAdapterInfo(UMDRIVERPRIVATE) returns: read by the user-mode driver only. */
  readonly userModeCaps: Uint8Array;
}

export interface Backend {
  /** `null`, `reference`, `webgpu`, or a name of its author's choice. */
  readonly name: string;
  readonly adapters: readonly AdapterDescription[];
  /** Called once per virtual GPU of a partition. */
  openAdapter(index: number, environment: AdapterEnvironment): Promise<BackendAdapter>;
  close(): Promise<void>;
}

/** What the host lends to a backend for one virtual GPU. */
export interface AdapterEnvironment {
  /** For logs: partition and adapter. */
  readonly name: string;
  readonly log: BackendLog;
  /**
   * Before bytes of memory or window are read that the guest may have written, a backend calls `noteRead` of these with the range: a
   * capture holds what was read there, and a replay supplies it.
   */
  readonly memory: HostGuestMemory;
  readonly window: HostWindow;
  /**
   * The device behind the adapter is gone (crash, kill, driver reset): all its devices are lost, once. What runs ends
   * with `lost`. Not called for a `reset` that the host asked for.
   */
  readonly onLost: (reason: string) => void;
}

export interface BackendLog {
  debug(object: object, message: string): void;
  info(object: object, message: string): void;
  warn(object: object, message: string): void;
  error(object: object, message: string): void;
}

declare const deviceToken: unique symbol;
declare const contextToken: unique symbol;
declare const allocationToken: unique symbol;
/** Opaque to the host. Backends make them with a cast. */
export interface BackendDevice {
  readonly [deviceToken]?: never;
}
export interface BackendContext {
  readonly [contextToken]?: never;
}
export interface BackendAllocation {
  readonly [allocationToken]?: never;
}

export interface AllocationRequest {
  readonly device: BackendDevice;
  /** The runtime's own name for it (private_runtime_resource_handle): two u32. 0:0 when it gave none. */
  readonly runtimeHandleLow: number;
  readonly runtimeHandleHigh: number;
  /** Driver-private data of this allocation; may be changed in place, which the guest then sees. */
  readonly privateData: Uint8Array;
  /** Driver-private data of the resource it belongs to; empty when none. */
  readonly resourcePrivateData: Uint8Array;
  /** Size asked for by a standard allocation, bytes; 0 otherwise. */
  readonly standardLengthBytes: number;
  /** True when guest pages will be its backing. */
  readonly existingSystemMemory: boolean;
}

export interface AllocationResult {
  readonly allocation: BackendAllocation;
  /** Bytes, a multiple of 4096, at least 4096. */
  readonly lengthBytes: number;
  /** CPU mappings are cached (else write-combined). */
  readonly cached: boolean;
  /** Segments it may live in, best first. Empty for existing system memory. */
  readonly segments: readonly number[];
}

/** Where the bytes of an allocation are when they are not the backend's own. */
export type AllocationStorage =
  | { readonly kind: 'guest-pages'; readonly ranges: readonly PageRange[]; readonly writable: boolean }
  | { readonly kind: 'window'; readonly offset: number; readonly length: number };

export interface ContextRequest {
  readonly device: BackendDevice;
  readonly nodeIndex: number;
  readonly privateData: Uint8Array;
  readonly services: ContextServices;
}

/** What a context may ask of the host while it exists. */
export interface ContextServices {
  /**
   * Signals a monitored fence that the owning process knows by `handle`, as a GPU-side signal; or a CPU notification,
   * which has no value.
   * @returns false when there is no such object any more.
   */
  signalFence(handle: number, valueLow: number, valueHigh: number): boolean;
  /** Finds an allocation of the same device by the runtime handle it was created with. */
  findAllocation(runtimeHandleLow: number, runtimeHandleHigh: number): AllocationView | null;
}

/** An allocation as a running command sees it. */
export interface AllocationView {
  readonly allocation: BackendAllocation;
  readonly lengthBytes: number;
  readonly storage: AllocationStorage | null;
  readonly resident: boolean;
}

/** A contiguous piece of GPU virtual memory after the page walk. */
export interface MemoryRun {
  readonly view: AllocationView;
  readonly offset: number;
  readonly length: number;
  /** A `zero` reservation or null mapping: reads as zero, drops writes; `view` is then absent. */
}

export type PageWalk =
  | {
      readonly ok: true;
      readonly runs: readonly (MemoryRun | { readonly zero: true; readonly length: number })[];
    }
  | {
      readonly ok: false;
      readonly faultAddress: bigint;
      readonly reason: 'not-mapped' | 'not-resident' | 'no-access';
    };

export interface Submission {
  readonly context: BackendContext;
  /** Driver-private data that came with the submission. Valid until `done`. */
  readonly privateData: Uint8Array;
  /** GPU virtual address and length of the command buffer; 0 and 0 when all is in `privateData`. */
  readonly commandAddress: bigint;
  readonly commandLengthBytes: number;
  /** Page walk in the address space of the submitting process. */
  walk(address: bigint, lengthBytes: number, access: 'read' | 'write'): PageWalk;
}

export type ExecutionResult =
  | { readonly kind: 'completed' }
  /** WDDM execution state 7 (DMA page fault): the context's device goes into error. */
  | { readonly kind: 'page-fault'; readonly address: bigint }
  /** WDDM execution state 6 (DMA fault): the commands were not valid. */
  | { readonly kind: 'fault'; readonly message: string }
  /** The adapter was reset or lost while it ran. */
  | { readonly kind: 'lost' };

export interface BackendAdapter {
  createDevice(): BackendDevice;
  destroyDevice(device: BackendDevice): void;
  /** @returns a message when the private data asks for what this backend cannot do. */
  createAllocation(request: AllocationRequest): AllocationResult | { readonly refused: string };
  destroyAllocation(allocation: BackendAllocation): void;
  /**
   * Gives the allocation storage outside the backend, or takes it back (null): contents move along, and the backend
   * publishes them. For a lock this puts the bytes into the device window, where both sides then see them, for as long
   * as the lock lasts. Memory that nobody wrote reads as zero. Guest pages of an allocation that was created for them
   * bring their own contents. Also called while the allocation is not resident, or being moved.
   * @returns false when this allocation cannot be moved there; it then stays where it is.
   */
  setStorage(allocation: BackendAllocation, storage: AllocationStorage | null): boolean;
  /** Commits memory in a segment and brings the contents back that `evict` saved. */
  makeResident(allocation: BackendAllocation, segmentId: number): Promise<void> | void;
  /**
   * Frees the memory; contents are kept in system memory, or dropped when `discard`. What lies in storage outside the
   * backend stays there. Without `canEvict` only called with `discard`. For one allocation the host waits until a move
   * is over before it asks for the next.
   */
  evict(allocation: BackendAllocation, discard: boolean): Promise<void> | void;
  createContext(request: ContextRequest): BackendContext | { readonly refused: string };
  destroyContext(context: BackendContext): void;
  /** Starts a command buffer. `done` is called exactly once, later or at once. */
  execute(nodeIndex: number, submission: Submission, done: (result: ExecutionResult) => void): void;
  /**
   * A private message from the user-mode driver to this one (Escape); `data` is changed in place. Absent: none is
   * understood.
   *
   * @returns false when it is not understood; the guest's call then fails.
   */
  escape?(data: Uint8Array, device: BackendDevice | null, context: BackendContext | null): boolean;
  /** Time-stamp counter of a node, ticks. */
  readClock(nodeIndex: number): bigint;
  /** Ends everything that runs, whatever it does (time-out recovery). All `done` are called with `lost`. */
  reset(): Promise<void>;
  close(): Promise<void>;
}
