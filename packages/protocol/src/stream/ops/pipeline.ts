import * as enums from '../enums.ts';
import {
  arg,
  array,
  bool,
  type Field,
  f32,
  f64,
  i32,
  id,
  nullable,
  object,
  oneOf,
  optional,
  optionalBool,
  optionalOneOf,
  optionalSize,
  optionalString,
  optionalU32,
  positional,
  size,
  string,
  struct,
  u32,
} from '../schema.ts';

const bindGroupLayoutEntry = struct({
  binding: u32,
  visibility: u32,
  buffer: optional(
    struct({ type: oneOf(enums.bufferBindingType), hasDynamicOffset: bool, minBindingSize: size }),
  ),
  sampler: optional(struct({ type: oneOf(enums.samplerBindingType) })),
  texture: optional(
    struct({
      sampleType: oneOf(enums.textureSampleType),
      viewDimension: oneOf(enums.textureViewDimension),
      multisampled: bool,
    }),
  ),
  storageTexture: optional(
    struct({
      access: oneOf(enums.storageTextureAccess),
      format: oneOf(enums.textureFormat),
      viewDimension: oneOf(enums.textureViewDimension),
    }),
  ),
  externalTexture: bool,
});

/** `offset` and `size` count for buffers only; the id's object says which kind of binding it is. */
const bindGroupEntry = struct({ binding: u32, resource: id('any'), offset: size, size: optionalSize });

const programmableStage = {
  module: id('shaderModule'),
  entryPoint: optionalString,
  constants: array(struct({ key: string, value: f64 })),
};

const vertexState = struct({
  ...programmableStage,
  buffers: array(
    nullable(
      struct({
        arrayStride: size,
        stepMode: oneOf(enums.vertexStepMode),
        attributes: array(struct({ format: oneOf(enums.vertexFormat), offset: size, shaderLocation: u32 })),
      }),
    ),
  ),
});

const primitiveState = struct({
  topology: oneOf(enums.primitiveTopology),
  stripIndexFormat: optionalOneOf(enums.indexFormat),
  frontFace: oneOf(enums.frontFace),
  cullMode: oneOf(enums.cullMode),
  unclippedDepth: bool,
});

const stencilFaceState = struct({
  compare: oneOf(enums.compareFunction),
  failOp: oneOf(enums.stencilOperation),
  depthFailOp: oneOf(enums.stencilOperation),
  passOp: oneOf(enums.stencilOperation),
});

const depthStencilState = struct({
  format: oneOf(enums.textureFormat),
  depthWriteEnabled: optionalBool,
  depthCompare: optionalOneOf(enums.compareFunction),
  stencilFront: stencilFaceState,
  stencilBack: stencilFaceState,
  stencilReadMask: u32,
  stencilWriteMask: u32,
  depthBias: i32,
  depthBiasSlopeScale: f32,
  depthBiasClamp: f32,
});

const blendComponent = struct({
  operation: oneOf(enums.blendOperation),
  srcFactor: oneOf(enums.blendFactor),
  dstFactor: oneOf(enums.blendFactor),
});

const fragmentState = struct({
  ...programmableStage,
  targets: array(
    nullable(
      struct({
        format: oneOf(enums.textureFormat),
        blend: optional(struct({ color: blendComponent, alpha: blendComponent })),
        writeMask: u32,
      }),
    ),
  ),
});

/** Layout 0 is `auto`. */
const layoutOrAuto: Field<number> = id('pipelineLayout');

const computePipeline = {
  id: id('computePipeline'),
  label: string,
  layout: layoutOrAuto,
  compute: struct(programmableStage),
};

const renderPipeline = {
  id: id('renderPipeline'),
  label: string,
  layout: layoutOrAuto,
  vertex: vertexState,
  primitive: primitiveState,
  depthStencil: optional(depthStencilState),
  multisample: struct({ count: u32, mask: u32, alphaToCoverageEnabled: bool }),
  fragment: optional(fragmentState),
};

/** Layouts, bind groups, shader modules, pipelines. */
export const pipelineOps = {
  createBindGroupLayout: object(
    48,
    { id: id('bindGroupLayout'), label: string, entries: array(bindGroupLayoutEntry) },
    'GPUDevice.createBindGroupLayout().',
  ),
  createPipelineLayout: object(
    49,
    {
      id: id('pipelineLayout'),
      label: string,
      bindGroupLayouts: array(id('bindGroupLayout')),
      immediateSize: u32,
    },
    'GPUDevice.createPipelineLayout(); a bind group layout of 0 is null.',
  ),
  createBindGroup: positional(
    50,
    [
      arg('id', id('bindGroup')),
      arg('label', string),
      arg('layout', id('bindGroupLayout')),
      arg('entries', array(bindGroupEntry)),
    ],
    'GPUDevice.createBindGroup(); a resource is a buffer, sampler, texture view or texture.',
  ),
  createShaderModule: object(
    51,
    {
      id: id('shaderModule'),
      label: string,
      code: string,
      compilationHints: array(struct({ entryPoint: string, layout: optionalU32 })),
    },
    'GPUDevice.createShaderModule(); the layout of a hint is an id, 0 for `auto`.',
  ),
  getCompilationInfo: positional(
    52,
    [arg('requestId', u32), arg('module', id('shaderModule'))],
    'GPUShaderModule.getCompilationInfo(); answered by compilationInfo.',
  ),
  createComputePipeline: object(53, computePipeline, 'GPUDevice.createComputePipeline().'),
  createComputePipelineAsync: object(
    54,
    { requestId: u32, ...computePipeline },
    'GPUDevice.createComputePipelineAsync(); answered by pipelineResult. On failure the id names nothing.',
  ),
  createRenderPipeline: object(55, renderPipeline, 'GPUDevice.createRenderPipeline().'),
  createRenderPipelineAsync: object(
    56,
    { requestId: u32, ...renderPipeline },
    'GPUDevice.createRenderPipelineAsync(); answered by pipelineResult. On failure the id names nothing.',
  ),
  getBindGroupLayout: positional(
    57,
    [arg('id', id('bindGroupLayout')), arg('pipeline', id('any pipeline')), arg('index', u32)],
    'GPUPipelineBase.getBindGroupLayout(): the layout gets an id of its own.',
  ),
} as const;
