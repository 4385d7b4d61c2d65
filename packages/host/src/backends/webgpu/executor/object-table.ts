/** The kinds of object that a stream names by id. */
export interface ObjectKinds {
  buffer: GPUBuffer;
  texture: GPUTexture;
  textureView: GPUTextureView;
  sampler: GPUSampler;
  querySet: GPUQuerySet;
  bindGroupLayout: GPUBindGroupLayout;
  pipelineLayout: GPUPipelineLayout;
  bindGroup: GPUBindGroup;
  shaderModule: GPUShaderModule;
  computePipeline: GPUComputePipeline;
  renderPipeline: GPURenderPipeline;
  commandBuffer: GPUCommandBuffer;
  renderBundle: GPURenderBundle;
}

export type ObjectKind = keyof ObjectKinds;

interface Entry {
  readonly kind: ObjectKind;
  readonly object: ObjectKinds[ObjectKind];
}

/** Ids up to this far beyond the largest so far are kept in an array; a hostile id goes to a map. */
const DENSE_STEP = 65_536;

/**
 * Objects of one context by the ids that its guest chose. Guests choose small ids and use them again, so an array
 * does; an id far out costs no more memory than one near.
 */
export class ObjectTable {
  private readonly dense: (Entry | undefined)[] = [];
  private readonly sparse = new Map<number, Entry>();

  set<K extends ObjectKind>(id: number, kind: K, object: ObjectKinds[K]): void {
    const entry: Entry = { kind, object };
    const { dense } = this;
    if (id < dense.length) {
      dense[id] = entry;
    } else if (id <= dense.length + DENSE_STEP) {
      while (dense.length < id) dense.push(undefined);
      const moved = this.sparse.size > 0 && this.sparse.delete(id);
      dense.push(entry);
      if (moved) return;
    } else {
      this.sparse.set(id, entry);
    }
  }

  /** The object of that id if it is of that kind. */
  get<K extends ObjectKind>(id: number, kind: K): ObjectKinds[K] | undefined {
    const entry = this.find(id);
    return entry !== undefined && entry.kind === kind ? (entry.object as ObjectKinds[K]) : undefined;
  }

  find(id: number): Entry | undefined {
    const entry = this.dense[id];
    return entry !== undefined || this.sparse.size === 0 ? entry : this.sparse.get(id);
  }

  delete(id: number): Entry | undefined {
    const entry = this.find(id);
    if (entry === undefined) return undefined;
    if (this.dense[id] === undefined) this.sparse.delete(id);
    else this.dense[id] = undefined;
    return entry;
  }

  clear(): void {
    this.dense.length = 0;
    this.sparse.clear();
  }
}
