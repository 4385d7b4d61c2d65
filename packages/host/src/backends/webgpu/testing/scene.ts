import { AllocationKind } from '@dxgwire/protocol/blobs';
import type { ops as allOps } from '@dxgwire/protocol/stream';
import type { Rig } from './rig.ts';

/** GPUBufferUsage and GPUTextureUsage. */
const B = {
  mapRead: 1,
  copySrc: 4,
  copyDst: 8,
  index: 16,
  vertex: 32,
  uniform: 64,
  storage: 128,
  indirect: 256,
  query: 512,
};
const T = { copySrc: 1, copyDst: 2, binding: 4, storage: 8, attachment: 16 };

const renderCode = `
struct Instance { @location(0) offset: vec2f }
@group(0) @binding(0) var<uniform> color: vec4f;
@group(1) @binding(0) var image: texture_2d<f32>;
@group(1) @binding(1) var smooth_: sampler;
override depth: f32 = 0.5;
@vertex fn vs(@builtin(vertex_index) i: u32, instance: Instance) -> @builtin(position) vec4f {
  var corners = array(vec2f(-1, -1), vec2f(3, -1), vec2f(-1, 3));
  return vec4f(corners[i % 3] + instance.offset, depth, 1);
}
@fragment fn fs() -> @location(0) vec4f { return color * textureSampleLevel(image, smooth_, vec2f(0.5), 0); }`;

const computeCode = `
@group(0) @binding(0) var<storage, read_write> data: array<u32>;
@compute @workgroup_size(1) fn main() { data[0] += 1u; }`;

/** Everything that WebGPU can record, on one device, without one error. */
export class Scene {
  readonly rig: Rig;
  readonly ops: typeof allOps;
  readonly ids: Record<string, number> = {};

  constructor(rig: Rig, ops: typeof allOps) {
    this.rig = rig;
    this.ops = ops;
  }

  id(name: string): number {
    this.ids[name] ??= this.rig.id();
    return this.ids[name];
  }

  buffer(name: string, size: number, usage: number, mapped = false): void {
    const { rig, ops } = this;
    ops.createBuffer(rig.writer, this.id(name), rig.memory(size), 0, size, usage, mapped, name);
  }

  texture(name: string, format: GPUTextureFormat, usage: number, sampleCount = 1): void {
    const { rig, ops } = this;
    ops.createTexture(rig.writer, {
      id: this.id(name),
      runtimeHandleLow: rig.memory(64 * 64 * 4 * sampleCount, AllocationKind.texture),
      runtimeHandleHigh: 0,
      width: 64,
      height: 64,
      depthOrArrayLayers: 1,
      mipLevelCount: 1,
      sampleCount,
      dimension: '2d',
      format,
      usage,
      viewFormats: format === 'rgba8unorm' ? ['rgba8unorm-srgb'] : [],
      label: name,
    });
    ops.createView(rig.writer, {
      id: this.id(`${name}View`),
      texture: this.id(name),
      format,
      dimension: '2d',
      usage: 0,
      aspect: 'all',
      baseMipLevel: 0,
      mipLevelCount: 1,
      baseArrayLayer: 0,
      arrayLayerCount: 1,
      swizzle: 'rgba',
      label: '',
    });
  }

