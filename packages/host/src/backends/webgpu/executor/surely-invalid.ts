/** GPUBufferUsage. */
const MAP_READ = 1;
const MAP_WRITE = 2;
const COPY_SRC = 4;
const COPY_DST = 8;
const ALL_USAGES = 0x3ff;

/** Optional features that allow what is forbidden without them. */
const MAP_FEATURES = ['buffer-map-extended-usages', 'buffer-map-write-extended-usages'];

/**
 * Whether WebGPU forbids such a buffer, whatever else: Dawn then refuses it without taking memory for it, and says why
 * in its own words and at once.
 */
export function isSurelyInvalidBuffer(device: GPUDevice, size: number, usage: number): boolean {
  if (usage === 0 || usage > ALL_USAGES || size > device.limits.maxBufferSize) return true;
  const others = (allowed: number): boolean => (usage & ~allowed) !== 0;
  const mixed =
    ((usage & MAP_READ) !== 0 && others(MAP_READ | COPY_DST)) ||
    ((usage & MAP_WRITE) !== 0 && others(MAP_WRITE | COPY_SRC));
  return mixed && !MAP_FEATURES.some((feature) => device.features.has(feature));
}

/** As {@link isSurelyInvalidBuffer}, for textures. */
export function isSurelyInvalidTexture(
  device: GPUDevice,
  texture: {
    readonly width: number;
    readonly height: number;
    readonly depthOrArrayLayers: number;
    readonly mipLevelCount: number;
    readonly sampleCount: number;
    readonly dimension: GPUTextureDimension;
  },
): boolean {
  const { width, height, depthOrArrayLayers, mipLevelCount, sampleCount, dimension } = texture;
  const { limits } = device;
  if (width === 0 || height === 0 || depthOrArrayLayers === 0 || mipLevelCount === 0) return true;
  if (mipLevelCount > 32 || (sampleCount !== 1 && sampleCount !== 4)) return true;
  if (dimension === '1d') return width > limits.maxTextureDimension1D || height > 1 || depthOrArrayLayers > 1;
  const most = dimension === '2d' ? limits.maxTextureDimension2D : limits.maxTextureDimension3D;
  const mostDepth = dimension === '2d' ? limits.maxTextureArrayLayers : most;
  return width > most || height > most || depthOrArrayLayers > mostDepth;
}
