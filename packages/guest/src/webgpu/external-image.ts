import { texelCopyTextureMembers } from './command-descriptors.ts';
import { operationError } from './errors.ts';
import { type Extent3D, type Origin3D, origin2D } from './geometry.ts';
import { texelEncoder } from './pixel-formats.ts';
import {
  boolean,
  describe,
  dictionary,
  enumeration,
  fail,
  isObject,
  required,
  withDefault,
} from './webidl.ts';

/** An image as numbers: 8 bits each of red, green, blue and alpha (not multiplied in), rows from the top. */
export interface RawImage {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  readonly colorSpace: 'srgb' | 'display-p3';
}

const colorSpace = enumeration('PredefinedColorSpace', ['srgb', 'display-p3']);

const noOrigin = { convert: origin2D, required: false, initial: () => ({ x: 0, y: 0, z: 0 }) } as const;

/** GPUCopyExternalImageSourceInfo, its image turned into numbers. */
export const externalImageSource = dictionary('GPUCopyExternalImageSourceInfo', {
  source: required(rawImage),
  origin: noOrigin,
  flipY: withDefault(boolean, false),
});

/** GPUCopyExternalImageDestInfo */
export const externalImageDestination = dictionary(
  'GPUCopyExternalImageDestInfo',
  { colorSpace: withDefault(colorSpace, 'srgb'), premultipliedAlpha: withDefault(boolean, false) },
  texelCopyTextureMembers,
);

interface PixelHolder {
  readonly data?: unknown;
  readonly width?: unknown;
  readonly height?: unknown;
  readonly colorSpace?: unknown;
}

/**
 * GPUCopyExternalImageSource: an ImageData or anything of its shape; in a browser also what a 2D canvas can draw.
 * @throws TypeError when it is neither.
 */
function rawImage(value: unknown, what: string): RawImage {
  if (!isObject(value)) fail(what, `${describe(value)} is not an image`);
  const { data, width, height, colorSpace: space } = value as PixelHolder;
  if (
    (data instanceof Uint8Array || data instanceof Uint8ClampedArray) &&
    typeof width === 'number' &&
    typeof height === 'number' &&
    data.length === width * height * 4
  ) {
    return { data, width, height, colorSpace: space === 'display-p3' ? 'display-p3' : 'srgb' };
  }
  return drawnImage(value, what);
}

/** What the platform can draw, read back from a canvas. */
function drawnImage(value: object, what: string): RawImage {
  const { OffscreenCanvas: Canvas } = globalThis as { OffscreenCanvas?: typeof OffscreenCanvas };
  const { width, height } = sizeOf(value);
  if (Canvas === undefined || width === 0 || height === 0) {
    fail(what, 'neither an ImageData nor an image that this platform can draw');
  }
  const context = new Canvas(width, height).getContext('2d');
  if (context === null) fail(what, 'this platform has no 2D canvas to read images with');
  context.drawImage(value as CanvasImageSource, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  return { data, width, height, colorSpace: 'srgb' };
}

function sizeOf(value: object): { width: number; height: number } {
  const of = value as Record<string, unknown>;
  for (const [w, h] of [
    ['videoWidth', 'videoHeight'],
    ['displayWidth', 'displayHeight'],
    ['naturalWidth', 'naturalHeight'],
    ['width', 'height'],
  ] as const) {
    if (typeof of[w] === 'number' && typeof of[h] === 'number') return { width: of[w], height: of[h] };
  }
  return { width: 0, height: 0 };
}

/** @throws OperationError when the part to copy is not inside the image. */
export function checkImagePart(image: RawImage, origin: Origin3D, size: Extent3D): void {
  if (origin.x + size.width > image.width || origin.y + size.height > image.height) {
    throw operationError(
      `copyExternalImageToTexture: ${size.width} x ${size.height} from ${origin.x}, ${origin.y} on are not inside ` +
        `an image of ${image.width} x ${image.height}`,
    );
  }
  if (size.depthOrArrayLayers > 1) {
    throw operationError(
      `copyExternalImageToTexture: depthOrArrayLayers is ${size.depthOrArrayLayers}, not 0 or 1`,
    );
  }
}

export interface ImageEncoding {
  readonly format: string;
  readonly texelBytes: number;
  readonly colorSpace: 'srgb' | 'display-p3';
  readonly premultipliedAlpha: boolean;
  readonly flipY: boolean;
}

/** The part of an image as texels of a format, rows tightly packed. */
export function encodeImage(
  image: RawImage,
  origin: Origin3D,
  size: Extent3D,
  encoding: ImageEncoding,
): Uint8Array {
  const { texelBytes, premultipliedAlpha, flipY } = encoding;
  const encode = texelEncoder(encoding.format)!;
  const convert = image.colorSpace === encoding.colorSpace ? null : primaries[encoding.colorSpace];
  const texels = new Uint8Array(size.width * size.height * texelBytes);
  const view = new DataView(texels.buffer);
  const { data, width } = image;
  let offset = 0;
  for (let y = 0; y < size.height; y++) {
    const row = origin.y + (flipY ? size.height - 1 - y : y);
    let from = (row * width + origin.x) * 4;
    for (let x = 0; x < size.width; x++, from += 4, offset += texelBytes) {
      let r = data[from]! / 255;
      let g = data[from + 1]! / 255;
      let b = data[from + 2]! / 255;
      const a = data[from + 3]! / 255;
      if (convert !== null) [r, g, b] = convertPrimaries(convert, r, g, b);
      if (premultipliedAlpha) {
        r *= a;
        g *= a;
        b *= a;
      }
      encode(view, offset, r, g, b, a);
    }
  }
  return texels;
}

type Matrix = readonly [number, number, number, number, number, number, number, number, number];

/** Linear-light conversions into a color space from the other one (CSS Color 4). */
const primaries: Readonly<Record<'srgb' | 'display-p3', Matrix>> = {
  'display-p3': [0.8224621, 0.177538, 0, 0.0331941, 0.9668058, 0, 0.0170827, 0.0723974, 0.9105199],
  srgb: [1.2249401, -0.2249404, 0, -0.0420569, 1.0420571, 0, -0.0196376, -0.0786361, 1.0982735],
};

/** Both color spaces have the transfer function of sRGB, extended to negative numbers. */
function toLinear(value: number): number {
  const size = Math.abs(value);
  const linear = size <= 0.04045 ? size / 12.92 : ((size + 0.055) / 1.055) ** 2.4;
  return Math.sign(value) * linear;
}

function fromLinear(value: number): number {
  const size = Math.abs(value);
  const encoded = size <= 0.0031308 ? size * 12.92 : 1.055 * size ** (1 / 2.4) - 0.055;
  return Math.sign(value) * encoded;
}

function convertPrimaries(m: Matrix, r: number, g: number, b: number): [number, number, number] {
  const x = toLinear(r);
  const y = toLinear(g);
  const z = toLinear(b);
  return [
    fromLinear(m[0] * x + m[1] * y + m[2] * z),
    fromLinear(m[3] * x + m[4] * y + m[5] * z),
    fromLinear(m[6] * x + m[7] * y + m[8] * z),
  ];
}