  resources(): void {
    const { rig, ops } = this;
    const { writer } = rig;
    this.buffer('uniform', 512, B.uniform | B.copyDst);
    this.buffer('vertices', 64, B.vertex | B.copyDst | B.copySrc);
    this.buffer('indices', 64, B.index | B.copyDst);
    this.buffer('indirect', 64, B.indirect | B.copyDst, true);
    this.buffer('data', 256, B.storage | B.copySrc | B.copyDst);
    this.buffer('queries', 256, B.query | B.copySrc);
    this.buffer('pixels', 64 * 256, B.copySrc | B.copyDst);
    this.buffer('result', 64 * 256, B.mapRead | B.copyDst);
    this.buffer('gone', 16, B.copyDst);
    ops.destroyBuffer(writer, this.id('gone'));
    ops.writeMapped(writer, this.id('indirect'), 0, new Uint8Array(Uint32Array.of(3, 1, 0, 0).buffer));
    rig.staging.set(new Uint8Array(Uint32Array.of(3, 1, 0, 0, 0, 1, 1, 1).buffer));
    ops.writeMappedFrom(writer, this.id('indirect'), 16, rig.stagingAddress, 0, 32);
    ops.unmap(writer, this.id('indirect'));
    ops.writeBuffer(writer, this.id('uniform'), 256, new Uint8Array(Float32Array.of(1, 1, 1, 1).buffer));
    rig.staging.fill(255, 4096, 4096 + 64 * 256);
    ops.writeBufferFrom(writer, this.id('pixels'), 0, rig.stagingAddress + 4096, 0, 64 * 256);
    this.texture('color', 'rgba8unorm', T.copySrc | T.copyDst | T.attachment);
    this.texture('multi', 'rgba8unorm', T.attachment, 4);
    this.texture('depth', 'depth24plus-stencil8', T.attachment, 4);
    this.texture('image', 'rgba8unorm', T.binding | T.copyDst | T.copySrc);
    this.texture('spare', 'rgba8unorm', T.copyDst);
    ops.destroyTexture(writer, this.id('spare'));
    const place = [this.id('image'), 0, 0, 0, 0, 'all'] as const;
    ops.writeTexture(writer, ...place, 1, 1, 1, 0, undefined, undefined, new Uint8Array(4).fill(255));
    ops.writeTextureFrom(writer, ...place, 64, 64, 1, 0, 256, 64, rig.stagingAddress + 4096, 0, 64 * 256);
    ops.createSampler(writer, {
      id: this.id('sampler'),
      addressModeU: 'repeat',
      addressModeV: 'mirror-repeat',
      addressModeW: 'clamp-to-edge',
      magFilter: 'linear',
      minFilter: 'linear',
      mipmapFilter: 'linear',
      lodMinClamp: 0,
      lodMaxClamp: 32,
      maxAnisotropy: 2,
      label: '',
    });
    ops.createQuerySet(writer, this.id('occlusion'), 'occlusion', 2, '');
    ops.createQuerySet(writer, this.id('times'), 'timestamp', 4, '');
    ops.createQuerySet(writer, this.id('goneSet'), 'occlusion', 2, '');
    ops.destroyQuerySet(writer, this.id('goneSet'));
  }

  layouts(): void {
    const { rig, ops } = this;
    const { writer } = rig;
    const texture = { sampleType: 'float', viewDimension: '2d', multisampled: false } as const;
    ops.createBindGroupLayout(writer, {
      id: this.id('layout0'),
      label: '',
      entries: [
        {
          binding: 0,
          visibility: 2,
          buffer: { type: 'uniform', hasDynamicOffset: true, minBindingSize: 16 },
          externalTexture: false,
        },
      ],
    });
    ops.createBindGroupLayout(writer, {
      id: this.id('layout1'),
      label: '',
      entries: [
        { binding: 0, visibility: 2, texture, externalTexture: false },
        { binding: 1, visibility: 2, sampler: { type: 'filtering' }, externalTexture: false },
      ],
    });
    ops.createBindGroupLayout(writer, {
      id: this.id('layout2'),
      label: '',
      entries: [
        {
          binding: 2,
          visibility: 4,
          storageTexture: { access: 'write-only', format: 'rgba8unorm', viewDimension: '2d' },
          externalTexture: false,
        },
      ],
    });
    ops.createPipelineLayout(writer, {
      id: this.id('pipelineLayout'),
      label: '',
      bindGroupLayouts: [this.id('layout0'), this.id('layout1'), 0],
      immediateSize: 16,
    });
    const [uniform, image] = [this.id('uniform'), this.id('image')];
    ops.createBindGroup(writer, this.id('group0'), '', this.id('layout0'), [
      { binding: 0, resource: uniform, offset: 0, size: 16 },
    ]);
    ops.createBindGroup(writer, this.id('group1'), '', this.id('layout1'), [
      { binding: 0, resource: image, offset: 0 },
      { binding: 1, resource: this.id('sampler'), offset: 0 },
    ]);
  }

