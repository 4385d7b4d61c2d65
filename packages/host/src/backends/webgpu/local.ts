import { openDawn } from './dawn.ts';
import type { DeviceProfile } from './device-profile.ts';
import { type DiscoveryOptions, discoverDevices } from './discovery.ts';

/** WebGPU in this very process, for programs that shall run without any projection. */
export interface LocalGPU {
  readonly gpu: GPU;
  /** The `GPU*` classes and constants. */
  readonly globals: Readonly<Record<string, unknown>>;
  readonly profile: DeviceProfile;
}

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

let opened: Promise<LocalGPU> | null = null;

/**
 * Dawn in this process, on the device that the webgpu backend would offer first. Driver code stays loaded until the
 * process ends, so there is one for all callers; what the first asked for holds for all.
 *
 * @throws Error in words for people when there is no device.
 */
export function createLocalGPU(options: DiscoveryOptions = {}): Promise<LocalGPU> {
  opened ??= open(options).catch((error: unknown) => {
    opened = null;
    throw error;
  });
  return opened;
}

async function open(options: DiscoveryOptions): Promise<LocalGPU> {
  const devices = await discoverDevices(options, quiet);
  await Promise.all(devices.map(({ process }) => process.kill()));
  return openDawn(devices[0]!.request);
}
