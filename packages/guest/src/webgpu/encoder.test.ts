import assert from 'node:assert/strict';
import { test } from 'node:test';
import { returns } from '@dxgwire/protocol/stream';
import { GPUBufferUsage, GPUTextureUsage } from './constants.ts';
import { makeFakeDevice } from './fake-device.ts';

test('an encoder is sent in one piece when it is finished, and a submit at the end of its turn', async () => {
  const fake = makeFakeDevice();
  const { device, kernel, turn } = fake;
  const first = device.createCommandEncoder({ label: 'first' });
  const second = device.createCommandEncoder();
  const passOfFirst = first.beginComputePass();
  const passOfSecond = second.beginComputePass();
  passOfFirst.dispatchWorkgroups(1);
  passOfSecond.dispatchWorkgroups(2, 3);
  passOfSecond.end();
  passOfFirst.end();
  const commandBuffers = [second.finish(), first.finish({ label: 'done' })];
  assert.equal(kernel.submissions.length, 0);
  device.queue.submit(commandBuffers);
  device.queue.submit([]);
  assert.equal(kernel.submissions.length, 0);
  await turn();
  assert.equal(kernel.submissions.length, 1);
  assert.deepEqual(
    kernel.records.map(({ op }) => op),
    [
      ...['beginCommandEncoder', 'beginComputePass', 'dispatchWorkgroups', 'endPass', 'finish'],
      ...['beginCommandEncoder', 'beginComputePass', 'dispatchWorkgroups', 'endPass', 'finish'],
      ...['queueSubmit', 'queueSubmit'],
    ],
  );
  assert.deepEqual(kernel.argumentsOf('dispatchWorkgroups'), [
    [2, 3, 1],
    [1, 1, 1],
  ]);
  assert.equal(fake.statistics.roundTrips, 0);
  device.destroy();
});

test('much work is sent when it is submitted, before the turn has ended', () => {
  const { device, kernel } = makeFakeDevice();
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  for (let index = 0; index < 1000; index++) pass.dispatchWorkgroups(index);
  pass.end();
  device.queue.submit([encoder.finish()]);
  assert.equal(kernel.submissions.length, 1);
  device.destroy();
});

test('what is recorded behind the end raises the errors that Dawn raises', async () => {
  const { device, kernel, turn } = makeFakeDevice();
  const encoder = device.createCommandEncoder({ label: 'E' });
  const pass = encoder.beginComputePass({ label: 'P' });
  pass.end();
  pass.end();
  const commandBuffer = encoder.finish();
  pass.dispatchWorkgroups(1);
  encoder.pushDebugGroup('x');
  encoder.finish();
  device.queue.submit([commandBuffer]);
  device.queue.submit([commandBuffer]);
  const other = device.createCommandEncoder().finish();
  device.queue.submit([other, other]);
  await turn();
  assert.deepEqual(
    kernel.argumentsOf('injectError').map(([type, message]) => [type, message.split('\n')[0]]),
    [
      ['validation', '[ComputePassEncoder "P"] was already ended.'],
      ['validation', 'Parent encoder of [ComputePassEncoder "P"] is already finished.'],
      ['validation', '[CommandEncoder "E"] is already finished.'],
      ['validation', 'Command encoding already finished.'],
      ['validation', '[CommandBuffer from CommandEncoder "E"] cannot be submitted more than once.'],
      ['validation', 'Submit contains duplicates of [CommandBuffer].'],
    ],
  );
  device.destroy();
});

test('a command for a pass that is not the open one makes the command buffer invalid', async () => {
  const { device, kernel, turn } = makeFakeDevice();
  const encoder = device.createCommandEncoder({ label: 'E' });
  const first = encoder.beginComputePass({ label: 'A' });
  first.end();
  const second = encoder.beginComputePass();
  first.dispatchWorkgroups(1);
  second.end();
  encoder.finish();
  await turn();
  const names = kernel.records.map(({ op }) => op);
  assert.equal(names[0], 'pushErrorScope');
  assert.deepEqual(names.slice(-4), ['pushDebugGroup', 'finish', 'popErrorScope', 'injectError']);
  assert.equal(names.includes('dispatchWorkgroups'), false);
  const [requestId] = kernel.argumentsOf('popErrorScope')[0] as [number];
  kernel.answer((writer) => returns.errorScopeResult(writer, requestId, 'error', 'validation', 'hidden'));
  device.destroy();
});

