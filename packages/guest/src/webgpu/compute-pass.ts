import { ops } from '@dxgwire/protocol/stream';
import { bufferId } from './buffer.ts';
import { computePipelineId } from './compute-pipeline.ts';
import { type CONSTRUCT, defineInterface, guardConstructor } from './interfaces.ts';
import { includeObjectBase } from './object-state.ts';
import { includeBindingCommands, includeDebugCommands } from './pass-commands.ts';
import type { PassState } from './recorder.ts';
import { u32, u64 } from './webidl.ts';

let stateOf!: (pass: GPUComputePassEncoder) => PassState;

/** GPUComputePassEncoder */
export class GPUComputePassEncoder {
  readonly #state: PassState;
  constructor(key: typeof CONSTRUCT, state: PassState) {
    guardConstructor(key, 'GPUComputePassEncoder');
    this.#state = state;
  }
  setPipeline(pipeline: object): undefined {
    const state = this.#state;
    const id = computePipelineId(pipeline, 'pipeline', state.core);
    const writer = state.open('SetPipeline');
    if (writer !== null) ops.setPipeline(writer, id);
  }
  dispatchWorkgroups(workgroupCountX: number, workgroupCountY = 1, workgroupCountZ = 1): undefined {
    const state = this.#state;
    const x = u32(workgroupCountX, 'workgroupCountX');
    const y = u32(workgroupCountY, 'workgroupCountY');
    const z = u32(workgroupCountZ, 'workgroupCountZ');
    const writer = state.open('DispatchWorkgroups');
    if (writer !== null) ops.dispatchWorkgroups(writer, x, y, z);
  }
  dispatchWorkgroupsIndirect(indirectBuffer: object, indirectOffset: number): undefined {
    const state = this.#state;
    const id = bufferId(indirectBuffer, 'indirectBuffer', state);
    const offset = u64(indirectOffset, 'indirectOffset');
    const writer = state.open('DispatchWorkgroupsIndirect');
    if (writer !== null) ops.dispatchWorkgroupsIndirect(writer, id, offset);
  }
  end(): undefined {
    this.#state.end();
  }
  static {
    stateOf = (pass) => pass.#state;
  }
}
defineInterface(GPUComputePassEncoder, 'GPUComputePassEncoder');
includeObjectBase(GPUComputePassEncoder, stateOf);
includeDebugCommands(GPUComputePassEncoder, 'pass', stateOf);
includeBindingCommands(GPUComputePassEncoder, stateOf);
