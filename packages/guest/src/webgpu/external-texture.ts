import { defineOpaqueObject } from './opaque-object.ts';
import { dictionary, enumeration, fail, isObject, labelMember, required, withDefault } from './webidl.ts';

const externalTexture = defineOpaqueObject('GPUExternalTexture');
export const GPUExternalTexture = externalTexture.type;
export const isExternalTexture = externalTexture.is;
export const externalTextureId = externalTexture.id;

/** (HTMLVideoElement or VideoFrame): only where the platform has them. */
function videoSource(value: unknown, what: string): object {
  const platform = globalThis as Record<string, unknown>;
  for (const name of ['HTMLVideoElement', 'VideoFrame']) {
    const type = platform[name];
    if (typeof type === 'function' && isObject(value) && value instanceof type) return value;
  }
  return fail(what, 'is neither an HTMLVideoElement nor a VideoFrame');
}

const descriptor = dictionary(
  'GPUExternalTextureDescriptor',
  {
    source: required(videoSource),
    colorSpace: withDefault(enumeration('PredefinedColorSpace', ['srgb', 'display-p3']), 'srgb'),
  },
  labelMember,
);

/**
 * GPUDevice.importExternalTexture(): no backend of ours can look into the platform's video memory.
 * @throws TypeError for what is no video, else NotSupportedError.
 */
export function importExternalTexture(value: unknown): never {
  const { label } = descriptor(value, 'GPUExternalTextureDescriptor', null);
  throw new DOMException(`importExternalTexture(${label}): video cannot be projected`, 'NotSupportedError');
}