test('arguments of commands are converted before anything is recorded', () => {
  const { device } = makeFakeDevice();
  const pass = device.createCommandEncoder().beginComputePass();
  const offsets = new Uint32Array(2);
  const set = pass.setBindGroup.bind(pass) as (...args: unknown[]) => void;
  for (const value of [-1, Number.NaN, 2 ** 32, undefined]) {
    assert.throws(() => pass.dispatchWorkgroups(value as never), TypeError);
  }
  assert.throws(() => set(), TypeError);
  assert.throws(() => set(0, {}), TypeError);
  assert.throws(() => set(0, null, offsets, 0), TypeError);
  assert.throws(() => set(0, null, new Uint8Array(2), 0, 1), TypeError);
  assert.throws(() => set(0, null, offsets, 1, 2), RangeError);
  set(0, null, offsets, 1, 1);
  set(0, null, [1, 2]);
  set(0, undefined);
  set(0);
  pass.pushDebugGroup.call(pass, ...([] as unknown as [string]));
  assert.throws(() => pass.setImmediates(0, new Uint8Array(3)), { name: 'OperationError' });
  assert.throws(() => pass.setImmediates(0, new Uint32Array(2), 1, 2), { name: 'OperationError' });
  device.destroy();
});

test('dynamic offsets are a piece of a Uint32Array, or all of a list whatever follows it', async () => {
  const { device, kernel, turn } = makeFakeDevice();
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  const set = pass.setBindGroup.bind(pass) as (...args: unknown[]) => void;
  set(0, null, new Uint32Array([1, 2, 3]), 1, 1);
  set(1, null, [4, 5]);
  set(2, null, [6, 7], 1);
  set(3, null, [8, 9], 1, 1);
  set(0);
  set(1, null, null);
  set(2, null, null, 1, 1);
  set(3, null, undefined, 1);
  pass.end();
  device.queue.submit([encoder.finish()]);
  await turn();
  assert.deepEqual(
    kernel.argumentsOf('setBindGroupWithOffsets').map(([slot, , list]) => [slot, [...(list as number[])]]),
    [
      [0, [2]],
      [1, [4, 5]],
      [2, [6, 7]],
      [3, [8, 9]],
    ],
  );
  assert.deepEqual(
    kernel.argumentsOf('setBindGroup').map(([slot]) => slot),
    [0, 1, 2, 3],
  );
  device.destroy();
});

test('null counts as missing where nothing is taken for what is missing', async () => {
  const { device, kernel, turn } = makeFakeDevice();
  const target = device.createTexture({ size: [4], format: 'rgba8unorm', usage: 16 });
  const view = target.createView({
    format: null,
    mipLevelCount: null,
  } as unknown as GPUTextureViewDescriptor);
  const buffer = device.createBuffer({ size: 16, usage: 0x28, mappedAtCreation: true });
  const missing = null as unknown as undefined;
  assert.equal(buffer.getMappedRange(8, missing).byteLength, 8);
  buffer.unmap();
  device.queue.writeBuffer(buffer, 0, new Uint8Array(16), 4, missing);
  const encoder = device.createCommandEncoder();
  encoder.clearBuffer(buffer, 4, missing);
  const attachment = { view, loadOp: 'clear', storeOp: 'store', clearValue: null, resolveTarget: null };
  const rest = { depthStencilAttachment: null, occlusionQuerySet: null, timestampWrites: null };
  const descriptor: unknown = { colorAttachments: [attachment], ...rest };
  const pass = encoder.beginRenderPass(descriptor as GPURenderPassDescriptor);
  pass.setVertexBuffer(0, buffer, 4, missing);
  pass.end();
  device.queue.submit([encoder.finish()]);
  await turn();
  const [{ format, mipLevelCount }] = kernel.argumentsOf('createView')[0] as [Record<string, unknown>];
  assert.deepEqual([format, mipLevelCount], [undefined, undefined]);
  const [, , bytes] = kernel.argumentsOf('writeBuffer')[0] as [number, number, Uint8Array];
  assert.equal(bytes.length, 12);
  assert.deepEqual(kernel.argumentsOf('clearBuffer')[0]?.slice(1), [4, undefined]);
  const [began] = kernel.argumentsOf('beginRenderPass')[0] as [Record<string, unknown>];
  const { depthStencilAttachment, occlusionQuerySet, timestampWrites } = began;
  assert.deepEqual([depthStencilAttachment, occlusionQuerySet, timestampWrites], [undefined, 0, undefined]);
  assert.deepEqual(kernel.argumentsOf('setVertexBuffer')[0]?.slice(2), [4, undefined]);
  device.destroy();
});

