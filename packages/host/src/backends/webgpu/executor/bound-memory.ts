/** What has memory of its own that can be freed before it is collected. */
type Resource = GPUBuffer | GPUTexture;

interface Bound {
  readonly resource: Resource;
  readonly lengthBytes: number;
}

/**
 * The buffers and textures of one device by the allocations that they were made in. The host counts memory by
 * allocations; so when one is gone, the memory must be too, whatever still refers to the object: bind groups, work that
 * was recorded, the garbage collector that has not come yet. Later uses of the object are validation errors.
 */
export class BoundMemory {
  /** Freed since this was last set to 0, bytes. */
  freedBytes = 0;
  private readonly bound = new Map<number, Bound>();
  /** What its program destroyed: to do so once more would cancel the map that Dawn is about to refuse. */
  private readonly destroyed = new WeakSet<Resource>();

  /**
   * A buffer or texture was made; what was in its allocation before gives way.
   * @param allocation its number; with 0 there is none, and nothing to be freed.
   */
  add(allocation: number, lengthBytes: number, resource: Resource): void {
    if (allocation === 0) return;
    this.free(allocation);
    this.bound.set(allocation, { resource, lengthBytes });
  }

  free(allocation: number): void {
    const bound = this.bound.get(allocation);
    if (bound === undefined) return;
    this.bound.delete(allocation);
    this.freedBytes += bound.lengthBytes;
    if (!this.destroyed.has(bound.resource)) bound.resource.destroy();
  }

  /** A program has destroyed a buffer or texture itself. */
  wasDestroyed(resource: Resource): void {
    this.destroyed.add(resource);
  }

  clear(): void {
    this.bound.clear();
  }
}
