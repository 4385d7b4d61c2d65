import { ops, type StreamWriter } from '@dxgwire/protocol/stream';
import { GPUBufferUsage, GPUMapMode } from './constants.ts';
import type { Mappable, Releasable } from './device-core.ts';
import { abortError, operationError } from './errors.ts';
import { type Memory, NO_MEMORY } from './kernel.ts';
import { Mapping, type ReturnedRange, spareOf } from './mapping.ts';
import { ObjectState } from './object-state.ts';
import type { StagingRegion } from './staging.ts';
import type { Upload } from './transfer.ts';

/** Length of a map without one that begins behind its buffer's end: the backend then gives none either. */
const NOTHING_LEFT = Number.MAX_SAFE_INTEGER;

/** Contents up to this length travel in the stream, bytes. */
export const INLINE_DATA_BYTES = 16_384;

interface PendingMap {
  readonly reject: (error: unknown) => void;
}

/** What a buffer has behind its interface: its mapping above all. */
export class BufferState extends ObjectState implements Mappable, Releasable {
  size = 0;
  usage = 0;
  /** The backend is sure to refuse to make it. */
  isInvalid = false;
  memory: Memory = NO_MEMORY;
  destroyed = false;
  private pending: PendingMap | null = null;
  private mapping: Mapping | null = null;
  /** What the program last wrote into a MAP_WRITE buffer: mapping it again shows it. Null: nothing yet, or in {@link store}. */
  private shadow: ArrayBuffer | null = null;
  /** The same in memory that both sides see. The host reads it behind `unmap`, and is through before the next map ends. */
  private store: StagingRegion | null = null;
  /** Memory that is there for {@link store}. */
  private freshStore: StagingRegion | null = null;
  private isReleased = false;
  /** Memory of the last large range that was read: the next read needs no new pages. */
  private spare: ArrayBuffer | null = null;

  get mapState(): GPUBufferMapState {
    if (this.mapping !== null) return 'mapped';
    return this.pending === null ? 'unmapped' : 'pending';
  }

  private get isMapWrite(): boolean {
    return (this.usage & GPUBufferUsage.MAP_WRITE) !== 0;
  }

  /** @throws RangeError when there cannot be an ArrayBuffer of the buffer's size. */
  mapAtCreation(): void {
    const { core, size } = this;
    const region = this.isMapWrite ? null : core.writtenMemory.take(size);
    const contents = region === null ? new ArrayBuffer(size) : null;
    this.mapping = new Mapping({
      writable: true,
      start: 0,
      end: size,
      region,
      contents,
      origin: 0,
      isBlank: true,
    });
    core.mapped.add(this);
  }

  /** The program may map it for writing later: sees to memory for that, so that nothing waits then. */
  expectWrites(): void {
    if (!this.isMapWrite) return;
    const { writtenMemory } = this.core;
    void writtenMemory.openStore(this.size).then((store) => {
      if (store !== null && (this.destroyed || this.isReleased)) writtenMemory.closeStore(store);
      else this.freshStore = store;
    });
  }

  /** Changes over to memory that both sides see, once it is there. */
  private adoptStore(): void {
    const { freshStore: store, shadow } = this;
    if (store === null) return;
    // It is zeroed.
    if (shadow !== null) store.view(0, this.size).set(new Uint8Array(shadow));
    this.freshStore = null;
    this.shadow = null;
    this.store = store;
  }

