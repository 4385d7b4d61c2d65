import type { AdapterCaps } from '@dxgwire/protocol/blobs';
import { STREAM_VERSION } from '@dxgwire/protocol/stream';

/** GPUBufferUsage and GPUMapMode: the globals may be another implementation's here, or missing. */
const MAP_READ = 1;
const COPY_SRC = 4;
const COPY_DST = 8;
const MAP_MODE_READ = 1;

/** A device that lists itself may still fail at its first work: this is that work. */
export async function tryOut(adapter: GPUAdapter): Promise<void> {
  const device = await adapter.requestDevice();
  try {
    const source = device.createBuffer({ size: 4, usage: COPY_SRC | COPY_DST });
    const target = device.createBuffer({ size: 4, usage: MAP_READ | COPY_DST });
    device.queue.writeBuffer(source, 0, Uint32Array.of(0x600d));
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(source, 0, target, 0, 4);
    device.queue.submit([encoder.finish()]);
    await target.mapAsync(MAP_MODE_READ);
    const value = new Uint32Array(target.getMappedRange())[0];
    if (value !== 0x600d) throw new Error(`its first copy gave ${value}`);
  } finally {
    device.destroy();
  }
}

/** What an adapter can do, as user-mode drivers are told. A software device says so in its description. */
export function readCaps(gpu: GPU, adapter: GPUAdapter, software: boolean): AdapterCaps {
  const { info } = adapter;
  const mark = software && !/software/i.test(info.description) ? ' (software)' : '';
  return {
    version: 1,
    streamVersion: STREAM_VERSION,
    info: {
      vendor: info.vendor,
      architecture: info.architecture,
      device: info.device,
      description: `${info.description}${mark}`,
      subgroupMinSize: info.subgroupMinSize ?? 4,
      subgroupMaxSize: info.subgroupMaxSize ?? 128,
      isFallbackAdapter: info.isFallbackAdapter,
    },
    // Dawn lists both in an order of its own, another one in each process.
    features: [...adapter.features].sort(),
    limits: readLimits(adapter.limits),
    wgslLanguageFeatures: [...gpu.wgslLanguageFeatures].sort(),
    preferredCanvasFormat: gpu.getPreferredCanvasFormat(),
  };
}

/** The limits by name: they are getters, mostly of the prototype. */
export function readLimits(limits: GPUSupportedLimits): Record<string, number> {
  const values: Record<string, number> = {};
  for (const name in limits) {
    const value: unknown = limits[name as keyof GPUSupportedLimits];
    if (typeof value === 'number') values[name] = value;
  }
  return values;
}
