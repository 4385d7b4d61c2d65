import { ops, streamEnums } from '@dxgwire/protocol/stream';
import { bufferId, isBuffer } from './buffer.ts';
import type { DeviceCore } from './device-core.ts';
import { externalTextureId, isExternalTexture } from './external-texture.ts';
import { Keeper } from './object-state.ts';
import { defineOpaqueObject } from './opaque-object.ts';
import { isSampler, samplerId } from './sampler.ts';
import {
  isTexture,
  isTextureView,
  textureFormat,
  textureId,
  textureViewDimension,
  textureViewId,
} from './texture.ts';
import { requireFormatFeature } from './texture-formats.ts';
import {
  boolean,
  type ConversionScope,
  describe,
  dictionary,
  enumeration,
  fail,
  isObject,
  labelMember,
  optional,
  required,
  sequence,
  u32,
  u64,
  withDefault,
} from './webidl.ts';

const layout = defineOpaqueObject('GPUBindGroupLayout');
export const GPUBindGroupLayout = layout.type;
export const bindGroupLayoutId = layout.id;
export const makeBindGroupLayout = layout.make;

const group = defineOpaqueObject('GPUBindGroup', true);
export const GPUBindGroup = group.type;
export const bindGroupId = group.id;

const layoutEntry = dictionary('GPUBindGroupLayoutEntry', {
  binding: required(u32),
  visibility: required(u32),
  buffer: optional(
    dictionary('GPUBufferBindingLayout', {
      type: withDefault(enumeration('GPUBufferBindingType', streamEnums.bufferBindingType), 'uniform'),
      hasDynamicOffset: withDefault(boolean, false),
      minBindingSize: withDefault(u64, 0),
    }),
  ),
  sampler: optional(
    dictionary('GPUSamplerBindingLayout', {
      type: withDefault(enumeration('GPUSamplerBindingType', streamEnums.samplerBindingType), 'filtering'),
    }),
  ),
  texture: optional(
    dictionary('GPUTextureBindingLayout', {
      sampleType: withDefault(enumeration('GPUTextureSampleType', streamEnums.textureSampleType), 'float'),
      viewDimension: withDefault(textureViewDimension, '2d'),
      multisampled: withDefault(boolean, false),
    }),
  ),
  storageTexture: optional(
    dictionary('GPUStorageTextureBindingLayout', {
      access: withDefault(
        enumeration('GPUStorageTextureAccess', streamEnums.storageTextureAccess),
        'write-only',
      ),
      format: required(textureFormat),
      viewDimension: withDefault(textureViewDimension, '2d'),
    }),
  ),
  externalTexture: optional(dictionary('GPUExternalTextureBindingLayout', {})),
});

const layoutDescriptor = dictionary(
  'GPUBindGroupLayoutDescriptor',
  { entries: required(sequence(layoutEntry)) },
  labelMember,
);

/** GPUDevice.createBindGroupLayout() */
export function createBindGroupLayout(core: DeviceCore, device: object, descriptor: unknown): object {
  const { entries, label } = layoutDescriptor(descriptor, 'GPUBindGroupLayoutDescriptor', core);
  for (const { storageTexture } of entries) {
    if (storageTexture !== undefined) requireFormatFeature(storageTexture.format, core.features);
  }
  const id = core.newId();
  ops.createBindGroupLayout(core.writer, {
    id,
    label,
    entries: entries.map((entry) => ({ ...entry, externalTexture: entry.externalTexture !== undefined })),
  });
  core.outbox.changed();
  return layout.make(core, device, label, id);
}

/** An entry as it travels: `offset` and `size` count for buffers. */
interface ResolvedEntry {
  binding: number;
  resource: number;
  offset: number;
  size: number | undefined;
}

const bufferBinding = dictionary('GPUBufferBinding', {
  buffer: required(bufferId),
  offset: withDefault(u64, 0),
  size: optional(u64),
});

/** GPUBindGroupEntry; written out because bind groups are made often. */
function bindGroupEntry(value: unknown, what: string, scope: ConversionScope): ResolvedEntry {
  if (!isObject(value)) fail(what, `${describe(value)} is not a GPUBindGroupEntry`);
  const { binding, resource } = value as { binding?: unknown; resource?: unknown };
  if (binding === undefined) fail('GPUBindGroupEntry.binding', 'required member is missing');
  const index = u32(binding, 'GPUBindGroupEntry.binding');
  if (resource === undefined) fail('GPUBindGroupEntry.resource', 'required member is missing');
  return bindingResource(resource, index, scope);
}

/** GPUBindingResource: one of four interfaces, or a dictionary. */
function bindingResource(resource: unknown, binding: number, scope: ConversionScope): ResolvedEntry {
  const what = 'GPUBindGroupEntry.resource';
  if (!isObject(resource)) fail(what, `${describe(resource)} is not a GPUBindingResource`);
  const whole = (id: number): ResolvedEntry => ({ binding, resource: id, offset: 0, size: undefined });
  if (isBuffer(resource)) return whole(bufferId(resource, what, scope));
  if (isTextureView(resource)) return whole(textureViewId(resource, what, scope));
  if (isSampler(resource)) return whole(samplerId(resource, what, scope));
  if (isTexture(resource)) return whole(textureId(resource, what, scope));
  if (isExternalTexture(resource)) return whole(externalTextureId(resource, what, scope));
  const { buffer, offset, size } = bufferBinding(resource, what, scope);
  return { binding, resource: buffer, offset, size };
}

const groupDescriptor = dictionary(
  'GPUBindGroupDescriptor',
  { layout: required(bindGroupLayoutId), entries: required(sequence(bindGroupEntry)) },
  labelMember,
);

/** GPUDevice.createBindGroup() */
export function createBindGroup(core: DeviceCore, device: object, descriptor: unknown): object {
  const keeper = new Keeper(core);
  const values = groupDescriptor(descriptor, 'GPUBindGroupDescriptor', keeper);
  const id = core.newId();
  ops.createBindGroup(core.writer, id, values.label, values.layout, values.entries);
  core.outbox.changed();
  return group.make(core, device, values.label, id, keeper.kept);
}
