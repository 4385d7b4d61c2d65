/**
 * Texture formats: block sizes, memory footprints and required features
 * (WebGPU standard, "Texture Format Capabilities").
 */

/** What a copy or an allocation needs to know of a format. Sizes are in bytes, blocks in texels. */
export interface TextureFormatInfo {
  readonly blockWidth: number;
  readonly blockHeight: number;
  /** Memory that one block takes in a device allocation: all aspects together. */
  readonly memoryBytes: number;
  /** Size of a block in copies of the whole texel, or of the only copyable aspect; 0 when it cannot be copied. */
  readonly copyBytes: number;
  /** Size of a texel in copies of the depth aspect; 0 when it has none or it cannot be copied. */
  readonly depthCopyBytes: number;
  /** 1 when there is a stencil aspect, else 0: what a texel takes in copies of it. */
  readonly stencilCopyBytes: number;
  readonly hasDepth: boolean;
  readonly hasStencil: boolean;
  /** The feature that a device must have before the format's name may be used at all. */
  readonly feature: GPUFeatureName | undefined;
}

const table = new Map<string, TextureFormatInfo>();

function color(bytes: number, formats: readonly GPUTextureFormat[], feature?: GPUFeatureName): void {
  for (const format of formats) add(format, 1, 1, bytes, feature);
}

function add(
  format: GPUTextureFormat,
  blockWidth: number,
  blockHeight: number,
  bytes: number,
  feature?: GPUFeatureName,
): void {
  table.set(format, {
    blockWidth,
    blockHeight,
    memoryBytes: bytes,
    copyBytes: bytes,
    depthCopyBytes: 0,
    stencilCopyBytes: 0,
    hasDepth: false,
    hasStencil: false,
    feature,
  });
}

function depthStencil(
  format: GPUTextureFormat,
  memoryBytes: number,
  depthCopyBytes: number,
  aspects: { depth: boolean; stencil: boolean },
  feature?: GPUFeatureName,
): void {
  const stencilCopyBytes = aspects.stencil ? 1 : 0;
  table.set(format, {
    blockWidth: 1,
    blockHeight: 1,
    memoryBytes,
    copyBytes: aspects.depth && aspects.stencil ? 0 : depthCopyBytes + stencilCopyBytes,
    depthCopyBytes,
    stencilCopyBytes,
    hasDepth: aspects.depth,
    hasStencil: aspects.stencil,
    feature,
  });
}

color(1, ['r8unorm', 'r8snorm', 'r8uint', 'r8sint']);
color(2, ['r16uint', 'r16sint', 'r16float', 'rg8unorm', 'rg8snorm', 'rg8uint', 'rg8sint']);
color(2, ['r16unorm', 'r16snorm'], 'texture-formats-tier1');
color(4, ['r32uint', 'r32sint', 'r32float', 'rg16uint', 'rg16sint', 'rg16float']);
color(4, ['rg16unorm', 'rg16snorm'], 'texture-formats-tier1');
color(4, ['rgba8unorm', 'rgba8unorm-srgb', 'rgba8snorm', 'rgba8uint', 'rgba8sint', 'bgra8unorm']);
color(4, ['bgra8unorm-srgb']);
color(4, ['rgb9e5ufloat', 'rgb10a2uint', 'rgb10a2unorm', 'rg11b10ufloat']);
color(8, ['rg32uint', 'rg32sint', 'rg32float', 'rgba16uint', 'rgba16sint', 'rgba16float']);
color(8, ['rgba16unorm', 'rgba16snorm'], 'texture-formats-tier1');
color(16, ['rgba32uint', 'rgba32sint', 'rgba32float']);

depthStencil('stencil8', 1, 0, { depth: false, stencil: true });
depthStencil('depth16unorm', 2, 2, { depth: true, stencil: false });
depthStencil('depth24plus', 4, 0, { depth: true, stencil: false });
depthStencil('depth24plus-stencil8', 8, 0, { depth: true, stencil: true });
depthStencil('depth32float', 4, 4, { depth: true, stencil: false });
depthStencil('depth32float-stencil8', 8, 4, { depth: true, stencil: true }, 'depth32float-stencil8');

