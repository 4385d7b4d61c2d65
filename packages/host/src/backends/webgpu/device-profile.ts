import type { AdapterCaps } from '@dxgwire/protocol/blobs';

/** Where Dawn's driver comes from. */
export type DriverSource =
  /** The system's own Vulkan loader and drivers. */
  | 'system'
  /** The SwiftShader that comes with our packages. */
  | 'bundled'
  /** The platform's own API on systems where Dawn does not need Vulkan. */
  | 'platform';

/** What kind of device is wanted. */
export type DeviceClass = 'gpu' | 'software' | 'any';

/** Which device a process shall open. */
export interface DeviceRequest {
  readonly source: DriverSource;
  readonly deviceClass: DeviceClass;
  /** Part of the device's name, in any case; empty: any. */
  readonly adapterName: string;
  /** For `system`: where there is no Vulkan loader at all, the bundled driver is what is meant. */
  readonly orBundled?: boolean;
}

/** A device that was opened and did a first piece of work. */
export interface DeviceProfile {
  readonly source: DriverSource;
  /** The device's own name, as its driver gives it. */
  readonly name: string;
  readonly software: boolean;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly driver: string;
  /** Memory of the device itself, bytes; 0 when not known. */
  readonly deviceLocalBytes: number;
  /** System memory that it can reach beside that, bytes; 0 when not known. */
  readonly hostBytes: number;
  readonly unifiedMemory: boolean;
  readonly caps: AdapterCaps;
  /** Names of other devices that the same request could have meant. */
  readonly others: readonly string[];
}
