import { TransportError } from './errors.ts';
import { PCI_CONFIG_BYTES } from './pci.ts';
import type { HostOfferOptions } from './transport.ts';

/** Most channels of one guest; link frames name a channel with 16 bits. */
const MAX_CHANNELS = 1024;
const MEBIBYTE = 1_048_576;

/** Checks what a host wants to offer. @throws TransportError `out-of-range` or `limit`. */
export function checkOffer(options: HostOfferOptions, index: number, windowBytes: number): void {
  if (index > MAX_CHANNELS) {
    throw new TransportError('limit', `a bus has at most ${MAX_CHANNELS} channels`);
  }
  if (options.classGuid.length !== 16 || options.instanceGuid.length !== 16) {
    throw new TransportError('out-of-range', 'a GUID has 16 bytes');
  }
  const { mmioMegabytes } = options;
  if (!Number.isInteger(mmioMegabytes) || mmioMegabytes < 0 || mmioMegabytes * MEBIBYTE > windowBytes) {
    throw new TransportError(
      'out-of-range',
      `an offer of ${mmioMegabytes} MiB exceeds the device window of ${windowBytes / MEBIBYTE} MiB`,
    );
  }
  if (options.pci !== undefined && options.pci.config.length !== PCI_CONFIG_BYTES) {
    throw new TransportError(
      'out-of-range',
      `configuration space has ${PCI_CONFIG_BYTES} bytes, not ${options.pci.config.length}`,
    );
  }
}
