import { ops } from '@dxgwire/protocol/stream';
import { bufferState } from './buffer.ts';
import { bytesOf, contentsOf } from './buffer-source.ts';
import { type BufferState, INLINE_DATA_BYTES, quoted } from './buffer-state.ts';
import { type CommandBufferState, commandBufferState } from './command-buffer.ts';
import { texelCopyBufferLayout, texelCopyTextureInfo } from './command-descriptors.ts';
import { GPUBufferUsage } from './constants.ts';
import type { DeviceCore } from './device-core.ts';
import { type Extent3D, extent3D } from './geometry.ts';
import { CONSTRUCT, defineInterface, guardConstructor } from './interfaces.ts';
import { FOREIGN_ID, includeObjectBase, ObjectState } from './object-state.ts';
import type { Upload } from './outbox.ts';
import { textureState } from './texture.ts';
import { cutTextureData, type TextureDataLayout, textureDataLayout, texturePiece } from './texture-data.ts';
import { textureFormatInfo } from './texture-formats.ts';
import { forEachItem, u64 } from './webidl.ts';

/** Data of a write that cannot be valid are cut to this: enough for the backend to say why, bytes. */
const INVALID_DATA_BYTES = 1024;

class QueueState extends ObjectState {
  override labelChanged(): void {
    ops.setQueueLabel(this.core.writer, this.label);
    this.core.outbox.changed();
  }
}

let stateOf!: (queue: GPUQueue) => QueueState;

