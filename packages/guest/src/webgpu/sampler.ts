import { ops, streamEnums } from '@dxgwire/protocol/stream';
import type { DeviceCore } from './device-core.ts';
import { defineOpaqueObject } from './opaque-object.ts';
import { clampedU16, dictionary, enumeration, float, labelMember, optional, withDefault } from './webidl.ts';

const sampler = defineOpaqueObject('GPUSampler');
export const GPUSampler = sampler.type;
export const isSampler = sampler.is;
export const samplerId = sampler.id;

const addressMode = enumeration('GPUAddressMode', streamEnums.addressMode);
const filterMode = enumeration('GPUFilterMode', streamEnums.filterMode);
const mipmapFilterMode = enumeration('GPUMipmapFilterMode', streamEnums.mipmapFilterMode);
export const compareFunction = enumeration('GPUCompareFunction', streamEnums.compareFunction);

const samplerDescriptor = dictionary(
  'GPUSamplerDescriptor',
  {
    addressModeU: withDefault(addressMode, 'clamp-to-edge'),
    addressModeV: withDefault(addressMode, 'clamp-to-edge'),
    addressModeW: withDefault(addressMode, 'clamp-to-edge'),
    magFilter: withDefault(filterMode, 'nearest'),
    minFilter: withDefault(filterMode, 'nearest'),
    mipmapFilter: withDefault(mipmapFilterMode, 'nearest'),
    lodMinClamp: withDefault(float, 0),
    lodMaxClamp: withDefault(float, 32),
    compare: optional(compareFunction),
    maxAnisotropy: withDefault(clampedU16, 1),
  },
  labelMember,
);

/** GPUDevice.createSampler() */
export function createSampler(core: DeviceCore, device: object, descriptor: unknown): object {
  const values = samplerDescriptor(descriptor, 'GPUSamplerDescriptor', core);
  const id = core.newId();
  ops.createSampler(core.writer, { id, ...values });
  core.outbox.changed();
  return sampler.make(core, device, values.label, id);
}