  /** GPUBuffer.mapAsync(); a `size` that was not given is undefined. */
  mapAsync(mode: number, offset: number, size: number | undefined): Promise<undefined> {
    const { core } = this;
    // The program can see this one for itself, so it is told at once and no error is raised, as with Dawn. That a
    // buffer is mapped already is the backend's to say, in its time.
    if (this.pending !== null) {
      return Promise.reject(operationError('mapAsync: the buffer has an outstanding map pending'));
    }
    // What is left of it, or nothing, where Dawn says how it counted.
    const rest = offset <= this.size ? this.size - offset : NOTHING_LEFT;
    const length = size ?? rest;
    let region: StagingRegion | null = null;
    let isUnreadable = false;
    const settle = (resolve: (value: undefined) => void, reject: (error: unknown) => void) => {
      const pending: PendingMap = { reject };
      this.pending = pending;
      core.mapped.add(this);
      const end = (): boolean => {
        if (this.pending !== pending) return false;
        this.pending = null;
        if (this.mapping === null) core.mapped.delete(this);
        return true;
      };
      const free = (): void => {
        if (region !== null) core.freeRegion(region);
      };
      return {
        done: (status: 'success' | 'error' | 'aborted', message: string) => {
          if (!end()) {
            free();
          } else if (status === 'success' && isUnreadable) {
            ops.unmap(core.writer, this.id);
            core.outbox.changed();
            reject(operationError(`no memory to read ${length} bytes back`));
          } else if (status === 'success') {
            this.mapped(mode, offset, offset + length, region);
            resolve(undefined);
          } else {
            free();
            reject(status === 'error' ? operationError(message) : abortError(message));
          }
        },
        lost: () => {
          if (end()) reject(abortError(`the device was lost: ${core.lost?.message}`));
        },
      };
    };
    return core.ask<undefined, 'map'>(
      'map',
      (requestId) => {
        const record = (writer: StreamWriter, low: number, high: number): void =>
          ops.mapAsync(writer, requestId, this.id, mode, offset, length, low, high);
        if (length === 0 || !this.isReadable(mode, offset, length)) {
          record(core.writer, 0, 0);
          return;
        }
        core.outbox.download({
          lengthBytes: length,
          emit: (writer, given) => {
            region = given;
            // Without memory the backend is asked all the same: it may have errors to raise, in their order.
            isUnreadable = given === null;
            record(writer, given?.gpuVaLow ?? 0, given?.gpuVaHigh ?? 0);
          },
        });
      },
      settle,
    );
  }

  /** True when the backend will really copy the contents: then they need memory here. */
  private isReadable(mode: number, offset: number, length: number): boolean {
    if (mode !== GPUMapMode.READ || (this.usage & GPUBufferUsage.MAP_READ) === 0) return false;
    if (this.destroyed || this.mapping !== null) return false;
    if (this.size > (this.core.limits['maxBufferSize'] ?? Number.POSITIVE_INFINITY)) return false;
    return offset % 8 === 0 && length % 4 === 0 && offset + length <= this.size;
  }

  private mapped(mode: number, start: number, end: number, region: StagingRegion | null): void {
    const { core } = this;
    if (this.isReleased) {
      // Nobody can look at it any more.
      if (region !== null) core.freeRegion(region);
      return;
    }
    if (mode !== GPUMapMode.WRITE) {
      if (region !== null) core.holdRegion(region);
      const source = { writable: false, start, end, region, contents: null, origin: start, isBlank: false };
      this.mapping = new Mapping(source);
    } else {
      this.adoptStore();
      if (this.store === null) this.shadow ??= new ArrayBuffer(this.size);
      const { store, shadow } = this;
      const source = {
        writable: true,
        start,
        end,
        region: store,
        contents: shadow,
        origin: 0,
        isBlank: false,
      };
      this.mapping = new Mapping(source);
    }
    core.mapped.add(this);
  }

  /** GPUBuffer.getMappedRange(); `buffer` is the interface object. */
  mappedRange(buffer: object, offset: number, length: number): ArrayBuffer {
    if (this.mapping === null) throw operationError('getMappedRange: the buffer is not mapped');
    return this.mapping.range(buffer, offset, length, () => {
      const { spare } = this;
      if (spare?.byteLength === length) this.spare = null;
      return spare;
    });
  }

  /** GPUBuffer.unmap() */
  unmap(): void {
    const { core, pending, mapping } = this;
    if (pending !== null) {
      this.pending = null;
      // Without a text, as Dawn: programs show it.
      pending.reject(abortError(''));
    }
    if (pending === null && mapping === null) return;
    this.mapping = null;
    core.mapped.delete(this);
    if (mapping !== null) {
      const returned = mapping.takeBack();
      if (mapping.writable) this.writeBack(mapping, returned);
      else this.endRead(mapping, returned);
    }
    if (core.lost !== null) return;
    ops.unmap(core.writer, this.id);
    core.outbox.changed();
  }

  private endRead(mapping: Mapping, returned: readonly ReturnedRange[]): void {
    if (!this.destroyed) for (const range of returned) this.spare = spareOf(range) ?? this.spare;
    if (mapping.region !== null && !mapping.isRegionGone) this.core.freeRegion(mapping.region);
  }

