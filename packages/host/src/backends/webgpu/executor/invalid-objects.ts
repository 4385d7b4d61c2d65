import type { ObjectKind, ObjectKinds } from './object-table.ts';

/**
 * An object of each kind that Dawn itself holds to be invalid: what stands behind an id whose creation could not
 * even be tried, so that later uses of it fail as the standard says.
 */
export class InvalidObjects {
  private readonly device: GPUDevice;
  private readonly label: string;
  private readonly made: Partial<ObjectKinds> = {};

  /** @param label what they are called in the messages of whoever uses them. */
  constructor(device: GPUDevice, label: string) {
    this.device = device;
    this.label = label;
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
    buffer: () => this.device.createBuffer({ size: 4, usage: 0, label: this.label }),
    texture: () =>
      this.device.createTexture({ size: [0], format: 'rgba8unorm', usage: 0, label: this.label }),
    textureView: () => this.get('texture').createView({ label: this.label }),
    sampler: () => this.device.createSampler({ lodMinClamp: -1, label: this.label }),
    querySet: () => this.device.createQuerySet({ type: 'occlusion', count: 0xffff_ffff, label: this.label }),
    bindGroupLayout: () =>
      this.device.createBindGroupLayout({ entries: [{ binding: 0, visibility: 0 }], label: this.label }),
    pipelineLayout: () =>
      this.device.createPipelineLayout({
        bindGroupLayouts: [this.get('bindGroupLayout')],
        label: this.label,
      }),
    bindGroup: () =>
      this.device.createBindGroup({ layout: this.get('bindGroupLayout'), entries: [], label: this.label }),
    shaderModule: () => this.device.createShaderModule({ code: 'invalid', label: this.label }),
    computePipeline: () =>
      this.device.createComputePipeline({
        layout: 'auto',
        label: this.label,
        compute: { module: this.get('shaderModule') },
      }),
    renderPipeline: () =>
      this.device.createRenderPipeline({
        layout: 'auto',
        label: this.label,
        vertex: { module: this.get('shaderModule') },
      }),
    commandBuffer: () => {
      const encoder = this.device.createCommandEncoder();
      encoder.popDebugGroup();
      return encoder.finish({ label: this.label });
    },
    renderBundle: () => {
      const encoder = this.device.createRenderBundleEncoder({ colorFormats: ['rgba8unorm'] });
      encoder.popDebugGroup();
      return encoder.finish({ label: this.label });
    },
  };
}
