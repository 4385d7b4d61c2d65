import { ops, type StreamWriter } from '@dxgwire/protocol/stream';
import { handOut, takeBack } from './array-buffers.ts';
import { GPUBufferUsage, GPUMapMode } from './constants.ts';
import type { Mappable, Releasable } from './device-core.ts';
import { abortError, operationError } from './errors.ts';
import { type Memory, NO_MEMORY } from './kernel.ts';
import { ObjectState } from './object-state.ts';
import type { Upload } from './outbox.ts';
import type { StagingRegion } from './staging.ts';

/** Contents up to this length travel in the stream, bytes. */
export const INLINE_DATA_BYTES = 16_384;

/** Ranges of at least this length keep their memory for the next time, bytes. */
const SPARE_RANGE_BYTES = 65_536;

/** A range that the program got from getMappedRange. */
interface MappedRange {
  readonly start: number;
  readonly end: number;
  readonly data: ArrayBuffer;
  readonly lengthBytes: number;
}

/** An active buffer mapping of the standard. */
interface Mapping {
  readonly writable: boolean;
  readonly start: number;
  readonly end: number;
  readonly ranges: MappedRange[];
  /** Where the contents lie while they are mapped for reading. */
  region: StagingRegion | null;
  /** The contents themselves: of a buffer mapped for writing, or of one whose region had to go. */
  contents: ArrayBuffer | null;
}

interface PendingMap {
  readonly reject: (error: unknown) => void;
}

/** What a buffer has behind its interface: its mapping above all. */
export class BufferState extends ObjectState implements Mappable, Releasable {
  size = 0;
  usage = 0;
  memory: Memory = NO_MEMORY;
  destroyed = false;
  private pending: PendingMap | null = null;
  private mapping: Mapping | null = null;
  /** What the program last wrote into a MAP_WRITE buffer: mapping it again shows it. */
  private shadow: ArrayBuffer | null = null;
  /** Memory of the last large range that was read: the next read needs no new pages. */
  private spare: ArrayBuffer | null = null;

  get mapState(): GPUBufferMapState {
    if (this.mapping !== null) return 'mapped';
    return this.pending === null ? 'unmapped' : 'pending';
  }

  /** @throws RangeError when there cannot be an ArrayBuffer of the buffer's size. */
  mapAtCreation(): void {
    const contents = new ArrayBuffer(this.size);
    this.mapping = { writable: true, start: 0, end: this.size, ranges: [], region: null, contents };
    this.core.mapped.add(this);
  }

  /** GPUBuffer.mapAsync(); a `size` that was not given is undefined. */
  mapAsync(mode: number, offset: number, size: number | undefined): Promise<undefined> {
    const { core } = this;
    // The program can see this one for itself, so it is told at once and no error is raised, as with Dawn. That a
    // buffer is mapped already is the backend's to say, in its time.
    if (this.pending !== null) {
      return Promise.reject(operationError('mapAsync: the buffer has an outstanding map pending'));
    }
    const length = size ?? Math.max(0, this.size - offset);
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
    const writable = mode === GPUMapMode.WRITE;
    if (writable) this.shadow ??= new ArrayBuffer(this.size);
    this.mapping = { writable, start, end, ranges: [], region, contents: writable ? this.shadow : null };
    this.core.mapped.add(this);
  }

  /** GPUBuffer.getMappedRange() */
  mappedRange(offset: number, length: number): ArrayBuffer {
    const { mapping } = this;
    const end = offset + length;
    if (mapping === null) throw operationError('getMappedRange: the buffer is not mapped');
    if (offset % 8 !== 0) throw operationError(`getMappedRange: offset ${offset} is no multiple of 8`);
    if (length % 4 !== 0) throw operationError(`getMappedRange: size ${length} is no multiple of 4`);
    if (offset < mapping.start || end > mapping.end) {
      throw operationError(
        `getMappedRange: ${offset} to ${end} is outside what is mapped, ${mapping.start} to ${mapping.end}`,
      );
    }
    for (const range of mapping.ranges) {
      if (offset < range.end && range.start < end) {
        throw operationError(`getMappedRange: ${offset} to ${end} overlaps ${range.start} to ${range.end}`);
      }
    }
    const data = handOut(this.rangeData(mapping, offset, length));
    mapping.ranges.push({ start: offset, end, data, lengthBytes: length });
    return data;
  }

