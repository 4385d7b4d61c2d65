import { ops } from '@dxgwire/protocol/stream';
import { bindGroupLayoutId } from './bind-group.ts';
import type { DeviceCore } from './device-core.ts';
import { defineOpaqueObject } from './opaque-object.ts';
import {
  type ConversionScope,
  dictionary,
  domString,
  fail,
  isObject,
  labelMember,
  nullable,
  required,
  sequence,
  u32,
  withDefault,
} from './webidl.ts';

const layout = defineOpaqueObject('GPUPipelineLayout');
export const GPUPipelineLayout = layout.type;

const layoutDescriptor = dictionary(
  'GPUPipelineLayoutDescriptor',
  {
    bindGroupLayouts: required(sequence(nullable(bindGroupLayoutId))),
    immediateSize: withDefault(u32, 0),
  },
  labelMember,
);

/** GPUDevice.createPipelineLayout() */
export function createPipelineLayout(core: DeviceCore, device: object, descriptor: unknown): object {
  const values = layoutDescriptor(descriptor, 'GPUPipelineLayoutDescriptor', core);
  const { label, immediateSize } = values;
  const bindGroupLayouts = values.bindGroupLayouts.map((id) => id ?? 0);
  const id = core.newId();
  ops.createPipelineLayout(core.writer, { id, label, bindGroupLayouts, immediateSize });
  core.outbox.changed();
  return layout.make(core, device, label, id);
}

/** (GPUPipelineLayout or GPUAutoLayoutMode): an id, 0 for `auto`. */
export function layoutOrAuto(value: unknown, what: string, scope: ConversionScope): number {
  if (isObject(value) && layout.is(value)) return layout.id(value, what, scope);
  if (domString(value) !== 'auto') fail(what, 'is neither a GPUPipelineLayout nor "auto"');
  return 0;
}
