import type { SharedRegionAllocator } from '../../shared-region.ts';
import type { GpuServer } from './gpu-server.ts';

/** Files of shared memory by the numbers under which a server knows them. */
export interface RegionNumbers {
  /**
   * Whether a server maps this file: they are mapped whole, and no ArrayBuffer shows all of one that is very long, such as the RAM of
   * a large virtual machine. What lies in such a file is copied.
   */
  isMappable(path: string): boolean;
  /**
   * The number of a file; the server is told to map it at first. Not within an open frame.
   * @param buffer what the file holds, as this process sees it.
   * @throws Error when the file is gone.
   */
  numberOf(server: GpuServer, path: string, buffer: ArrayBufferLike): number;
  /** A file is going away. */
  drop(path: string): void;
  /** All files are going away. */
  clear(): void;
}

/** How an adapter and a server in another process see the same memory. */
export interface Sharing {
  readonly allocateRegion: SharedRegionAllocator;
  readonly regions: RegionNumbers;
}
