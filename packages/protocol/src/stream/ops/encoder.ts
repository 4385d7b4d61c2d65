import * as enums from '../enums.ts';
import {
  arg,
  array,
  bool,
  f32,
  f64,
  id,
  nullable,
  object,
  oneOf,
  optional,
  optionalOneOf,
  optionalSize,
  optionalU32,
  positional,
  size,
  string,
  struct,
  u32,
} from '../schema.ts';

/** Where a debug command goes: the command encoder, or the pass or bundle that is being recorded. */
export const encoderTarget = ['encoder', 'pass'] as const;

const timestampWrites = struct({
  querySet: id('querySet'),
  beginningOfPassWriteIndex: optionalU32,
  endOfPassWriteIndex: optionalU32,
});

const colorAttachment = struct({
  view: id('textureView or texture'),
  depthSlice: optionalU32,
  resolveTarget: id('textureView or texture, or 0'),
  clearR: f64,
  clearG: f64,
  clearB: f64,
  clearA: f64,
  loadOp: oneOf(enums.loadOp),
  storeOp: oneOf(enums.storeOp),
});

const depthStencilAttachment = struct({
  view: id('textureView or texture'),
  /** Present when the program gave it: WebGPU demands it with a load operation of `clear` only. */
  depthClearValue: optional(f32),
  depthLoadOp: optionalOneOf(enums.loadOp),
  depthStoreOp: optionalOneOf(enums.storeOp),
  depthReadOnly: bool,
  stencilClearValue: u32,
  stencilLoadOp: optionalOneOf(enums.loadOp),
  stencilStoreOp: optionalOneOf(enums.storeOp),
  stencilReadOnly: bool,
});

const bufferLayout = [
  arg('offset', size),
  arg('bytesPerRow', optionalU32),
  arg('rowsPerImage', optionalU32),
] as const;

const copySize = [arg('width', u32), arg('height', u32), arg('depthOrArrayLayers', u32)] as const;

const texturePlace = [
  arg('texture', id('texture')),
  arg('mipLevel', u32),
  arg('originX', u32),
  arg('originY', u32),
  arg('originZ', u32),
  arg('aspect', oneOf(enums.textureAspect)),
] as const;

/**
 * Command encoders and bundle encoders. One is open at a time: the guest collects each encoder's records aside and
 * sends them in one piece when it is finished, so that no record names its encoder. What is sent between
 * beginCommandEncoder and finish is encoding only; its errors surface at finish.
 */
export const encoderOps = {
  beginCommandEncoder: positional(112, [arg('label', string)], 'GPUDevice.createCommandEncoder().'),
  finish: positional(
    113,
    [arg('commandBuffer', id('commandBuffer')), arg('label', string)],
    'GPUCommandEncoder.finish(): the command buffer gets this id.',
  ),
  beginComputePass: object(
    114,
    { label: string, timestampWrites: optional(timestampWrites) },
    'GPUCommandEncoder.beginComputePass().',
  ),
  beginRenderPass: object(
    115,
    {
      label: string,
      colorAttachments: array(nullable(colorAttachment)),
      depthStencilAttachment: optional(depthStencilAttachment),
      occlusionQuerySet: id('querySet or 0'),
      timestampWrites: optional(timestampWrites),
      maxDrawCount: optionalSize,
    },
    'GPUCommandEncoder.beginRenderPass().',
  ),
  endPass: positional(116, [], 'end() of the open compute or render pass.'),
  beginRenderBundleEncoder: object(
    117,
    {
      label: string,
      colorFormats: array(optionalOneOf(enums.textureFormat)),
      depthStencilFormat: optionalOneOf(enums.textureFormat),
      sampleCount: u32,
      depthReadOnly: bool,
      stencilReadOnly: bool,
    },
    'GPUDevice.createRenderBundleEncoder(): pass records go to it until finishRenderBundle.',
  ),
  finishRenderBundle: positional(
    118,
    [arg('renderBundle', id('renderBundle')), arg('label', string)],
    'GPURenderBundleEncoder.finish(): the bundle gets this id.',
  ),
  copyBufferToBuffer: positional(
    119,
    [
      arg('source', id('buffer')),
      arg('sourceOffset', size),
      arg('destination', id('buffer')),
      arg('destinationOffset', size),
      arg('size', optionalSize),
    ],
    'GPUCommandEncoder.copyBufferToBuffer().',
  ),
  copyBufferToTexture: positional(
    120,
    [arg('buffer', id('buffer')), ...bufferLayout, ...texturePlace, ...copySize],
    'GPUCommandEncoder.copyBufferToTexture().',
  ),
  copyTextureToBuffer: positional(
    121,
    [...texturePlace, arg('buffer', id('buffer')), ...bufferLayout, ...copySize],
    'GPUCommandEncoder.copyTextureToBuffer().',
  ),
  copyTextureToTexture: positional(
    122,
    [
      arg('source', id('texture')),
      arg('sourceMipLevel', u32),
      arg('sourceX', u32),
      arg('sourceY', u32),
      arg('sourceZ', u32),
      arg('sourceAspect', oneOf(enums.textureAspect)),
      arg('destination', id('texture')),
      arg('destinationMipLevel', u32),
      arg('destinationX', u32),
      arg('destinationY', u32),
      arg('destinationZ', u32),
      arg('destinationAspect', oneOf(enums.textureAspect)),
      ...copySize,
    ],
    'GPUCommandEncoder.copyTextureToTexture().',
  ),
  clearBuffer: positional(
    123,
    [arg('buffer', id('buffer')), arg('offset', size), arg('size', optionalSize)],
    'GPUCommandEncoder.clearBuffer().',
  ),
  resolveQuerySet: positional(
    124,
    [
      arg('querySet', id('querySet')),
      arg('firstQuery', u32),
      arg('queryCount', u32),
      arg('destination', id('buffer')),
      arg('destinationOffset', size),
    ],
    'GPUCommandEncoder.resolveQuerySet().',
  ),
  writeTimestamp: positional(
    125,
    [arg('querySet', id('querySet')), arg('queryIndex', u32)],
    "GPUCommandEncoder.writeTimestamp(): Dawn's own, where the device has it.",
  ),
  pushDebugGroup: positional(
    126,
    [arg('target', oneOf(encoderTarget)), arg('groupLabel', string)],
    'pushDebugGroup() of the encoder or the open pass.',
  ),
  popDebugGroup: positional(127, [arg('target', oneOf(encoderTarget))], 'popDebugGroup().'),
  insertDebugMarker: positional(
    128,
    [arg('target', oneOf(encoderTarget)), arg('markerLabel', string)],
    'insertDebugMarker().',
  ),
  setEncoderLabel: positional(
    129,
    [arg('target', oneOf(encoderTarget)), arg('label', string)],
    'label of the encoder or the open pass, set after it was begun.',
  ),
} as const;
