import assert from 'node:assert/strict';
import { test } from 'node:test';
import { streamEnums } from '@dxgwire/protocol/stream';
import { leastTextureBytes } from './texture-size.ts';

const flat = { dimension: '2d', depthOrArrayLayers: 1, mipLevelCount: 1, sampleCount: 1 } as const;

const size = (format: string, width = 4, height = 4) => leastTextureBytes({ ...flat, format, width, height });

test('least bytes of textures: plain, packed, depth and compressed formats', () => {
  const expected: Record<string, number> = {
    r8unorm: 16,
    rg16float: 64,
    'bgra8unorm-srgb': 64,
    rgba32float: 256,
    rg11b10ufloat: 64,
    depth16unorm: 32,
    'depth32float-stencil8': 80,
    'bc1-rgba-unorm': 8,
    'bc7-rgba-unorm-srgb': 16,
    'etc2-rgb8a1unorm': 8,
    'etc2-rgba8unorm': 16,
    'eac-r11snorm': 8,
    'eac-rg11snorm': 16,
    'astc-12x12-unorm': 16,
  };
  for (const [format, bytes] of Object.entries(expected)) assert.equal(size(format), bytes, format);
  assert.equal(size('bc1-rgba-unorm', 5, 5), 32);
  assert.equal(
    leastTextureBytes({
      ...flat,
      format: 'r8unorm',
      width: 3,
      height: 3,
      depthOrArrayLayers: 6,
      sampleCount: 4,
    }),
    216,
  );
});

test('all levels count: of a volume they shrink in depth, of layers they do not', () => {
  const texture = {
    ...flat,
    format: 'r8unorm',
    width: 8,
    height: 4,
    depthOrArrayLayers: 4,
    mipLevelCount: 3,
  };
  assert.equal(leastTextureBytes(texture), 4 * (32 + 8 + 2));
  assert.equal(leastTextureBytes({ ...texture, dimension: '3d' }), 4 * 32 + 2 * 8 + 2);
  assert.equal(leastTextureBytes({ ...texture, mipLevelCount: 2 ** 32 - 1 }), 4 * (32 + 8 + 2 + 29));
});

test('every format of the standard has a size', () => {
  for (const format of streamEnums.textureFormat) assert.ok(size(format) > 0, format);
});
