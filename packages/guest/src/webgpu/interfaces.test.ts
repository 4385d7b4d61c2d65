import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeFakeDevice } from './fake-device.ts';
import { globals } from './globals.ts';
import { createGPU } from './index.ts';

const constructible = new Set([
  'GPUValidationError',
  'GPUOutOfMemoryError',
  'GPUInternalError',
  'GPUPipelineError',
  'GPUUncapturedErrorEvent',
]);

test('interfaces have their names, tags and enumerable members, and cannot be constructed', () => {
  for (const [name, type] of Object.entries(globals)) {
    if (typeof type !== 'function') {
      assert.equal(Object.prototype.toString.call(type), `[object ${name}]`);
      continue;
    }
    assert.equal(type.name, name);
    assert.equal(Object.prototype.toString.call(type.prototype), `[object ${name}]`);
    for (const [key, property] of Object.entries(Object.getOwnPropertyDescriptors(type.prototype))) {
      if (key === 'constructor') continue;
      assert.ok(property.enumerable && property.configurable, `${name}.${key}`);
    }
    if (constructible.has(name)) continue;
    assert.equal(type.length, 0);
    assert.throws(() => Reflect.construct(type, []), TypeError, name);
    assert.throws(() => Reflect.construct(type, [{}]), TypeError, name);
  }
});

test('constants cannot be changed', () => {
  assert.equal(globals.GPUBufferUsage.QUERY_RESOLVE, 0x200);
  assert.throws(() => Object.assign(globals.GPUMapMode, { READ: 2 }), TypeError);
});

test('errors are constructed as the standard says', () => {
  const error = new globals.GPUValidationError('why');
  assert.equal(error.message, 'why');
  assert.ok(error instanceof globals.GPUError);
  const pipelineError = new globals.GPUPipelineError('why', { reason: 'internal' });
  assert.deepEqual(
    [pipelineError.name, pipelineError.message, pipelineError.reason],
    ['GPUPipelineError', 'why', 'internal'],
  );
  assert.ok(pipelineError instanceof DOMException);
  assert.throws(() => new globals.GPUPipelineError('why', { reason: 'x' as never }), TypeError);
  assert.throws(() => Reflect.construct(globals.GPUValidationError, []), TypeError);
  const event = new globals.GPUUncapturedErrorEvent('uncapturederror', { error });
  assert.equal(event.error, error);
  assert.throws(() => Reflect.construct(globals.GPUUncapturedErrorEvent, ['x', {}]), TypeError);
});

test('features are set-like', () => {
  const { device } = makeFakeDevice({ features: ['timestamp-query'] });
  const { features } = device;
  const seen: unknown[] = [];
  features.forEach(function (this: unknown, value: string, key: string, set: unknown) {
    seen.push([value, key, set === features, this]);
  }, 7);
  assert.deepEqual(seen, [
    ['core-features-and-limits', 'core-features-and-limits', true, 7],
    ['timestamp-query', 'timestamp-query', true, 7],
  ]);
  assert.equal(features.size, 2);
  assert.deepEqual([...features], [...features.keys()]);
  assert.ok(features.has('timestamp-query'));
  const setLike = features as unknown as Record<PropertyKey, unknown>;
  assert.equal(setLike[Symbol.iterator], setLike['values']);
  device.destroy();
});

test('attributes keep their objects, labels convert, prototypes can be patched', () => {
  const { device } = makeFakeDevice();
  assert.equal(device.queue, device.queue);
  assert.equal(device.limits, device.limits);
  assert.equal(device.lost, device.lost);
  assert.ok(device instanceof EventTarget);
  assert.equal(String(device), '[object GPUDevice]');
  const sampler = device.createSampler({ label: 'one' }) as GPUSampler;
  assert.equal(sampler.label, 'one');
  sampler.label = 5 as never;
  assert.equal(sampler.label, '5');
  assert.ok(sampler instanceof globals.GPUSampler);
  const { createSampler } = globals.GPUDevice.prototype;
  const calls: unknown[] = [];
  globals.GPUDevice.prototype.createSampler = function (descriptor) {
    calls.push(descriptor);
    return createSampler.call(this, descriptor);
  };
  try {
    device.createSampler({});
    assert.equal(calls.length, 1);
  } finally {
    globals.GPUDevice.prototype.createSampler = createSampler;
  }
  assert.throws(() => createSampler.call({} as never, {}), TypeError);
  device.destroy();
});

test('methods refuse wrong receivers, missing members and wrong objects', async () => {
  const { device } = makeFakeDevice();
  const call = (method: string, ...args: unknown[]) =>
    (device as unknown as Record<string, (...args: unknown[]) => unknown>)[method]!(...args);
  for (const method of [
    'createBuffer',
    'createTexture',
    'createBindGroup',
    'createBindGroupLayout',
    'createPipelineLayout',
    'createShaderModule',
    'createComputePipeline',
    'createRenderPipeline',
    'createRenderBundleEncoder',
    'createQuerySet',
  ]) {
    for (const descriptor of [undefined, null, {}, 1]) {
      assert.throws(() => call(method, descriptor), TypeError, `${method}(${descriptor})`);
    }
  }
  for (const method of ['createComputePipelineAsync', 'createRenderPipelineAsync']) {
    await assert.rejects(call(method, {}) as Promise<unknown>, TypeError);
  }
  assert.ok(call('createSampler', null));
  assert.ok(call('createCommandEncoder', null));
  assert.throws(() => call('createBindGroup', { layout: {}, entries: [] }), TypeError);
  assert.throws(() => call('pushErrorScope'), TypeError);
  assert.throws(() => call('pushErrorScope', 'x'), TypeError);
  assert.throws(() => call('createTexture', { size: [1], format: 'bc1-rgba-unorm', usage: 4 }), TypeError);
  assert.throws(() => call('createQuerySet', { type: 'timestamp', count: 1 }), TypeError);
  const mapAsync = globals.GPUBuffer.prototype.mapAsync as (this: unknown) => Promise<unknown>;
  await assert.rejects(mapAsync.call({}), TypeError);
  device.destroy();
});

test('what createGPU gives is a GPU to the program, its own members beside', () => {
  const gpu = createGPU({ connect: () => Promise.reject(new Error('none')), log: () => {} });
  assert.ok(gpu instanceof globals.GPU);
  assert.equal(gpu.constructor, globals.GPU);
  assert.equal(String(gpu), '[object GPU]');
  assert.deepEqual(Reflect.ownKeys(gpu), []);
  assert.deepEqual(
    Reflect.ownKeys(globals.GPU.prototype).filter((key) => /close|settle|statistics/.test(String(key))),
    [],
  );
  assert.equal(gpu.pendingOperations, 0);
  assert.equal(gpu.settle(), null);
  for (const connect of [undefined, null, 5, {}]) {
    assert.throws(() => createGPU({ connect: connect as never }), {
      name: 'TypeError',
      message: /^connect is no URL/,
    });
  }
});
