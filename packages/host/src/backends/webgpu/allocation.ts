import { AllocationKind, decodeAllocationData } from '@dxgwire/protocol/blobs';
import type { HostGuestMemory, HostWindow } from '@dxgwire/transport';
import type { SharedRegion, SharedRegionAllocator } from '../../shared-region.ts';
import type { AllocationStorage } from '../contract.ts';
import type { GpuServer } from './gpu-server.ts';

/** Bytes that lie together somewhere that the host reaches. */
export interface Piece {
  readonly length: number;
  /** The bytes in this process. */
  view(): Uint8Array;
  /** To be called before the bytes are read, here or in another process; null when the guest cannot change them. */
  readonly noteRead: (() => void) | null;
  /** A file in which another process finds them; null when there is none. */
  readonly shared: { readonly path: string; readonly offset: number } | null;
  /** Tells the guest that the bytes were changed; null when it does not see them. */
  readonly publish: (() => void) | null;
}

/** Where the buffer or texture of an allocation is. */
export interface Binding {
  readonly server: GpuServer;
  readonly contextId: number;
  /** The allocation's number there. */
  readonly number: number;
}

/** An allocation of the webgpu backend. Buffers and textures have their contents in the GPU process. */
export class WebgpuAllocation {
  readonly kind: AllocationKind;
  readonly lengthBytes: number;
  /** Where a buffer or texture was made in it; null before. */
  binding: Binding | null = null;
  storage: AllocationStorage | null = null;
  /** Its own memory while it has no other storage and something was written to it. */
  own: SharedRegion | { readonly bytes: Uint8Array } | null = null;
  readonly existingSystemMemory: boolean;

  constructor(kind: AllocationKind, lengthBytes: number, existingSystemMemory: boolean) {
    this.kind = kind;
    this.lengthBytes = lengthBytes;
    this.existingSystemMemory = existingSystemMemory;
  }

  /** True for memory that programs of the guest and the host see as bytes. */
  get hasBytes(): boolean {
    return this.kind === AllocationKind.bytes || this.kind === AllocationKind.returnRing;
  }
}

/** What kind of allocation private data ask for. A standard allocation has none of ours: plain bytes. */
export function kindOf(privateData: Uint8Array): AllocationKind {
  return decodeAllocationData(privateData)?.kind ?? AllocationKind.bytes;
}

/** Finds and moves the bytes of allocations. */
export class AllocationMemory {
  private readonly memory: HostGuestMemory;
  private readonly window: HostWindow;
  private readonly allocateRegion: SharedRegionAllocator | null;
  private readonly onRegionFreed: (path: string) => void;

  /** @param onRegionFreed is told before a file of shared memory goes away. */
  constructor(
    memory: HostGuestMemory,
    window: HostWindow,
    allocateRegion: SharedRegionAllocator | null,
    onRegionFreed: (path: string) => void,
  ) {
    this.memory = memory;
    this.window = window;
    this.allocateRegion = allocateRegion;
    this.onRegionFreed = onRegionFreed;
  }

  /** The bytes of part of an allocation, in order. The range is inside it. */
  pieces(allocation: WebgpuAllocation, offset: number, length: number): Piece[] {
    return this.piecesIn(allocation, allocation.storage, offset, length);
  }

  private piecesIn(
    allocation: WebgpuAllocation,
    storage: AllocationStorage | null,
    offset: number,
    length: number,
  ): Piece[] {
    if (storage === null) return [this.ownPiece(allocation, offset, length)];
    if (storage.kind === 'window') return [this.windowPiece(storage.offset + offset, length)];
    const pieces: Piece[] = [];
    let position = 0;
    const end = offset + length;
    for (const range of storage.ranges) {
      const from = Math.max(offset, position);
      const to = Math.min(end, position + range.length);
      if (from < to) pieces.push(this.guestPiece(range.address + (from - position), to - from));
      position += range.length;
      if (position >= end) break;
    }
    return pieces;
  }

  private ownPiece(allocation: WebgpuAllocation, offset: number, length: number): Piece {
    allocation.own ??= this.allocateRegion?.(allocation.lengthBytes) ?? {
      bytes: new Uint8Array(allocation.lengthBytes),
    };
    const { own } = allocation;
    return {
      length,
      view: () => own.bytes.subarray(offset, offset + length),
      noteRead: null,
      shared: 'path' in own ? { path: own.path, offset: own.offset + offset } : null,
      publish: null,
    };
  }

  private windowPiece(offset: number, length: number): Piece {
    const file = this.window.shareable();
    return {
      length,
      view: () => this.window.bytes.subarray(offset, offset + length),
      noteRead: () => this.window.noteRead?.(offset, length),
      shared: file === null ? null : { path: file.path, offset: file.offset + offset },
      publish: () => this.window.publish(offset, length),
    };
  }

  private guestPiece(address: number, length: number): Piece {
    return {
      length,
      view: () => this.memory.view(address, length),
      noteRead: () => this.memory.noteRead?.(address, length),
      shared: this.memory.shareable(address, length),
      publish: () => this.memory.publish(address, length),
    };
  }

  /** Gives an allocation other storage; contents move along. Guest pages of system memory bring their own. */
  move(allocation: WebgpuAllocation, to: AllocationStorage | null): void {
    const adopts = allocation.existingSystemMemory && to?.kind === 'guest-pages';
    const isEmpty = allocation.storage === null && allocation.own === null;
    if (!adopts && !(isEmpty && to === null)) {
      const { lengthBytes } = allocation;
      const targets = this.piecesIn(allocation, to, 0, lengthBytes);
      // What was never written reads as zero, wherever it goes.
      if (isEmpty) for (const piece of targets) piece.view().fill(0);
      else copyPieces(this.pieces(allocation, 0, lengthBytes), targets);
      for (const piece of targets) piece.publish?.();
    }
    allocation.storage = to;
    if (to !== null) this.freeBytes(allocation);
  }

  /** Frees an allocation's own memory, wherever it is. */
  free(allocation: WebgpuAllocation): void {
    const { binding } = allocation;
    if (binding !== null && !binding.server.isGone) {
      binding.server.freeMemory(binding.contextId, binding.number);
    }
    this.freeBytes(allocation);
  }

  /** Frees the bytes that an allocation has here. */
  freeBytes(allocation: WebgpuAllocation): void {
    const { own } = allocation;
    allocation.own = null;
    if (own === null || !('path' in own)) return;
    this.onRegionFreed(own.path);
    own.free();
  }
}

function copyPieces(source: readonly Piece[], target: readonly Piece[]): void {
  let index = 0;
  let used = 0;
  for (const piece of source) {
    piece.noteRead?.();
    const bytes = piece.view();
    let position = 0;
    while (position < bytes.length) {
      const to = target[index]!;
      const count = Math.min(bytes.length - position, to.length - used);
      to.view().set(bytes.subarray(position, position + count), used);
      position += count;
      used += count;
      if (used === to.length) {
        index += 1;
        used = 0;
      }
    }
  }
}

/** Writes bytes over pieces and tells the guest. */
export function writePieces(pieces: readonly Piece[], bytes: Uint8Array): void {
  let position = 0;
  for (const piece of pieces) {
    piece.view().set(bytes.subarray(position, position + piece.length));
    piece.publish?.();
    position += piece.length;
  }
}
