/**
 * A tour through every member of every interface of WebGPU that a program without a window can have. It writes down
 * what it sees, so that two implementations on one device can be compared line by line.
 */

/** What a tour needs of an implementation. */
export interface TourGpu {
  readonly gpu: GPU;
  readonly globals: Readonly<Record<string, unknown>>;
}

/** Lines `what: value`, in a fixed order. */
export class Travelogue {
  readonly lines: string[] = [];

  /** Writes down what a piece of code gives, or the name of what it throws. */
  note(what: string, look: () => unknown): void {
    let value: unknown;
    try {
      value = look();
    } catch (error) {
      value = `throws ${nameOf(error)}`;
    }
    this.lines.push(`${what}: ${typeof value === 'string' ? value : JSON.stringify(value)}`);
  }

  /** The same for a promise. */
  async noteLater(what: string, look: () => Promise<unknown>): Promise<void> {
    let value: unknown;
    try {
      value = await look();
    } catch (error) {
      value = `rejects with ${nameOf(error)}`;
    }
    this.note(what, () => value);
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : ((error as { name?: string }).name ?? String(error));
}

const SHADER = /* wgsl */ `
requires immediate_address_space;
override scale: f32 = 0.5;
struct Out { @builtin(position) position: vec4f, @location(0) color: vec4f };
@group(0) @binding(0) var<uniform> tint: vec4f;
@vertex fn vertexMain(@location(0) at: vec2f, @builtin(instance_index) instance: u32) -> Out {
  return Out(vec4f(at * scale + f32(instance) * 0.25, 0.5, 1), vec4f(at * 0.5 + 0.5, f32(instance), 1));
}
@fragment fn fragmentMain(input: Out) -> @location(0) vec4f { return input.color * tint; }
@group(0) @binding(1) var<storage, read_write> numbers: array<u32>;
var<immediate> more: u32;
@compute @workgroup_size(4) fn computeMain(@builtin(global_invocation_id) id: vec3u) {
  numbers[id.x] += id.x + 1 + more;
}`;

const SIZE = 16;

/** Everything that the parts of the tour share. */
export interface Tour {
  readonly log: Travelogue;
  readonly device: GPUDevice;
  readonly module: GPUShaderModule;
  readonly tintLayout: GPUBindGroupLayout;
  readonly tint: GPUBuffer;
  readonly tintGroup: GPUBindGroup;
  readonly constants: TourConstants;
  read(source: GPUBuffer, lengthBytes: number): Promise<Uint8Array>;
}

export interface TourConstants {
  readonly buffer: typeof GPUBufferUsage;
  readonly texture: typeof GPUTextureUsage;
  readonly stage: typeof GPUShaderStage;
  readonly map: typeof GPUMapMode;
  readonly color: typeof GPUColorWrite;
}

export function constantsOf(globals: Readonly<Record<string, unknown>>): TourConstants {
  return {
    buffer: globals['GPUBufferUsage'] as typeof GPUBufferUsage,
    texture: globals['GPUTextureUsage'] as typeof GPUTextureUsage,
    stage: globals['GPUShaderStage'] as typeof GPUShaderStage,
    map: globals['GPUMapMode'] as typeof GPUMapMode,
    color: globals['GPUColorWrite'] as typeof GPUColorWrite,
  };
}

/** Makes what all parts use. */
export async function beginTour(
  log: Travelogue,
  device: GPUDevice,
  globals: Readonly<Record<string, unknown>>,
): Promise<Tour> {
  const constants = constantsOf(globals);
  const { buffer: usage, stage, map } = constants;
  const module = device.createShaderModule({ label: 'all stages', code: SHADER });
  const tintLayout = device.createBindGroupLayout({
    label: 'tint',
    entries: [{ binding: 0, visibility: stage.FRAGMENT | stage.VERTEX, buffer: { type: 'uniform' } }],
  });
  const tint = device.createBuffer({ label: 'tint', size: 16, usage: usage.UNIFORM | usage.COPY_DST });
  device.queue.writeBuffer(tint, 0, new Float32Array([1, 0.5, 1, 1]));
  const tintGroup = device.createBindGroup({
    label: 'tint group',
    layout: tintLayout,
    entries: [{ binding: 0, resource: { buffer: tint } }],
  });
  const read = async (source: GPUBuffer, lengthBytes: number): Promise<Uint8Array> => {
    const target = device.createBuffer({ size: lengthBytes, usage: usage.MAP_READ | usage.COPY_DST });
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(source, 0, target, 0, lengthBytes);
    device.queue.submit([encoder.finish()]);
    await target.mapAsync(map.READ);
    const bytes = new Uint8Array(target.getMappedRange().slice(0));
    target.destroy();
    return bytes;
  };
  return { log, device, module, tintLayout, tint, tintGroup, constants, read };
}

/** Compute passes, queries of time, and bind groups with dynamic offsets. */
export async function tourCompute({ log, device, module, constants, read }: Tour): Promise<void> {
  const { buffer: usage, stage } = constants;
  const layout = device.createBindGroupLayout({
    entries: [{ binding: 1, visibility: stage.COMPUTE, buffer: { type: 'storage', hasDynamicOffset: true } }],
  });
  const pipelineLayout = device.createPipelineLayout({
    label: 'numbers',
    bindGroupLayouts: [layout],
    immediateSize: 4,
  });
  log.note('GPUPipelineLayout.label', () => pipelineLayout.label);
  const descriptor = {
    label: 'count',
    layout: pipelineLayout,
    compute: { module, entryPoint: 'computeMain' },
  };
  const pipeline = device.createComputePipeline(descriptor);
  const automatic = await device.createComputePipelineAsync({ ...descriptor, layout: 'auto' });
  log.note('GPUComputePipeline.label', () => [pipeline.label, automatic.label]);
  const numbers = device.createBuffer({ size: 1024, usage: usage.STORAGE | usage.COPY_SRC | usage.COPY_DST });
  const counts = device.createBuffer({
    size: 12,
    usage: usage.INDIRECT | usage.COPY_DST,
    mappedAtCreation: true,
  });
  new Uint32Array(counts.getMappedRange()).set([2, 1, 1]);
  counts.unmap();
  const entries = [{ binding: 1, resource: { buffer: numbers, size: 256 } }];
  const group = device.createBindGroup({ layout, entries });
  const automaticGroup = device.createBindGroup({ layout: automatic.getBindGroupLayout(0), entries });
  const encoder = device.createCommandEncoder({ label: 'computing' });
  log.note('GPUCommandEncoder.label', () => encoder.label);
  encoder.clearBuffer(numbers, 0, 512);
  encoder.pushDebugGroup('group');
  encoder.insertDebugMarker('marker');
  const pass = encoder.beginComputePass({ label: 'pass' });
  log.note('GPUComputePassEncoder.label', () => pass.label);
  pass.pushDebugGroup('inner');
  pass.insertDebugMarker('here');
  pass.setPipeline(pipeline);
  pass.setImmediates(0, new Uint32Array([100]));
  pass.setBindGroup(0, group, [256]);
  pass.dispatchWorkgroups(3);
  pass.setBindGroup(0, group, new Uint32Array([9, 0, 9]), 1, 1);
  pass.setImmediates(0, new Uint32Array([7, 200, 7]), 1, 1);
  pass.dispatchWorkgroupsIndirect(counts, 0);
  pass.setPipeline(automatic);
  pass.setBindGroup(0, automaticGroup);
  pass.dispatchWorkgroups(1, 1, 1);
  pass.popDebugGroup();
  pass.end();
  encoder.popDebugGroup();
  const commands = encoder.finish({ label: 'commands' });
  log.note('GPUCommandBuffer.label', () => commands.label);
  device.queue.submit([commands]);
  const bytes = await read(numbers, 512);
  log.note('compute results', () => [...new Uint32Array(bytes.buffer)].filter((value) => value !== 0));
}

/** Draws of each kind, a render bundle, an occlusion query, and the states of a render pass. */
export async function tourRender(tour: Tour): Promise<void> {
  const { log, device, module, tintLayout, tintGroup, constants, read } = tour;
  const { buffer: usage, texture: textureUsage, color } = constants;
  const descriptor: GPURenderPipelineDescriptor = {
    label: 'draw',
    layout: device.createPipelineLayout({ bindGroupLayouts: [tintLayout] }),
    vertex: {
      module,
      entryPoint: 'vertexMain',
      constants: { scale: 0.75 },
      buffers: [{ arrayStride: 8, attributes: [{ shaderLocation: 0, offset: 0, format: 'float32x2' }] }],
    },
    fragment: {
      module,
      entryPoint: 'fragmentMain',
      targets: [
        {
          format: 'rgba8unorm',
          writeMask: color.RED | color.GREEN | color.BLUE | color.ALPHA,
          blend: { color: { srcFactor: 'constant', dstFactor: 'one' }, alpha: {} },
        },
      ],
    },
    depthStencil: {
      format: 'depth24plus-stencil8',
      depthWriteEnabled: false,
      depthCompare: 'less-equal',
      stencilFront: { passOp: 'replace' },
      stencilBack: { passOp: 'replace' },
    },
  };
  log.note('GPUColorWrite.ALL', () => color.ALL);
  const pipeline = device.createRenderPipeline(descriptor);
  const later = await device.createRenderPipelineAsync({ ...descriptor, label: 'later' });
  log.note('GPURenderPipeline.label', () => [pipeline.label, later.label]);
  log.note('GPURenderPipeline.getBindGroupLayout', () => pipeline.getBindGroupLayout(0).label);
  const filled = (data: Float32Array | Uint16Array | Uint32Array, use: number): GPUBuffer => {
    const buffer = device.createBuffer({ size: (data.byteLength + 3) & ~3, usage: use | usage.COPY_DST });
    device.queue.writeBuffer(buffer, 0, data as Float32Array<ArrayBuffer>);
    return buffer;
  };
  const vertices = filled(new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]), usage.VERTEX);
  const indices = filled(new Uint16Array([0, 1, 2, 2, 1, 3]), usage.INDEX);
  const indirect = filled(new Uint32Array([3, 1, 0, 0, 6, 1, 0, 0, 0]), usage.INDIRECT);
  const target = device.createTexture({
    label: 'target',
    size: [SIZE, SIZE],
    format: 'rgba8unorm',
    usage: textureUsage.RENDER_ATTACHMENT | textureUsage.COPY_SRC,
  });
  const depth = device.createTexture({
    size: [SIZE, SIZE],
    format: 'depth24plus-stencil8',
    usage: textureUsage.RENDER_ATTACHMENT,
  });
  const queries = device.createQuerySet({ label: 'seen', type: 'occlusion', count: 2 });
  log.note('GPUQuerySet', () => [queries.label, queries.type, queries.count]);
  const results = device.createBuffer({ size: 16, usage: usage.QUERY_RESOLVE | usage.COPY_SRC });
  const bundles = device.createRenderBundleEncoder({
    label: 'bundle encoder',
    colorFormats: ['rgba8unorm'],
    depthStencilFormat: 'depth24plus-stencil8',
  });
  log.note('GPURenderBundleEncoder.label', () => bundles.label);
  drawAll(bundles, { pipeline: later, tintGroup, vertices, indices, indirect });
  const bundle = bundles.finish({ label: 'bundle' });
  log.note('GPURenderBundle.label', () => bundle.label);
  const encoder = device.createCommandEncoder();
  const view = target.createView({ label: 'view' });
  log.note('GPUTextureView.label', () => view.label);
  const pass = encoder.beginRenderPass({
    label: 'render pass',
    colorAttachments: [
      { view, clearValue: { r: 0.1, g: 0.2, b: 0.3, a: 1 }, loadOp: 'clear', storeOp: 'store' },
    ],
    depthStencilAttachment: {
      view: depth.createView(),
      depthClearValue: 1,
      depthLoadOp: 'clear',
      depthStoreOp: 'store',
      stencilLoadOp: 'clear',
      stencilStoreOp: 'discard',
    },
    occlusionQuerySet: queries,
  });
  log.note('GPURenderPassEncoder.label', () => pass.label);
  pass.setViewport(0, 0, SIZE, SIZE, 0, 1);
  pass.setScissorRect(0, 0, SIZE, SIZE - 2);
  pass.setBlendConstant([0.5, 0.5, 0.5, 1]);
  pass.setStencilReference(3);
  pass.beginOcclusionQuery(1);
  drawAll(pass, { pipeline, tintGroup, vertices, indices, indirect });
  pass.endOcclusionQuery();
  pass.executeBundles([bundle]);
  pass.end();
  encoder.resolveQuerySet(queries, 0, 2, results, 0);
  const pixels = device.createBuffer({ size: 256 * SIZE, usage: usage.COPY_DST | usage.COPY_SRC });
  encoder.copyTextureToBuffer({ texture: target }, { buffer: pixels, bytesPerRow: 256 }, [SIZE, SIZE]);
  device.queue.submit([encoder.finish()]);
  const seen = await read(results, 16);
  log.note('occlusion', () => [...new BigUint64Array(seen.buffer)].map((value) => value > 0n));
  const bytes = await read(pixels, 256 * SIZE);
  log.note('picture', () => bytes.filter((_, index) => index % 256 < SIZE * 4).join(' '));
  queries.destroy();
}

interface DrawParts {
  readonly pipeline: GPURenderPipeline;
  readonly tintGroup: GPUBindGroup;
  readonly vertices: GPUBuffer;
  readonly indices: GPUBuffer;
  readonly indirect: GPUBuffer;
}

function drawAll(to: GPURenderPassEncoder | GPURenderBundleEncoder, parts: DrawParts): void {
  to.pushDebugGroup('draws');
  to.insertDebugMarker('first');
  to.setPipeline(parts.pipeline);
  to.setBindGroup(0, parts.tintGroup);
  to.setImmediates(0, new Uint8Array(4));
  to.setVertexBuffer(0, parts.vertices);
  to.setIndexBuffer(parts.indices, 'uint16');
  to.draw(3, 2);
  to.drawIndexed(6, 1, 0, 0, 1);
  to.drawIndirect(parts.indirect, 0);
  to.drawIndexedIndirect(parts.indirect, 16);
  to.popDebugGroup();
}
