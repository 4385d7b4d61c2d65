import { ops } from '@dxgwire/protocol/stream';
import { type BufferState, INLINE_DATA_BYTES, quoted } from './buffer-state.ts';
import { GPUBufferUsage, GPUTextureUsage } from './constants.ts';
import type { DeviceCore } from './device-core.ts';
import { checkImagePart, encodeImage, type RawImage } from './external-image.ts';
import type { Extent3D, Origin3D } from './geometry.ts';
import { FOREIGN_ID } from './object-state.ts';
import { texelEncoder } from './pixel-formats.ts';
import type { TextureReference } from './texture.ts';
import { cutTextureData, type TextureDataLayout, textureDataLayout, texturePiece } from './texture-data.ts';
import { textureFormatInfo } from './texture-formats.ts';
import type { Upload } from './transfer.ts';

/** Data of a write that cannot be valid are cut to this: enough for the backend to say why, bytes. */
const INVALID_DATA_BYTES = 1024;

/** Dawn's usages, as its messages name them. */
const usageNames = Object.entries(GPUBufferUsage).map(([key, bit]) => {
  const words = key.split('_').map((word) => `${word[0]}${word.slice(1).toLowerCase()}`);
  return { bit: bit as number, name: words.join('') };
});

/**
 * Sends data for a buffer through staging memory: unless the write cannot be valid, which needs no data to say.
 * `queue` is its name in messages.
 */
export function writeLargeBuffer(
  core: DeviceCore,
  queue: string,
  buffer: BufferState,
  offset: number,
  data: Uint8Array,
): void {
  const isInvalid = buffer.core === core && buffer.isInvalid;
  const name = `[${isInvalid ? 'Invalid ' : ''}Buffer${quoted(buffer.label)}]`;
  const problem = isInvalid
    ? `${name} is invalid due to a previous error.`
    : bufferProblem(core, buffer, name, offset, data.length);
  if (problem !== null) {
    const call = `${queue}.WriteBuffer(${name}, (${offset} bytes), data, (${data.length} bytes))`;
    core.injectError('validation', `${problem}\n - While calling ${call}\n`);
    return;
  }
  const { id } = buffer;
  const upload: Upload = {
    data,
    cut: (from, most) => Math.min(most, data.length - from),
    emit: (writer, region, from, length) =>
      ops.writeBufferFrom(writer, id, offset + from, region.gpuVaLow, region.gpuVaHigh, length),
    emitInline: (writer, from, bytes) => ops.writeBuffer(writer, id, offset + from, bytes),
  };
  core.outbox.upload(upload, false);
}

/** What Dawn would say of a write, with its texts and in its order. */
function bufferProblem(
  core: DeviceCore,
  buffer: BufferState,
  name: string,
  offset: number,
  length: number,
): string | null {
  const { usage, size } = buffer;
  if (buffer.core !== core) return `${name} is associated with [Device], and cannot be used with [Device].`;
  if (offset % 4 !== 0) return `BufferOffset (${offset}) is not a multiple of 4.`;
  if (offset + length > size) {
    return `Write range (bufferOffset: ${offset}, size: ${length}) does not fit in ${name} size (${size}).`;
  }
  if ((usage & GPUBufferUsage.COPY_DST) === 0) {
    const names = usageNames.filter(({ bit }) => (usage & bit) !== 0).map((each) => each.name);
    const usages = names.length === 1 ? names[0] : `(${names.join('|')})`;
    return `${name} usage (BufferUsage::${usages}) doesn't include BufferUsage::CopyDst.`;
  }
  if (buffer.destroyed) return `${name} used in submit while destroyed.`;
  return buffer.mapState === 'unmapped' ? null : `${name} used in submit while mapped.`;
}

/** GPUTexelCopyTextureInfo, resolved. */
export interface Destination {
  readonly texture: TextureReference;
  readonly mipLevel: number;
  readonly origin: { readonly x: number; readonly y: number; readonly z: number };
  readonly aspect: GPUTextureAspect;
}

/** GPUTexelCopyBufferLayout, resolved. */
export interface DataLayout {
  readonly offset: number;
  readonly bytesPerRow?: number | undefined;
  readonly rowsPerImage?: number | undefined;
}

