import type { AllocationView } from '../backends/contract.ts';
import type { AddressSpace } from './address-space.ts';
import type { AllocationInstance } from './allocation.ts';
import type { PageSpan } from './range-list.ts';

/** d3dddigpuva_reservation_type: what commands meet in unmapped parts. */
export const ReservationType = { noAccess: 0, zero: 1, noCommit: 2 } as const;

/** d3dddigpuvirtualaddress_protection_type, as bits. */
export const PROTECTION_WRITE = 1;
export const PROTECTION_ZERO = 4;
export const PROTECTION_NO_ACCESS = 8;

export interface ReserveRequest {
  /** 0: the host picks. */
  readonly baseAddress: bigint;
  readonly minimumAddress: bigint;
  /** First address behind the wanted space; 0: no bound. */
  readonly maximumAddress: bigint;
  /** Bytes, a multiple of 64 KiB. */
  readonly size: bigint;
  readonly reservationType: number;
  readonly driverProtection: bigint;
}

export interface MapRequest {
  /** 0: the host picks. */
  readonly baseAddress: bigint;
  readonly minimumAddress: bigint;
  readonly maximumAddress: bigint;
  /** Null with protection zero or no-access only. */
  readonly instance: AllocationInstance | null;
  readonly offsetInPages: bigint;
  readonly sizeInPages: bigint;
  readonly protection: bigint;
  readonly driverProtection: bigint;
}

/** d3dddi_updategpuvirtualaddress_operation; all sizes and offsets in bytes. */
export type UpdateOperation =
  | {
      /** 0 map (readable and writable), 3 map with protection. */
      readonly kind: 0 | 3;
      readonly baseAddress: bigint;
      readonly size: bigint;
      readonly instance: AllocationInstance | null;
      readonly allocationOffset: bigint;
      /** When not 0 and below `size`: this much of the allocation is mapped again and again. */
      readonly allocationSize: bigint;
      readonly protection?: bigint;
      readonly driverProtection?: bigint;
    }
  | { readonly kind: 1; readonly baseAddress: bigint; readonly size: bigint; readonly protection: bigint }
  | {
      readonly kind: 2;
      readonly sourceAddress: bigint;
      readonly size: bigint;
      readonly destAddress: bigint;
    };

/** Whose a region of the address space is. `host`: made by the host (fence pages); the guest cannot change it. */
export type RegionKind = 'reserved' | 'mapped' | 'host';

/** Addresses that are taken: reserved, or mapped into free space, or the host's. */
export interface Region extends PageSpan {
  readonly kind: RegionKind;
  readonly reservationType: number;
}

export type MappingKind = 'allocation' | 'zero' | 'no-access' | 'host';

/** What a piece of a region leads to. */
export interface Mapping extends PageSpan {
  readonly space: AddressSpace;
  readonly kind: MappingKind;
  readonly instance: AllocationInstance | null;
  /** For `host`: what it leads to. */
  readonly view: AllocationView | null;
  /** Place in the allocation of the mapping's first page. */
  offsetPages: number;
  readonly writable: boolean;
}
