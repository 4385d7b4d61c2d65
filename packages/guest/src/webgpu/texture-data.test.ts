import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cutTextureData, textureDataLayout, texturePiece } from './texture-data.ts';
import { requireFormatFeature, textureFormatInfo, textureSizeBytes } from './texture-formats.ts';

test('textureDataLayout refuses what the standard refuses', () => {
  const rgba = textureFormatInfo('rgba8unorm');
  const write = { width: 4, height: 4, depthOrArrayLayers: 1, bytesPerRow: 16, rowsPerImage: undefined };
  assert.equal(textureDataLayout(rgba, 'all', write)?.lengthBytes, 64);
  assert.equal(textureDataLayout(rgba, 'all', { ...write, bytesPerRow: 12 }), null);
  assert.equal(textureDataLayout(rgba, 'all', { ...write, bytesPerRow: undefined }), null);
  assert.equal(textureDataLayout(rgba, 'all', { ...write, depthOrArrayLayers: 2 }), null);
  assert.equal(textureDataLayout(rgba, 'all', { ...write, rowsPerImage: 3 }), null);
  assert.equal(textureDataLayout(rgba, 'depth-only', write), null);
  const bc = textureFormatInfo('bc1-rgba-unorm');
  assert.equal(textureDataLayout(bc, 'all', { ...write, width: 3 }), null);
  assert.equal(textureDataLayout(bc, 'all', { ...write, bytesPerRow: 8 })?.lengthBytes, 8);
  const depthStencil = textureFormatInfo('depth32float-stencil8');
  assert.equal(textureDataLayout(depthStencil, 'all', write), null);
  assert.equal(textureDataLayout(depthStencil, 'stencil-only', write)?.lengthBytes, 52);
  assert.equal(textureDataLayout(rgba, 'all', { ...write, width: 0, height: 0 })?.lengthBytes, 0);
});

test('pieces of a texture write cover each texel once, from the bytes that are its own', () => {
  const sizes = fc.record({
    format: fc.constantFrom('r8unorm', 'rgba8unorm', 'rgba32float', 'bc1-rgba-unorm', 'astc-5x4-unorm'),
    columns: fc.integer({ min: 1, max: 6 }),
    rows: fc.integer({ min: 1, max: 6 }),
    images: fc.integer({ min: 1, max: 4 }),
    rowPadding: fc.nat(20),
    imagePadding: fc.nat(3),
    most: fc.integer({ min: 1, max: 500 }),
    wholeImages: fc.boolean(),
  });
  fc.assert(
    fc.property(sizes, ({ format, columns, rows, images, rowPadding, imagePadding, most, wholeImages }) => {
      const info = textureFormatInfo(format);
      const height = rows * info.blockHeight;
      const layout = textureDataLayout(info, 'all', {
        width: columns * info.blockWidth,
        height,
        depthOrArrayLayers: images,
        bytesPerRow: columns * info.copyBytes + rowPadding,
        rowsPerImage: rows + imagePadding,
      });
      assert.ok(layout !== null);
      const seen = new Set<string>();
      for (let offset = 0; offset < layout.lengthBytes; ) {
        const length = cutTextureData(layout, wholeImages, offset, most);
        assert.ok(length > 0);
        const piece = texturePiece(layout, height, offset, length);
        if (wholeImages) assert.equal(piece.height, height);
        for (let z = 0; z < piece.depthOrArrayLayers; z++) {
          for (let y = 0; y < piece.height; y += info.blockHeight) {
            const key = `${piece.z + z},${piece.y + y}`;
            assert.ok(!seen.has(key), `texels ${key} twice`);
            seen.add(key);
            const inPiece: number = offset + z * layout.imageBytes + (y / info.blockHeight) * layout.rowBytes;
            const row = (piece.y + y) / info.blockHeight;
            assert.equal(inPiece, (piece.z + z) * layout.imageBytes + row * layout.rowBytes);
            assert.ok(inPiece + columns * info.copyBytes <= offset + length, 'reads behind the piece');
          }
        }
        offset += length;
      }
      assert.equal(seen.size, rows * images);
    }),
  );
});

test('textureSizeBytes counts levels, layers, samples and aspects', () => {
  const extent = {
    dimension: '2d' as const,
    height: 4,
    mipLevelCount: 1,
    sampleCount: 1,
    depthOrArrayLayers: 1,
  };
  assert.equal(textureSizeBytes({ ...extent, format: 'rgba8unorm', width: 4 }), 64);
  assert.equal(
    textureSizeBytes({ ...extent, format: 'rgba8unorm', width: 4, mipLevelCount: 3 }),
    64 + 16 + 4,
  );
  assert.equal(textureSizeBytes({ ...extent, format: 'rgba8unorm', width: 4, sampleCount: 4 }), 256);
  assert.equal(textureSizeBytes({ ...extent, format: 'r8unorm', width: 4, depthOrArrayLayers: 6 }), 96);
  assert.equal(
    textureSizeBytes({
      ...extent,
      format: 'r8unorm',
      width: 4,
      dimension: '3d',
      depthOrArrayLayers: 4,
      mipLevelCount: 2,
    }),
    64 + 8,
  );
  assert.equal(textureSizeBytes({ ...extent, format: 'bc1-rgba-unorm', width: 5 }), 16);
  assert.equal(textureSizeBytes({ ...extent, format: 'depth24plus-stencil8', width: 4 }), 128);
});

test('formats ask for their features', () => {
  assert.throws(() => requireFormatFeature('bc1-rgba-unorm', new Set()), TypeError);
  requireFormatFeature('bc1-rgba-unorm', new Set(['texture-compression-bc']));
  requireFormatFeature('depth24plus-stencil8', new Set());
  assert.throws(() => requireFormatFeature('no-format', new Set()), TypeError);
});
