import { ops } from '@dxgwire/protocol/stream';
import type { DeviceCore } from './device-core.ts';
import { CONSTRUCT, defineInterface, guardConstructor } from './interfaces.ts';
import { includeObjectBase, ObjectState, objectId } from './object-state.ts';
import {
  createPipelineAsync,
  includePipelineBase,
  pipelineBaseMembers,
  programmableStageMembers,
} from './pipeline.ts';
import { dictionary, required } from './webidl.ts';

let stateOf!: (pipeline: GPUComputePipeline) => ObjectState;
let is!: (value: object) => value is GPUComputePipeline;

/** GPUComputePipeline */
export class GPUComputePipeline {
  readonly #state: ObjectState;
  constructor(key: typeof CONSTRUCT, state: ObjectState) {
    guardConstructor(key, 'GPUComputePipeline');
    this.#state = state;
  }
  static {
    stateOf = (pipeline) => pipeline.#state;
    is = (value): value is GPUComputePipeline => #state in value;
  }
}
defineInterface(GPUComputePipeline, 'GPUComputePipeline');
includeObjectBase(GPUComputePipeline, stateOf);
includePipelineBase(GPUComputePipeline, stateOf);

export const computePipelineId = objectId('GPUComputePipeline', is, stateOf);

const pipelineDescriptor = dictionary(
  'GPUComputePipelineDescriptor',
  { compute: required(dictionary('GPUProgrammableStage', programmableStageMembers)) },
  pipelineBaseMembers,
);

function make(core: DeviceCore, device: object, id: number, label: string): GPUComputePipeline {
  const pipeline = new GPUComputePipeline(CONSTRUCT, new ObjectState(core, device, id, label));
  core.track(pipeline, id);
  return pipeline;
}

/** GPUDevice.createComputePipeline() */
export function createComputePipeline(
  core: DeviceCore,
  device: object,
  descriptor: unknown,
): GPUComputePipeline {
  const values = pipelineDescriptor(descriptor, 'GPUComputePipelineDescriptor', core);
  const id = core.newId();
  ops.createComputePipeline(core.writer, { id, ...values });
  core.outbox.changed();
  return make(core, device, id, values.label);
}

/** GPUDevice.createComputePipelineAsync() */
export function createComputePipelineAsync(
  core: DeviceCore,
  device: object,
  descriptor: unknown,
): Promise<GPUComputePipeline> {
  const values = pipelineDescriptor(descriptor, 'GPUComputePipelineDescriptor', core);
  const id = core.newId();
  return createPipelineAsync(
    core,
    id,
    (requestId) => ops.createComputePipelineAsync(core.writer, { requestId, id, ...values }),
    () => make(core, device, id, values.label),
  );
}
