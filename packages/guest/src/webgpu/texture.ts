import { ops, streamEnums } from '@dxgwire/protocol/stream';
import type { DeviceCore, Releasable } from './device-core.ts';
import { extent3D } from './geometry.ts';
import { CONSTRUCT, defineInterface, guardConstructor } from './interfaces.ts';
import { type Memory, NO_MEMORY } from './kernel.ts';
import { includeObjectBase, ObjectState, objectId } from './object-state.ts';
import { defineOpaqueObject } from './opaque-object.ts';
import { requireFormatFeature, type TextureExtent, textureSizeBytes } from './texture-formats.ts';
import {
  type ConversionScope,
  dictionary,
  domString,
  enumeration,
  fail,
  labelMember,
  optional,
  required,
  sequence,
  u32,
  withDefault,
  withEmpty,
} from './webidl.ts';

export const textureFormat = enumeration('GPUTextureFormat', streamEnums.textureFormat);
export const textureViewDimension = enumeration('GPUTextureViewDimension', streamEnums.textureViewDimension);
export const textureAspect = enumeration('GPUTextureAspect', streamEnums.textureAspect);
const textureDimension = enumeration('GPUTextureDimension', streamEnums.textureDimension);

const textureDescriptor = dictionary(
  'GPUTextureDescriptor',
  {
    size: required(extent3D),
    mipLevelCount: withDefault(u32, 1),
    sampleCount: withDefault(u32, 1),
    dimension: withDefault(textureDimension, '2d'),
    format: required(textureFormat),
    usage: required(u32),
    viewFormats: withEmpty(sequence(textureFormat), () => []),
    textureBindingViewDimension: optional(textureViewDimension),
  },
  labelMember,
);

const viewDescriptor = dictionary(
  'GPUTextureViewDescriptor',
  {
    format: optional(textureFormat),
    dimension: optional(textureViewDimension),
    usage: withDefault(u32, 0),
    aspect: withDefault(textureAspect, 'all'),
    baseMipLevel: withDefault(u32, 0),
    mipLevelCount: optional(u32),
    baseArrayLayer: withDefault(u32, 0),
    arrayLayerCount: optional(u32),
    swizzle: withDefault(domString, 'rgba'),
  },
  labelMember,
);

/** What a texture has behind its interface. */
export class TextureState extends ObjectState implements Releasable {
  extent!: TextureExtent;
  usage = 0;
  bindingViewDimension: GPUTextureViewDimension | undefined;
  memory: Memory = NO_MEMORY;
  destroyed = false;

  destroy(): void {
    const { core } = this;
    ops.destroyTexture(core.writer, this.id);
    core.outbox.changed();
    if (this.destroyed) return;
    this.destroyed = true;
    core.destroyMemory(this.memory);
  }

  released(): void {
    this.core.release(this.id, this.destroyed ? null : this.memory);
  }
}

let stateOf!: (texture: GPUTexture) => TextureState;
let is!: (value: object) => value is GPUTexture;

const view = defineOpaqueObject('GPUTextureView', true);
export const GPUTextureView = view.type;
export const isTextureView = view.is;
export const textureViewId = view.id;

/** GPUTexture */
export class GPUTexture {
  readonly #state: TextureState;
  constructor(key: typeof CONSTRUCT, state: TextureState) {
    guardConstructor(key, 'GPUTexture');
    this.#state = state;
  }
  createView(descriptor: unknown = undefined): object {
    const state = this.#state;
    return createView(this, state, descriptor);
  }
  destroy(): undefined {
    this.#state.destroy();
  }
  get width(): number {
    return this.#state.extent.width;
  }
  get height(): number {
    return this.#state.extent.height;
  }
  get depthOrArrayLayers(): number {
    return this.#state.extent.depthOrArrayLayers;
  }
  get mipLevelCount(): number {
    return this.#state.extent.mipLevelCount;
  }
  get sampleCount(): number {
    return this.#state.extent.sampleCount;
  }
  get dimension(): GPUTextureDimension {
    return this.#state.extent.dimension;
  }
  get format(): GPUTextureFormat {
    return this.#state.extent.format as GPUTextureFormat;
  }
  get usage(): number {
    return this.#state.usage;
  }
  get textureBindingViewDimension(): GPUTextureViewDimension | undefined {
    return this.#state.bindingViewDimension;
  }
  static {
    stateOf = (texture) => texture.#state;
    is = (value): value is GPUTexture => #state in value;
  }
}
defineInterface(GPUTexture, 'GPUTexture');
includeObjectBase(GPUTexture, stateOf);

