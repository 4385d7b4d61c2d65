/** A packed format that its name does not take apart into channels: bytes of a texel. */
const WHOLE_FORMATS: Readonly<Record<string, number>> = {
  rgb9e5ufloat: 4,
  rgb10a2uint: 4,
  rgb10a2unorm: 4,
  rg11b10ufloat: 4,
  stencil8: 1,
  depth16unorm: 2,
  depth24plus: 4,
  'depth24plus-stencil8': 4,
  depth32float: 4,
  'depth32float-stencil8': 5,
};

/** Bytes of a block of a compressed format of 4 x 4 texels that are 8, not 16. */
const SMALL_BLOCKS = /^(bc1|bc4|etc2-rgb8unorm|etc2-rgb8a1|eac-r11)/;

/** More levels than this no texture has: its size would be below one texel. */
const MAX_LEVELS = 32;

interface BlockSize {
  readonly width: number;
  readonly height: number;
  readonly bytes: number;
}

function blockSize(format: string): BlockSize {
  const whole = WHOLE_FORMATS[format];
  if (whole !== undefined) return { width: 1, height: 1, bytes: whole };
  const astc = /^astc-(\d+)x(\d+)-/.exec(format);
  if (astc !== null) return { width: Number(astc[1]), height: Number(astc[2]), bytes: 16 };
  if (/^(bc|etc2|eac)/.test(format)) {
    return { width: 4, height: 4, bytes: SMALL_BLOCKS.test(format) ? 8 : 16 };
  }
  const plain = /^(rgba|bgra|rg|r)(8|16|32)/.exec(format);
  const channels = plain?.[1]?.length ?? 1;
  return { width: 1, height: 1, bytes: (channels * Number(plain?.[2] ?? 8)) / 8 };
}

/** What a texture takes at least, bytes: the texels of all its levels, layers and samples, without any padding. */
export function leastTextureBytes(texture: {
  readonly format: string;
  readonly dimension: GPUTextureDimension;
  readonly width: number;
  readonly height: number;
  readonly depthOrArrayLayers: number;
  readonly mipLevelCount: number;
  readonly sampleCount: number;
}): number {
  const { dimension, depthOrArrayLayers, mipLevelCount, sampleCount } = texture;
  const block = blockSize(texture.format);
  let blocks = 0;
  for (let level = 0; level < Math.min(mipLevelCount, MAX_LEVELS); level++) {
    const size = (texels: number): number => Math.max(1, Math.floor(texels / 2 ** level));
    const depth = dimension === '3d' ? size(depthOrArrayLayers) : depthOrArrayLayers;
    const columns = Math.ceil(size(texture.width) / block.width);
    blocks += columns * Math.ceil(size(texture.height) / block.height) * depth;
  }
  return blocks * block.bytes * sampleCount;
}
