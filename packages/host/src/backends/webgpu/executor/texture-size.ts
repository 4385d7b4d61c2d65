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

/** What a texture takes at least, bytes: the texels of its first level, all layers and samples. */
export function leastTextureBytes(texture: {
  readonly format: string;
  readonly width: number;
  readonly height: number;
  readonly depthOrArrayLayers: number;
  readonly sampleCount: number;
}): number {
  const { width, height, bytes } = blockSize(texture.format);
  const blocks = Math.ceil(texture.width / width) * Math.ceil(texture.height / height);
  return blocks * bytes * texture.depthOrArrayLayers * texture.sampleCount;
}
