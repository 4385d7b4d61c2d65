import type { BackendLog } from '../contract.ts';
import type { DeviceProfile, DeviceRequest, DriverSource } from './device-profile.ts';
import { GpuProcess } from './gpu-process.ts';

/** Which device is wanted, if not the best. */
export interface DiscoveryOptions {
  /**
   * Where Vulkan comes from: the system, or the SwiftShader among our packages. Default: the environment variable
   * `DXGWIRE_VULKAN`, else the system where it has a device that works.
   */
  readonly vulkan?: 'system' | 'bundled';
  /** Part of the device's name. Default: the environment variable `DXGWIRE_ADAPTER`, else any. */
  readonly adapter?: string;
}

/** A device that works, and the process that found out, which may be used on. */
export interface FoundDevice {
  readonly profile: DeviceProfile;
  readonly process: GpuProcess;
  /** Opens the same device again. */
  readonly request: DeviceRequest;
}

/**
 * Finds the devices to offer: real GPUs with the system's Vulkan driver, else a system software driver that works,
 * else the bundled SwiftShader. Each is tried in a process of its own, so that a driver that crashes takes nothing
 * with it.
 *
 * @throws Error in words for people when there is none, with the way out.
 */
export async function discoverDevices(options: DiscoveryOptions, log: BackendLog): Promise<FoundDevice[]> {
  const failures: string[] = [];
  for (const request of candidates(options)) {
    const found = await tryRequest(request, log, failures);
    if (found === null) continue;
    const list = [found];
    for (const adapterName of found.profile.others) {
      const other = await tryRequest({ ...found.request, adapterName }, log, failures);
      if (other !== null) list.push(other);
    }
    return list;
  }
  throw new Error(
    `no WebGPU device was found: ${failures.join('; ')}. ` +
      'Install a Vulkan driver (for a GPU its own; without one, Mesa 23 or newer: mesa-vulkan-drivers), ' +
      'or run on Linux x64, where a software device comes with the npm packages',
  );
}

/** What to try, best first. */
function candidates(options: DiscoveryOptions): DeviceRequest[] {
  const adapterName = options.adapter ?? process.env['DXGWIRE_ADAPTER'] ?? '';
  const request = (source: DriverSource, deviceClass: DeviceRequest['deviceClass']): DeviceRequest => {
    return { source, deviceClass, adapterName };
  };
  if (process.platform !== 'linux') return [request('platform', 'any')];
  const forced = options.vulkan ?? process.env['DXGWIRE_VULKAN'] ?? '';
  if (forced !== '' && forced !== 'system' && forced !== 'bundled') {
    throw new Error(`DXGWIRE_VULKAN is "${forced}"; it can be system or bundled`);
  }
  const list: DeviceRequest[] = [];
  if (forced !== 'bundled') {
    // On a machine without any Vulkan the same process goes on with ours: starting another would take half a second.
    list.push({ ...request('system', 'any'), orBundled: forced === '' }, request('system', 'software'));
  }
  if (forced !== 'system') list.push(request('bundled', 'any'));
  return list;
}

async function tryRequest(
  request: DeviceRequest,
  log: BackendLog,
  failures: string[],
): Promise<FoundDevice | null> {
  // The first try at the system looks at its software devices too: only a crash makes the second one worth it.
  if (request.deviceClass === 'software' && !failures.at(-1)?.includes(CRASH_MARK)) return null;
  const child = new GpuProcess(request, log);
  try {
    const profile = await child.ready;
    log.info({ device: profile.name, source: profile.source, software: profile.software }, 'device found');
    const { source, name } = profile;
    return { profile, process: child, request: { source, deviceClass: 'any', adapterName: name } };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log.debug({ ...request, reason }, 'no usable device');
    failures.push(`${NAMES[request.source]}: ${reason}`);
    await child.kill();
    return null;
  }
}

/** In the reason that a process gives when it did not end by itself. */
const CRASH_MARK = 'the GPU process';

const NAMES = {
  system: 'system Vulkan',
  bundled: 'bundled SwiftShader',
  platform: "the platform's own API",
} as const;
