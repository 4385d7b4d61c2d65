import type { ObjectKind, ObjectKinds } from './object-table.ts';

/**
 * An object of each kind that Dawn itself holds to be invalid: what stands behind an id whose creation could not
 * even be tried, so that later uses of it fail as the standard says.
 */
export class InvalidObjects {
  private readonly device: GPUDevice;
  private readonly made: Partial<ObjectKinds> = {};

  constructor(device: GPUDevice) {
    this.device = device;
  }

  get<K extends ObjectKind>(kind: K): ObjectKinds[K] {
    const known = this.made[kind];
    if (known !== undefined && kind !== 'commandBuffer') return known as ObjectKinds[K];
    this.device.pushErrorScope('validation');
    try {
      const object = this.make(kind);
      this.made[kind] = object;
      return object;
    } finally {
      this.device.popErrorScope().catch(() => {});
    }
  }

  private make<K extends ObjectKind>(kind: K): ObjectKinds[K] {
    return this.makers[kind]();
  }

  private readonly makers: { readonly [K in ObjectKind]: () => ObjectKinds[K] } = {
    buffer: () => this.device.createBuffer({ size: 4, usage: 0, label: 'invalid' }),
    texture: () => this.device.createTexture({ size: [0], format: 'rgba8unorm', usage: 0, label: 'invalid' }),
    textureView: () => this.get('texture').createView(),
    sampler: () => this.device.createSampler({ lodMinClamp: -1, label: 'invalid' }),
    querySet: () => this.device.createQuerySet({ type: 'occlusion', count: 0xffff_ffff, label: 'invalid' }),
    bindGroupLayout: () => this.device.createBindGroupLayout({ entries: [{ binding: 0, visibility: 0 }] }),
    pipelineLayout: () =>
      this.device.createPipelineLayout({ bindGroupLayouts: [this.get('bindGroupLayout')] }),
    bindGroup: () => this.device.createBindGroup({ layout: this.get('bindGroupLayout'), entries: [] }),
    shaderModule: () => this.device.createShaderModule({ code: 'invalid' }),
    computePipeline: () =>
      this.device.createComputePipeline({ layout: 'auto', compute: { module: this.get('shaderModule') } }),
    renderPipeline: () =>
      this.device.createRenderPipeline({ layout: 'auto', vertex: { module: this.get('shaderModule') } }),
    commandBuffer: () => {
      const encoder = this.device.createCommandEncoder();
      encoder.popDebugGroup();
      return encoder.finish();
    },
    renderBundle: () => {
      const encoder = this.device.createRenderBundleEncoder({ colorFormats: ['rgba8unorm'] });
      encoder.popDebugGroup();
      return encoder.finish();
    },
  };
}
