/** Statuses that the Linux driver and libdxg tell apart (section 0.3): what a host may send. */
export const Status = {
  success: 0,
  timeout: 0x102,
  pending: 0x103,
  notImplemented: 0xc0000002,
  invalidHandle: 0xc0000008,
  invalidParameter: 0xc000000d,
  noMemory: 0xc0000017,
  illegalInstruction: 0xc000001d,
  accessDenied: 0xc0000022,
  bufferTooSmall: 0xc0000023,
  objectTypeMismatch: 0xc0000024,
  objectNameInvalid: 0xc0000033,
  objectNameNotFound: 0xc0000034,
  objectNameCollision: 0xc0000035,
  notSupported: 0xc00000bb,
  deviceRemoved: 0xc00002b6,
  graphicsAllocationBusy: 0xc01e0102,
} as const;

const known = new Set<number>(Object.values(Status));

export function isKnownStatus(status: number): boolean {
  return known.has(status >>> 0);
}
