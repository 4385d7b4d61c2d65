import { PAGE_BYTES } from '@dxgwire/transport';
import {
  type MappingKind,
  PROTECTION_NO_ACCESS,
  PROTECTION_WRITE,
  PROTECTION_ZERO,
  type UpdateOperation,
} from './address-space-types.ts';
import type { AllocationInstance } from './allocation.ts';

/** Width of GPU virtual addresses, bits. */
export const GPU_ADDRESS_BITS = 47;
/** Granularity of reservations, bytes. */
export const RESERVATION_BYTES = 65_536;

export const PAGE_SHIFT = 12n;
export const PAGE_MASK = 0xfffn;
export const RESERVATION_PAGES = RESERVATION_BYTES / PAGE_BYTES;
export const END_PAGE = 2 ** (GPU_ADDRESS_BITS - 12);
export const END_ADDRESS = 1n << BigInt(GPU_ADDRESS_BITS);
/** The first reservation unit stays free, so that address 0 and small offsets from it fault. */
export const FIRST_PAGE = RESERVATION_PAGES;
/** Where the host starts to look when the guest does not care: above 4 GiB, which is left to those who do. */
export const USUAL_FIRST_PAGE = 2 ** 20;

export function pageOf(address: bigint): number {
  return Number(address >> PAGE_SHIFT);
}

export function addressOf(page: number): bigint {
  return BigInt(page) << PAGE_SHIFT;
}

/** Pages of a size that is a multiple of `unitBytes` and fits the address space; else 0. */
export function pagesOf(size: bigint, unitBytes: number): number {
  if (size <= 0n || size > END_ADDRESS || size % BigInt(unitBytes) !== 0n) return 0;
  return Number(size >> PAGE_SHIFT);
}

/** Page of an address in an update; -1 when it cannot be one. */
export function guestPage(address: bigint): number {
  return (address & PAGE_MASK) !== 0n || address >= END_ADDRESS || address < 0n ? -1 : pageOf(address);
}

/** First page and end of what an update changes; the same twice when its size cannot be. */
export function targetOf(operation: UpdateOperation): [number, number] {
  const start = guestPage(operation.kind === 2 ? operation.destAddress : operation.baseAddress);
  return [start, start + pagesOf(operation.size, PAGE_BYTES)];
}

export function protectionOf(operation: UpdateOperation & { kind: 0 | 3 }): bigint {
  return operation.kind === 3 ? (operation.protection ?? 0n) : BigInt(PROTECTION_WRITE);
}

export function partPages(length: number, allocationSize: bigint): number {
  const part = Number(allocationSize >> PAGE_SHIFT);
  return part > 0 && part < length ? part : length;
}

/** What a map means; null when allocation and protection do not go together. */
export function mappingKind(instance: AllocationInstance | null, protection: bigint): MappingKind | null {
  const bits = Number(protection & 0xffn);
  const special = bits & (PROTECTION_ZERO | PROTECTION_NO_ACCESS);
  if (special === 0) return instance === null ? null : 'allocation';
  if (instance !== null || special === (PROTECTION_ZERO | PROTECTION_NO_ACCESS)) return null;
  return special === PROTECTION_ZERO ? 'zero' : 'no-access';
}
