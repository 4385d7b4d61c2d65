import type { HostGuestMemory, HostWindow } from '@dxgwire/transport';
import type { AllocationStorage, AllocationView, MemoryRun } from '../contract.ts';

/** Bytes of an allocation that lie together, and how to tell the guest that they changed. */
export interface Slice {
  readonly bytes: Uint8Array;
  readonly publish: (() => void) | null;
  /** To be called before the bytes are read; null when the guest cannot change them. */
  readonly noteRead: (() => void) | null;
}

/** An allocation's own memory. */
export class ReferenceAllocation {
  readonly lengthBytes: number;
  readonly existingSystemMemory: boolean;
  /** Its contents, in a segment or saved; null before there are any. */
  bytes: Uint8Array | null = null;
  storage: AllocationStorage | null = null;
  segmentId: number | null = null;

  constructor(lengthBytes: number, existingSystemMemory: boolean) {
    this.lengthBytes = lengthBytes;
    this.existingSystemMemory = existingSystemMemory;
  }

  ownBytes(): Uint8Array {
    this.bytes ??= new Uint8Array(this.lengthBytes);
    return this.bytes;
  }
}

/** Finds the bytes behind allocations, wherever they are. */
export class ReferenceMemory {
  readonly #memory: HostGuestMemory;
  readonly #window: HostWindow;

  constructor(memory: HostGuestMemory, window: HostWindow) {
    this.#memory = memory;
    this.#window = window;
  }

  /** Whether bytes have to be asked of the guest before they can be read. */
  needsFetch(view: AllocationView): boolean {
    return this.#memory.kind === 'mirrored' && view.storage?.kind === 'guest-pages';
  }

  /** Brings the guest pages behind a run up to date. */
  async fetch(run: MemoryRun): Promise<void> {
    const { storage } = run.view;
    if (storage?.kind !== 'guest-pages') return;
    const fetches: Promise<void>[] = [];
    forEachPiece(storage.ranges, run.offset, run.length, (address, length) => {
      fetches.push(this.#memory.fetch(address, length));
    });
    await Promise.all(fetches);
  }

  /** The bytes of part of an allocation, in order. */
  slices(view: AllocationView, offset: number, length: number): Slice[] {
    return this.slicesOf(view.allocation as ReferenceAllocation, view.storage, offset, length);
  }

  slicesOf(
    allocation: ReferenceAllocation,
    storage: AllocationStorage | null,
    offset: number,
    length: number,
  ): Slice[] {
    if (storage === null) {
      const bytes = allocation.ownBytes().subarray(offset, offset + length);
      return [{ bytes, publish: null, noteRead: null }];
    }
    if (storage.kind === 'window') {
      const start = storage.offset + offset;
      const bytes = this.#window.bytes.subarray(start, start + length);
      const publish = () => this.#window.publish(start, length);
      return [{ bytes, publish, noteRead: () => this.#window.noteRead?.(start, length) }];
    }
    const slices: Slice[] = [];
    forEachPiece(storage.ranges, offset, length, (address, pieceLength) => {
      slices.push({
        bytes: this.#memory.view(address, pieceLength),
        publish: () => this.#memory.publish(address, pieceLength),
        noteRead: () => this.#memory.noteRead?.(address, pieceLength),
      });
    });
    return slices;
  }

  /** Moves an allocation's contents to other storage. Guest pages that come with an allocation bring their own. */
  move(allocation: ReferenceAllocation, to: AllocationStorage | null): void {
    const { lengthBytes, storage: from } = allocation;
    const isAdopted = allocation.existingSystemMemory && to?.kind === 'guest-pages';
    if (!isAdopted) {
      const source = this.slicesOf(allocation, from, 0, lengthBytes);
      copySlices(source, this.slicesOf(allocation, to, 0, lengthBytes));
    }
    allocation.storage = to;
  }
}

function forEachPiece(
  ranges: readonly { readonly address: number; readonly length: number }[],
  offset: number,
  length: number,
  visit: (address: number, length: number) => void,
): void {
  let position = 0;
  const end = offset + length;
  for (const range of ranges) {
    const from = Math.max(offset, position);
    const to = Math.min(end, position + range.length);
    if (from < to) visit(range.address + (from - position), to - from);
    position += range.length;
    if (position >= end) return;
  }
}

/** Copies as if all was read before anything is written, then publishes what was written. */
export function copySlices(source: readonly Slice[], target: readonly Slice[]): void {
  for (const slice of source) slice.noteRead?.();
  const from = source.some((slice) => target.some((other) => overlap(slice.bytes, other.bytes)))
    ? source.map((slice) => slice.bytes.slice())
    : source.map((slice) => slice.bytes);
  let index = 0;
  let position = 0;
  for (const { bytes, publish } of target) {
    let written = 0;
    while (written < bytes.length) {
      const piece = from[index]!;
      const length = Math.min(piece.length - position, bytes.length - written);
      bytes.set(piece.subarray(position, position + length), written);
      written += length;
      position += length;
      if (position === piece.length) {
        index += 1;
        position = 0;
      }
    }
    publish?.();
  }
}

function overlap(a: Uint8Array, b: Uint8Array): boolean {
  return (
    a.buffer === b.buffer && a.byteOffset < b.byteOffset + b.length && b.byteOffset < a.byteOffset + a.length
  );
}
