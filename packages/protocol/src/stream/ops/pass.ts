import * as enums from '../enums.ts';
import {
  arg,
  bytes,
  f32,
  f64,
  i32,
  id,
  oneOf,
  optionalSize,
  positional,
  size,
  u32,
  u32s,
} from '../schema.ts';

const indirect = [arg('indirectBuffer', id('buffer')), arg('indirectOffset', size)] as const;
const multiIndirect = [
  ...indirect,
  arg('maxDrawCount', u32),
  arg('drawCountBuffer', id('buffer or 0')),
  arg('drawCountBufferOffset', size),
] as const;

/** What is recorded in the open compute pass, render pass or render bundle. */
export const passOps = {
  setPipeline: positional(160, [arg('pipeline', id('pipeline of the pass'))], 'setPipeline().'),
  setBindGroup: positional(
    161,
    [arg('index', u32), arg('bindGroup', id('bindGroup or 0'))],
    'setBindGroup() without dynamic offsets.',
  ),
  setBindGroupWithOffsets: positional(
    162,
    [arg('index', u32), arg('bindGroup', id('bindGroup or 0')), arg('dynamicOffsets', u32s)],
    'setBindGroup() with dynamic offsets.',
  ),
  setImmediates: positional(163, [arg('rangeOffset', u32), arg('data', bytes)], 'setImmediates().'),
  dispatchWorkgroups: positional(
    164,
    [arg('workgroupCountX', u32), arg('workgroupCountY', u32), arg('workgroupCountZ', u32)],
    'dispatchWorkgroups().',
  ),
  dispatchWorkgroupsIndirect: positional(165, indirect, 'dispatchWorkgroupsIndirect().'),
  draw: positional(
    166,
    [arg('vertexCount', u32), arg('instanceCount', u32), arg('firstVertex', u32), arg('firstInstance', u32)],
    'draw().',
  ),
  drawIndexed: positional(
    167,
    [
      arg('indexCount', u32),
      arg('instanceCount', u32),
      arg('firstIndex', u32),
      arg('baseVertex', i32),
      arg('firstInstance', u32),
    ],
    'drawIndexed().',
  ),
  drawIndirect: positional(168, indirect, 'drawIndirect().'),
  drawIndexedIndirect: positional(169, indirect, 'drawIndexedIndirect().'),
  multiDrawIndirect: positional(170, multiIndirect, "multiDrawIndirect(): Dawn's own, with its feature."),
  multiDrawIndexedIndirect: positional(
    171,
    multiIndirect,
    "multiDrawIndexedIndirect(): Dawn's own, with its feature.",
  ),
  setIndexBuffer: positional(
    172,
    [
      arg('buffer', id('buffer')),
      arg('indexFormat', oneOf(enums.indexFormat)),
      arg('offset', size),
      arg('size', optionalSize),
    ],
    'setIndexBuffer().',
  ),
  setVertexBuffer: positional(
    173,
    [arg('slot', u32), arg('buffer', id('buffer or 0')), arg('offset', size), arg('size', optionalSize)],
    'setVertexBuffer().',
  ),
  setViewport: positional(
    174,
    [
      arg('x', f32),
      arg('y', f32),
      arg('width', f32),
      arg('height', f32),
      arg('minDepth', f32),
      arg('maxDepth', f32),
    ],
    'setViewport().',
  ),
  setScissorRect: positional(
    175,
    [arg('x', u32), arg('y', u32), arg('width', u32), arg('height', u32)],
    'setScissorRect().',
  ),
  setBlendConstant: positional(
    176,
    [arg('r', f64), arg('g', f64), arg('b', f64), arg('a', f64)],
    'setBlendConstant().',
  ),
  setStencilReference: positional(177, [arg('reference', u32)], 'setStencilReference().'),
  beginOcclusionQuery: positional(178, [arg('queryIndex', u32)], 'beginOcclusionQuery().'),
  endOcclusionQuery: positional(179, [], 'endOcclusionQuery().'),
  executeBundles: positional(180, [arg('bundles', u32s)], 'executeBundles().'),
} as const;
