import { TransportError } from './errors.ts';
import type { HostOfferOptions, PciFunction } from './transport.ts';

/** Length of the configuration space of a PCI function, bytes. */
export const PCI_CONFIG_BYTES = 256;

/** Throws TransportError `out-of-range` unless `offset` is an aligned word of the configuration space. */
export function checkPciOffset(offset: number): void {
  if (!Number.isInteger(offset) || offset < 0 || offset % 4 !== 0 || offset >= PCI_CONFIG_BYTES) {
    throw new TransportError(
      'out-of-range',
      `configuration space is accessed at multiples of 4 below ${PCI_CONFIG_BYTES}; got ${offset}`,
    );
  }
}

/** The guest's view of a PCI function: a copy of its configuration space, and a way to post writes. */
export class GuestPciFunction implements PciFunction {
  readonly channelIndex: number;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly #post: (offset: number, value: number) => void;
  #config: DataView;

  constructor(
    channelIndex: number,
    ids: { readonly vendorId: number; readonly deviceId: number },
    config: Uint8Array,
    post: (offset: number, value: number) => void,
  ) {
    this.channelIndex = channelIndex;
    this.vendorId = ids.vendorId;
    this.deviceId = ids.deviceId;
    this.#post = post;
    this.#config = copyConfig(config);
  }

  /** The host changed what is read. */
  update(config: Uint8Array): void {
    this.#config = copyConfig(config);
  }

  readConfig32(offset: number): number {
    checkPciOffset(offset);
    return this.#config.getUint32(offset, true);
  }

  writeConfig32(offset: number, value: number): void {
    checkPciOffset(offset);
    this.#post(offset, value >>> 0);
  }
}

/** The host's side of a PCI function: passes writes on and notices when what is read has changed. */
export class HostPciFunction {
  readonly vendorId: number;
  readonly deviceId: number;
  readonly #function: NonNullable<HostOfferOptions['pci']>;
  /** Configuration space as the guest last got it. */
  #seen: Uint8Array;

  constructor(pci: NonNullable<HostOfferOptions['pci']>) {
    this.#function = pci;
    this.vendorId = pci.vendorId;
    this.deviceId = pci.deviceId;
    this.#seen = pci.config.slice();
  }

  /** A copy of the configuration space for the guest. */
  take(): Uint8Array {
    this.#seen = this.#function.config.slice();
    return this.#seen;
  }

  /** The guest has written a word, its offset checked. @returns the configuration space if that changed it, else null. */
  write(offset: number, value: number): Uint8Array | null {
    this.#function.onWrite(offset, value);
    const seen = this.#seen;
    return this.#function.config.every((byte, at) => byte === seen[at]) ? null : this.take();
  }
}

function copyConfig(config: Uint8Array): DataView {
  if (config.length !== PCI_CONFIG_BYTES) {
    throw new TransportError(
      'out-of-range',
      `configuration space has ${PCI_CONFIG_BYTES} bytes, not ${config.length}`,
    );
  }
  return new DataView(config.slice().buffer);
}
