import type { KmtResult } from './common.ts';

export interface ReserveGpuVirtualAddressArgs {
  /** An adapter or a paging queue. */
  readonly adapter: number;
  readonly baseAddress?: bigint;
  readonly minimumAddress?: bigint;
  readonly maximumAddress?: bigint;
  /** Bytes: a multiple of 64 KiB. */
  readonly size: bigint;
  /** 0 no access, 1 zero, 2 no commit. */
  readonly reservationType?: number;
  readonly driverProtection?: bigint;
}
export interface ReserveGpuVirtualAddressResult extends KmtResult {
  readonly virtualAddress: bigint;
}

export interface MapGpuVirtualAddressArgs {
  readonly pagingQueue: number;
  readonly baseAddress?: bigint;
  readonly minimumAddress?: bigint;
  readonly maximumAddress?: bigint;
  readonly allocation?: number;
  readonly offsetInPages?: bigint;
  readonly sizeInPages: bigint;
  /** Bit 0 write, 1 execute, 2 zero, 3 no access, 4 system use only. */
  readonly protection?: bigint;
  readonly driverProtection?: bigint;
}
export interface MapGpuVirtualAddressResult extends KmtResult {
  readonly virtualAddress: bigint;
  readonly pagingFenceValue: bigint;
}

/** One of the four operations on page tables; sizes and offsets in bytes. */
export type UpdateGpuVirtualAddressOperation =
  | {
      readonly map: {
        readonly baseAddress: bigint;
        readonly size: bigint;
        readonly allocation: number;
        readonly allocationOffset?: bigint;
        readonly allocationSize?: bigint;
      };
    }
  | {
      readonly mapProtect: {
        readonly baseAddress: bigint;
        readonly size: bigint;
        readonly allocation: number;
        readonly allocationOffset?: bigint;
        readonly allocationSize?: bigint;
        readonly protection?: bigint;
        readonly driverProtection?: bigint;
      };
    }
  | { readonly unmap: { readonly baseAddress: bigint; readonly size: bigint; readonly protection?: bigint } }
  | {
      readonly copy: { readonly sourceAddress: bigint; readonly size: bigint; readonly destAddress: bigint };
    };

export interface UpdateGpuVirtualAddressArgs {
  readonly device: number;
  readonly context: number;
  readonly fenceObject: number;
  readonly fenceValue: bigint;
  /** 1 to 2,046: what fits a message. */
  readonly operations: readonly UpdateGpuVirtualAddressOperation[];
  /** Bit 0: do not wait for the fence first. */
  readonly flags?: number;
}
export interface UpdateGpuVirtualAddressResult extends KmtResult {
  readonly fenceValue: bigint;
}

export interface FreeGpuVirtualAddressArgs {
  readonly adapter: number;
  readonly baseAddress: bigint;
  /** Bytes. */
  readonly size: bigint;
}
