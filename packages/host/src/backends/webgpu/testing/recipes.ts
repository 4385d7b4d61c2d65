import { ops } from '@dxgwire/protocol/stream';
import type { ExecutionResult } from '../../contract.ts';
import type { Rig } from './rig.ts';

const STORAGE = 0x80;

const foreverModule = `
@group(0) @binding(0) var<storage, read_write> values: array<u32>;
@compute @workgroup_size(1) fn main() {
  loop { values[0] = values[0] + 1u; if (values[1] == 7u) { break; } }
}`;

/** Records a compute pipeline. @returns its id. */
export function computePipeline(
  rig: Rig,
  code: string,
  constants: { key: string; value: number }[] = [],
): number {
  const module = rig.id();
  const id = rig.id();
  ops.createShaderModule(rig.writer, { id: module, label: '', code, compilationHints: [] });
  ops.createComputePipeline(rig.writer, { id, label: '', layout: 0, compute: { module, constants } });
  return id;
}

/** Records one dispatch over a storage buffer, and submits it to the queue. */
export function dispatch(rig: Rig, pipeline: number, buffer: number, groups: number): void {
  const { writer } = rig;
  const [layout, group, commands] = [rig.id(), rig.id(), rig.id()];
  ops.getBindGroupLayout(writer, layout, pipeline, 0);
  ops.createBindGroup(writer, group, '', layout, [{ binding: 0, resource: buffer, offset: 0 }]);
  ops.beginCommandEncoder(writer, '');
  ops.beginComputePass(writer, { label: '' });
  ops.setPipeline(writer, pipeline);
  ops.setBindGroup(writer, 0, group);
  ops.dispatchWorkgroups(writer, groups, 1, 1);
  ops.endPass(writer);
  ops.finish(writer, commands, '');
  ops.queueSubmit(writer, [commands]);
}

/** Starts work that never ends. Resolves when the device has it. @returns the ends of two submissions. */
export async function hang(rig: Rig): Promise<Promise<ExecutionResult>[]> {
  dispatch(rig, computePipeline(rig, foreverModule), rig.buffer(256, STORAGE), 1);
  const hung = rig.submit();
  // An answer from behind it in the stream: by then Dawn was given the work.
  const requestId = rig.request();
  ops.popErrorScope(rig.writer, requestId);
  const asked = rig.submit();
  await rig.take('errorScopeResult', ([id]) => id === requestId);
  return [hung, asked];
}
