/** A run of zeroed memory for guest memory or a device window. */
export interface Region {
  readonly bytes: Uint8Array;
  /** The file that another process can map to see the same bytes, or null when there is none. */
  readonly path: string | null;
  /** Where the bytes lie in that file. */
  readonly offset: number;
  /**
   * The bus has ended and touches `bytes` no more. Others may still hold views on them (a partition that is
   * being taken down): remove the file now, unmap only when no view can be in use.
   */
  free(): void;
}

/** Makes a {@link Region} of at least `lengthBytes` zeroed bytes, page aligned, or throws. */
export type AllocateRegion = (lengthBytes: number) => Region;

/** The default: plain memory of this process, committed by the system as it is touched. */
export function allocatePlainRegion(lengthBytes: number): Region {
  return { bytes: new Uint8Array(lengthBytes), path: null, offset: 0, free: () => {} };
}

/** A region as the file that {@link Region} describes, or null. */
export function fileOf(region: Region): { readonly path: string; readonly offset: number } | null {
  return region.path === null ? null : { path: region.path, offset: region.offset };
}
