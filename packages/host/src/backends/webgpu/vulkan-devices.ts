import { Buffer } from 'node:buffer';
import { loadKoffi } from '../../koffi.ts';

/** A physical device as Vulkan describes it. */
export interface VulkanDevice {
  readonly name: string;
  readonly type: 'other' | 'integrated' | 'discrete' | 'virtual' | 'cpu';
  readonly vendorId: number;
  readonly deviceId: number;
  /** Memory that belongs to the device itself, bytes. */
  readonly deviceLocalBytes: number;
  /** System memory that the device can reach, bytes. */
  readonly hostBytes: number;
}

const TYPES = ['other', 'integrated', 'discrete', 'virtual', 'cpu'] as const;
const MAX_DEVICES = 16;
/** Sizes of the C structs, rounded up (Vulkan 1.0: 824 and 520 bytes). */
const PROPERTIES_BYTES = 1024;
const MEMORY_PROPERTIES_BYTES = 1024;
/** Places in them. */
const NAME_OFFSET = 20;
const NAME_BYTES = 256;
const HEAP_COUNT_OFFSET = 260;
const HEAPS_OFFSET = 264;
const HEAP_BYTES = 16;
const MAX_HEAPS = 16;
const DEVICE_LOCAL = 1;

/**
 * Asks the Vulkan loader for its devices. Runs driver code: only for a process that may crash.
 * @param loader a path or library name.
 * @throws Error when the loader cannot be loaded or has no driver.
 */
export function listVulkanDevices(loader: string): VulkanDevice[] {
  const koffi = loadKoffi();
  const library = koffi.load(loader);
  const createInstance = library.func(
    'int vkCreateInstance(const void *info, const void *allocator, _Out_ void **instance)',
  );
  const destroyInstance = library.func('void vkDestroyInstance(void *instance, const void *allocator)');
  const enumerate = library.func(
    'int vkEnumeratePhysicalDevices(void *instance, _Inout_ uint32_t *count, _Out_ void **devices)',
  );
  const getProperties = library.func(
    'void vkGetPhysicalDeviceProperties(void *device, _Out_ uint8_t *properties)',
  );
  const getMemoryProperties = library.func(
    'void vkGetPhysicalDeviceMemoryProperties(void *device, _Out_ uint8_t *properties)',
  );
  // VkInstanceCreateInfo: sType 1, all else zero.
  const info = Buffer.alloc(64);
  info.writeUInt32LE(1, 0);
  const instance: [unknown] = [null];
  const created = createInstance(info, null, instance) as number;
  if (created !== 0) throw new Error(`vkCreateInstance failed with ${created}`);
  try {
    const count: [number] = [MAX_DEVICES];
    const devices: unknown[] = new Array(MAX_DEVICES).fill(null);
    const result = enumerate(instance[0], count, devices) as number;
    // 5 is VK_INCOMPLETE: there are more than we look at.
    if (result !== 0 && result !== 5) throw new Error(`vkEnumeratePhysicalDevices failed with ${result}`);
    return devices.slice(0, count[0]).map((device) => {
      const properties = Buffer.alloc(PROPERTIES_BYTES);
      const memory = Buffer.alloc(MEMORY_PROPERTIES_BYTES);
      getProperties(device, properties);
      getMemoryProperties(device, memory);
      return describe(properties, memory);
    });
  } finally {
    destroyInstance(instance[0], null);
  }
}

function describe(properties: Buffer, memory: Buffer): VulkanDevice {
  const name = properties.subarray(NAME_OFFSET, NAME_OFFSET + NAME_BYTES);
  let deviceLocalBytes = 0;
  let hostBytes = 0;
  const heaps = Math.min(MAX_HEAPS, memory.readUInt32LE(HEAP_COUNT_OFFSET));
  for (let index = 0; index < heaps; index++) {
    const place = HEAPS_OFFSET + index * HEAP_BYTES;
    const lengthBytes = Number(memory.readBigUInt64LE(place));
    if ((memory.readUInt32LE(place + 8) & DEVICE_LOCAL) !== 0) deviceLocalBytes += lengthBytes;
    else hostBytes += lengthBytes;
  }
  return {
    name: name.subarray(0, name.indexOf(0)).toString('utf8'),
    type: TYPES[properties.readUInt32LE(16)] ?? 'other',
    vendorId: properties.readUInt32LE(8),
    deviceId: properties.readUInt32LE(12),
    deviceLocalBytes,
    hostBytes,
  };
}
