// biome-ignore-all lint/complexity/noArguments: WebIDL tells an argument that is missing from one that is undefined

import { ops } from '@dxgwire/protocol/stream';
import { bufferId } from './buffer.ts';
import { makeCommandBuffer } from './command-buffer.ts';
import {
  computePassDescriptor,
  renderPassDescriptor,
  texelCopyBufferInfo,
  texelCopyTextureInfo,
} from './command-descriptors.ts';
import { GPUComputePassEncoder } from './compute-pass.ts';
import type { DeviceCore } from './device-core.ts';
import { extent3D } from './geometry.ts';
import { CONSTRUCT, defineInterface, guardConstructor } from './interfaces.ts';
import { includeObjectBase } from './object-state.ts';
import { includeDebugCommands } from './pass-commands.ts';
import { querySetId } from './query-set.ts';
import { EncoderState, PassState } from './recorder.ts';
import { GPURenderPassEncoder } from './render-pass.ts';
import { dictionary, fail, labelMember, optionalU64, u32, u64 } from './webidl.ts';

let stateOf!: (encoder: GPUCommandEncoder) => EncoderState;

const commandBufferDescriptor = dictionary('GPUCommandBufferDescriptor', {}, labelMember);
const commandEncoderDescriptor = dictionary('GPUCommandEncoderDescriptor', {}, labelMember);

