// biome-ignore-all lint/complexity/noArguments: WebIDL tells an argument that is missing from one that is undefined

import { ops, type StreamWriter } from '@dxgwire/protocol/stream';
import { bindGroupId } from './bind-group.ts';
import { bufferId } from './buffer.ts';
import { contentsOf } from './buffer-source.ts';
import { includeMixin } from './interfaces.ts';
import type { PassState } from './recorder.ts';
import { indexFormat, renderPipelineId } from './render-pipeline.ts';
import { describe, fail, forEachItem, i32, optionalU64, u32, u64, usvString } from './webidl.ts';

// biome-ignore lint/complexity/noBannedTypes: any class, also one whose constructor is private to this library
type AnyClass = Function & { readonly prototype: object };

/** Where a debug command goes: an encoder or a pass. */
interface DebugTarget {
  open(command: string): StreamWriter | null;
}

/** Includes the mixin GPUDebugCommandsMixin in an interface. A label that is missing is `undefined`, as with Dawn. */
export function includeDebugCommands<T extends object>(
  type: AnyClass,
  target: 'encoder' | 'pass',
  stateOf: (object: T) => DebugTarget,
): void {
  includeMixin(type, {
    pushDebugGroup(groupLabel: string): undefined {
      const state = stateOf(this as unknown as T);
      const label = usvString(groupLabel);
      const writer = state.open('PushDebugGroup');
      if (writer !== null) ops.pushDebugGroup(writer, target, label);
    },
    popDebugGroup(): undefined {
      const writer = stateOf(this as unknown as T).open('PopDebugGroup');
      if (writer !== null) ops.popDebugGroup(writer, target);
    },
    insertDebugMarker(markerLabel: string): undefined {
      const state = stateOf(this as unknown as T);
      const label = usvString(markerLabel);
      const writer = state.open('InsertDebugMarker');
      if (writer !== null) ops.insertDebugMarker(writer, target, label);
    },
  });
}

/**
 * The dynamic offsets of setBindGroup: a sequence, or a piece of a Uint32Array. What follows a sequence, or null in its
 * place, counts for nothing, as with Dawn.
 */
function dynamicOffsets(
  given: number,
  offsets: Iterable<number> | Uint32Array | null | undefined,
  start: number | undefined,
  length: number | undefined,
): ArrayLike<number> {
  if (offsets === undefined || offsets === null) return [];
  if (given > 3 && !Array.isArray(offsets)) {
    if (given === 4) fail('setBindGroup', 'there is no form with 4 arguments');
    if (!(offsets instanceof Uint32Array)) {
      return fail('setBindGroup', `${describe(offsets)} is not a Uint32Array`);
    }
    const first = u64(start, 'dynamicOffsetsDataStart');
    const count = u32(length, 'dynamicOffsetsDataLength');
    if (first + count > offsets.length) {
      throw new RangeError(`setBindGroup: ${count} offsets from ${first} on, of ${offsets.length}`);
    }
    return offsets.subarray(first, first + count);
  }
  if (offsets instanceof Uint32Array) return offsets;
  const list: number[] = [];
  forEachItem(offsets, 'dynamicOffsets', (item) => {
    list.push(u32(item, 'dynamicOffsets'));
  });
  return list;
}

/** Includes the mixin GPUBindingCommandsMixin in an interface. */
export function includeBindingCommands<T extends object>(
  type: AnyClass,
  stateOf: (object: T) => PassState,
): void {
  includeMixin(type, {
    setBindGroup(
      index: number,
      bindGroup?: object | null,
      offsets?: Iterable<number> | Uint32Array | null,
      start?: number,
      length?: number,
    ): undefined {
      const state = stateOf(this as unknown as T);
      const slot = u32(index, 'index');
      const id =
        bindGroup === null || bindGroup === undefined ? 0 : bindGroupId(bindGroup, 'bindGroup', state);
      if (offsets === undefined) {
        const writer = state.open('SetBindGroup');
        if (writer !== null) ops.setBindGroup(writer, slot, id);
        return;
      }
      const list = dynamicOffsets(arguments.length, offsets, start, length);
      const writer = state.open('SetBindGroup');
      if (writer === null) return;
      if (list.length === 0) ops.setBindGroup(writer, slot, id);
      else ops.setBindGroupWithOffsets(writer, slot, id, list);
    },
    setImmediates(rangeOffset: number, data: BufferSource, dataOffset = 0, dataSize?: number): undefined {
      const state = stateOf(this as unknown as T);
      const offset = u32(rangeOffset, 'rangeOffset');
      const from = u64(dataOffset, 'dataOffset');
      const size = optionalU64(dataSize, 'dataSize');
      const contents = contentsOf(data, 'data', from, size);
      const writer = state.open('SetImmediates');
      if (writer !== null) ops.setImmediates(writer, offset, contents);
    },
  });
}