/** GPUQueue.writeTexture() */
export function writeTexture(
  core: DeviceCore,
  to: Destination,
  data: Uint8Array,
  given: DataLayout,
  extent: Extent3D,
): void {
  const { offset, bytesPerRow, rowsPerImage } = given;
  const format = textureFormatInfo(to.texture.state.extent.format);
  const layout = textureDataLayout(format, to.aspect, { bytesPerRow, rowsPerImage, ...extent });
  const isOurs = to.texture.id !== FOREIGN_ID;
  const isEnough = layout !== null && offset + layout.lengthBytes <= data.length;
  const canFit = isOurs && fitsInto(to, extent);
  if (isOurs && isEnough && layout.lengthBytes > INLINE_DATA_BYTES) {
    const needed = data.subarray(offset, offset + layout.lengthBytes);
    const wholeImages = format.hasDepth || format.hasStencil;
    const upload = textureUpload(to, needed, given, extent, layout, wholeImages);
    if (canFit && !(to.texture.state.destroyed && !wholeImages)) {
      core.outbox.upload(upload, false);
      return;
    }
    if (canFit) {
      // The backend says so of any part, and of each: one is enough.
      const part = upload.cut(0, INLINE_DATA_BYTES);
      upload.emitInline(core.writer, 0, needed.subarray(0, part));
      core.outbox.changed();
      return;
    }
    // Pieces of it could be valid, and would be written. The backend says what is wrong before it looks at data.
  } else if (!isEnough && data.length > INLINE_DATA_BYTES) {
    const problem = missingData(to, extent, layout, offset, data.length, canFit);
    if (problem !== null) {
      core.injectError('validation', `${problem}\n - While ${WRITE_TEXTURE_CALL}\n`);
      return;
    }
  }
  const isWhole = isOurs && isEnough && layout.lengthBytes <= INLINE_DATA_BYTES;
  const isShort = data.length <= INLINE_DATA_BYTES;
  const start = isWhole ? offset : 0;
  const length = isWhole ? layout.lengthBytes : isShort ? data.length : INVALID_DATA_BYTES;
  ops.writeTexture(
    core.writer,
    to.texture.id,
    to.mipLevel,
    to.origin.x,
    to.origin.y,
    to.origin.z,
    to.aspect,
    extent.width,
    extent.height,
    extent.depthOrArrayLayers,
    // Of an offset in data that are cut off only the alignment can matter.
    isWhole ? 0 : isShort || offset > data.length ? offset : offset % 4,
    bytesPerRow,
    rowsPerImage,
    data.subarray(start, start + length),
  );
  core.outbox.changed();
}

/** How messages of Dawn name the call: it fails to put in what it should. */
const WRITE_TEXTURE_CALL = '[Failed to format error: "calling %s.WriteTexture(%s, (%u bytes), %s, %s)"]';

/** Why data that are too short cannot be written, unless something else is wrong before. */
function missingData(
  to: Destination,
  extent: Extent3D,
  layout: TextureDataLayout | null,
  offset: number,
  length: number,
  canFit: boolean,
): string | null {
  const { texture, mipLevel, origin, aspect } = to;
  const { format, mipLevelCount, sampleCount } = texture.state.extent;
  const { hasDepth, hasStencil } = textureFormatInfo(format);
  if (texture.id === FOREIGN_ID || mipLevel >= mipLevelCount) return null;
  if (aspect === 'depth-only' ? !hasDepth : aspect === 'stencil-only' && !hasStencil) return null;
  const { width, height } = levelSize(to);
  const isAll = origin.x === 0 && origin.y === 0 && extent.width === width && extent.height === height;
  if ((hasDepth || hasStencil || sampleCount !== 1) && !isAll) return null;
  if (offset > length) return `Data offset (${offset}) is greater than the data size (${length}).`;
  if (!canFit || layout === null) return null;
  return (
    `Required size for texture data layout (${layout.lengthBytes}) exceeds the linear data size (${length}) ` +
    `with offset (${offset}).`
  );
}

/** True when texels of this extent can be copied to the place, as far as textures go that are valid. */
function fitsInto(to: Destination, copied: Extent3D): boolean {
  const { texture, mipLevel, origin, aspect } = to;
  const { usage, extent } = texture.state;
  const { blockWidth, blockHeight, hasDepth, hasStencil } = textureFormatInfo(extent.format);
  if ((usage & GPUTextureUsage.COPY_DST) === 0 || extent.sampleCount !== 1) return false;
  if (mipLevel >= extent.mipLevelCount || origin.x % blockWidth !== 0 || origin.y % blockHeight !== 0) {
    return false;
  }
  // Of depths only these can be written.
  if (hasDepth && aspect !== 'stencil-only' && extent.format !== 'depth16unorm') return false;
  const { width, height, depthOrArrayLayers: depth } = levelSize(to);
  if ((hasDepth || hasStencil) && (copied.width !== width || copied.height !== height)) return false;
  return (
    origin.x + copied.width <= width &&
    origin.y + copied.height <= height &&
    origin.z + copied.depthOrArrayLayers <= depth
  );
}