/** GPUCommandEncoder */
export class GPUCommandEncoder {
  readonly #state: EncoderState;
  constructor(key: typeof CONSTRUCT, state: EncoderState) {
    guardConstructor(key, 'GPUCommandEncoder');
    this.#state = state;
  }
  beginRenderPass(descriptor: unknown): GPURenderPassEncoder {
    const state = this.#state;
    const values = renderPassDescriptor(descriptor, 'GPURenderPassDescriptor', state);
    const writer = state.open('BeginRenderPass');
    if (writer !== null) ops.beginRenderPass(writer, values);
    return new GPURenderPassEncoder(CONSTRUCT, new PassState(state, 'RenderPassEncoder', values.label));
  }
  beginComputePass(descriptor: unknown = undefined): GPUComputePassEncoder {
    const state = this.#state;
    const values = computePassDescriptor(descriptor, 'GPUComputePassDescriptor', state);
    const writer = state.open('BeginComputePass');
    if (writer !== null) ops.beginComputePass(writer, values);
    return new GPUComputePassEncoder(CONSTRUCT, new PassState(state, 'ComputePassEncoder', values.label));
  }
  copyBufferToBuffer(
    source: object,
    sourceOffsetOrDestination: unknown,
    destinationOrSize?: unknown,
    destinationOffset?: number,
    size?: number,
  ): undefined {
    const state = this.#state;
    const from = bufferId(source, 'source', state);
    const short = arguments.length < 4;
    if (short && typeof sourceOffsetOrDestination === 'number') {
      fail('copyBufferToBuffer', 'with offsets, 4 or 5 arguments are required');
    }
    const fromOffset = short ? 0 : u64(sourceOffsetOrDestination, 'sourceOffset');
    const to = bufferId(short ? sourceOffsetOrDestination : destinationOrSize, 'destination', state);
    const toOffset = short ? 0 : u64(destinationOffset, 'destinationOffset');
    const given = short ? destinationOrSize : size;
    const length = optionalU64(given, 'size');
    const writer = state.open('CopyBufferToBuffer');
    if (writer !== null) ops.copyBufferToBuffer(writer, from, fromOffset, to, toOffset, length);
  }
  copyBufferToTexture(source: unknown, destination: unknown, copySize: unknown): undefined {
    const state = this.#state;
    const from = texelCopyBufferInfo(source, 'source', state);
    const { texture, mipLevel, origin, aspect } = texelCopyTextureInfo(destination, 'destination', state);
    const { width, height, depthOrArrayLayers } = extent3D(copySize, 'copySize');
    const writer = state.open('CopyBufferToTexture');
    if (writer === null) return;
    ops.copyBufferToTexture(
      writer,
      from.buffer,
      from.offset,
      from.bytesPerRow,
      from.rowsPerImage,
      texture.id,
      mipLevel,
      origin.x,
      origin.y,
      origin.z,
      aspect,
      width,
      height,
      depthOrArrayLayers,
    );
  }
  copyTextureToBuffer(source: unknown, destination: unknown, copySize: unknown): undefined {
    const state = this.#state;
    const { texture, mipLevel, origin, aspect } = texelCopyTextureInfo(source, 'source', state);
    const to = texelCopyBufferInfo(destination, 'destination', state);
    const { width, height, depthOrArrayLayers } = extent3D(copySize, 'copySize');
    const writer = state.open('CopyTextureToBuffer');
    if (writer === null) return;
    ops.copyTextureToBuffer(
      writer,
      texture.id,
      mipLevel,
      origin.x,
      origin.y,
      origin.z,
      aspect,
      to.buffer,
      to.offset,
      to.bytesPerRow,
      to.rowsPerImage,
      width,
      height,
      depthOrArrayLayers,
    );
  }
  copyTextureToTexture(source: unknown, destination: unknown, copySize: unknown): undefined {
    const state = this.#state;
    const from = texelCopyTextureInfo(source, 'source', state);
    const to = texelCopyTextureInfo(destination, 'destination', state);
    const { width, height, depthOrArrayLayers } = extent3D(copySize, 'copySize');
    const writer = state.open('CopyTextureToTexture');
    if (writer === null) return;
    ops.copyTextureToTexture(
      writer,
      from.texture.id,
      from.mipLevel,
      from.origin.x,
      from.origin.y,
      from.origin.z,
      from.aspect,
      to.texture.id,
      to.mipLevel,
      to.origin.x,
      to.origin.y,
      to.origin.z,
      to.aspect,
      width,
      height,
      depthOrArrayLayers,
    );
  }
  clearBuffer(buffer: object, offset = 0, size?: number): undefined {
    const state = this.#state;
    const id = bufferId(buffer, 'buffer', state);
    const start = u64(offset, 'offset');
    const length = optionalU64(size, 'size');
    const writer = state.open('ClearBuffer');
    if (writer !== null) ops.clearBuffer(writer, id, start, length);
  }
  resolveQuerySet(
    querySet: object,
    firstQuery: number,
    queryCount: number,
    destination: object,
    destinationOffset: number,
  ): undefined {
    const state = this.#state;
    const id = querySetId(querySet, 'querySet', state);
    const first = u32(firstQuery, 'firstQuery');
    const count = u32(queryCount, 'queryCount');
    const to = bufferId(destination, 'destination', state);
    const offset = u64(destinationOffset, 'destinationOffset');
    const writer = state.open('ResolveQuerySet');
    if (writer !== null) ops.resolveQuerySet(writer, id, first, count, to, offset);
  }
  finish(descriptor: unknown = undefined): object {
    const state = this.#state;
    const { core, device } = state;
    const { label } = commandBufferDescriptor(descriptor, 'GPUCommandBufferDescriptor', core);
    const id = core.newId();
    state.finish((writer) => ops.finish(writer, id, label));
    return makeCommandBuffer(core, device, id, label, state.label, state.takeKept());
  }
  static {
    stateOf = (encoder) => encoder.#state;
  }
}
defineInterface(GPUCommandEncoder, 'GPUCommandEncoder');
includeObjectBase(GPUCommandEncoder, stateOf);
includeDebugCommands(GPUCommandEncoder, 'encoder', stateOf);

/** GPUDevice.createCommandEncoder() */
export function createCommandEncoder(
  core: DeviceCore,
  device: object,
  descriptor: unknown,
): GPUCommandEncoder {
  const { label } = commandEncoderDescriptor(descriptor, 'GPUCommandEncoderDescriptor', core);
  const state = new EncoderState(core, device, 'CommandEncoder', label);
  ops.beginCommandEncoder(state.writer, label);
  const encoder = new GPUCommandEncoder(CONSTRUCT, state);
  core.track(encoder, state);
  return encoder;
}
