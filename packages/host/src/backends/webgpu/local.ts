import { openDawn } from './dawn.ts';
import type { DeviceProfile } from './device-profile.ts';
import { type DiscoveryOptions, discoverDevices, type FoundDevice } from './discovery.ts';

/** WebGPU in this very process, for programs that shall run without any projection. */
export interface LocalGPU {
  readonly gpu: GPU;
  /** The `GPU*` classes and constants. */
  readonly globals: Readonly<Record<string, unknown>>;
  readonly profile: DeviceProfile;
}

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

let opened: Promise<LocalGPU> | null = null;

export interface LocalOptions extends DiscoveryOptions {
  /** Which of the devices found: its index, or a part of its name. Default: the first, which is the best. */
  readonly device?: number | string;
}

/**
 * Dawn in this process, on the device that the webgpu backend would offer first. Driver code stays loaded until the
 * process ends, so there is one for all callers; what the first asked for holds for all.
 *
 * @throws Error in words for people when there is no device.
 */
export function createLocalGPU(options: LocalOptions = {}): Promise<LocalGPU> {
  opened ??= open(options).catch((error: unknown) => {
    opened = null;
    throw error;
  });
  return opened;
}

async function open({ device = 0, ...options }: LocalOptions): Promise<LocalGPU> {
  const devices = await discoverDevices(options, quiet);
  await Promise.all(devices.map(({ process }) => process.kill()));
  const isWanted = ({ profile: { name } }: FoundDevice, index: number): boolean =>
    typeof device === 'number' ? index === device : name.toLowerCase().includes(device.toLowerCase());
  const found = devices.find(isWanted);
  if (found === undefined) {
    const names = devices.map(({ profile: { name } }, index) => `${index}: ${name}`).join('; ');
    throw new Error(`there is no adapter "${device}" here; there is ${names}`);
  }
  return openDawn(found.request);
}
