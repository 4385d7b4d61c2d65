/**
 * Object handles: `instance` in bits 0 to 5, `index` in bits 6 to 29, `unique` in bits 30 and 31. 0 is no object.
 * The guest stores an object at the index that the host chose, and compares `unique` to find stale handles.
 */
export const HandleLayout = {
  instanceBits: 6,
  indexBits: 24,
  uniqueBits: 2,
  instanceShift: 0,
  indexShift: 6,
  uniqueShift: 30,
  instanceMax: 63,
  indexMax: 0xffffff,
  uniqueMax: 3,
  instanceMask: 0x3f,
  indexMask: 0x3fffffc0,
  uniqueMask: 0xc0000000,
  /** The guest's table grows to the index plus this many entries, so indices should be small and dense. */
  tableSizeIncrement: 1024,
  /** An index is not used again before this many others are free. */
  tableMinFreeEntries: 128,
} as const;

/** A handle from its parts; parts out of range are cut to their bits. */
export function makeHandle(index: number, unique: number, instance = 0): number {
  return (((unique & 3) << 30) | ((index & 0xffffff) << 6) | (instance & 0x3f)) >>> 0;
}

/** Index part of a handle, 0 to 0xffffff. */
export function handleIndex(handle: number): number {
  return (handle >>> 6) & 0xffffff;
}

/** Use-after-free counter of a handle, 0 to 3. */
export function handleUnique(handle: number): number {
  return handle >>> 30;
}

/** Instance part of a handle, 0 to 63. The guest ignores it on look-up. */
export function handleInstance(handle: number): number {
  return handle & 0x3f;
}

/** A handle for messages: `0x40000040`. */
export function describeHandle(handle: number): string {
  return `0x${(handle >>> 0).toString(16)}`;
}
