import type { AdapterEnvironment, Backend, BackendAdapter } from '../../contract.ts';
import { type AdapterServer, type ServerSource, WebgpuAdapter } from '../adapter.ts';
import { type DescribeOptions, describeAdapter } from '../describe-adapter.ts';
import { readCaps, tryOut } from '../device-caps.ts';
import { PageServer } from './page-server.ts';

export interface PageBackendOptions extends DescribeOptions {
  /** Where the work is done. Default: `navigator.gpu` of this page or worker. */
  readonly gpu?: GPU;
  /** Which adapter of it. */
  readonly adapter?: GPURequestAdapterOptions;
}

/** A page is not told how much memory its device has: this much is offered unless the options say otherwise, bytes. */
const DEFAULT_MEMORY_BYTES = 1 << 30;

/**
 * The webgpu backend without a GPU process, on a WebGPU implementation that is already there: a page's own, or any other.
 * Nothing of Node is needed. A guest's shader that hangs is the implementation's to end; it then takes the devices of all
 * guests away.
 *
 * @throws Error in words for people when there is no WebGPU, or no adapter that works.
 */
export async function createPageBackend(options: PageBackendOptions = {}): Promise<Backend> {
  const gpu = options.gpu ?? (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu;
  if (gpu === undefined)
    throw new Error('there is no navigator.gpu here: this browser or page has no WebGPU');
  const found = await gpu.requestAdapter(options.adapter);
  if (found === null) throw new Error('navigator.gpu has no adapter');
  const software = found.info.isFallbackAdapter;
  const caps = readCaps(gpu, found, software);
  await tryOut(found);
  const memoryBytes = options.memoryBytes ?? DEFAULT_MEMORY_BYTES;
  const { info } = caps;
  const profile = {
    source: 'platform',
    name: [info.vendor, info.architecture, info.device].filter((part) => part !== '').join(' ') || 'WebGPU',
    software,
    vendorId: 0,
    deviceId: 0,
    driver: info.description,
    deviceLocalBytes: 0,
    hostBytes: memoryBytes,
    unifiedMemory: true,
    caps,
    others: [],
  } as const;
  const description = describeAdapter(profile, 0, { ...options, memoryBytes }, memoryBytes);
  const opened = new Set<WebgpuAdapter>();
  const requester = {
    requestAdapter: (level: GPURequestAdapterOptions) => gpu.requestAdapter({ ...options.adapter, ...level }),
  } as GPU;
  return {
    name: 'webgpu',
    adapters: [description],
    async openAdapter(index: number, environment: AdapterEnvironment): Promise<BackendAdapter> {
      if (index !== 0) throw new RangeError(`there is no adapter ${index}; there is 1`);
      const adapter = new WebgpuAdapter({
        environment,
        segments: description.segments,
        servers: new PageServers(requester),
        sharing: null,
        onClosed: (closed) => opened.delete(closed),
      });
      opened.add(adapter);
      await adapter.open();
      return adapter;
    },
    async close(): Promise<void> {
      await Promise.all([...opened].map((adapter) => adapter.close()));
      opened.clear();
    },
  };
}

/** A server for each virtual GPU. */
class PageServers implements ServerSource {
  private readonly gpu: GPU;

  constructor(gpu: GPU) {
    this.gpu = gpu;
  }

  acquire(): AdapterServer {
    return new PageServer(this.gpu);
  }

  async kill(server: AdapterServer): Promise<void> {
    (server as PageServer).end();
  }

  async release(server: AdapterServer): Promise<void> {
    (server as PageServer).end();
  }
}