  private rangeData(mapping: Mapping, offset: number, length: number): ArrayBuffer {
    const { contents, region } = mapping;
    if (contents !== null && length === contents.byteLength && mapping.writable) return contents;
    const data = this.rangeMemory(length, region !== null);
    if (region !== null) {
      new Uint8Array(data).set(region.read(offset - mapping.start, length));
    } else if (contents !== null) {
      const from = mapping.writable ? offset : offset - mapping.start;
      new Uint8Array(data).set(new Uint8Array(contents, from, length));
    }
    return data;
  }

  /** Memory for a range: what was read before, when it is all written over anyway. */
  private rangeMemory(length: number, isOverwritten: boolean): ArrayBuffer {
    const { spare } = this;
    if (spare === null || !isOverwritten || spare.byteLength !== length) return new ArrayBuffer(length);
    this.spare = null;
    return spare;
  }

  /** GPUBuffer.unmap() */
  unmap(): void {
    const { core, pending, mapping } = this;
    if (pending !== null) {
      this.pending = null;
      pending.reject(abortError('the buffer was unmapped before it was mapped'));
    }
    if (pending === null && mapping === null) return;
    this.mapping = null;
    core.mapped.delete(this);
    if (mapping !== null) {
      if (mapping.writable) this.writeBack(mapping);
      else for (const { data } of mapping.ranges) this.retire(data);
      if (mapping.region !== null) core.freeRegion(mapping.region);
    }
    if (core.lost !== null) return;
    ops.unmap(core.writer, this.id);
    core.outbox.changed();
  }

  /** Detaches a range that was read. */
  private retire(data: ArrayBuffer): void {
    const own = takeBack(data);
    if (own.byteLength >= SPARE_RANGE_BYTES && !this.destroyed) this.spare = own;
  }

  /** Detaches the ranges of a writable mapping and sends what the program wrote into them. */
  private writeBack(mapping: Mapping): void {
    const isMapWrite = (this.usage & GPUBufferUsage.MAP_WRITE) !== 0;
    let { contents } = mapping;
    for (const { start, end, data } of mapping.ranges) {
      const own = takeBack(data);
      if (data === contents) contents = own;
      if (own.byteLength !== end - start || end === start) continue;
      if (isMapWrite && own !== contents && contents !== null) {
        new Uint8Array(contents).set(new Uint8Array(own), start);
      }
      this.sendContents(start, new Uint8Array(own), isMapWrite && own === contents);
    }
    if (isMapWrite) this.shadow = contents !== null && contents.byteLength === this.size ? contents : null;
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

  keepData(): void {
    const { mapping } = this;
    if (mapping === null || mapping.region === null) return;
    const { region } = mapping;
    mapping.contents = new Uint8Array(region.read(0, mapping.end - mapping.start)).buffer;
    mapping.region = null;
  }

  /** GPUBuffer.destroy() */
  destroy(): void {
    const { core } = this;
    this.unmap();
    if (this.destroyed) return;
    this.destroyed = true;
    this.shadow = null;
    this.spare = null;
    if (core.lost !== null) return;
    ops.destroyBuffer(core.writer, this.id);
    core.outbox.changed();
    core.destroyMemory(this.memory);
  }

  released(): void {
    const { core, mapping } = this;
    this.mapping = null;
    core.mapped.delete(this);
    if (mapping !== null && mapping.region !== null) core.freeRegion(mapping.region);
    core.release(this.id, this.destroyed ? null : this.memory);
  }
}

/** A label as Dawn shows it in messages. */
export function quoted(label: string): string {
  return label === '' ? ' (unlabeled)' : ` "${label}"`;
}
