import type { StreamGroupHandlers } from '@dxgwire/protocol/stream';
import type { ContextState } from './context-state.ts';

/** Dawn's own additions to the standard's render pass. */
interface DawnRenderPassEncoder extends GPURenderPassEncoder {
  multiDrawIndirect: MultiDraw;
  multiDrawIndexedIndirect: MultiDraw;
}

type MultiDraw = (
  buffer: GPUBuffer,
  offset: number,
  maxDrawCount: number,
  countBuffer?: GPUBuffer,
  countOffset?: number,
) => void;

/** What is recorded in the open pass or bundle. */
export function passHandlers(state: ContextState): StreamGroupHandlers<'pass'> {
  const compute = (): GPUComputePassEncoder => {
    if (state.computePass === null) throw new Error('no compute pass is open');
    return state.computePass;
  };
  return {
    ...drawHandlers(state),
    ...renderHandlers(state),
    setPipeline(id) {
      const { computePass } = state;
      if (computePass !== null) computePass.setPipeline(state.need('computePipeline', id));
      else state.drawing().setPipeline(state.need('renderPipeline', id));
    },
    setBindGroup(index, id) {
      state.pass().setBindGroup(index, id === 0 ? null : state.need('bindGroup', id));
    },
    setBindGroupWithOffsets(index, id, offsets) {
      const list = offsets as Uint32Array;
      state.pass().setBindGroup(index, id === 0 ? null : state.need('bindGroup', id), list, 0, list.length);
    },
    setImmediates(rangeOffset, data) {
      state.pass().setImmediates(rangeOffset, data as Uint8Array<ArrayBuffer>);
    },
    dispatchWorkgroups(x, y, z) {
      compute().dispatchWorkgroups(x, y, z);
    },
    dispatchWorkgroupsIndirect(id, offset) {
      compute().dispatchWorkgroupsIndirect(state.need('buffer', id), offset);
    },
  };
}

type DrawOp =
  | 'draw'
  | 'drawIndexed'
  | 'drawIndirect'
  | 'drawIndexedIndirect'
  | 'multiDrawIndirect'
  | 'multiDrawIndexedIndirect'
  | 'setIndexBuffer'
  | 'setVertexBuffer';

function drawHandlers(state: ContextState): Pick<StreamGroupHandlers<'pass'>, DrawOp> {
  return {
    draw(vertexCount, instanceCount, firstVertex, firstInstance) {
      state.drawing().draw(vertexCount, instanceCount, firstVertex, firstInstance);
    },
    drawIndexed(indexCount, instanceCount, firstIndex, baseVertex, firstInstance) {
      state.drawing().drawIndexed(indexCount, instanceCount, firstIndex, baseVertex, firstInstance);
    },
    drawIndirect(id, offset) {
      state.drawing().drawIndirect(state.need('buffer', id), offset);
    },
    drawIndexedIndirect(id, offset) {
      state.drawing().drawIndexedIndirect(state.need('buffer', id), offset);
    },
    multiDrawIndirect(id, offset, maxDrawCount, countId, countOffset) {
      const pass = state.drawing() as DawnRenderPassEncoder;
      const count = state.optional('buffer', countId);
      pass.multiDrawIndirect(state.need('buffer', id), offset, maxDrawCount, count, countOffset);
    },
    multiDrawIndexedIndirect(id, offset, maxDrawCount, countId, countOffset) {
      const pass = state.drawing() as DawnRenderPassEncoder;
      const count = state.optional('buffer', countId);
      pass.multiDrawIndexedIndirect(state.need('buffer', id), offset, maxDrawCount, count, countOffset);
    },
    setIndexBuffer(id, format, offset, size) {
      state.drawing().setIndexBuffer(state.need('buffer', id), format, offset, size);
    },
    setVertexBuffer(slot, id, offset, size) {
      state.drawing().setVertexBuffer(slot, id === 0 ? null : state.need('buffer', id), offset, size);
    },
  };
}

type RenderOp =
  | 'setViewport'
  | 'setScissorRect'
  | 'setBlendConstant'
  | 'setStencilReference'
  | 'beginOcclusionQuery'
  | 'endOcclusionQuery'
  | 'executeBundles';

function renderHandlers(state: ContextState): Pick<StreamGroupHandlers<'pass'>, RenderOp> {
  const render = (): GPURenderPassEncoder => {
    if (state.renderPass === null) throw new Error('no render pass is open');
    return state.renderPass;
  };
  return {
    setViewport(x, y, width, height, minDepth, maxDepth) {
      render().setViewport(x, y, width, height, minDepth, maxDepth);
    },
    setScissorRect(x, y, width, height) {
      render().setScissorRect(x, y, width, height);
    },
    setBlendConstant(r, g, b, a) {
      render().setBlendConstant({ r, g, b, a });
    },
    setStencilReference(reference) {
      render().setStencilReference(reference);
    },
    beginOcclusionQuery(queryIndex) {
      render().beginOcclusionQuery(queryIndex);
    },
    endOcclusionQuery() {
      render().endOcclusionQuery();
    },
    executeBundles(ids) {
      const bundles = Array.from(ids, (id) => state.need('renderBundle', id));
      render().executeBundles(bundles);
    },
  };
}
