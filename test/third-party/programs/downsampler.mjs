// webgpu-spd: all mip levels of a texture array in single compute passes, with several filters.
import { maxMipLevelCount, SPDFilters, WebGPUSinglePassDownsampler } from 'webgpu-spd';
import { numbers, readTexture, report } from './digest.mjs';

const adapter = await navigator.gpu.requestAdapter();
const device = await adapter.requestDevice({
  requiredLimits: { maxStorageTexturesPerShaderStage: adapter.limits.maxStorageTexturesPerShaderStage },
});
const downsampler = new WebGPUSinglePassDownsampler();
const color = device.createTexture({
  size: [256, 128, 2],
  mipLevelCount: maxMipLevelCount(256, 128),
  format: 'rgba8unorm',
  usage:
    GPUTextureUsage.TEXTURE_BINDING |
    GPUTextureUsage.STORAGE_BINDING |
    GPUTextureUsage.COPY_DST |
    GPUTextureUsage.COPY_SRC,
});
const pixels = new Uint8Array(256 * 128 * 2 * 4).map((_, index) => (index * 73 + (index >> 9)) & 255);
device.queue.writeTexture(
  { texture: color },
  pixels,
  { bytesPerRow: 1024, rowsPerImage: 128 },
  [256, 128, 2],
);
downsampler.generateMipmaps(device, color);
for (const layer of [0, 1]) {
  for (let mipLevel = 1; mipLevel < color.mipLevelCount; mipLevel++) {
    report(`average ${layer} ${mipLevel}`, await readTexture(device, color, { mipLevel, layer }));
  }
}
const height = device.createTexture({
  size: [64, 64],
  format: 'r32float',
  usage: GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST,
});
device.queue.writeTexture({ texture: height }, numbers(64 * 64), { bytesPerRow: 256 }, [64, 64]);
const target = device.createTexture({
  size: [32, 32],
  mipLevelCount: 5,
  format: 'r32float',
  usage: GPUTextureUsage.STORAGE_BINDING | GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_SRC,
});
downsampler.generateMipmaps(device, height, { filter: SPDFilters.Min, target });
for (const mipLevel of [0, 1, 2, 3])
  report(`least ${mipLevel}`, await readTexture(device, target, { mipLevel }));
device.destroy();
