import { TransportError } from './errors.ts';
import { PCI_CONFIG_BYTES } from './pci.ts';
import type { ChannelOffer, HostOfferOptions } from './transport.ts';

/** Most channels of one guest. */
const MAX_CHANNELS = 1024;
/** Link frames name a channel with 16 bits. */
const MAX_CHANNEL_INDEX = 0xffff;
const GUID_BYTES = 16;
const MEBIBYTE = 1_048_576;

/** Checks what a host wants to offer. @throws TransportError `out-of-range` or `limit`. */
export function checkOffer(options: HostOfferOptions, index: number, windowBytes: number): void {
  if (index > MAX_CHANNELS) {
    throw new TransportError('limit', `a bus has at most ${MAX_CHANNELS} channels`);
  }
  if (options.classGuid.length !== GUID_BYTES || options.instanceGuid.length !== GUID_BYTES) {
    throw new TransportError('out-of-range', `a GUID has ${GUID_BYTES} bytes`);
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

/**
 * Checks what a host has offered: a guest keeps a list of it.
 *
 * @param highest - Index of the last offer.
 * @param count - Offers that stand.
 * @throws TransportError `bad-frame` or `limit`.
 */
export function checkOffered(
  { index, classGuid, instanceGuid }: ChannelOffer,
  highest: number,
  count: number,
): void {
  const hasGuids = classGuid.length === GUID_BYTES && instanceGuid.length === GUID_BYTES;
  if (!hasGuids || index <= highest || index > MAX_CHANNEL_INDEX) {
    throw new TransportError('bad-frame', `the offer of channel ${index} is malformed`);
  }
  if (count >= MAX_CHANNELS) {
    throw new TransportError('limit', `the host offers more than ${MAX_CHANNELS} channels`);
  }
}
