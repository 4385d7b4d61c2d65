/** NTSTATUS values that the managers answer with, as unsigned 32-bit numbers (spec section 0.3). */
export const Status = {
  success: 0,
  pending: 0x00000103,
  invalidParameter: 0xc000000d,
  noMemory: 0xc0000017,
  accessDenied: 0xc0000022,
  objectTypeMismatch: 0xc0000024,
  notSupported: 0xc00000bb,
  deviceRemoved: 0xc00002b6,
  allocationBusy: 0xc01e0102,
} as const;
