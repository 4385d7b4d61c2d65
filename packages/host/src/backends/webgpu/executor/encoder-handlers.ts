import type { OpArguments, StreamGroupHandlers, streamOps } from '@dxgwire/protocol/stream';
import type { ContextState } from './context-state.ts';
import { layout } from './queue-handlers.ts';

type RenderPassValues = OpArguments<typeof streamOps.beginRenderPass>[0];
type TimestampValues = NonNullable<RenderPassValues['timestampWrites']>;

/** Dawn's own addition to the standard's encoder. */
interface DawnCommandEncoder extends GPUCommandEncoder {
  writeTimestamp(querySet: GPUQuerySet, queryIndex: number): void;
}

/** Command encoders and bundle encoders: one is open at a time. */
export function encoderHandlers(state: ContextState): StreamGroupHandlers<'encoder'> {
  const encoder = (): GPUCommandEncoder => {
    if (state.encoder === null) throw new Error('no command encoder is open');
    return state.encoder;
  };
  const target = (which: 'encoder' | 'pass') => (which === 'encoder' ? encoder() : state.pass());
  return {
    ...copyHandlers(state, encoder),
    beginCommandEncoder(label) {
      state.setPass({});
      state.encoder = state.device.createCommandEncoder({ label });
    },
    finish(id, label) {
      const open = encoder();
      state.encoder = null;
      state.setPass({});
      state.define('commandBuffer', id, () => open.finish({ label }));
    },
    beginComputePass({ label, timestampWrites }) {
      const descriptor: GPUComputePassDescriptor = { label };
      if (timestampWrites !== undefined) {
        descriptor.timestampWrites = timestampsOf(state, timestampWrites);
      }
      state.setPass({ computePass: encoder().beginComputePass(descriptor) });
    },
    beginRenderPass(values) {
      state.setPass({ renderPass: encoder().beginRenderPass(renderPassOf(state, values)) });
    },
    endPass() {
      const pass = state.renderPass ?? state.computePass;
      if (pass === null) throw new Error('no pass is open');
      pass.end();
    },
    beginRenderBundleEncoder({ colorFormats, ...rest }) {
      const formats = colorFormats.map((format) => format ?? null);
      const descriptor = { ...rest, colorFormats: formats } as GPURenderBundleEncoderDescriptor;
      state.setPass({ bundle: state.device.createRenderBundleEncoder(descriptor) });
    },
    finishRenderBundle(id, label) {
      const { bundle } = state;
      if (bundle === null) throw new Error('no render bundle encoder is open');
      state.setPass({});
      state.define('renderBundle', id, () => bundle.finish({ label }));
    },
    pushDebugGroup(which, groupLabel) {
      target(which).pushDebugGroup(groupLabel);
    },
    popDebugGroup(which) {
      target(which).popDebugGroup();
    },
    insertDebugMarker(which, markerLabel) {
      target(which).insertDebugMarker(markerLabel);
    },
    setEncoderLabel(which, label) {
      target(which).label = label;
    },
  };
}

type CopyOp =
  | 'copyBufferToBuffer'
  | 'copyBufferToTexture'
  | 'copyTextureToBuffer'
  | 'copyTextureToTexture'
  | 'clearBuffer'
  | 'resolveQuerySet'
  | 'writeTimestamp';

