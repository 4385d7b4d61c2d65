import { totalmem } from 'node:os';
import { createSharedRegionAllocator } from '../../shared-region.ts';
import type {
  AdapterDescription,
  AdapterEnvironment,
  Backend,
  BackendAdapter,
  BackendLog,
} from '../contract.ts';
import { type AdapterServer, type ServerSource, WebgpuAdapter } from './adapter.ts';
import { type DescribeOptions, describeAdapter } from './describe-adapter.ts';
import { type DiscoveryOptions, discoverDevices, type FoundDevice } from './discovery.ts';
import { GpuProcess } from './gpu-process.ts';
import { RegionTable } from './region-table.ts';

export interface WebgpuBackendOptions extends DiscoveryOptions, DescribeOptions {
  /** Default: nothing is logged. */
  readonly log?: BackendLog;
  /**
   * Who shares a GPU process: the virtual GPUs of one partition have one each (`partition`, the default), or all
   * partitions share one per device (`shared`: less memory, but a hung guest costs all of them their devices).
   */
  readonly isolation?: 'partition' | 'shared';
}

const silent: BackendLog = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * The backend that executes WebGPU command streams on Dawn, in GPU processes of its own.
 * @throws Error in words for people when there is no device.
 */
export async function createWebgpuBackend(options: WebgpuBackendOptions = {}): Promise<Backend> {
  const log = options.log ?? silent;
  const devices = await discoverDevices(options, log);
  return new WebgpuBackend(devices, options, log);
}

class WebgpuBackend implements Backend {
  readonly name = 'webgpu';
  readonly adapters: readonly AdapterDescription[];
  private readonly sources: readonly DeviceProcesses[];
  private readonly opened = new Set<WebgpuAdapter>();

  constructor(devices: readonly FoundDevice[], options: WebgpuBackendOptions, log: BackendLog) {
    this.adapters = devices.map(({ profile }, index) =>
      describeAdapter(profile, index, options, systemMemoryBytes()),
    );
    const shared = options.isolation === 'shared';
    this.sources = devices.map((device) => new DeviceProcesses(device, shared, log));
  }

  /** @throws Error when there is no such adapter, or its device cannot be opened any more. */
  async openAdapter(index: number, environment: AdapterEnvironment): Promise<BackendAdapter> {
    const servers = this.sources[index];
    if (servers === undefined) {
      throw new RangeError(`there is no adapter ${index}; there are ${this.sources.length}`);
    }
    const { segments } = this.adapters[index]!;
    const allocateRegion = createSharedRegionAllocator();
    const adapter = new WebgpuAdapter({
      environment,
      segments,
      servers,
      sharing: allocateRegion === null ? null : { allocateRegion, regions: new RegionTable() },
      onClosed: (closed) => this.opened.delete(closed),
    });
    this.opened.add(adapter);
    try {
      await adapter.open();
    } catch (error) {
      this.opened.delete(adapter);
      await adapter.close();
      throw error;
    }
    return adapter;
  }

  async close(): Promise<void> {
    await Promise.all([...this.opened].map((adapter) => adapter.close()));
    this.opened.clear();
    await Promise.all(this.sources.map((source) => source.close()));
  }
}

/** The GPU processes of one device. */
class DeviceProcesses implements ServerSource {
  private readonly device: FoundDevice;
  private readonly shared: boolean;
  private readonly log: BackendLog;
  /** The process that found the device, until somebody needs one; when shared, the one that all use. */
  private spare: GpuProcess | null;

  constructor(device: FoundDevice, shared: boolean, log: BackendLog) {
    this.device = device;
    this.shared = shared;
    this.log = log;
    this.spare = device.process;
  }

  acquire(): GpuProcess {
    const { spare } = this;
    if (spare !== null && !spare.isGone) {
      if (!this.shared) this.spare = null;
      return spare;
    }
    const fresh = new GpuProcess(this.device.request, this.log);
    this.spare = this.shared ? fresh : null;
    return fresh;
  }

  async kill(process: AdapterServer & Pick<GpuProcess, 'kill'>): Promise<void> {
    const others = process.onDeath;
    await process.kill();
    for (const tell of others) tell('the GPU was reset because work of another guest took too long');
  }

  async release(process: GpuProcess): Promise<void> {
    if (!this.shared) await process.kill();
  }

  async close(): Promise<void> {
    await this.spare?.kill();
    this.spare = null;
  }
}

/** What this process may use: the machine's memory, or less where a container says so. */
function systemMemoryBytes(): number {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? limit : totalmem();
}
