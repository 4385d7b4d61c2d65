import { streamEnums } from '@dxgwire/protocol/stream';
import { bufferId } from './buffer.ts';
import { color, origin3D } from './geometry.ts';
import { querySetId } from './query-set.ts';
import { textureAspect, textureOrViewId, textureReference } from './texture.ts';
import {
  boolean,
  type Converter,
  dictionary,
  enumeration,
  float,
  labelMember,
  type Member,
  nullable,
  optional,
  required,
  sequence,
  u32,
  u64,
  withDefault,
} from './webidl.ts';

/** GPUTexelCopyBufferLayout, and what inherits it. */
const layoutMembers = {
  bytesPerRow: optional(u32),
  offset: withDefault(u64, 0),
  rowsPerImage: optional(u32),
} as const;

export const texelCopyBufferLayout = dictionary('GPUTexelCopyBufferLayout', layoutMembers);

export const texelCopyBufferInfo = dictionary(
  'GPUTexelCopyBufferInfo',
  { buffer: required(bufferId) },
  layoutMembers,
);

const origin = { convert: origin3D, required: false, initial: () => ({ x: 0, y: 0, z: 0 }) } as const;

/** GPUTexelCopyTextureInfo, in the order in which its members are read. */
export const texelCopyTextureMembers = {
  aspect: withDefault(textureAspect, 'all'),
  mipLevel: withDefault(u32, 0),
  origin,
  texture: required(textureReference),
} as const;

export const texelCopyTextureInfo = dictionary('GPUTexelCopyTextureInfo', texelCopyTextureMembers);

const loadOp = enumeration('GPULoadOp', streamEnums.loadOp);
const storeOp = enumeration('GPUStoreOp', streamEnums.storeOp);

/** The two dictionaries of timestamp writes are the same but for their names. */
const timestampWrites = dictionary('GPURenderPassTimestampWrites', {
  querySet: required(querySetId),
  beginningOfPassWriteIndex: optional(u32),
  endOfPassWriteIndex: optional(u32),
});

export const computePassDescriptor = dictionary(
  'GPUComputePassDescriptor',
  { timestampWrites: optional(timestampWrites) },
  labelMember,
);

/** An object's id; 0 where it is missing or null, as in the stream. */
function idOrNone(convert: Converter<number>): Member<number> {
  return withDefault((value, what, scope) => (value === null ? 0 : convert(value, what, scope)), 0);
}

const colorAttachmentDictionary = dictionary('GPURenderPassColorAttachment', {
  view: required(textureOrViewId),
  depthSlice: optional(u32),
  resolveTarget: idOrNone(textureOrViewId),
  clearValue: optional(color),
  loadOp: required(loadOp),
  storeOp: required(storeOp),
});

/** A color attachment as it travels. */
interface ColorAttachment {
  readonly view: number;
  readonly depthSlice: number | undefined;
  readonly resolveTarget: number;
  readonly clearR: number;
  readonly clearG: number;
  readonly clearB: number;
  readonly clearA: number;
  readonly loadOp: GPULoadOp;
  readonly storeOp: GPUStoreOp;
}

const colorAttachment: Converter<ColorAttachment> = (value, what, scope) => {
  const { clearValue, view, depthSlice, resolveTarget, ...values } = colorAttachmentDictionary(
    value,
    what,
    scope,
  );
  return {
    view,
    depthSlice,
    resolveTarget,
    clearR: clearValue?.r ?? 0,
    clearG: clearValue?.g ?? 0,
    clearB: clearValue?.b ?? 0,
    clearA: clearValue?.a ?? 0,
    loadOp: values.loadOp,
    storeOp: values.storeOp,
  };
};

const depthStencilAttachment = dictionary('GPURenderPassDepthStencilAttachment', {
  view: required(textureOrViewId),
  depthClearValue: optional(float),
  depthLoadOp: optional(loadOp),
  depthStoreOp: optional(storeOp),
  depthReadOnly: withDefault(boolean, false),
  stencilClearValue: withDefault(u32, 0),
  stencilLoadOp: optional(loadOp),
  stencilStoreOp: optional(storeOp),
  stencilReadOnly: withDefault(boolean, false),
});

export const renderPassDescriptor = dictionary(
  'GPURenderPassDescriptor',
  {
    colorAttachments: required(sequence(nullable(colorAttachment))),
    depthStencilAttachment: optional(depthStencilAttachment),
    occlusionQuerySet: idOrNone(querySetId),
    timestampWrites: optional(timestampWrites),
    maxDrawCount: optional(u64),
  },
  labelMember,
);
