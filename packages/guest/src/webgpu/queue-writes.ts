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

/** Sends data for a buffer through staging memory: unless the write cannot be valid, which needs no data to say. */
export function writeLargeBuffer(
  core: DeviceCore,
  buffer: BufferState,
  offset: number,
  data: Uint8Array,
): void {
  const problem = bufferProblem(core, buffer, offset, data.length);
  if (problem !== null) {
    core.injectError('validation', `${problem}\n - While calling [Queue].WriteBuffer().`);
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

function bufferProblem(core: DeviceCore, buffer: BufferState, offset: number, length: number): string | null {
  const name = `[Buffer${quoted(buffer.label)}]`;
  if (buffer.core !== core) return `${name} is associated with [Device], and cannot be used with [Device].`;
  if ((buffer.usage & GPUBufferUsage.COPY_DST) === 0)
    return `${name} usage doesn't include BufferUsage::CopyDst.`;
  if (offset % 4 !== 0) return `Buffer offset (${offset}) is not a multiple of 4.`;
  if (offset + length > buffer.size) {
    return `Write range (bufferOffset: ${offset}, size: ${length}) does not fit in ${name} size (${buffer.size}).`;
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
  const isValid =
    layout !== null && offset + layout.lengthBytes <= data.length && to.texture.id !== FOREIGN_ID;
  if (isValid && layout.lengthBytes > INLINE_DATA_BYTES) {
    const needed = data.subarray(offset, offset + layout.lengthBytes);
    const wholeImages = format.hasDepth || format.hasStencil;
    core.outbox.upload(textureUpload(to, needed, given, extent, layout, wholeImages), false);
    return;
  }
  const start = isValid ? offset : 0;
  const length = isValid ? layout.lengthBytes : Math.min(data.length, INVALID_DATA_BYTES);
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
    isValid ? 0 : offset,
    bytesPerRow,
    rowsPerImage,
    data.subarray(start, start + length),
  );
  core.outbox.changed();
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
export function writeImage(core: DeviceCore, copy: ImageCopy): void {
  const { image, origin, flipY, destination, size } = copy;
  checkImagePart(image, origin, size);
  const { extent, usage } = destination.texture.state;
  const problem = imageProblem(extent, usage);
  if (problem !== null) {
    core.injectError('validation', `${problem}\n - While calling [Queue].CopyExternalImageToTexture().`);
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