/** The size of a mip level, in whole blocks. */
function levelSize({ texture, mipLevel }: Destination): Extent3D {
  const { width, height, depthOrArrayLayers, dimension, format } = texture.state.extent;
  const { blockWidth, blockHeight } = textureFormatInfo(format);
  const atLevel = (size: number): number => Math.max(1, Math.floor(size / 2 ** mipLevel));
  return {
    width: Math.ceil(atLevel(width) / blockWidth) * blockWidth,
    height: Math.ceil(atLevel(height) / blockHeight) * blockHeight,
    depthOrArrayLayers: dimension === '3d' ? atLevel(depthOrArrayLayers) : depthOrArrayLayers,
  };
}

/** Texture data on their way in pieces: each a write of its own. */
function textureUpload(
  to: Destination,
  data: Uint8Array,
  { bytesPerRow, rowsPerImage }: DataLayout,
  extent: Extent3D,
  layout: TextureDataLayout,
  wholeImages: boolean,
): Upload {
  return {
    data,
    cut: (offset, most) => cutTextureData(layout, wholeImages, offset, most),
    emit: (writer, region, offset, length) => {
      const { y, z, height, depthOrArrayLayers } = texturePiece(layout, extent.height, offset, length);
      ops.writeTextureFrom(
        writer,
        to.texture.id,
        to.mipLevel,
        to.origin.x,
        to.origin.y + y,
        to.origin.z + z,
        to.aspect,
        extent.width,
        height,
        depthOrArrayLayers,
        0,
        bytesPerRow,
        rowsPerImage,
        region.gpuVaLow,
        region.gpuVaHigh,
        length,
      );
    },
    emitInline: (writer, offset, bytes) => {
      const { y, z, height, depthOrArrayLayers } = texturePiece(layout, extent.height, offset, bytes.length);
      ops.writeTexture(
        writer,
        to.texture.id,
        to.mipLevel,
        to.origin.x,
        to.origin.y + y,
        to.origin.z + z,
        to.aspect,
        extent.width,
        height,
        depthOrArrayLayers,
        0,
        bytesPerRow,
        rowsPerImage,
        bytes,
      );
    },
  };
}

/** What copyExternalImageToTexture got, resolved. */
export interface ImageCopy {
  readonly image: RawImage;
  readonly origin: Origin3D;
  readonly flipY: boolean;
  readonly destination: Destination & {
    readonly colorSpace: 'srgb' | 'display-p3';
    readonly premultipliedAlpha: boolean;
  };
  readonly size: Extent3D;
}

/** GPUQueue.copyExternalImageToTexture(): the image is encoded here, and written as any other data. */
export function writeImage(core: DeviceCore, queue: string, copy: ImageCopy): void {
  const { image, origin, flipY, destination, size } = copy;
  checkImagePart(image, origin, size);
  const { extent, usage } = destination.texture.state;
  const problem = imageProblem(extent, usage);
  if (problem !== null) {
    core.injectError('validation', `${problem}\n - While calling ${queue}.CopyExternalImageToTexture().`);
    return;
  }
  const { colorSpace, premultipliedAlpha } = destination;
  const texelBytes = textureFormatInfo(extent.format).copyBytes;
  const encoding = { format: extent.format, texelBytes, colorSpace, premultipliedAlpha, flipY };
  const data = encodeImage(image, origin, size, encoding);
  const layout = { offset: 0, bytesPerRow: size.width * texelBytes, rowsPerImage: size.height };
  writeTexture(core, destination, data, layout, size);
}

function imageProblem(
  { dimension, sampleCount, format }: { dimension: string; sampleCount: number; format: string },
  usage: number,
): string | null {
  const needed = GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.COPY_DST;
  if ((usage & needed) !== needed)
    return 'Destination texture needs both RenderAttachment and CopyDst usage.';
  if (dimension !== '2d') return `Destination texture dimension (${dimension}) is not 2d.`;
  if (sampleCount !== 1) return `Destination texture sample count (${sampleCount}) is not 1.`;
  return texelEncoder(format) === undefined ? `Images cannot be copied into the format ${format}.` : null;
}
