import type { GuestMemoryBlock } from '@dxgwire/transport';
import type { SysmemRange } from '../types/allocation.ts';
import type { Luid } from '../types/common.ts';
import type { UpdateGpuVirtualAddressOperation } from '../types/gpu-virtual-address.ts';
import { fromHex, toHex } from './lines.ts';

/** Arguments and results of a calls file: what they look like there. */
export type CallFields = Readonly<Record<string, unknown>>;

const PAGE_BYTES = 4096;
const OPERATION_BYTES = 64;
const FNV_OFFSET = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;

/** A call's arguments with accessors for the forms that calls files use. */
export class CallInput {
  private readonly fields: CallFields;

  constructor(fields: CallFields) {
    this.fields = fields;
  }

  has(name: string): boolean {
    return this.fields[name] !== undefined && this.fields[name] !== null;
  }

  text(name: string): string {
    return String(this.fields[name] ?? '');
  }

  /** A number, also one written as `0x...`. */
  number(name: string): number {
    return Number(this.fields[name] ?? 0);
  }

  big(name: string): bigint {
    return BigInt((this.fields[name] ?? 0) as string | number);
  }

  /** A list of handles or numbers; null is empty. */
  numbers(name: string): number[] {
    return this.list(name).map(Number);
  }

  bigs(name: string): bigint[] {
    return this.list(name).map((value) => BigInt(value as string | number));
  }

  /** A buffer: hex digits, perhaps with a tail `+00*N` of zeros; null is none. */
  bytes(name: string): Uint8Array | undefined {
    const value = this.fields[name];
    if (value === undefined || value === null) return undefined;
    return hexBytes(String(value));
  }

  luid(name: string): Luid {
    const value = this.big(name);
    return { low: Number(value & 0xffffffffn), high: Number(value >> 32n) };
  }

  private list(name: string): unknown[] {
    const value = this.fields[name];
    return Array.isArray(value) ? value : [];
  }
}

export function hexBytes(text: string): Uint8Array {
  const [digits, zeros] = text.split('+00*');
  return fromHex(digits ?? '', Number(zeros ?? 0));
}

/** A handle as calls files write it. */
export function handleText(handle: number): string {
  return `0x${(handle >>> 0).toString(16).padStart(8, '0')}`;
}

export function hexText(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}

/** An output buffer: null where the caller gave none. */
export function bytesText(given: Uint8Array | undefined, bytes: Uint8Array): string | null {
  return given === undefined ? null : toHex(bytes);
}

export function luidText(luid: Luid): string {
  return hexText((BigInt(luid.high) << 32n) | BigInt(luid.low));
}

/** 64-bit FNV-1a. */
export function fnv64(bytes: Uint8Array): string {
  let hash = FNV_OFFSET;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * FNV_PRIME);
  return `0x${hash.toString(16).padStart(16, '0')}`;
}

/** Operations of UpdateGpuVirtualAddress from their records. */
export function parseOperations(bytes: Uint8Array): UpdateGpuVirtualAddressOperation[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const operations: UpdateGpuVirtualAddressOperation[] = [];
  for (let at = 0; at + OPERATION_BYTES <= bytes.length; at += OPERATION_BYTES) {
    const long = (offset: number) => view.getBigUint64(at + offset, true);
    const [first, size] = [long(8), long(16)];
    const mapped = {
      baseAddress: first,
      size,
      allocation: view.getUint32(at + 24, true),
      allocationOffset: long(32),
      allocationSize: long(40),
    };
    const kind = view.getUint32(at, true);
    if (kind === 0) operations.push({ map: mapped });
    else if (kind === 1) operations.push({ unmap: { baseAddress: first, size, protection: long(24) } });
    else if (kind === 2) operations.push({ copy: { sourceAddress: first, size, destAddress: long(24) } });
    else operations.push({ mapProtect: { ...mapped, protection: long(48), driverProtection: long(56) } });
  }
  return operations;
}

/** Pages at the given frame numbers, in order. */
export function pagesAt(
  frames: readonly number[],
  allocateAt: (address: number, lengthBytes: number) => GuestMemoryBlock,
): SysmemRange[] {
  return frames.map((frame) => ({
    block: allocateAt(frame * PAGE_BYTES, PAGE_BYTES),
    offset: 0,
    length: PAGE_BYTES,
  }));
}