function copyHandlers(
  state: ContextState,
  encoder: () => GPUCommandEncoder,
): Pick<StreamGroupHandlers<'encoder'>, CopyOp> {
  return {
    copyBufferToBuffer(source, sourceOffset, destination, destinationOffset, size) {
      const from = state.need('buffer', source);
      const to = state.need('buffer', destination);
      encoder().copyBufferToBuffer(from, sourceOffset, to, destinationOffset, size);
    },
    copyBufferToTexture(id, offset, bytesPerRow, rowsPerImage, texture, mipLevel, x, y, z, aspect, w, h, d) {
      encoder().copyBufferToTexture(
        { buffer: state.need('buffer', id), ...layout(offset, bytesPerRow, rowsPerImage) },
        { texture: state.need('texture', texture), mipLevel, origin: { x, y, z }, aspect },
        { width: w, height: h, depthOrArrayLayers: d },
      );
    },
    copyTextureToBuffer(texture, mipLevel, x, y, z, aspect, id, offset, bytesPerRow, rowsPerImage, w, h, d) {
      encoder().copyTextureToBuffer(
        { texture: state.need('texture', texture), mipLevel, origin: { x, y, z }, aspect },
        { buffer: state.need('buffer', id), ...layout(offset, bytesPerRow, rowsPerImage) },
        { width: w, height: h, depthOrArrayLayers: d },
      );
    },
    copyTextureToTexture(
      from,
      fromMip,
      fromX,
      fromY,
      fromZ,
      fromAspect,
      to,
      toMip,
      toX,
      toY,
      toZ,
      toAspect,
      w,
      h,
      d,
    ) {
      encoder().copyTextureToTexture(
        {
          texture: state.need('texture', from),
          mipLevel: fromMip,
          origin: { x: fromX, y: fromY, z: fromZ },
          aspect: fromAspect,
        },
        {
          texture: state.need('texture', to),
          mipLevel: toMip,
          origin: { x: toX, y: toY, z: toZ },
          aspect: toAspect,
        },
        { width: w, height: h, depthOrArrayLayers: d },
      );
    },
    clearBuffer(id, offset, size) {
      encoder().clearBuffer(state.need('buffer', id), offset, size);
    },
    resolveQuerySet(querySet, firstQuery, queryCount, destination, destinationOffset) {
      encoder().resolveQuerySet(
        state.need('querySet', querySet),
        firstQuery,
        queryCount,
        state.need('buffer', destination),
        destinationOffset,
      );
    },
    writeTimestamp(querySet, queryIndex) {
      (encoder() as DawnCommandEncoder).writeTimestamp(state.need('querySet', querySet), queryIndex);
    },
  };
}

function timestampsOf(state: ContextState, { querySet, ...indices }: TimestampValues) {
  const writes = { querySet: state.need('querySet', querySet), ...indices };
  return writes as GPURenderPassTimestampWrites;
}

/** A texture stands for its default view. */
function viewOf(state: ContextState, id: number): GPUTextureView | GPUTexture {
  return state.objects.get(id, 'texture') ?? state.need('textureView', id);
}

function renderPassOf(state: ContextState, values: RenderPassValues): GPURenderPassDescriptor {
  const colorAttachments = values.colorAttachments.map((attachment) => {
    if (attachment === null) return null;
    const { view, depthSlice, resolveTarget, loadOp, storeOp, clearR, clearG, clearB, clearA } = attachment;
    const color: GPURenderPassColorAttachment = {
      view: viewOf(state, view),
      loadOp,
      storeOp,
      clearValue: { r: clearR, g: clearG, b: clearB, a: clearA },
    };
    if (depthSlice !== undefined) color.depthSlice = depthSlice;
    if (resolveTarget !== 0) color.resolveTarget = viewOf(state, resolveTarget);
    return color;
  });
  const descriptor: GPURenderPassDescriptor = { label: values.label, colorAttachments };
  if (values.depthStencilAttachment !== undefined) {
    const { view, ...rest } = values.depthStencilAttachment;
    descriptor.depthStencilAttachment = {
      view: viewOf(state, view),
      ...rest,
    } as GPURenderPassDepthStencilAttachment;
  }
  if (values.occlusionQuerySet !== 0) {
    descriptor.occlusionQuerySet = state.need('querySet', values.occlusionQuerySet);
  }
  if (values.timestampWrites !== undefined) {
    descriptor.timestampWrites = timestampsOf(state, values.timestampWrites);
  }
  if (values.maxDrawCount !== undefined) descriptor.maxDrawCount = values.maxDrawCount;
  return descriptor;
}