test('a render pass takes textures and views, and colors in both forms', async () => {
  const { device, kernel, turn } = makeFakeDevice();
  const texture = device.createTexture({
    size: [4, 4],
    format: 'rgba8unorm',
    usage: GPUTextureUsage.RENDER_ATTACHMENT,
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginRenderPass({
    colorAttachments: [
      { view: texture.createView(), clearValue: [0.1, 0.2, 0.3, 1], loadOp: 'clear', storeOp: 'store' },
      null,
      { view: texture, clearValue: { r: 1, g: 0, b: 0, a: 0 }, loadOp: 'load', storeOp: 'discard' },
    ],
  });
  pass.setBlendConstant([1, 2, 3, 4]);
  pass.draw(3);
  pass.end();
  device.queue.submit([encoder.finish()]);
  await turn();
  const [{ colorAttachments }] = kernel.argumentsOf('beginRenderPass')[0] as [{ colorAttachments: object[] }];
  assert.deepEqual(
    colorAttachments.map((attachment) => attachment && Object.values(attachment)),
    [
      [2, undefined, 0, 0.1, 0.2, 0.3, 1, 'clear', 'store'],
      null,
      [3, undefined, 0, 1, 0, 0, 0, 'load', 'discard'],
    ],
  );
  const views = kernel.argumentsOf('createView') as [{ id: number; texture: number }][];
  assert.deepEqual(
    views.map(([{ id, texture: source }]) => [id, source]),
    [
      [2, 1],
      [3, 1],
    ],
    'a texture stands for a view of it, made at once',
  );
  assert.throws(
    () =>
      encoder.beginRenderPass({
        colorAttachments: [{ view: {}, loadOp: 'load', storeOp: 'store' }] as never,
      }),
    TypeError,
  );
  device.destroy();
});

test('objects of another device are named by an id that no object has', async () => {
  const one = makeFakeDevice();
  const other = makeFakeDevice();
  const buffer = other.device.createBuffer({ size: 16, usage: GPUBufferUsage.COPY_DST, label: 'F' });
  one.device.queue.writeBuffer(buffer, 0, new Uint8Array(4));
  one.device.queue.writeBuffer(buffer, 0, new Uint8Array(100_000));
  const encoder = one.device.createCommandEncoder();
  encoder.clearBuffer(buffer);
  one.device.queue.submit([encoder.finish(), other.device.createCommandEncoder().finish()]);
  await one.turn();
  assert.equal(one.kernel.argumentsOf('writeBuffer')[0]?.[0], 0xffff_fffe);
  assert.equal(one.kernel.argumentsOf('clearBuffer')[0]?.[0], 0xffff_fffe);
  assert.equal(one.kernel.argumentsOf('queueSubmit')[0]?.[0][1], 0xffff_fffe);
  assert.match(one.kernel.argumentsOf('injectError')[0]?.[1], /associated with/);
  one.device.destroy();
  other.device.destroy();
});
