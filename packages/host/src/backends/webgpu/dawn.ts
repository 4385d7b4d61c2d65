import process from 'node:process';
import { loadKoffi } from '../../koffi.ts';
import { readCaps, tryOut } from './device-caps.ts';
import type { DeviceProfile, DeviceRequest, DriverSource } from './device-profile.ts';
import { unpackSwiftShader } from './swiftshader.ts';
import { listVulkanDevices, type VulkanDevice } from './vulkan-devices.ts';

/** Dawn in this process, on one device. */
export interface OpenedDevice {
  readonly gpu: GPU;
  /** The classes and constants of the standard, as Dawn has them. */
  readonly globals: Readonly<Record<string, unknown>>;
  readonly profile: DeviceProfile;
}

/**
 * Objects made by `create()`. Dawn for Node crashes when one of them is garbage-collected, so they are kept for
 * the life of the process.
 */
const instances: GPU[] = [];

/**
 * Libraries that were loaded for Dawn to find by their names. koffi closes a library when its handle is
 * garbage-collected, so the handles are kept as well.
 */
const libraries: unknown[] = [];

/** The variables that say which Vulkan drivers there are, and what they were before we changed them. */
const DRIVER_VARIABLES = ['VK_ICD_FILENAMES', 'VK_DRIVER_FILES'] as const;
const changedVariables = new Map<string, string | undefined>();

/** This process's environment as it would be had {@link openDawn} not changed it: for other processes. */
export function driverEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, ...Object.fromEntries(changedVariables) };
}

/** The system's Vulkan loader, by the name under which Dawn looks for it too. */
const SYSTEM_LOADER = 'libvulkan.so.1';

/**
 * Opens Dawn on the device that the request means and lets it do a first piece of work. Loads driver code into
 * this process, once and for all: a second call must ask for the same source.
 *
 * @throws Error in words for people when there is no such device or it does not work.
 */
export async function openDawn(request: DeviceRequest): Promise<OpenedDevice> {
  const { source, devices } = prepareDriver(request);
  const { create, globals } = await import('webgpu');
  const all = globals as Readonly<Record<string, unknown>>;
  if (source === 'platform') {
    return { globals: all, ...(await openOne(create([]), source, request, null, [])) };
  }
  const wanted = choose(devices, request);
  if (wanted.length === 0) {
    const seen = devices.map(({ name, type }) => `${name} (${type})`).join(', ') || 'none';
    throw new Error(`no ${describeRequest(request)} among the Vulkan devices: ${seen}`);
  }
  const failures: string[] = [];
  for (const [index, device] of wanted.entries()) {
    try {
      const gpu = create(['backend=vulkan', `adapter=${device.name}`]);
      return { globals: all, ...(await openOne(gpu, source, request, device, likeIt(wanted, index))) };
    } catch (error) {
      failures.push(`${device.name}: ${firstLine(error)}`);
    }
  }
  throw new Error(failures.join('; '));
}

/** Says where the driver comes from, and what Vulkan devices it has. */
function prepareDriver({ source, orBundled = false }: DeviceRequest): {
  source: DriverSource;
  devices: VulkanDevice[];
} {
  if (source === 'platform') return { source, devices: [] };
  if (source === 'bundled') return { source, devices: prepareBundled() };
  try {
    // Kept, so that it is loaded once.
    libraries.push(loadKoffi().load(SYSTEM_LOADER));
  } catch (error) {
    if (!orBundled) throw error;
    try {
      return { source: 'bundled', devices: prepareBundled() };
    } catch {
      // What is wrong with the bundled driver, who asks for it by itself is told.
      throw error;
    }
  }
  return { source, devices: listVulkanDevices(SYSTEM_LOADER) };
}

/** Loads the loader, so that Dawn finds the right one under its name, and says what devices it has. */
function prepareBundled(): VulkanDevice[] {
  const { loaderPath, driverManifestPath } = unpackSwiftShader();
  for (const name of DRIVER_VARIABLES) {
    if (!changedVariables.has(name)) changedVariables.set(name, process.env[name]);
    process.env[name] = driverManifestPath;
  }
  const koffi = loadKoffi();
  libraries.push(koffi.load(loaderPath));
  return listVulkanDevices(loaderPath);
}

const TYPE_ORDER = ['discrete', 'virtual', 'integrated', 'other', 'cpu'] as const;

/** Devices that fit, best first, each name once: Dawn tells devices apart by their names only. */
function choose(devices: readonly VulkanDevice[], request: DeviceRequest): VulkanDevice[] {
  const part = request.adapterName.toLowerCase();
  const fits = ({ name, type }: VulkanDevice): boolean => {
    if (!name.toLowerCase().includes(part)) return false;
    return request.deviceClass === 'any' || (type === 'cpu') === (request.deviceClass === 'software');
  };
  const ordered = devices
    .filter(fits)
    .sort((a, b) => TYPE_ORDER.indexOf(a.type) - TYPE_ORDER.indexOf(b.type));
  return ordered.filter(({ name }, index) => ordered.findIndex((other) => other.name === name) === index);
}

/** Names of the devices behind the one at `index` that are of its class. */
function likeIt(devices: readonly VulkanDevice[], index: number): string[] {
  const isCpu = devices[index]!.type === 'cpu';
  return devices
    .slice(index + 1)
    .filter(({ type }) => (type === 'cpu') === isCpu)
    .map(({ name }) => name);
}

async function openOne(
  gpu: GPU,
  source: DriverSource,
  request: DeviceRequest,
  device: VulkanDevice | null,
  others: readonly string[],
): Promise<Omit<OpenedDevice, 'globals'>> {
  instances.push(gpu);
  const adapter = await gpu.requestAdapter();
  if (adapter === null) throw new Error('Dawn does not accept it');
  const software = device === null ? adapter.info.isFallbackAdapter : device.type === 'cpu';
  if (request.deviceClass !== 'any' && software !== (request.deviceClass === 'software')) {
    throw new Error(`it is ${software ? 'a software device' : 'a GPU'}`);
  }
  const caps = readCaps(gpu, adapter, software);
  const profile: DeviceProfile = {
    source,
    name: device?.name ?? (adapter.info.device || adapter.info.description),
    software,
    vendorId: device?.vendorId ?? 0,
    deviceId: device?.deviceId ?? 0,
    driver: adapter.info.description,
    deviceLocalBytes: software ? 0 : (device?.deviceLocalBytes ?? 0),
    hostBytes: device?.hostBytes ?? 0,
    unifiedMemory: software || device?.type === 'integrated' || device === null,
    caps,
    others,
  };
  await tryOut(adapter);
  return { gpu, profile };
}

function describeRequest({ deviceClass, adapterName }: DeviceRequest): string {
  const kind = { gpu: 'GPU', software: 'software device', any: 'device' }[deviceClass];
  return adapterName === '' ? kind : `${kind} named like "${adapterName}"`;
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? text;
}
