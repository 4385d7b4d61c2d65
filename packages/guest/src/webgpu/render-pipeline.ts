import { ops, streamEnums } from '@dxgwire/protocol/stream';
import type { DeviceCore } from './device-core.ts';
import { CONSTRUCT, defineInterface, guardConstructor } from './interfaces.ts';
import { includeObjectBase, ObjectState, objectId } from './object-state.ts';
import {
  createPipelineAsync,
  includePipelineBase,
  pipelineBaseMembers,
  programmableStageMembers,
} from './pipeline.ts';
import { compareFunction } from './sampler.ts';
import { textureFormat } from './texture.ts';
import { requireFormatFeature } from './texture-formats.ts';
import {
  boolean,
  dictionary,
  enumeration,
  float,
  i32,
  nullable,
  optional,
  required,
  sequence,
  u32,
  u64,
  withDefault,
  withEmpty,
} from './webidl.ts';

let stateOf!: (pipeline: GPURenderPipeline) => ObjectState;
let is!: (value: object) => value is GPURenderPipeline;

/** GPURenderPipeline */
export class GPURenderPipeline {
  readonly #state: ObjectState;
  constructor(key: typeof CONSTRUCT, state: ObjectState) {
    guardConstructor(key, 'GPURenderPipeline');
    this.#state = state;
  }
  static {
    stateOf = (pipeline) => pipeline.#state;
    is = (value): value is GPURenderPipeline => #state in value;
  }
}
defineInterface(GPURenderPipeline, 'GPURenderPipeline');
includeObjectBase(GPURenderPipeline, stateOf);
includePipelineBase(GPURenderPipeline, stateOf);

export const renderPipelineId = objectId('GPURenderPipeline', is, stateOf);
export const indexFormat = enumeration('GPUIndexFormat', streamEnums.indexFormat);

const empty = (): object => ({});

const vertexBufferLayout = dictionary('GPUVertexBufferLayout', {
  arrayStride: required(u64),
  stepMode: withDefault(enumeration('GPUVertexStepMode', streamEnums.vertexStepMode), 'vertex'),
  attributes: required(
    sequence(
      dictionary('GPUVertexAttribute', {
        format: required(enumeration('GPUVertexFormat', streamEnums.vertexFormat)),
        offset: required(u64),
        shaderLocation: required(u32),
      }),
    ),
  ),
});

const vertexState = dictionary(
  'GPUVertexState',
  { buffers: withEmpty(sequence(nullable(vertexBufferLayout)), () => []) },
  programmableStageMembers,
);

const primitiveState = dictionary('GPUPrimitiveState', {
  topology: withDefault(enumeration('GPUPrimitiveTopology', streamEnums.primitiveTopology), 'triangle-list'),
  stripIndexFormat: optional(indexFormat),
  frontFace: withDefault(enumeration('GPUFrontFace', streamEnums.frontFace), 'ccw'),
  cullMode: withDefault(enumeration('GPUCullMode', streamEnums.cullMode), 'none'),
  unclippedDepth: withDefault(boolean, false),
});

const stencilOperation = enumeration('GPUStencilOperation', streamEnums.stencilOperation);
const stencilFaceState = dictionary('GPUStencilFaceState', {
  compare: withDefault(compareFunction, 'always'),
  failOp: withDefault(stencilOperation, 'keep'),
  depthFailOp: withDefault(stencilOperation, 'keep'),
  passOp: withDefault(stencilOperation, 'keep'),
});

const depthStencilState = dictionary('GPUDepthStencilState', {
  format: required(textureFormat),
  depthWriteEnabled: optional(boolean),
  depthCompare: optional(compareFunction),
  stencilFront: withEmpty(stencilFaceState, empty),
  stencilBack: withEmpty(stencilFaceState, empty),
  stencilReadMask: withDefault(u32, 0xffff_ffff),
  stencilWriteMask: withDefault(u32, 0xffff_ffff),
  depthBias: withDefault(i32, 0),
  depthBiasSlopeScale: withDefault(float, 0),
  depthBiasClamp: withDefault(float, 0),
});

const multisampleState = dictionary('GPUMultisampleState', {
  count: withDefault(u32, 1),
  mask: withDefault(u32, 0xffff_ffff),
  alphaToCoverageEnabled: withDefault(boolean, false),
});

const blendFactor = enumeration('GPUBlendFactor', streamEnums.blendFactor);
const blendComponent = dictionary('GPUBlendComponent', {
  operation: withDefault(enumeration('GPUBlendOperation', streamEnums.blendOperation), 'add'),
  srcFactor: withDefault(blendFactor, 'one'),
  dstFactor: withDefault(blendFactor, 'zero'),
});

const colorTargetState = dictionary('GPUColorTargetState', {
  format: required(textureFormat),
  blend: optional(
    dictionary('GPUBlendState', { color: required(blendComponent), alpha: required(blendComponent) }),
  ),
  writeMask: withDefault(u32, 0xf),
});

const fragmentState = dictionary(
  'GPUFragmentState',
  { targets: required(sequence(nullable(colorTargetState))) },
  programmableStageMembers,
);

const pipelineDescriptor = dictionary(
  'GPURenderPipelineDescriptor',
  {
    vertex: required(vertexState),
    primitive: withEmpty(primitiveState, empty),
    depthStencil: optional(depthStencilState),
    multisample: withEmpty(multisampleState, empty),
    fragment: optional(fragmentState),
  },
  pipelineBaseMembers,
);

/** The descriptor's values. @throws TypeError when it names a format whose feature the device lacks. */
function convert(core: DeviceCore, descriptor: unknown) {
  const values = pipelineDescriptor(descriptor, 'GPURenderPipelineDescriptor', core);
  for (const target of values.fragment?.targets ?? []) {
    if (target !== null) requireFormatFeature(target.format, core.features);
  }
  if (values.depthStencil !== undefined) requireFormatFeature(values.depthStencil.format, core.features);
  return values;
}

function make(core: DeviceCore, device: object, id: number, label: string): GPURenderPipeline {
  const pipeline = new GPURenderPipeline(CONSTRUCT, new ObjectState(core, device, id, label));
  core.track(pipeline, id);
  return pipeline;
}

/** GPUDevice.createRenderPipeline() */
export function createRenderPipeline(
  core: DeviceCore,
  device: object,
  descriptor: unknown,
): GPURenderPipeline {
  const values = convert(core, descriptor);
  const id = core.newId();
  ops.createRenderPipeline(core.writer, { id, ...values });
  core.outbox.changed();
  return make(core, device, id, values.label);
}

/** GPUDevice.createRenderPipelineAsync() */
export function createRenderPipelineAsync(
  core: DeviceCore,
  device: object,
  descriptor: unknown,
): Promise<GPURenderPipeline> {
  const values = convert(core, descriptor);
  const id = core.newId();
  return createPipelineAsync(
    core,
    id,
    (requestId) => ops.createRenderPipelineAsync(core.writer, { requestId, id, ...values }),
    () => make(core, device, id, values.label),
  );
}
