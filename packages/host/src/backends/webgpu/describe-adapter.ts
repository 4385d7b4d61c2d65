import { encodeAdapterCaps } from '@dxgwire/protocol/blobs';
import type { AdapterDescription, SegmentDescription } from '../contract.ts';
import type { DeviceProfile } from './device-profile.ts';

/** What is the same of a device wherever its server runs. */
export interface DescribeOptions {
  /** Time without an end after which a submission counts as hung, milliseconds. Default 2 s; 2 minutes in software. */
  readonly timeoutMs?: number;
  /** Memory of a software device, bytes. Default: half of the system's. */
  readonly memoryBytes?: number;
  /** Submissions that may be under way at once. Default 256. */
  readonly maxInFlight?: number;
}

/** What Windows gives a GPU (TdrDelay). */
const GPU_TIMEOUT_MS = 2000;
/**
 * A processor that plays GPU takes seconds for a frame that is a GPU's milliseconds, and shares its cores: draws of the
 * official conformance suite take most of a minute there, on a machine with other work more. Dawn itself waits forever.
 */
const SOFTWARE_TIMEOUT_MS = 120_000;
const MAX_IN_FLIGHT = 256;
const MEBIBYTE = 1 << 20;
const DESCRIPTION_UNITS = 79;
const INSTANCE_ID_UNITS = 259;

/**
 * A device as the host knows it.
 * @param systemBytes memory that it shares with the rest of the system where it has none of its own, bytes.
 */
export function describeAdapter(
  profile: DeviceProfile,
  index: number,
  options: DescribeOptions,
  systemBytes: number,
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
    segments: segmentsOf(profile, options, systemBytes),
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
function segmentsOf(
  profile: DeviceProfile,
  options: DescribeOptions,
  systemMemoryBytes: number,
): SegmentDescription[] {
  const systemBytes = wholeMebibytes(systemMemoryBytes / 2);
  if (profile.unifiedMemory || profile.deviceLocalBytes === 0) {
    const lengthBytes = wholeMebibytes(options.memoryBytes ?? systemBytes);
    return [{ id: 1, group: 'local', lengthBytes }];
  }
  return [
    { id: 1, group: 'local', lengthBytes: wholeMebibytes(profile.deviceLocalBytes) },
    { id: 2, group: 'non-local', lengthBytes: systemBytes },
  ];
}

function wholeMebibytes(bytes: number): number {
  return Math.max(1, Math.floor(bytes / MEBIBYTE)) * MEBIBYTE;
}
