import type { TextureFormatInfo } from './texture-formats.ts';

/** What a writeTexture copies, in texels of the mip level. */
export interface TextureWrite {
  readonly width: number;
  readonly height: number;
  readonly depthOrArrayLayers: number;
  readonly bytesPerRow: number | undefined;
  readonly rowsPerImage: number | undefined;
}

/** How the data of a writeTexture lie: rows of blocks, images of rows. */
export interface TextureDataLayout {
  /** Bytes from the first to the last that is needed. */
  readonly lengthBytes: number;
  readonly rowBytes: number;
  readonly imageBytes: number;
  /** Rows of blocks in an image. */
  readonly rows: number;
  readonly blockHeight: number;
  readonly images: number;
}

/** Bytes of a block in copies of one aspect, or 0 when that aspect cannot be copied. */
function blockBytes(format: TextureFormatInfo, aspect: GPUTextureAspect): number {
  if (!format.hasDepth && !format.hasStencil) return aspect === 'all' ? format.copyBytes : 0;
  if (aspect === 'depth-only') return format.depthCopyBytes;
  if (aspect === 'stencil-only') return format.stencilCopyBytes;
  return format.copyBytes;
}

/**
 * "Validating linear texture data" of the standard, with the data's offset left out.
 * @returns null when the copy is not valid, or cannot be judged here.
 */
export function textureDataLayout(
  format: TextureFormatInfo,
  aspect: GPUTextureAspect,
  write: TextureWrite,
): TextureDataLayout | null {
  const { blockWidth, blockHeight } = format;
  const { width, height, depthOrArrayLayers: images } = write;
  const bytes = blockBytes(format, aspect);
  if (bytes === 0 || width % blockWidth !== 0 || height % blockHeight !== 0) return null;
  const lastRowBytes = (width / blockWidth) * bytes;
  const rows = height / blockHeight;
  if (write.bytesPerRow === undefined && (rows > 1 || images > 1)) return null;
  if (write.rowsPerImage === undefined && images > 1) return null;
  const rowBytes = write.bytesPerRow ?? lastRowBytes;
  const imageRows = write.rowsPerImage ?? rows;
  if (rowBytes < lastRowBytes || imageRows < rows) return null;
  const imageBytes = rowBytes * imageRows;
  let lengthBytes = 0;
  if (images > 0) {
    lengthBytes = imageBytes * (images - 1);
    if (rows > 0) lengthBytes += rowBytes * (rows - 1) + lastRowBytes;
  }
  return { lengthBytes, rowBytes, imageBytes, rows, blockHeight, images };
}

/** A part of a texture write: what its texels are, relative to the write's origin. */
export interface TexturePiece {
  readonly y: number;
  readonly z: number;
  readonly height: number;
  readonly depthOrArrayLayers: number;
}

/** Where to cut data that are sent in pieces: whole images, or whole rows of one image unless `wholeImages`. */
export function cutTextureData(
  layout: TextureDataLayout,
  wholeImages: boolean,
  offset: number,
  mostBytes: number,
): number {
  const { lengthBytes, imageBytes, rowBytes, rows } = layout;
  const image = Math.floor(offset / imageBytes);
  const row = Math.floor((offset - image * imageBytes) / rowBytes);
  const nextImages = Math.floor(mostBytes / imageBytes);
  let end: number;
  if (row === 0 && (nextImages > 0 || wholeImages)) {
    end = (image + Math.max(1, nextImages)) * imageBytes;
  } else {
    const lastRow = row + Math.max(1, Math.floor(mostBytes / rowBytes));
    end = image * imageBytes + (lastRow >= rows ? imageBytes : lastRow * rowBytes);
  }
  return Math.min(end, lengthBytes) - offset;
}

/** The texels of a piece that {@link cutTextureData} cut. */
export function texturePiece(
  layout: TextureDataLayout,
  height: number,
  offset: number,
  lengthBytes: number,
): TexturePiece {
  const { imageBytes, rowBytes, rows, blockHeight } = layout;
  const z = Math.floor(offset / imageBytes);
  const row = Math.floor((offset - z * imageBytes) / rowBytes);
  if (row === 0 && offset + lengthBytes > z * imageBytes + rowBytes * (rows - 1)) {
    return { y: 0, z, height, depthOrArrayLayers: Math.ceil(lengthBytes / imageBytes) };
  }
  const y = row * blockHeight;
  const pieceRows = Math.min(Math.ceil(lengthBytes / rowBytes), rows - row);
  return { y, z, height: Math.min(pieceRows * blockHeight, height - y), depthOrArrayLayers: 1 };
}