  pipelines(): void {
    const { rig, ops } = this;
    const { writer } = rig;
    ops.createShaderModule(writer, {
      id: this.id('renderModule'),
      label: '',
      code: renderCode,
      compilationHints: [{ entryPoint: 'vs', layout: this.id('pipelineLayout') }, { entryPoint: 'fs' }],
    });
    ops.createShaderModule(writer, {
      id: this.id('computeModule'),
      label: '',
      code: computeCode,
      compilationHints: [],
    });
    ops.getCompilationInfo(writer, rig.request(), this.id('computeModule'));
    const compute = { module: this.id('computeModule'), entryPoint: 'main', constants: [] };
    ops.createComputePipeline(writer, { id: this.id('compute'), label: '', layout: 0, compute });
    const late = { id: this.id('computeLate'), label: '', layout: 0, compute };
    ops.createComputePipelineAsync(writer, { requestId: rig.request(), ...late });
    ops.getBindGroupLayout(writer, this.id('computeLayout'), this.id('compute'), 0);
    ops.createBindGroup(writer, this.id('computeGroup'), '', this.id('computeLayout'), [
      { binding: 0, resource: this.id('data'), offset: 0 },
    ]);
    ops.createRenderPipeline(writer, { id: this.id('render'), ...this.renderPipeline() });
    const again = { id: this.id('renderLate'), ...this.renderPipeline() };
    ops.createRenderPipelineAsync(writer, { requestId: rig.request(), ...again });
  }

  private renderPipeline() {
    const face = { compare: 'always', failOp: 'keep', depthFailOp: 'keep', passOp: 'replace' } as const;
    const blend = { operation: 'add', srcFactor: 'one', dstFactor: 'one-minus-src-alpha' } as const;
    const module = this.id('renderModule');
    return {
      label: 'all members',
      layout: this.id('pipelineLayout'),
      vertex: {
        module,
        entryPoint: 'vs',
        constants: [{ key: 'depth', value: 0.25 }],
        buffers: [
          {
            arrayStride: 8,
            stepMode: 'instance',
            attributes: [{ format: 'float32x2', offset: 0, shaderLocation: 0 }],
          } as const,
        ],
      },
      primitive: {
        topology: 'triangle-list',
        frontFace: 'ccw',
        cullMode: 'none',
        unclippedDepth: false,
      } as const,
      depthStencil: {
        format: 'depth24plus-stencil8',
        depthWriteEnabled: true,
        depthCompare: 'less',
        stencilFront: face,
        stencilBack: face,
        stencilReadMask: 0xff,
        stencilWriteMask: 0xff,
        depthBias: 1,
        depthBiasSlopeScale: 0.5,
        depthBiasClamp: 0,
      } as const,
      multisample: { count: 4, mask: 0xf, alphaToCoverageEnabled: false },
      fragment: {
        module,
        constants: [],
        targets: [{ format: 'rgba8unorm', blend: { color: blend, alpha: blend }, writeMask: 15 } as const],
      },
    };
  }

  bundle(): void {
    const { rig, ops } = this;
    const { writer } = rig;
    ops.beginRenderBundleEncoder(writer, {
      label: '',
      colorFormats: ['rgba8unorm'],
      depthStencilFormat: 'depth24plus-stencil8',
      sampleCount: 4,
      depthReadOnly: false,
      stencilReadOnly: false,
    });
    this.state();
    ops.draw(writer, 3, 1, 0, 0);
    ops.finishRenderBundle(writer, this.id('bundle'), '');
  }

