/** What an allocation of our WebGPU driver holds. */
export const AllocationKind = {
  /** Plain bytes: staging, command buffers; may be locked or have guest pages as its backing. */
  bytes: 0,
  buffer: 1,
  texture: 2,
  /** The return ring of a device: plain bytes, locked for its life. */
  returnRing: 3,
} as const;
export type AllocationKind = (typeof AllocationKind)[keyof typeof AllocationKind];

/** Driver-private data of one allocation. */
export interface AllocationData {
  /** Size in bytes: below 2^53. */
  readonly lengthBytes: number;
  readonly kind: AllocationKind;
}

/** Length of encoded allocation data, bytes. */
export const ALLOCATION_DATA_BYTES = 16;

export function encodeAllocationData(data: AllocationData): Uint8Array {
  const bytes = new Uint8Array(ALLOCATION_DATA_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(data.lengthBytes), true);
  view.setUint32(8, data.kind, true);
  return bytes;
}

/**
 * Reads driver-private data of an allocation. Data of another driver with at least 8 bytes counts as plain bytes
 * of the size that the first 8 say.
 * @returns null when it says no size below 2^53.
 */
export function decodeAllocationData(bytes: Uint8Array): AllocationData | null {
  if (bytes.length < 8) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const high = view.getUint32(4, true);
  if (high > 0x1f_ffff) return null;
  const lengthBytes = high * 0x1_0000_0000 + view.getUint32(0, true);
  if (bytes.length !== ALLOCATION_DATA_BYTES || view.getUint32(12, true) !== 0) {
    return { lengthBytes, kind: AllocationKind.bytes };
  }
  const kind = view.getUint32(8, true);
  return { lengthBytes, kind: isKind(kind) ? kind : AllocationKind.bytes };
}

function isKind(value: number): value is AllocationKind {
  return value <= AllocationKind.returnRing;
}
