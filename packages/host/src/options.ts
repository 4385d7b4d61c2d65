import { InterfaceVersion } from '@dxgwire/protocol';

/** Limits on what one guest may have. Each error that comes of one names it in the host's log. */
export interface Quotas {
  /** Guest processes alive at a time. */
  readonly processes: number;
  /** Objects of all processes together. */
  readonly objects: number;
  /** Objects of one process: devices, allocations, contexts, queues, sync objects and their fences. */
  readonly objectsPerProcess: number;
  /** CPU waits of all processes that are not yet satisfied, and the objects that they wait for, together. */
  readonly cpuWaits: number;
  /** CPU waits of one process that are not yet satisfied. */
  readonly cpuWaitsPerProcess: number;
  /** Global handles, and NT handles, of one guest. */
  readonly sharedObjects: number;
  /** Objects handed to programs on the host (ShareObjectWithHost). */
  readonly hostShares: number;
  /** Items that one context or hardware queue may hold. */
  readonly queueItems: number;
  /**
   * Bytes that all queues of one guest hold: private data of submissions, objects of waits and signals, queued updates
   * of addresses, and 1,024 for each item.
   */
  readonly queuedBytes: number;
  /**
   * Ranges of guest pages that lie side by side, behind all allocations of existing system memory. Memory in single pages
   * of 4 KiB: 8 GiB by default.
   */
  readonly guestPageRanges: number;
  /** Reservations and mappings of GPU virtual addresses, of all processes together; one process has a quarter at most. */
  readonly addressRanges: number;
  /** Bytes of replies and events that wait for a guest which does not take them. */
  readonly unsentBytes: number;
}

export const DEFAULT_QUOTAS: Quotas = {
  processes: 4096,
  objects: 1 << 19,
  objectsPerProcess: 1 << 18,
  cpuWaits: 1 << 19,
  cpuWaitsPerProcess: 65_536,
  sharedObjects: 65_536,
  hostShares: 4096,
  queueItems: 65_536,
  queuedBytes: 256 << 20,
  guestPageRanges: 1 << 21,
  addressRanges: 1 << 20,
  unsentBytes: 32 << 20,
};

/** What one guest is offered. */
export interface PartitionOptions {
  /** For logs; default: the peer's own name. */
  readonly name?: string;
  /** Interface version offered: 40 (default), or an older one down to 16, which speaks the layout of 27. */
  readonly interfaceVersion?: number;
  /**
   * Whether submissions, GPU waits and signals want no answer, and all commands use the global channel. Default true.
   * Below version 40 with several virtual GPUs it is off: messages then do not say which GPU they mean.
   */
  readonly asyncMessages?: boolean;
  /** Whether the guest may describe its pages by frame numbers; else by GPADLs only. Default true. */
  readonly mapGuestMemory?: boolean;
  /** The backend's adapters to project, by index, one virtual GPU each; the same may come twice. Default: all. */
  readonly adapters?: readonly number[];
  readonly quotas?: Partial<Quotas>;
  /**
   * The guest placed the device window: guest-physical address and length, bytes. Called before the guest is answered,
   * so that a VMM can put the window there; false refuses the place (INVALID_PARAMETER). Null: the place is given up.
   */
  readonly onIoSpace?: (
    place: { readonly start: bigint; readonly lengthBytes: bigint } | null,
  ) => boolean | undefined;
}

export interface ResolvedOptions {
  readonly name: string;
  readonly interfaceVersion: number;
  readonly asyncMessages: boolean;
  readonly mapGuestMemory: boolean;
  readonly adapters: readonly number[];
  readonly quotas: Quotas;
  readonly onIoSpace: NonNullable<PartitionOptions['onIoSpace']>;
}

/**
 * Fills in defaults and checks what the embedding program asks for.
 *
 * @throws RangeError naming the value and the limit.
 */
export function resolveOptions(
  options: PartitionOptions,
  peerName: string,
  adapterCount: number,
): ResolvedOptions {
  const interfaceVersion = options.interfaceVersion ?? InterfaceVersion.current;
  if (
    !Number.isInteger(interfaceVersion) ||
    interfaceVersion < InterfaceVersion.lastCompatible ||
    interfaceVersion > InterfaceVersion.current
  ) {
    throw new RangeError(
      `interface version ${interfaceVersion} is not from ${InterfaceVersion.lastCompatible} to ${InterfaceVersion.current}`,
    );
  }
  const adapters = options.adapters ?? Array.from({ length: adapterCount }, (_, index) => index);
  for (const adapter of adapters) {
    if (!Number.isInteger(adapter) || adapter < 0 || adapter >= adapterCount) {
      throw new RangeError(`adapter ${adapter} is not one of the backend's ${adapterCount}`);
    }
  }
  if (adapters.length === 0) throw new RangeError('no adapter to project: the list of adapters is empty');
  const tellsGpusApart = interfaceVersion >= InterfaceVersion.current || adapters.length === 1;
  return {
    name: options.name ?? peerName,
    interfaceVersion,
    asyncMessages: (options.asyncMessages ?? true) && tellsGpusApart,
    mapGuestMemory: options.mapGuestMemory ?? true,
    adapters,
    quotas: { ...DEFAULT_QUOTAS, ...options.quotas },
    onIoSpace: options.onIoSpace ?? (() => true),
  };
}
