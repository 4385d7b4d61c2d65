import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GPUTextureUsage } from './constants.ts';
import { makeFakeDevice } from './fake-device.ts';
import { texelEncoder, toHalf } from './pixel-formats.ts';

const { COPY_DST, RENDER_ATTACHMENT, TEXTURE_BINDING } = GPUTextureUsage;

test('toHalf rounds to nearest even over the whole range', () => {
  for (const [value, bits] of [
    [0, 0],
    [-0, 0x8000],
    [1, 0x3c00],
    [-2, 0xc000],
    [65504, 0x7bff],
    [65520, 0x7c00],
    [Infinity, 0x7c00],
    [2 ** -14, 0x0400],
    [2 ** -24, 1],
    [2 ** -25, 0],
    [2 ** -25 * 1.5, 1],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [1 / 3, 0x3555],
  ] as const) {
    assert.equal(toHalf(value), bits, String(value));
  }
  assert.equal(toHalf(Number.NaN) & 0x7e00, 0x7e00);
});

test('texels are encoded as their formats say', () => {
  const encode = (format: string, ...color: [number, number, number, number]): string => {
    const bytes = new Uint8Array(16);
    texelEncoder(format)!(new DataView(bytes.buffer), 0, ...color);
    return Buffer.from(bytes)
      .toString('hex')
      .replace(/(00)+$/, '');
  };
  assert.equal(encode('rgba8unorm', 1, 0.5, 0, 1), 'ff8000ff');
  assert.equal(encode('bgra8unorm-srgb', 1, 0.5, 0, 1), '0080ffff');
  assert.equal(encode('rg16unorm', 1, 0.5, 0, 1), 'ffff0080');
  assert.equal(encode('rgb10a2unorm', 1, 0, 1, 1), 'ff03f0ff');
  assert.equal(encode('rg11b10ufloat', 1, 1, 1, 1), 'c0031e78');
  assert.equal(texelEncoder('rgba8uint'), undefined);
});

test('copyExternalImageToTexture turns, swaps and multiplies as asked', async () => {
  const { device, kernel, turn } = makeFakeDevice();
  const data = new Uint8ClampedArray([1, 2, 3, 255, 255, 0, 0, 51, 7, 8, 9, 255, 10, 11, 12, 255]);
  const source = { data, width: 2, height: 2 } as unknown as ImageData;
  const texture = device.createTexture({
    size: [4, 4],
    format: 'bgra8unorm',
    usage: COPY_DST | RENDER_ATTACHMENT,
  });
  const copy = (info: object, destination: object, size: number[]): void =>
    device.queue.copyExternalImageToTexture({ source, ...info }, { texture, ...destination }, size);
  copy({ flipY: true }, { origin: [1, 1] }, [2, 2]);
  copy({ origin: [1, 0] }, { premultipliedAlpha: true }, [1, 1]);
  await turn();
  assert.deepEqual(
    kernel.argumentsOf('writeTexture').map((args) => [args[2], args[3], ...args[12]]),
    [
      [1, 1, 9, 8, 7, 255, 12, 11, 10, 255, 3, 2, 1, 255, 0, 0, 255, 51],
      [0, 0, 0, 0, 51, 51],
    ],
  );
  assert.throws(() => copy({ origin: [1, 0] }, {}, [2, 2]), { name: 'OperationError' });
  assert.throws(() => copy({}, {}, [1, 1, 2]), { name: 'OperationError' });
  assert.throws(() => copy({ source: {} }, {}, [1, 1]), TypeError);
  assert.throws(() => copy({ origin: [0, 0, 0] }, {}, [1, 1]), TypeError);
  assert.throws(() => copy({}, { colorSpace: 'x' }, [1, 1]), TypeError);
  const other = device.createTexture({ size: [4, 4], format: 'bgra8unorm', usage: TEXTURE_BINDING });
  copy({}, { texture: other }, [1, 1]);
  await turn();
  assert.match(kernel.argumentsOf('injectError')[0]?.[1], /CopyDst/);
  device.destroy();
});
