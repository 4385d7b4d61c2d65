import { HostCaps, InterfaceVersion, type Luid, PciConfig } from '@dxgwire/protocol';

/**
 * The PCI configuration block of a virtual GPU, and the negotiation of the interface version that runs over it
 * (dxg protocol, 1.2). Reads come from 256 bytes that never change; writes of the guest go to {@link Negotiation}.
 */

const CONFIG_BYTES = 256;
/** Class 3D controller (0x0302), programming interface 0, revision 0. */
const CLASS_AND_REVISION = 0x0302_0000;

export interface PciIdentity {
  readonly deviceId: number;
  /** Instance GUID of the virtual GPU's channel, 16 raw bytes. */
  readonly instanceGuid: Uint8Array;
  readonly vgpuLuid: Luid;
  /** Interface version offered to the guest. */
  readonly offeredVersion: number;
  /** Bit 0 of the host capabilities: the guest may describe its pages as a list of frames. */
  readonly mapGuestMemory: boolean;
}

/** The 256 bytes of configuration space of one virtual GPU. */
export function buildPciConfig(identity: PciIdentity): Uint8Array {
  const config = new Uint8Array(CONFIG_BYTES);
  const view = new DataView(config.buffer);
  view.setUint16(0x00, PciConfig.vendorId, true);
  view.setUint16(0x02, identity.deviceId, true);
  view.setUint32(0x08, CLASS_AND_REVISION, true);
  config.set(identity.instanceGuid, PciConfig.channelInstanceOffset);
  view.setUint32(PciConfig.interfaceVersionOffset, identity.offeredVersion, true);
  if (identity.offeredVersion >= InterfaceVersion.current) {
    view.setUint32(PciConfig.vgpuLuidOffset, identity.vgpuLuid.low, true);
    view.setUint32(PciConfig.vgpuLuidOffset + 4, identity.vgpuLuid.high, true);
    view.setUint32(PciConfig.hostCapsOffset, identity.mapGuestMemory ? HostCaps.mapGuestMemory : 0, true);
  }
  return config;
}

/**
 * What guest and host agreed on. It belongs to a partition: the driver negotiates once, with the first function it
 * probes. Until the guest has written a version, an offer of 40 counts as not taken: an old guest never writes.
 */
export class Negotiation {
  readonly offered: number;
  #version: number;
  #guestCapabilities = 0;

  constructor(offered: number) {
    this.offered = offered;
    this.#version = Math.min(offered, InterfaceVersion.old);
    this.reset();
  }

  /** The interface version that decides the layout of messages. */
  get version(): number {
    return this.#version;
  }

  /** Bit 0: the guest is a WSL2-style Linux. */
  get guestCapabilities(): number {
    return this.#guestCapabilities;
  }

  /** Back to the state before any write: the driver was unloaded. */
  reset(): void {
    this.#version = this.offered < InterfaceVersion.current ? this.offered : InterfaceVersion.old;
    this.#guestCapabilities = 0;
  }

  /** A 32-bit write by the guest. @returns false when it means nothing here and was ignored. */
  write(offset: number, value: number): boolean {
    if (offset === PciConfig.guestCapsOffset) {
      this.#guestCapabilities = value >>> 0;
      return true;
    }
    const acceptable = value >= InterfaceVersion.lastCompatible && value <= this.offered;
    if (offset !== PciConfig.interfaceVersionOffset || !acceptable) return false;
    this.#version = value;
    return true;
  }
}
