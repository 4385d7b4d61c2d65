import assert from 'node:assert/strict';
import { test } from 'node:test';
import { streamEnums } from '@dxgwire/protocol/stream';
import { leastTextureBytes } from './texture-size.ts';

const size = (format: string, width = 4, height = 4) =>
  leastTextureBytes({ format, width, height, depthOrArrayLayers: 1, sampleCount: 1 });

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
    leastTextureBytes({ format: 'r8unorm', width: 3, height: 3, depthOrArrayLayers: 6, sampleCount: 4 }),
    216,
  );
});

test('every format of the standard has a size', () => {
  for (const format of streamEnums.textureFormat) assert.ok(size(format) > 0, format);
});
