import { createHash } from 'node:crypto';

/** Prints a name and a digest of numbers or bytes: equal lines mean bit-equal results. */
export function report(name, data) {
  const bytes = ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
  const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  let sum = 0;
  for (const byte of bytes) sum += byte;
  console.log(`${name} ${bytes.length} ${digest} ${sum === 0 ? 'all zero' : 'not zero'}`);
}

/** The contents of a texture's mip level, rows without padding. */
export async function readTexture(device, texture, { mipLevel = 0, layer = 0, bytesPerTexel = 4 } = {}) {
  const width = Math.max(1, texture.width >> mipLevel);
  const height = Math.max(1, texture.height >> mipLevel);
  const bytesPerRow = Math.ceil((width * bytesPerTexel) / 256) * 256;
  const buffer = device.createBuffer({
    size: bytesPerRow * height,
    usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
  });
  const encoder = device.createCommandEncoder();
  encoder.copyTextureToBuffer({ texture, mipLevel, origin: [0, 0, layer] }, { buffer, bytesPerRow }, [
    width,
    height,
    1,
  ]);
  device.queue.submit([encoder.finish()]);
  await buffer.mapAsync(GPUMapMode.READ);
  const padded = new Uint8Array(buffer.getMappedRange());
  const row = width * bytesPerTexel;
  const bytes = new Uint8Array(row * height);
  for (let y = 0; y < height; y++)
    bytes.set(padded.subarray(y * bytesPerRow, y * bytesPerRow + row), y * row);
  buffer.destroy();
  return bytes;
}

/** Numbers that look random and are the same in each run. */
export function numbers(count, seed = 1) {
  const values = new Float32Array(count);
  let state = seed >>> 0;
  for (let index = 0; index < count; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[index] = state / 2 ** 32 - 0.5;
  }
  return values;
}