/** Includes the mixin GPURenderCommandsMixin in an interface. */
export function includeRenderCommands<T extends object>(
  type: AnyClass,
  stateOf: (object: T) => PassState,
): void {
  includeMixin(type, {
    setPipeline(pipeline: object): undefined {
      const state = stateOf(this as unknown as T);
      const id = renderPipelineId(pipeline, 'pipeline', state.core);
      const writer = state.open('SetPipeline');
      if (writer !== null) ops.setPipeline(writer, id);
    },
    setIndexBuffer(buffer: object, format: GPUIndexFormat, offset = 0, size?: number): undefined {
      const state = stateOf(this as unknown as T);
      const id = bufferId(buffer, 'buffer', state);
      const kind = indexFormat(format, 'indexFormat', null);
      const start = u64(offset, 'offset');
      const length = optionalU64(size, 'size');
      const writer = state.open('SetIndexBuffer');
      if (writer !== null) ops.setIndexBuffer(writer, id, kind, start, length);
    },
    setVertexBuffer(slot: number, buffer?: object | null, offset = 0, size?: number): undefined {
      const state = stateOf(this as unknown as T);
      const index = u32(slot, 'slot');
      const id = buffer === null || buffer === undefined ? 0 : bufferId(buffer, 'buffer', state);
      const start = u64(offset, 'offset');
      const length = optionalU64(size, 'size');
      const writer = state.open('SetVertexBuffer');
      if (writer !== null) ops.setVertexBuffer(writer, index, id, start, length);
    },
    draw(vertexCount: number, instanceCount = 1, firstVertex = 0, firstInstance = 0): undefined {
      const state = stateOf(this as unknown as T);
      const vertices = u32(vertexCount, 'vertexCount');
      const instances = u32(instanceCount, 'instanceCount');
      const vertex = u32(firstVertex, 'firstVertex');
      const instance = u32(firstInstance, 'firstInstance');
      const writer = state.open('Draw');
      if (writer !== null) ops.draw(writer, vertices, instances, vertex, instance);
    },
    drawIndexed(
      indexCount: number,
      instanceCount = 1,
      firstIndex = 0,
      baseVertex = 0,
      firstInstance = 0,
    ): undefined {
      const state = stateOf(this as unknown as T);
      const indices = u32(indexCount, 'indexCount');
      const instances = u32(instanceCount, 'instanceCount');
      const index = u32(firstIndex, 'firstIndex');
      const base = i32(baseVertex, 'baseVertex');
      const instance = u32(firstInstance, 'firstInstance');
      const writer = state.open('DrawIndexed');
      if (writer !== null) ops.drawIndexed(writer, indices, instances, index, base, instance);
    },
    drawIndirect(indirectBuffer: object, indirectOffset: number): undefined {
      const state = stateOf(this as unknown as T);
      const id = bufferId(indirectBuffer, 'indirectBuffer', state);
      const offset = u64(indirectOffset, 'indirectOffset');
      const writer = state.open('DrawIndirect');
      if (writer !== null) ops.drawIndirect(writer, id, offset);
    },
    drawIndexedIndirect(indirectBuffer: object, indirectOffset: number): undefined {
      const state = stateOf(this as unknown as T);
      const id = bufferId(indirectBuffer, 'indirectBuffer', state);
      const offset = u64(indirectOffset, 'indirectOffset');
      const writer = state.open('DrawIndexedIndirect');
      if (writer !== null) ops.drawIndexedIndirect(writer, id, offset);
    },
  });
}
