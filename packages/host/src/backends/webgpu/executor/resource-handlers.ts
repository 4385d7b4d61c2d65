import type { StreamGroupHandlers } from '@dxgwire/protocol/stream';
import { type ContextState, messageOf } from './context-state.ts';
import { captured } from './error-scopes.ts';
import { MappedRange } from './mapped-range.ts';
import { mappingHandlers } from './mapping-handlers.ts';
import { isSurelyInvalidBuffer, isSurelyInvalidTexture } from './surely-invalid.ts';
import { leastTextureBytes } from './texture-size.ts';

/** Buffers, textures, samplers, query sets. */
export function resourceHandlers(state: ContextState): StreamGroupHandlers<'resource'> {
  const { device } = state;
  return {
    ...mappingHandlers(state),
    createBuffer(id, _handleLow, _handleHigh, size, usage, mappedAtCreation, label) {
      state.mappings.delete(id);
      const isInvalid = isSurelyInvalidBuffer(device, size, usage);
      const memoryBytes = state.data.allocationBytes();
      // Without bytes no memory is needed, so none need be there.
      if (memoryBytes < size && size > 0 && !isInvalid) {
        refuseMemory(state, 'buffer', id, () => device.createBuffer({ size, usage, label }));
        return;
      }
      // Dawn takes memory for the mapping even of a buffer that it refuses; nobody would account for that.
      const mapped = mappedAtCreation && !isInvalid;
      state.define('buffer', id, () => makeBuffer(device, { size, usage, label, mappedAtCreation: mapped }));
      const buffer = state.objects.get(id, 'buffer')!;
      state.memory.add(state.data.allocation, memoryBytes, buffer);
      if (buffer.mapState === 'mapped') state.mappings.set(id, new MappedRange(buffer, 0, size));
    },
    destroyBuffer(id) {
      state.destroy(id, 'buffer');
    },
    createTexture({ id, width, height, depthOrArrayLayers, viewFormats, ...rest }) {
      const descriptor = {
        size: { width, height, depthOrArrayLayers },
        viewFormats: viewFormats as GPUTextureFormat[],
        ...rest,
      } as GPUTextureDescriptor;
      const leastBytes = leastTextureBytes({ width, height, depthOrArrayLayers, ...rest });
      const memoryBytes = state.data.allocationBytes();
      const isInvalid = isSurelyInvalidTexture(device, { width, height, depthOrArrayLayers, ...rest });
      if (memoryBytes >= leastBytes || isInvalid) {
        state.define('texture', id, () => device.createTexture(descriptor));
        state.memory.add(state.data.allocation, memoryBytes, state.objects.get(id, 'texture')!);
      } else refuseMemory(state, 'texture', id, () => device.createTexture(descriptor));
    },
    destroyTexture(id) {
      state.destroy(id, 'texture');
    },
    createView({ id, texture, swizzle, ...rest }) {
      // The usual order is left out: naming it at all asks for the device's feature.
      const descriptor = swizzle === 'rgba' ? rest : { ...rest, swizzle };
      const source = state.need('texture', texture);
      state.define('textureView', id, () => source.createView(descriptor as GPUTextureViewDescriptor));
    },
    createSampler({ id, ...descriptor }) {
      state.define('sampler', id, () => device.createSampler(descriptor as GPUSamplerDescriptor));
    },
    createQuerySet(id, type, count, label) {
      state.define('querySet', id, () => device.createQuerySet({ type, count, label }));
    },
    destroyQuerySet(id) {
      state.destroy(id, 'querySet');
    },
  };
}

/** Memory to map at creation may be refused where the buffer itself is not, or is refused with a better reason. */
function makeBuffer(device: GPUDevice, descriptor: GPUBufferDescriptor): GPUBuffer {
  if (descriptor.mappedAtCreation !== true) return device.createBuffer(descriptor);
  try {
    return device.createBuffer(descriptor);
  } catch {
    return device.createBuffer({ ...descriptor, mappedAtCreation: false });
  }
}

/**
 * There is no allocation for a resource. A descriptor that is not valid must be told so, as without this; one that
 * is valid finds no memory. Dawn is asked which it is, and what it makes is destroyed at once.
 */
function refuseMemory(
  state: ContextState,
  kind: 'buffer' | 'texture',
  id: number,
  make: () => GPUBuffer | GPUTexture,
): void {
  const { device } = state;
  device.pushErrorScope('out-of-memory');
  device.pushErrorScope('validation');
  try {
    make().destroy();
  } catch (error) {
    state.fail(messageOf(error));
  }
  const found = device.popErrorScope();
  device.popErrorScope().catch(() => {});
  const error = found.then(
    (value) =>
      value === null
        ? {
            type: 'out-of-memory' as const,
            message: `There is no memory for this ${kind}: its allocation was refused.`,
          }
        : captured(value),
    () => null,
  );
  state.returns.expect();
  void error.then(() => state.returns.settle());
  state.scopes.injectLater(error, ['validation', 'out-of-memory']);
  state.define(kind, id, () => state.invalid.get(kind));
}
