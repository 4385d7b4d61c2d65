import type { Luid } from '@dxgwire/protocol';
import type { HostBus } from '@dxgwire/transport';
import { withAgreedCodec } from './agreed-codec.ts';
import type { Backend } from './backends/contract.ts';
import { createSilentLog, type Log } from './log.ts';
import { type PartitionOptions, resolveOptions } from './options.ts';
import { Partition } from './partition.ts';
import type { HostClock } from './scheduler/index.ts';
import { systemClock } from './system-clock.ts';
import type { VirtualGpuIdentity } from './virtual-gpu.ts';

export interface HostOptions {
  /** Where allocations live and commands run. The host does not close it. */
  readonly backend: Backend;
  /** Default: says nothing. */
  readonly log?: Log;
  /** Default: the machine's own time. */
  readonly clock?: HostClock;
  /** Low half of the first virtual GPU's LUID, to be the host that a capture was made of. Default 0x1000. */
  readonly firstVgpuLuidLow?: number;
  /** Defaults for each guest; `attach` may change them. */
  readonly defaults?: PartitionOptions;
}

/** A host: projects the adapters of one backend into any number of guests, which know nothing of each other. */
export interface Host {
  readonly backend: Backend;
  /** Guests attached now. */
  readonly partitions: ReadonlySet<Partition>;
  /**
   * Offers the adapters on a bus and serves its guest until the bus ends, in the codec that the guest has chosen.
   *
   * @throws RangeError for options that cannot be.
   */
  attach(bus: HostBus, options?: PartitionOptions): Partition;
  /** Ends all links and resolves when everything of the guests is freed. */
  close(): Promise<void>;
  /** Live objects by kind, of all guests. */
  census(): Record<string, number>;
}

/** LUIDs: the high parts tell the three kinds apart for people who read a trace. */
const GUEST_ADAPTER_LUID_HIGH = 0x0a;
const HOST_ADAPTER_LUID_HIGH = 0x01;
const VGPU_LUID_HIGH = 0x77;
const FIRST_LUID_LOW = 0x1000;
const MEBIBYTE = 1 << 20;

class HostInstance implements Host {
  readonly backend: Backend;
  readonly partitions = new Set<Partition>();
  readonly #log: Log;
  readonly #clock: HostClock;
  readonly #defaults: PartitionOptions;
  #nextPartition = 1;
  #nextVgpuLuid: number;

  constructor(options: HostOptions) {
    this.backend = options.backend;
    this.#log = options.log ?? createSilentLog();
    this.#clock = options.clock ?? systemClock;
    this.#defaults = options.defaults ?? {};
    this.#nextVgpuLuid = options.firstVgpuLuidLow ?? FIRST_LUID_LOW;
  }

  attach(given: HostBus, options: PartitionOptions = {}): Partition {
    const { backend } = this;
    const bus = withAgreedCodec(given);
    const windowBytes = bus.window.lengthBytes;
    if (windowBytes < MEBIBYTE || windowBytes % MEBIBYTE !== 0) {
      throw new RangeError(
        `a device window of ${windowBytes} bytes: the offer can only carry whole MiB, at least 1`,
      );
    }
    const quotas = { ...this.#defaults.quotas, ...options.quotas };
    const merged = { ...this.#defaults, ...options, quotas };
    const resolved = resolveOptions(merged, bus.peerName, backend.adapters.length);
    const partition: Partition = new Partition({
      id: this.#nextPartition,
      bus,
      backend,
      clock: this.#clock,
      log: this.#log,
      options: resolved,
      identities: resolved.adapters.map((adapterIndex, index) => this.#identify(adapterIndex, index)),
      onEnd: () => this.partitions.delete(partition),
    });
    this.#nextPartition += 1;
    this.partitions.add(partition);
    partition.start();
    return partition;
  }

  #identify(adapterIndex: number, index: number): VirtualGpuIdentity {
    const luid = (low: number, high: number): Luid => ({ low, high });
    const vgpuLuid = luid(this.#nextVgpuLuid, VGPU_LUID_HIGH);
    this.#nextVgpuLuid += 1;
    return {
      index,
      adapterIndex,
      adapterLuid: luid(FIRST_LUID_LOW + index, GUEST_ADAPTER_LUID_HIGH),
      hostAdapterLuid: luid(FIRST_LUID_LOW + adapterIndex, HOST_ADAPTER_LUID_HIGH),
      vgpuLuid,
    };
  }

  async close(): Promise<void> {
    await Promise.all([...this.partitions].map((partition) => partition.close()));
  }

  census(): Record<string, number> {
    const counts: Record<string, number> = { partitions: this.partitions.size };
    for (const partition of this.partitions) {
      for (const [kind, count] of Object.entries(partition.census()))
        counts[kind] = (counts[kind] ?? 0) + count;
    }
    return counts;
  }
}

/** Makes a host. It listens to nothing by itself: each guest comes as a bus, through {@link Host.attach}. */
export function createHost(options: HostOptions): Host {
  return new HostInstance(options);
}
