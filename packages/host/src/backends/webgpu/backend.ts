import { totalmem } from 'node:os';
import { encodeAdapterCaps } from '@dxgwire/protocol/blobs';
import type {
  AdapterDescription,
  AdapterEnvironment,
  Backend,
  BackendAdapter,
  BackendLog,
  SegmentDescription,
} from '../contract.ts';
import { type ProcessSource, WebgpuAdapter } from './adapter.ts';
import type { DeviceProfile } from './device-profile.ts';
import { type DiscoveryOptions, discoverDevices, type FoundDevice } from './discovery.ts';
import { GpuProcess } from './gpu-process.ts';

export interface WebgpuBackendOptions extends DiscoveryOptions {
  /** Default: nothing is logged. */
  readonly log?: BackendLog;
  /**
   * Who shares a GPU process: the virtual GPUs of one partition have one each (`partition`, the default), or all
   * partitions share one per device (`shared`: less memory, but a hung guest costs all of them their devices).
   */
  readonly isolation?: 'partition' | 'shared';
  /** Time without an end after which a submission counts as hung, milliseconds. Default 2 s; 30 s in software. */
  readonly timeoutMs?: number;
  /** Memory of a software device, bytes. Default: half of the system's. */
  readonly memoryBytes?: number;
  /** Submissions that may be under way at once. Default 256. */
  readonly maxInFlight?: number;
}

/** What Windows gives a GPU (TdrDelay). */
const GPU_TIMEOUT_MS = 2000;
/** A processor that plays GPU takes seconds for a frame that is a GPU's milliseconds, and shares its cores. */
const SOFTWARE_TIMEOUT_MS = 30_000;
const MAX_IN_FLIGHT = 256;
const MEBIBYTE = 1 << 20;
const DESCRIPTION_UNITS = 79;
const INSTANCE_ID_UNITS = 259;

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
    this.adapters = devices.map(({ profile }, index) => describeAdapter(profile, index, options));
    const shared = options.isolation === 'shared';
    this.sources = devices.map((device) => new DeviceProcesses(device, shared, log));
  }

  /** @throws Error when there is no such adapter, or its device cannot be opened any more. */
  async openAdapter(index: number, environment: AdapterEnvironment): Promise<BackendAdapter> {
    const processes = this.sources[index];
    if (processes === undefined) {
      throw new RangeError(`there is no adapter ${index}; there are ${this.sources.length}`);
    }
    const { segments } = this.adapters[index]!;
    const adapter = new WebgpuAdapter({ environment, segments, processes });
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
class DeviceProcesses implements ProcessSource {
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

  async kill(process: GpuProcess): Promise<void> {
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

function describeAdapter(
  profile: DeviceProfile,
  index: number,
  options: WebgpuBackendOptions,
): AdapterDescription {
  const { name, software, source } = profile;
  const suffix = software && !/software/i.test(name) ? ', software' : '';
  return {
    description: `${name.slice(0, DESCRIPTION_UNITS - suffix.length)}${suffix}`,
    instanceId: `WEBGPU\\${source}\\${name}\\${index}`.slice(0, INSTANCE_ID_UNITS),
    vendorId: profile.vendorId,
    deviceId: profile.deviceId,
    softwareDevice: software,
    computeOnly: false,
    driverVersion: profile.driver,
    segments: segmentsOf(profile, options),
    nodes: [
      {
        kind: '3d',
        name: '3D',
        maxInFlight: options.maxInFlight ?? MAX_IN_FLIGHT,
        clockHz: 1_000_000_000,
      },
    ],
    canEvict: false,
    timeoutMs: options.timeoutMs ?? (software ? SOFTWARE_TIMEOUT_MS : GPU_TIMEOUT_MS),
    userModeCaps: encodeAdapterCaps(profile.caps),
  };
}

/**
 * A software device has the system's memory, and so has a GPU that shares it: one segment. Another GPU has its own
 * memory and what it reaches of the system's.
 */
function segmentsOf(profile: DeviceProfile, options: WebgpuBackendOptions): SegmentDescription[] {
  const systemBytes = wholeMebibytes(systemMemoryBytes() / 2);
  if (profile.unifiedMemory || profile.deviceLocalBytes === 0) {
    const lengthBytes = wholeMebibytes(options.memoryBytes ?? systemBytes);
    return [{ id: 1, group: 'local', lengthBytes }];
  }
  return [
    { id: 1, group: 'local', lengthBytes: wholeMebibytes(profile.deviceLocalBytes) },
    { id: 2, group: 'non-local', lengthBytes: systemBytes },
  ];
}

/** What this process may use: the machine's memory, or less where a container says so. */
function systemMemoryBytes(): number {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? limit : totalmem();
}

function wholeMebibytes(bytes: number): number {
  return Math.max(1, Math.floor(bytes / MEBIBYTE)) * MEBIBYTE;
}
