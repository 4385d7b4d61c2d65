import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCanvasGlobals } from './canvas.ts';
import { makeFakeDevice } from './fake-device.ts';
import { globals } from './globals.ts';

interface Canvas {
  width: number;
  height: number;
  getContext(id: string): GPUCanvasContext | null;
}

function makeCanvas(
  width: number,
  height: number,
): ReturnType<typeof createCanvasGlobals> & { canvas: Canvas } {
  const made = createCanvasGlobals();
  return { ...made, canvas: new made.OffscreenCanvas(width, height) as unknown as Canvas };
}

test('a canvas has one context, for WebGPU only', () => {
  const { canvas } = makeCanvas(4, 4);
  const context = canvas.getContext('webgpu');
  assert.ok(context instanceof globals.GPUCanvasContext);
  assert.equal(canvas.getContext('webgpu'), context);
  assert.equal(canvas.getContext('2d'), null);
  assert.equal(context.canvas, canvas as unknown);
  assert.equal(Object.prototype.toString.call(context), '[object GPUCanvasContext]');
});

test('a context gives textures only while it is configured', () => {
  const { device } = makeFakeDevice();
  const { canvas } = makeCanvas(7, 5);
  const context = canvas.getContext('webgpu')!;
  assert.throws(() => context.getCurrentTexture(), { name: 'InvalidStateError' });
  assert.equal(context.getConfiguration(), null);
  assert.throws(() => Reflect.apply(context.configure, context, [{ format: 'bgra8unorm' }]), TypeError);
  assert.throws(() => context.configure({ device, format: 'r8unorm' }), TypeError);
  assert.throws(
    () => Reflect.apply(context.configure, context, [{ device: {}, format: 'rgba8unorm' }]),
    TypeError,
  );
  context.configure({ device, format: 'bgra8unorm', viewFormats: ['bgra8unorm-srgb'] });
  assert.deepEqual(context.getConfiguration(), {
    device,
    format: 'bgra8unorm',
    usage: 0x10,
    viewFormats: ['bgra8unorm-srgb'],
    colorSpace: 'srgb',
    toneMapping: { mode: 'standard' },
    alphaMode: 'opaque',
  });
  const texture = context.getCurrentTexture();
  assert.deepEqual(
    [texture.width, texture.height, texture.format, texture.usage],
    [7, 5, 'bgra8unorm', 0x10],
  );
  assert.equal(context.getCurrentTexture(), texture);
  context.unconfigure();
  assert.throws(() => context.getCurrentTexture(), { name: 'InvalidStateError' });
  device.destroy();
});

test('a texture lasts until the end of its frame, or until the size is set', async () => {
  const { device } = makeFakeDevice();
  const { canvas, requestAnimationFrame } = makeCanvas(7, 5);
  const context = canvas.getContext('webgpu')!;
  context.configure({ device, format: 'rgba8unorm' });
  const first = context.getCurrentTexture();
  canvas.width = 9;
  const second = context.getCurrentTexture();
  assert.notEqual(second, first);
  assert.equal(second.width, 9);
  // The next frame begins with the callback and ends with a new picture.
  await new Promise<void>((resolve) => {
    requestAnimationFrame(() => {
      assert.equal(context.getCurrentTexture(), second);
      requestAnimationFrame(() => resolve());
    });
  });
  assert.notEqual(context.getCurrentTexture(), second);
  device.destroy();
});

test('callbacks of a frame run in order, once, and can be cancelled by those before them', async () => {
  const { requestAnimationFrame, cancelAnimationFrame } = createCanvasGlobals();
  const seen: string[] = [];
  await new Promise<void>((resolve) => {
    requestAnimationFrame(() => {
      seen.push('first');
      cancelAnimationFrame(second);
      requestAnimationFrame(() => resolve());
    });
    const second = requestAnimationFrame(() => seen.push('second'));
    requestAnimationFrame((timeMs) => seen.push(typeof timeMs));
  });
  assert.deepEqual(seen, ['first', 'number']);
  assert.throws(() => Reflect.apply(requestAnimationFrame, undefined, [null]), TypeError);
});