  /** What draws need. */
  private state(): void {
    const { rig, ops } = this;
    const { writer } = rig;
    ops.setPipeline(writer, this.id('render'));
    ops.setBindGroupWithOffsets(writer, 0, this.id('group0'), [256]);
    ops.setBindGroup(writer, 1, this.id('group1'));
    ops.setImmediates(writer, 0, new Uint8Array(16));
    ops.setVertexBuffer(writer, 0, this.id('vertices'), 0, undefined);
    ops.setIndexBuffer(writer, this.id('indices'), 'uint16', 0, 64);
  }

  renderPass(): void {
    const { rig, ops } = this;
    const { writer } = rig;
    ops.beginRenderPass(writer, {
      label: '',
      colorAttachments: [
        {
          view: this.id('multi'),
          resolveTarget: this.id('colorView'),
          clearR: 0,
          clearG: 0,
          clearB: 0,
          clearA: 1,
          loadOp: 'clear',
          storeOp: 'discard',
        },
      ],
      depthStencilAttachment: {
        view: this.id('depthView'),
        depthClearValue: 1,
        depthLoadOp: 'clear',
        depthStoreOp: 'discard',
        depthReadOnly: false,
        stencilClearValue: 0,
        stencilLoadOp: 'clear',
        stencilStoreOp: 'discard',
        stencilReadOnly: false,
      },
      occlusionQuerySet: this.id('occlusion'),
      timestampWrites: { querySet: this.id('times'), beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 },
      maxDrawCount: 1000,
    });
    ops.setViewport(writer, 0, 0, 64, 64, 0, 1);
    ops.setScissorRect(writer, 0, 0, 64, 64);
    ops.setBlendConstant(writer, 0, 0, 0, 0);
    ops.setStencilReference(writer, 3);
    ops.pushDebugGroup(writer, 'pass', 'draws');
    ops.insertDebugMarker(writer, 'pass', 'here');
    ops.setEncoderLabel(writer, 'pass', 'late label');
    ops.beginOcclusionQuery(writer, 1);
    this.state();
    ops.draw(writer, 3, 1, 0, 0);
    ops.drawIndexed(writer, 3, 1, 0, 0, 0);
    ops.drawIndirect(writer, this.id('indirect'), 0);
    ops.drawIndexedIndirect(writer, this.id('indirect'), 16);
    ops.endOcclusionQuery(writer);
    ops.popDebugGroup(writer, 'pass');
    ops.executeBundles(writer, [this.id('bundle')]);
    ops.endPass(writer);
  }

  commands(): void {
    const { rig, ops } = this;
    const { writer } = rig;
    ops.beginCommandEncoder(writer, 'everything');
    ops.pushDebugGroup(writer, 'encoder', 'group');
    ops.clearBuffer(writer, this.id('data'), 0, undefined);
    ops.beginComputePass(writer, {
      label: '',
      timestampWrites: { querySet: this.id('times'), endOfPassWriteIndex: 2 },
    });
    ops.setPipeline(writer, this.id('compute'));
    ops.setBindGroup(writer, 0, this.id('computeGroup'));
    ops.dispatchWorkgroups(writer, 1, 1, 1);
    ops.dispatchWorkgroupsIndirect(writer, this.id('indirect'), 36);
    ops.endPass(writer);
    this.renderPass();
    ops.popDebugGroup(writer, 'encoder');
    const all = [64, 64, 1] as const;
    const origin = [0, 0, 0, 0, 'all'] as const;
    ops.resolveQuerySet(writer, this.id('occlusion'), 0, 2, this.id('queries'), 0);
    ops.copyBufferToTexture(writer, this.id('pixels'), 0, 256, 64, this.id('image'), ...origin, ...all);
    ops.copyTextureToTexture(writer, this.id('color'), ...origin, this.id('image'), ...origin, ...all);
    ops.copyTextureToBuffer(
      writer,
      this.id('image'),
      ...origin,
      this.id('result'),
      0,
      256,
      undefined,
      ...all,
    );
    ops.copyBufferToBuffer(writer, this.id('data'), 0, this.id('vertices'), 0, 4);
    ops.finish(writer, this.id('commands'), '');
    ops.queueSubmit(writer, [this.id('commands')]);
  }
}