export const isTexture = is;
export const textureId = objectId('GPUTexture', is, stateOf, true);

/** A texture as a command names it, and what is known of it here. */
export interface TextureReference {
  readonly id: number;
  readonly state: TextureState;
}

/** The conversion to GPUTexture, for those who need more of it than its id. */
export function textureReference(value: unknown, what: string, scope: ConversionScope): TextureReference {
  const id = textureId(value, what, scope);
  return { id, state: stateOf(value as GPUTexture) };
}

/**
 * (GPUTexture or GPUTextureView): the id of a view. A texture stands for a default view of it, which is made at once, as
 * the standard says: what is wrong with it is an error of this call, not of the encoder's `finish()`.
 */
export function textureOrViewId(value: unknown, what: string, scope: ConversionScope): number {
  const isTextureItself = typeof value === 'object' && value !== null && is(value);
  return textureViewId(isTextureItself ? defaultView(value) : value, what, scope);
}

/** The view that a texture stands for, with the label that Dawn gives it. */
function defaultView(texture: GPUTexture): object {
  const state = stateOf(texture);
  const label = state.label === '' ? '' : `defaulted from [Texture "${state.label}"]`;
  return createView(texture, state, { label });
}

/** GPUDevice.createTexture() */
export function createTexture(core: DeviceCore, device: object, descriptor: unknown): GPUTexture {
  const values = textureDescriptor(descriptor, 'GPUTextureDescriptor', core);
  const { size, label, usage, viewFormats, ...rest } = values;
  requireFormatFeature(rest.format, core.features);
  for (const format of viewFormats) requireFormatFeature(format, core.features);
  const state = new TextureState(core, device, core.newId(), label);
  const { width, height, depthOrArrayLayers } = size;
  state.extent = { width, height, depthOrArrayLayers, ...rest };
  state.usage = usage;
  if (!core.features.has('core-features-and-limits')) {
    state.bindingViewDimension = rest.textureBindingViewDimension ?? defaultBindingDimension(state.extent);
  }
  if (isAllocatable(state.extent, core.limits) && core.lost === null) {
    state.memory = core.createMemory('texture', textureSizeBytes(state.extent));
  }
  const { runtimeHandleLow, runtimeHandleHigh } = state.memory;
  ops.createTexture(core.writer, {
    id: state.id,
    runtimeHandleLow,
    runtimeHandleHigh,
    width,
    height,
    depthOrArrayLayers,
    usage,
    viewFormats,
    label,
    ...rest,
  });
  core.outbox.changed();
  const texture = new GPUTexture(CONSTRUCT, state);
  core.track(texture, state);
  return texture;
}

function defaultBindingDimension(extent: TextureExtent): GPUTextureViewDimension {
  if (extent.dimension !== '2d') return extent.dimension;
  return extent.depthOrArrayLayers === 1 ? '2d' : '2d-array';
}

/** False for what the backend will refuse for its size anyway: memory is not asked for it. */
function isAllocatable(extent: TextureExtent, limits: Readonly<Record<string, number>>): boolean {
  const { width, height, depthOrArrayLayers, mipLevelCount, sampleCount, dimension } = extent;
  if (width === 0 || height === 0 || depthOrArrayLayers === 0) return false;
  if (mipLevelCount === 0 || mipLevelCount > 32 || (sampleCount !== 1 && sampleCount !== 4)) return false;
  const most = limits[`maxTextureDimension${dimension.toUpperCase()}`] ?? 0;
  const mostDepth = dimension === '2d' ? (limits['maxTextureArrayLayers'] ?? 0) : most;
  return width <= most && height <= most && depthOrArrayLayers <= mostDepth;
}

function createView(texture: GPUTexture, state: TextureState, descriptor: unknown): object {
  const { core } = state;
  const values = viewDescriptor(descriptor, 'GPUTextureViewDescriptor', core);
  if (values.format !== undefined) requireFormatFeature(values.format, core.features);
  if (!/^[rgba01]{4}$/.test(values.swizzle)) {
    fail(
      'GPUTextureViewDescriptor.swizzle',
      `${JSON.stringify(values.swizzle)} is not four of r, g, b, a, 0, 1`,
    );
  }
  const id = core.newId();
  ops.createView(core.writer, { id, texture: state.id, ...values });
  core.outbox.changed();
  return view.make(core, state.device, values.label, id, texture);
}