  /** Sends what the program wrote. */
  private writeBack(mapping: Mapping, returned: readonly ReturnedRange[]): void {
    // Nobody gets it any more, nor maps the buffer again.
    if (this.core.lost !== null) return;
    const { contents, region, isRegionGone } = mapping;
    if (region === null) {
      for (const { start, data } of returned) this.sendCopied(contents, start, data!);
      if (this.isMapWrite) {
        this.shadow = contents !== null && contents.byteLength === this.size ? contents : null;
      }
      return;
    }
    if (isRegionGone) {
      // What a program moves elsewhere is lost, as the rest of the buffer's new contents.
      this.store = null;
      return;
    }
    if (this.store === null && this.core.outbox.isBlocked) {
      // Behind what waits for room nothing may wait that has some.
      for (const range of returned) {
        const data = range.data ?? new Uint8Array(region.view(range.start, range.lengthBytes)).buffer;
        this.sendContents(range.start, new Uint8Array(data), false);
      }
      this.core.writtenMemory.unused(region);
      return;
    }
    for (const { start, lengthBytes, data } of returned) this.sendFrom(region, start, lengthBytes, data);
    if (this.store !== null) return;
    if (returned.length === 0) this.core.writtenMemory.unused(region);
    else this.core.writtenMemory.sent(region);
  }

  /** Sends a range that has memory of its own; `contents`: what of the whole buffer is kept, if it is. */
  private sendCopied(contents: ArrayBuffer | null, start: number, data: ArrayBuffer): void {
    const own = new Uint8Array(data);
    if (this.isMapWrite && data !== contents && contents !== null) new Uint8Array(contents).set(own, start);
    this.sendContents(start, own, this.isMapWrite && data === contents);
  }

  /** Sends part of a region that has a byte for each of the buffer's; `data`: what is to be put there first. */
  private sendFrom(
    region: StagingRegion,
    start: number,
    lengthBytes: number,
    data: ArrayBuffer | null,
  ): void {
    const { core, id } = this;
    if (data !== null) region.view(start, lengthBytes).set(new Uint8Array(data));
    if (core.lost !== null || this.destroyed) return;
    if (data !== null && lengthBytes <= INLINE_DATA_BYTES) {
      this.sendContents(start, new Uint8Array(data), false);
      return;
    }
    region.flush(start, lengthBytes);
    const { gpuVaLow, gpuVaHigh } = region.part(start, lengthBytes);
    ops.writeMappedFrom(core.writer, id, start, gpuVaLow, gpuVaHigh, lengthBytes);
    core.outbox.changed();
  }

  private sendContents(offset: number, data: Uint8Array, changesLater: boolean): void {
    const { core, id } = this;
    if (core.lost !== null || this.destroyed) return;
    if (data.length <= INLINE_DATA_BYTES) {
      ops.writeMapped(core.writer, id, offset, data);
      core.outbox.changed();
      return;
    }
    const upload: Upload = {
      data,
      cut: (from, most) => Math.min(most, data.length - from),
      emit: (writer, region, from, length) =>
        ops.writeMappedFrom(writer, id, offset + from, region.gpuVaLow, region.gpuVaHigh, length),
      emitInline: (writer, from, bytes) => ops.writeMapped(writer, id, offset + from, bytes),
    };
    core.outbox.upload(upload, !changesLater);
  }

  leaveRegion(): StagingRegion | null {
    return this.mapping?.leaveRegion() ?? null;
  }

  keepData(): void {
    this.mapping?.keepData();
    this.store = null;
  }

  /** GPUBuffer.destroy() */
  destroy(): void {
    const { core } = this;
    this.unmap();
    if (this.destroyed) return;
    this.destroyed = true;
    this.shadow = null;
    this.spare = null;
    this.closeStores();
    if (core.lost !== null) return;
    ops.destroyBuffer(core.writer, this.id);
    core.outbox.changed();
    core.destroyMemory(this.memory);
  }

  released(): void {
    const { core, mapping } = this;
    this.isReleased = true;
    this.mapping = null;
    core.mapped.delete(this);
    // Nobody has a range of it any more, or this would not be called.
    const region = mapping?.region ?? null;
    if (region !== null && mapping?.writable === false) core.freeRegion(region);
    else if (region !== null && region !== this.store && core.lost === null)
      core.writtenMemory.unused(region);
    this.closeStores();
    core.release(this.id, this.destroyed ? null : this.memory);
  }

  private closeStores(): void {
    const { store, freshStore, core } = this;
    this.store = null;
    this.freshStore = null;
    if (core.lost !== null) return;
    if (store !== null) core.writtenMemory.closeStore(store);
    if (freshStore !== null) core.writtenMemory.closeStore(freshStore);
  }
}

/** A label as Dawn shows it in messages. */
export function quoted(label: string): string {
  return label === '' ? ' (unlabeled)' : ` "${label}"`;
}