for (const [bytes, names] of [
  [8, ['bc1-rgba-unorm', 'bc1-rgba-unorm-srgb', 'bc4-r-unorm', 'bc4-r-snorm']],
  [16, ['bc2-rgba-unorm', 'bc2-rgba-unorm-srgb', 'bc3-rgba-unorm', 'bc3-rgba-unorm-srgb']],
  [16, ['bc5-rg-unorm', 'bc5-rg-snorm', 'bc6h-rgb-ufloat', 'bc6h-rgb-float']],
  [16, ['bc7-rgba-unorm', 'bc7-rgba-unorm-srgb']],
] as const) {
  for (const name of names) add(name, 4, 4, bytes, 'texture-compression-bc');
}

for (const [bytes, names] of [
  [8, ['etc2-rgb8unorm', 'etc2-rgb8unorm-srgb', 'etc2-rgb8a1unorm', 'etc2-rgb8a1unorm-srgb']],
  [8, ['eac-r11unorm', 'eac-r11snorm']],
  [16, ['etc2-rgba8unorm', 'etc2-rgba8unorm-srgb', 'eac-rg11unorm', 'eac-rg11snorm']],
] as const) {
  for (const name of names) add(name, 4, 4, bytes, 'texture-compression-etc2');
}

const astcBlocks = [
  '4x4',
  '5x4',
  '5x5',
  '6x5',
  '6x6',
  '8x5',
  '8x6',
  '8x8',
  '10x5',
  '10x6',
  '10x8',
  '10x10',
  '12x10',
  '12x12',
] as const;
for (const block of astcBlocks) {
  const [width, height] = block.split('x').map(Number) as [number, number];
  add(`astc-${block}-unorm`, width, height, 16, 'texture-compression-astc');
  add(`astc-${block}-unorm-srgb`, width, height, 16, 'texture-compression-astc');
}

/** @throws TypeError for a name that is not a GPUTextureFormat. */
export function textureFormatInfo(format: string): TextureFormatInfo {
  const info = table.get(format);
  if (info === undefined) throw new TypeError(`${format} is not a valid value of GPUTextureFormat`);
  return info;
}

/**
 * "Validate texture format required features" of the standard.
 * @throws TypeError when the device lacks the feature that the format belongs to.
 */
export function requireFormatFeature(format: string, features: ReadonlySet<string>): void {
  const { feature } = textureFormatInfo(format);
  if (feature !== undefined && !features.has(feature)) {
    throw new TypeError(`texture format ${format} requires the feature ${feature}, which the device lacks`);
  }
}

/** What decides how much memory a texture takes. */
export interface TextureExtent {
  readonly format: string;
  readonly dimension: '1d' | '2d' | '3d';
  readonly width: number;
  readonly height: number;
  readonly depthOrArrayLayers: number;
  readonly mipLevelCount: number;
  readonly sampleCount: number;
}

/**
 * Bytes that the texels of a texture take: all mip levels, layers, samples and aspects, without any padding that a
 * device may add. Not exact above 2^53.
 */
export function textureSizeBytes(extent: TextureExtent): number {
  const { blockWidth, blockHeight, memoryBytes } = textureFormatInfo(extent.format);
  const layers = extent.dimension === '2d' ? extent.depthOrArrayLayers : 1;
  const levels = Math.min(extent.mipLevelCount, 32);
  let blocks = 0;
  for (let level = 0; level < levels; level++) {
    const scale = 2 ** level;
    const columns = Math.ceil(Math.max(1, Math.floor(extent.width / scale)) / blockWidth);
    const height = extent.dimension === '1d' ? 1 : Math.max(1, Math.floor(extent.height / scale));
    const rows = Math.ceil(height / blockHeight);
    const depth =
      extent.dimension === '3d' ? Math.max(1, Math.floor(extent.depthOrArrayLayers / scale)) : layers;
    blocks += columns * rows * depth;
  }
  return blocks * memoryBytes * extent.sampleCount;
}
