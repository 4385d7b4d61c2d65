import { ops, type StreamWriter } from '@dxgwire/protocol/stream';
import type { DeviceCore } from './device-core.ts';
import { CONSTRUCT, defineInterface, guardConstructor } from './interfaces.ts';
import { includeObjectBase } from './object-state.ts';
import { defineOpaqueObject } from './opaque-object.ts';
import { includeBindingCommands, includeDebugCommands, includeRenderCommands } from './pass-commands.ts';
import { EncoderState, PassState } from './recorder.ts';
import { textureFormat } from './texture.ts';
import { requireFormatFeature } from './texture-formats.ts';
import {
  boolean,
  dictionary,
  labelMember,
  nullable,
  optional,
  required,
  sequence,
  u32,
  withDefault,
} from './webidl.ts';

const bundle = defineOpaqueObject('GPURenderBundle', true);
export const GPURenderBundle = bundle.type;
export const renderBundleId = bundle.id;

const bundleDescriptor = dictionary('GPURenderBundleDescriptor', {}, labelMember);

let stateOf!: (encoder: GPURenderBundleEncoder) => PassState;

/** GPURenderBundleEncoder */
export class GPURenderBundleEncoder {
  readonly #state: PassState;
  constructor(key: typeof CONSTRUCT, state: PassState) {
    guardConstructor(key, 'GPURenderBundleEncoder');
    this.#state = state;
  }
  finish(descriptor: unknown = undefined): object {
    const { core, device, encoder } = this.#state;
    const { label } = bundleDescriptor(descriptor, 'GPURenderBundleDescriptor', core);
    const id = core.newId();
    encoder.finish((writer) => ops.finishRenderBundle(writer, id, label));
    return bundle.make(core, device, label, id, encoder.takeKept());
  }
  static {
    stateOf = (encoder) => encoder.#state;
  }
}
defineInterface(GPURenderBundleEncoder, 'GPURenderBundleEncoder');
includeObjectBase(GPURenderBundleEncoder, stateOf);
includeDebugCommands(GPURenderBundleEncoder, 'pass', stateOf);
includeBindingCommands(GPURenderBundleEncoder, stateOf);
includeRenderCommands(GPURenderBundleEncoder, stateOf);

const encoderDescriptor = dictionary(
  'GPURenderBundleEncoderDescriptor',
  { depthReadOnly: withDefault(boolean, false), stencilReadOnly: withDefault(boolean, false) },
  {
    ...labelMember,
    colorFormats: required(sequence(nullable(textureFormat))),
    depthStencilFormat: optional(textureFormat),
    sampleCount: withDefault(u32, 1),
  },
);

/** Formats that can always be drawn to, at most 8 bytes a pixel: four of them are within every limit. */
const PLAIN_FORMATS: ReadonlySet<GPUTextureFormat | undefined> = new Set<GPUTextureFormat>([
  'r8unorm',
  'rg8unorm',
  'rgba8unorm',
  'rgba8unorm-srgb',
  'bgra8unorm',
  'bgra8unorm-srgb',
  'rgba16float',
]);
const DEPTH_FORMATS: ReadonlySet<GPUTextureFormat | undefined> = new Set<GPUTextureFormat | undefined>([
  undefined,
  'stencil8',
  'depth16unorm',
  'depth24plus',
  'depth24plus-stencil8',
  'depth32float',
]);
const PLAIN_FORMATS_COUNT = 4;

/** False where the backend has to be asked at once: nearly all bundle encoders spare it that. */
function isSurelyValid(
  colorFormats: readonly (GPUTextureFormat | undefined)[],
  depthStencilFormat: GPUTextureFormat | undefined,
  sampleCount: number,
): boolean {
  return (
    (sampleCount === 1 || sampleCount === 4) &&
    (colorFormats.length > 0 || depthStencilFormat !== undefined) &&
    colorFormats.length <= PLAIN_FORMATS_COUNT &&
    colorFormats.every((format) => PLAIN_FORMATS.has(format)) &&
    DEPTH_FORMATS.has(depthStencilFormat)
  );
}

/** GPUDevice.createRenderBundleEncoder() */
export function createRenderBundleEncoder(
  core: DeviceCore,
  device: object,
  descriptor: unknown,
): GPURenderBundleEncoder {
  const values = encoderDescriptor(descriptor, 'GPURenderBundleEncoderDescriptor', core);
  const colorFormats = values.colorFormats.map((format) => format ?? undefined);
  for (const format of [...colorFormats, values.depthStencilFormat]) {
    if (format !== undefined) requireFormatFeature(format, core.features);
  }
  const encoder = new EncoderState(core, device, 'RenderBundleEncoder', values.label);
  const begin = (writer: StreamWriter): void =>
    ops.beginRenderBundleEncoder(writer, { ...values, colorFormats });
  if (isSurelyValid(colorFormats, values.depthStencilFormat, values.sampleCount)) {
    begin(encoder.writer);
  } else {
    begin(core.writer);
    core.outbox.changed();
    encoder.beginning = begin;
  }
  const state = new PassState(encoder, 'RenderBundleEncoder', values.label);
  const object = new GPURenderBundleEncoder(CONSTRUCT, state);
  core.track(object, encoder);
  return object;
}
