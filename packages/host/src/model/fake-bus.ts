import { type HostGuestMemory, type HostWindow, PAGE_BYTES, type PageRange } from '@dxgwire/transport';
import type { BackendLog } from '../backends/contract.ts';

/** A device window in plain memory that counts what is published. */
export class FakeWindow implements HostWindow {
  readonly kind = 'mapped';
  readonly lengthBytes: number;
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  /** Bytes that were told to the guest by `publish`. */
  publishedBytes = 0;

  constructor(lengthBytes: number) {
    this.lengthBytes = lengthBytes;
    this.bytes = new Uint8Array(lengthBytes);
    this.#view = new DataView(this.bytes.buffer);
  }

  publish(_offset: number, length: number): void {
    this.publishedBytes += length;
  }

  storeU64(offset: number, low: number, high: number): void {
    this.#view.setUint32(offset, low, true);
    this.#view.setUint32(offset + 4, high, true);
  }

  loadU64(offset: number): bigint {
    return this.#view.getBigUint64(offset, true);
  }

  shareable(): null {
    return null;
  }
}

/**
 * Guest memory from address 0 on, for tests. `mirrored`: the host's bytes are a copy, brought up to date by `fetch`;
 * what the host writes reaches the guest's bytes by `publish`.
 */
export class FakeGuestMemory implements HostGuestMemory {
  readonly kind: 'mapped' | 'mirrored';
  /** The guest's own bytes. */
  readonly guestBytes: Uint8Array;
  readonly #hostBytes: Uint8Array;
  readonly gpadls = new Map<number, readonly PageRange[]>();
  /** Where one block of memory ends and the next begins, if there are two. */
  seam = 0;
  fetches = 0;

  constructor(lengthBytes: number, kind: 'mapped' | 'mirrored' = 'mapped') {
    this.kind = kind;
    this.guestBytes = new Uint8Array(Math.ceil(lengthBytes / PAGE_BYTES) * PAGE_BYTES);
    this.#hostBytes = kind === 'mapped' ? this.guestBytes : new Uint8Array(this.guestBytes.length);
  }

  gpadl(id: number): readonly PageRange[] | null {
    return this.gpadls.get(id) ?? null;
  }

  contains(address: number, length: number): boolean {
    if (address < this.seam && address + length > this.seam) return false;
    return address >= 0 && length >= 0 && address + length <= this.guestBytes.length;
  }

  view(address: number, length: number): Uint8Array {
    if (!this.contains(address, length)) throw new RangeError(`guest memory ${address} + ${length}`);
    return this.#hostBytes.subarray(address, address + length);
  }

  async fetch(address: number, length: number): Promise<void> {
    this.fetches += 1;
    if (this.kind === 'mirrored') {
      this.#hostBytes.set(this.guestBytes.subarray(address, address + length), address);
    }
  }

  publish(address: number, length: number): void {
    if (this.kind === 'mirrored') {
      this.guestBytes.set(this.#hostBytes.subarray(address, address + length), address);
    }
  }

  shareable(): null {
    return null;
  }
}

export const silentLog: BackendLog = { debug() {}, info() {}, warn() {}, error() {} };