/** GPUQueue */
export class GPUQueue {
  readonly #state: QueueState;
  constructor(key: typeof CONSTRUCT, state: QueueState) {
    guardConstructor(key, 'GPUQueue');
    this.#state = state;
  }
  submit(commandBuffers: Iterable<object>): undefined {
    const { core } = this.#state;
    const states: CommandBufferState[] = [];
    forEachItem(commandBuffers, 'commandBuffers', (item) => {
      states.push(commandBufferState(item, 'commandBuffers'));
    });
    submit(core, states);
  }
  onSubmittedWorkDone(): Promise<undefined> {
    try {
      return workDone(this.#state.core);
    } catch (error) {
      return Promise.reject(error);
    }
  }
  writeBuffer(
    buffer: object,
    bufferOffset: number,
    data: BufferSource | SharedArrayBuffer,
    dataOffset = 0,
    size?: number,
  ): undefined {
    const { core } = this.#state;
    const target = bufferState(buffer, 'buffer');
    const offset = u64(bufferOffset, 'bufferOffset');
    const from = u64(dataOffset, 'dataOffset');
    const contents = contentsOf(data, 'data', from, size === undefined ? undefined : u64(size, 'size'));
    if (contents.length > INLINE_DATA_BYTES) {
      writeLargeBuffer(core, target, offset, contents);
      return;
    }
    ops.writeBuffer(core.writer, target.core === core ? target.id : FOREIGN_ID, offset, contents);
    core.outbox.changed();
  }
  writeTexture(
    destination: unknown,
    data: BufferSource | SharedArrayBuffer,
    dataLayout: unknown,
    size: unknown,
  ): undefined {
    const { core } = this.#state;
    const to = texelCopyTextureInfo(destination, 'destination', core);
    const bytes = bytesOf(data, 'data');
    const layout = texelCopyBufferLayout(dataLayout, 'dataLayout', core);
    const extent = extent3D(size, 'size');
    writeTexture(core, (destination as { texture: object }).texture, to, bytes, layout, extent);
  }
  static {
    stateOf = (queue) => queue.#state;
  }
}
defineInterface(GPUQueue, 'GPUQueue');
includeObjectBase(GPUQueue, stateOf);

/** The queue of a device. */
export function makeQueue(core: DeviceCore, device: object, label: string): GPUQueue {
  return new GPUQueue(CONSTRUCT, new QueueState(core, device, 0, label));
}

function submit(core: DeviceCore, states: readonly CommandBufferState[]): void {
  const problem = submissionProblem(states);
  if (problem === null) {
    ops.queueSubmit(
      core.writer,
      states.map((state) => (state.core === core ? state.id : FOREIGN_ID)),
    );
  } else {
    core.injectError('validation', `${problem}\n - While calling [Queue].Submit().`);
  }
  for (const state of states) {
    if (state.submitted || state.core !== core) continue;
    state.submitted = true;
    if (problem === null) core.reuseId(state.id);
    else core.release(state.id, null);
  }
  core.outbox.flush();
}

/** Why command buffers cannot be submitted, as far as only we know it. */
function submissionProblem(states: readonly CommandBufferState[]): string | null {
  const again = states.find((state) => state.submitted);
  if (again !== undefined) return `[CommandBuffer${quoted(again.label)}] cannot be submitted more than once.`;
  const twice = states.find((state, index) => states.indexOf(state) !== index);
  return twice === undefined ? null : `Submit contains duplicates of [CommandBuffer${quoted(twice.label)}].`;
}

function workDone(core: DeviceCore): Promise<undefined> {
  return core.ask<undefined, 'work'>(
    'work',
    (requestId) => ops.onSubmittedWorkDone(core.writer, requestId),
    (resolve) => ({ done: () => resolve(undefined), lost: () => resolve(undefined) }),
  );
}

/** Sends data for a buffer through staging memory: unless the write cannot be valid, which needs no data to say. */
function writeLargeBuffer(core: DeviceCore, buffer: BufferState, offset: number, data: Uint8Array): void {
  const problem = bufferProblem(core, buffer, offset, data.length);
  if (problem !== null) {
    core.injectError('validation', `${problem}\n - While calling [Queue].WriteBuffer().`);
    return;
  }
  const { id } = buffer;
  const upload: Upload = {
    data,
    cut: (from, most) => Math.min(most, data.length - from),
    emit: (writer, region, from, length) =>
      ops.writeBufferFrom(writer, id, offset + from, region.gpuVaLow, region.gpuVaHigh, length),
    emitInline: (writer, from, bytes) => ops.writeBuffer(writer, id, offset + from, bytes),
  };
  core.outbox.upload(upload, false);
}

function bufferProblem(core: DeviceCore, buffer: BufferState, offset: number, length: number): string | null {
  const name = `[Buffer${quoted(buffer.label)}]`;
  if (buffer.core !== core) return `${name} is associated with [Device], and cannot be used with [Device].`;
  if ((buffer.usage & GPUBufferUsage.COPY_DST) === 0)
    return `${name} usage doesn't include BufferUsage::CopyDst.`;
  if (offset % 4 !== 0) return `Buffer offset (${offset}) is not a multiple of 4.`;
  if (offset + length > buffer.size) {
    return `Write range (bufferOffset: ${offset}, size: ${length}) does not fit in ${name} size (${buffer.size}).`;
  }
  if (buffer.destroyed) return `${name} used in submit while destroyed.`;
  return buffer.mapState === 'unmapped' ? null : `${name} used in submit while mapped.`;
}

interface Destination {
  readonly texture: number;
  readonly mipLevel: number;
  readonly origin: { readonly x: number; readonly y: number; readonly z: number };
  readonly aspect: GPUTextureAspect;
}

interface DataLayout {
  readonly offset: number;
  readonly bytesPerRow?: number | undefined;
  readonly rowsPerImage?: number | undefined;
}

function writeTexture(
  core: DeviceCore,
  texture: object,
  to: Destination,
  data: Uint8Array,
  given: DataLayout,
  extent: Extent3D,
): void {
  const { offset, bytesPerRow, rowsPerImage } = given;
  const format = textureFormatInfo(textureState(texture as never).extent.format);
  const layout = textureDataLayout(format, to.aspect, { ...extent, bytesPerRow, rowsPerImage });
  const isValid = layout !== null && offset + layout.lengthBytes <= data.length && to.texture !== FOREIGN_ID;
  if (isValid && layout.lengthBytes > INLINE_DATA_BYTES) {
    const needed = data.subarray(offset, offset + layout.lengthBytes);
    const wholeImages = format.hasDepth || format.hasStencil;
    core.outbox.upload(textureUpload(to, needed, given, extent, layout, wholeImages), false);
    return;
  }
  const start = isValid ? offset : 0;
  const length = isValid ? layout.lengthBytes : Math.min(data.length, INVALID_DATA_BYTES);
  ops.writeTexture(
    core.writer,
    to.texture,
    to.mipLevel,
    to.origin.x,
    to.origin.y,
    to.origin.z,
    to.aspect,
    extent.width,
    extent.height,
    extent.depthOrArrayLayers,
    isValid ? 0 : offset,
    bytesPerRow,
    rowsPerImage,
    data.subarray(start, start + length),
  );
  core.outbox.changed();
}

/** Texture data on their way in pieces: each a write of its own. */
function textureUpload(
  to: Destination,
  data: Uint8Array,
  { bytesPerRow, rowsPerImage }: DataLayout,
  extent: Extent3D,
  layout: TextureDataLayout,
  wholeImages: boolean,
): Upload {
  return {
    data,
    cut: (offset, most) => cutTextureData(layout, wholeImages, offset, most),
    emit: (writer, region, offset, length) => {
      const { y, z, height, depthOrArrayLayers } = texturePiece(layout, extent.height, offset, length);
      ops.writeTextureFrom(
        writer,
        to.texture,
        to.mipLevel,
        to.origin.x,
        to.origin.y + y,
        to.origin.z + z,
        to.aspect,
        extent.width,
        height,
        depthOrArrayLayers,
        0,
        bytesPerRow,
        rowsPerImage,
        region.gpuVaLow,
        region.gpuVaHigh,
        length,
      );
    },
    emitInline: (writer, offset, bytes) => {
      const { y, z, height, depthOrArrayLayers } = texturePiece(layout, extent.height, offset, bytes.length);
      ops.writeTexture(
        writer,
        to.texture,
        to.mipLevel,
        to.origin.x,
        to.origin.y + y,
        to.origin.z + z,
        to.aspect,
        extent.width,
        height,
        depthOrArrayLayers,
        0,
        bytesPerRow,
        rowsPerImage,
        bytes,
      );
    },
  };
}
