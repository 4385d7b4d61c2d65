import { PAGE_BYTES } from '@dxgwire/transport';
import type { AllocationRequest } from './contract.ts';

/** Above this no allocation makes sense; sums of sizes stay exact numbers. */
const MAX_ALLOCATION_BYTES = 2 ** 40;

/** Size when nobody says one: no private data, and not a standard allocation. */
const DEFAULT_ALLOCATION_BYTES = 65_536;

/**
 * Size of an allocation whose private data this project's convention describes: its first 8 bytes are the size in
 * bytes (little endian). A standard allocation says its size itself; without private data it is 64 KiB.
 *
 * @returns bytes, rounded up to pages; or what is wrong.
 */
export function requestedLengthBytes(request: AllocationRequest): number | { readonly refused: string } {
  const { privateData, standardLengthBytes } = request;
  let lengthBytes = standardLengthBytes === 0 ? DEFAULT_ALLOCATION_BYTES : standardLengthBytes;
  if (standardLengthBytes === 0 && privateData.length > 0) {
    if (privateData.length < 8) {
      return { refused: `private data of ${privateData.length} bytes, at least 8 say the size` };
    }
    const view = new DataView(privateData.buffer, privateData.byteOffset, privateData.length);
    lengthBytes = view.getUint32(0, true) + view.getUint32(4, true) * 0x100000000;
  }
  if (lengthBytes < 1 || lengthBytes > MAX_ALLOCATION_BYTES) {
    return { refused: `allocation of ${lengthBytes} bytes, the limit is ${MAX_ALLOCATION_BYTES}` };
  }
  return Math.ceil(lengthBytes / PAGE_BYTES) * PAGE_BYTES;
}

/** As {@link requestedLengthBytes} for a backend that accepts everything: what makes no sense gets the default. */
export function anyLengthBytes(request: AllocationRequest): number {
  const lengthBytes = requestedLengthBytes(request);
  return typeof lengthBytes === 'number' ? lengthBytes : DEFAULT_ALLOCATION_BYTES;
}
