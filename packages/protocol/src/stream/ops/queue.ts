import * as enums from '../enums.ts';
import { arg, bytes, id, oneOf, optionalU32, positional, size, u32, u32s } from '../schema.ts';

const textureDestination = [
  arg('texture', id('texture')),
  arg('mipLevel', u32),
  arg('originX', u32),
  arg('originY', u32),
  arg('originZ', u32),
  arg('aspect', oneOf(enums.textureAspect)),
  arg('width', u32),
  arg('height', u32),
  arg('depthOrArrayLayers', u32),
  arg('dataOffset', size),
  arg('bytesPerRow', optionalU32),
  arg('rowsPerImage', optionalU32),
] as const;

const gpuVa = [arg('gpuVaLow', u32), arg('gpuVaHigh', u32), arg('size', size)] as const;

/** The queue. */
export const queueOps = {
  queueSubmit: positional(
    80,
    [arg('commandBuffers', u32s)],
    'GPUQueue.submit(). The ids name nothing afterwards.',
  ),
  onSubmittedWorkDone: positional(
    81,
    [arg('requestId', u32)],
    'GPUQueue.onSubmittedWorkDone(); answered by workDone.',
  ),
  writeBuffer: positional(
    82,
    [arg('buffer', id('buffer')), arg('offset', size), arg('data', bytes)],
    'GPUQueue.writeBuffer() with the bytes in the stream.',
  ),
  writeBufferFrom: positional(
    83,
    [arg('buffer', id('buffer')), arg('offset', size), ...gpuVa],
    'GPUQueue.writeBuffer() with the bytes at a GPU virtual address.',
  ),
  writeTexture: positional(
    84,
    [...textureDestination, arg('data', bytes)],
    'GPUQueue.writeTexture() with the bytes in the stream; dataOffset is the offset of the data layout.',
  ),
  writeTextureFrom: positional(
    85,
    [...textureDestination, ...gpuVa],
    'GPUQueue.writeTexture() with the bytes at a GPU virtual address.',
  ),
} as const;
