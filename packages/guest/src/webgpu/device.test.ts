import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { ProtocolError } from '@dxgwire/protocol';
import { returns } from '@dxgwire/protocol/stream';
import { GPUBufferUsage, GPUTextureUsage } from './constants.ts';
import { GPUOutOfMemoryError, GPUPipelineError, GPUValidationError } from './errors.ts';
import { makeFakeDevice } from './fake-device.ts';
import { globals } from './globals.ts';

test('error scopes resolve to what the backend says', async () => {
  const { device, kernel, turn, statistics } = makeFakeDevice();
  device.pushErrorScope('validation');
  const pops = [device.popErrorScope(), device.popErrorScope(), device.popErrorScope()];
  await turn();
  const ids = kernel.argumentsOf('popErrorScope').map(([id]) => id as number);
  kernel.answer((writer) => {
    returns.errorScopeResult(writer, ids[0]!, 'error', 'out-of-memory', 'full');
    returns.errorScopeResult(writer, ids[1]!, 'no-error', 'validation', '');
    returns.errorScopeResult(writer, ids[2]!, 'empty-stack', 'validation', '');
  });
  const error = await pops[0];
  assert.ok(error instanceof GPUOutOfMemoryError);
  assert.equal(error.message, 'full');
  assert.equal(await pops[1], null);
  await assert.rejects(pops[2]!, { name: 'OperationError' });
  assert.equal(statistics.roundTrips, 3);
  device.destroy();
});

test('uncaptured errors go to listeners, and to the report when nobody prevents it', async () => {
  const { device, kernel, reported } = makeFakeDevice();
  const seen: string[] = [];
  const raise = (message: string): void =>
    kernel.answer((writer) => returns.uncapturedError(writer, 'validation', message));
  raise('one');
  device.onuncapturederror = (event) => {
    seen.push(`handler ${event.error.message}`);
    assert.ok(event.error instanceof GPUValidationError);
    assert.equal(event.target, device);
  };
  device.addEventListener('uncapturederror', (event) => {
    seen.push(`listener ${event.error.message}`);
    event.preventDefault();
  });
  raise('two');
  device.onuncapturederror = null;
  assert.equal(device.onuncapturederror, null);
  raise('three');
  const promise = Promise.resolve();
  const then = mock.method(promise, 'then');
  device.onuncapturederror = () => promise;
  raise('four');
  assert.equal(then.mock.callCount(), 1, 'Node looks whether it is rejected');
  assert.deepEqual(seen, ['handler two', 'listener two', 'listener three', 'listener four']);
  assert.deepEqual(
    reported.map(({ message }) => message),
    ['one'],
  );
  device.destroy();
});

test('what is done to EventTarget reaches devices, also when their own methods were replaced and put back', () => {
  const { device, kernel } = makeFakeDevice();
  const { GPUDevice } = globals;
  const methods = ['addEventListener', 'removeEventListener', 'dispatchEvent'] as const;
  const own = GPUDevice.prototype as unknown as Record<string, unknown>;
  const all = EventTarget.prototype as unknown as Record<string, (...values: unknown[]) => unknown>;
  const seen: string[] = [];
  device.onuncapturederror = (event) => void seen.push(event.error.message);
  for (const name of methods) {
    const found = own[name];
    assert.equal(found, all[name]);
    own[name] = () => 'mine';
    assert.equal((device as unknown as Record<string, () => unknown>)[name]!(), 'mine');
    kernel.answer((writer) => returns.uncapturedError(writer, 'validation', name));
    own[name] = found;
  }
  assert.deepEqual(seen, methods);
  for (const name of methods) {
    const original = all[name]!;
    let calls = 0;
    all[name] = function (this: unknown, ...values: unknown[]) {
      calls += 1;
      return Reflect.apply(original, this, values);
    };
    try {
      device.addEventListener('more', () => {});
      device.removeEventListener('more', () => {});
      assert.equal(device.dispatchEvent(new Event('more')), true);
    } finally {
      all[name] = original;
    }
    assert.equal(calls, 1, name);
  }
  const ofOne = (): boolean => false;
  device.dispatchEvent = ofOne;
  assert.deepEqual([device.dispatchEvent, own['dispatchEvent']], [ofOne, all['dispatchEvent']]);
  assert.ok(Object.hasOwn(device, 'dispatchEvent'));
  assert.throws(() => Reflect.apply(GPUDevice.prototype.dispatchEvent, {}, [new Event('')]), TypeError);
  device.destroy();
});

test('pipelines that are made asynchronously resolve or reject with GPUPipelineError', async () => {
  const { device, kernel, turn } = makeFakeDevice();
  const module = device.createShaderModule({ code: '' });
  const made = [
    device.createComputePipelineAsync({
      layout: 'auto',
      compute: { module, constants: { a: 1 } },
      label: 'P',
    }),
    device.createRenderPipelineAsync({ layout: 'auto', vertex: { module } }),
  ] as const;
  await turn();
  const [{ requestId, compute }] = kernel.argumentsOf('createComputePipelineAsync')[0]!;
  assert.deepEqual(compute, { module: 1, entryPoint: undefined, constants: [{ key: 'a', value: 1 }] });
  const [render] = kernel.argumentsOf('createRenderPipelineAsync')[0]!;
  kernel.answer((writer) => {
    returns.pipelineResult(writer, requestId, 'success', '');
    returns.pipelineResult(writer, render.requestId, 'validation', 'bad');
  });
  assert.equal((await made[0]).label, 'P');
  await assert.rejects(
    made[1],
    (error) => error instanceof GPUPipelineError && error.reason === 'validation',
  );
  device.destroy();
});

test('compilation messages arrive as objects of the standard', async () => {
  const { device, kernel, turn } = makeFakeDevice();
  const info = device.createShaderModule({ code: 'x' }).getCompilationInfo();
  await turn();
  const [requestId] = kernel.argumentsOf('getCompilationInfo')[0]!;
  const message = { message: 'm', type: 'error' as const, lineNum: 1, linePos: 2, offset: 3, length: 4 };
  kernel.answer((writer) => returns.compilationInfo(writer, { requestId, messages: [message] }));
  const { messages } = await info;
  assert.ok(Object.isFrozen(messages));
  const [first] = messages;
  assert.deepEqual(
    [first?.message, first?.type, first?.lineNum, first?.linePos, first?.offset, first?.length],
    [...Object.values(message)],
  );
  device.destroy();
});

test('what was asked before destroy is answered, in the order of the requests', async () => {
  const { device, kernel } = makeFakeDevice();
  const order: string[] = [];
  const module = device.createShaderModule({ code: '' });
  const log = (name: string) => (value: unknown) => order.push(`${name} ${String(value)}`);
  void device.lost.then(({ reason }) => order.push(`lost ${reason}`));
  const all = [
    device.popErrorScope().then(log('pop')),
    device.queue.onSubmittedWorkDone().then(log('work')),
    device.createComputePipelineAsync({ layout: 'auto', compute: { module } }).then(log('pipeline')),
    module.getCompilationInfo().then(({ messages }) => order.push(`info ${messages.length}`)),
  ];
  device.destroy();
  device.destroy();
  all.push(device.queue.onSubmittedWorkDone().then(log('late')));
  const id = (op: 'popErrorScope' | 'onSubmittedWorkDone' | 'getCompilationInfo'): number =>
    Number(kernel.argumentsOf(op)[0]?.[0]);
  const pipeline = kernel.argumentsOf('createComputePipelineAsync')[0]?.[0] as { requestId: number };
  assert.equal(kernel.argumentsOf('destroyDevice').length, 1);
  kernel.answer((writer) => {
    returns.deviceLost(writer, 'destroyed', 'gone');
    returns.errorScopeResult(writer, id('popErrorScope'), 'error', 'validation', 'found before');
    returns.workDone(writer, id('onSubmittedWorkDone'));
  });
  assert.equal(kernel.closed, false);
  kernel.answer((writer) => {
    returns.pipelineResult(writer, pipeline.requestId, 'success', '');
    returns.compilationInfo(writer, { requestId: id('getCompilationInfo'), messages: [] });
  });
  await Promise.all(all);
  assert.deepEqual(order, [
    'lost destroyed',
    'pop [object GPUValidationError]',
    'work undefined',
    'pipeline [object GPUComputePipeline]',
    'info 0',
    'late undefined',
  ]);
  assert.ok(kernel.closed);
  assert.equal(await device.popErrorScope(), null);
  await device.queue.onSubmittedWorkDone();
  device.createBuffer({ size: 4, usage: GPUBufferUsage.STORAGE }).destroy();
  device.queue.submit([device.createCommandEncoder().finish()]);
});

test('the device is lost once, for the first reason', async () => {
  const { device, kernel } = makeFakeDevice();
  kernel.answer((writer) => returns.deviceLost(writer, 'unknown', 'crash'));
  kernel.listener?.kernelLost('later');
  device.destroy();
  const { reason, message } = await device.lost;
  assert.deepEqual([reason, message], ['unknown', 'crash']);
});

test('answers that were not asked for end the device', async () => {
  const { device, kernel } = makeFakeDevice();
  kernel.answer((writer) => returns.workDone(writer, 77));
  const { reason, message } = await device.lost;
  assert.equal(reason, 'unknown');
  assert.match(message, /77/);
});

test('the return ring wraps, and the backend hears how far it was read', async () => {
  const { device, kernel, turn } = makeFakeDevice({ returnRingBytes: 4096 });
  for (let i = 0; i < 200; i++) {
    const done = device.queue.onSubmittedWorkDone();
    const pop = device.popErrorScope();
    await turn();
    const work = kernel.argumentsOf('onSubmittedWorkDone').at(-1)![0];
    const scope = kernel.argumentsOf('popErrorScope').at(-1)![0];
    kernel.answer((writer) => returns.workDone(writer, work));
    kernel.answer((writer) => returns.errorScopeResult(writer, scope, 'error', 'validation', 'x'.repeat(i)));
    await done;
    assert.equal((await pop)?.message.length, i);
  }
  await turn();
  const totals = kernel.argumentsOf('returnsConsumed').map(([low]) => low as number);
  assert.ok(totals.length > 10);
  assert.deepEqual(
    totals,
    [...totals].sort((a, b) => a - b),
  );
  device.destroy();
});

test('writes go inline when they are small, and by staging memory when they are large', async () => {
  const { device, kernel, turn } = makeFakeDevice();
  const buffer = device.createBuffer({ size: 100_000, usage: GPUBufferUsage.COPY_DST });
  const shared = new Uint16Array(new SharedArrayBuffer(8));
  shared.set([1, 2, 3, 4]);
  device.queue.writeBuffer(buffer, 4, shared as never, 1, 2);
  device.queue.writeBuffer(buffer, 8, new DataView(new ArrayBuffer(8), 4));
  device.queue.writeBuffer(buffer, 0, new Float64Array(10_000).fill(1));
  await turn();
  assert.deepEqual(
    kernel.argumentsOf('writeBuffer').map(([, offset, data]) => [offset, [...data]]),
    [
      [4, [2, 0, 3, 0]],
      [8, [0, 0, 0, 0]],
    ],
  );
  const [id, offset, low, high, length] = kernel.argumentsOf('writeBufferFrom')[0]!;
  assert.deepEqual([id, offset, length], [1, 0, 80_000]);
  const sent = new Float64Array(kernel.memoryAt(low, high, length).slice().buffer);
  assert.ok(sent.every((value) => value === 1));
  for (const [data, from, size] of [
    [new Uint8Array(3), 0, undefined],
    [new Uint8Array(4), 5, undefined],
    [new Uint8Array(4), 0, 8],
  ] as const) {
    assert.throws(() => device.queue.writeBuffer(buffer, 0, data, from, size), { name: 'OperationError' });
  }
  assert.throws(() => device.queue.writeBuffer(buffer, 0, [1, 2, 3, 4] as never), TypeError);
  device.destroy();
});

test('writeTexture sends the bytes that are needed, in pieces when they are many', async () => {
  const { device, kernel, turn } = makeFakeDevice();
  const texture = device.createTexture({
    size: [2048, 2048, 2],
    format: 'rgba8unorm',
    usage: GPUTextureUsage.COPY_DST,
  });
  const small = { texture, origin: [1, 2] };
  device.queue.writeTexture(small, new Uint8Array(1000), { offset: 100, bytesPerRow: 16 }, [2, 2]);
  const data = new Uint32Array(2048 * 2048 * 2).map((_, i) => i);
  device.queue.writeTexture({ texture }, data, { bytesPerRow: 8192, rowsPerImage: 2048 }, [2048, 2048, 2]);
  device.queue.writeTexture({ texture }, new Uint8Array(4), { bytesPerRow: 8192 }, [2048, 2048]);
  await turn();
  const inline = kernel.argumentsOf('writeTexture');
  assert.deepEqual(inline[0]?.slice(0, 12), [1, 0, 1, 2, 0, 'all', 2, 2, 1, 0, 16, undefined]);
  assert.equal(inline[0]?.[12].length, 24);
  assert.equal(inline[1]?.[12].length, 4);
  for (const [, , , y, z, , , height, , , , , low, high, length] of kernel.argumentsOf('writeTextureFrom')) {
    const words = new Uint32Array(kernel.memoryAt(low, high, length).slice().buffer);
    assert.equal(words[0], z * 2048 * 2048 + y * 2048);
    assert.equal(words.length, height * 2048);
  }
  device.destroy();
});

test('a large write that cannot be valid is one write, or one error', async () => {
  const { device, kernel, turn } = makeFakeDevice();
  const size: [number, number] = [2048, 256];
  const texture = device.createTexture({ size, format: 'rgba32float', usage: GPUTextureUsage.COPY_DST });
  const source = device.createBuffer({ size: 65_536, usage: GPUBufferUsage.COPY_SRC, label: 'source' });
  const data = new Uint8Array(2048 * 16 * 512);
  // Its upper half would fit.
  device.queue.writeTexture({ texture }, data, { bytesPerRow: 2048 * 16 }, [2048, 512]);
  device.queue.writeTexture({ texture }, data, { offset: 8, bytesPerRow: 66_560 }, size);
  device.queue.writeTexture({ texture }, data, { offset: data.length + 1, bytesPerRow: 65_536 }, size);
  device.queue.label = 'Q';
  device.queue.writeBuffer(source, 0, data, 0, 20_000);
  device.queue.writeBuffer(source, 2, data, 0, 20_000);
  const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.MAP_WRITE | GPUBufferUsage.COPY_DST;
  device.queue.writeBuffer(device.createBuffer({ size: data.length, usage }), 0, data);
  const depths = device.createTexture({
    size: [64, 64],
    format: 'depth16unorm',
    usage: GPUTextureUsage.COPY_DST,
  });
  const images = data.subarray(0, 20_000);
  device.queue.writeTexture({ texture: depths }, images, { bytesPerRow: 1024 }, [64, 64]);
  device.queue.writeTexture({ texture: depths }, images, { offset: 20_001, bytesPerRow: 256 }, [64, 64]);
  await turn();
  assert.equal(kernel.argumentsOf('writeTextureFrom').length, 0);
  assert.deepEqual(
    kernel.argumentsOf('writeTexture').map((given) => [given[6], given[7]]),
    [[2048, 512]],
  );
  assert.deepEqual(
    kernel.argumentsOf('injectError').map(([, message]) => (message as string).split('\n')[0]),
    [
      'Required size for texture data layout (17005568) exceeds the linear data size (16777216) with offset (8).',
      'Data offset (16777217) is greater than the data size (16777216).',
      '[Buffer "source"] usage (BufferUsage::CopySrc) doesn\'t include BufferUsage::CopyDst.',
      'BufferOffset (2) is not a multiple of 4.',
      '[Invalid Buffer (unlabeled)] is invalid due to a previous error.',
      'Required size for texture data layout (64640) exceeds the linear data size (20000) with offset (0).',
      'Data offset (20001) is greater than the data size (20000).',
    ],
  );
  const [, message] = kernel.argumentsOf('injectError')[2]!;
  assert.match(
    message as string,
    /\n - While calling \[Queue "Q"\]\.WriteBuffer\(\[Buffer "source"\], \(0 bytes\), data, \(20000 bytes\)\)\n$/,
  );
  device.destroy();
});

test('a buffer that was transferred elsewhere counts as empty data', async () => {
  const { device, kernel, turn } = makeFakeDevice();
  const buffer = device.createBuffer({ size: 16, usage: GPUBufferUsage.COPY_DST });
  const texture = device.createTexture({ size: [1], format: 'r8unorm', usage: GPUTextureUsage.COPY_DST });
  const gone = new Uint8Array(8);
  structuredClone(gone.buffer, { transfer: [gone.buffer] });
  for (const data of [gone, gone.buffer]) {
    device.queue.writeBuffer(buffer, 0, data);
    device.queue.writeTexture({ texture }, data, {}, [1]);
    assert.throws(() => device.queue.writeBuffer(buffer, 0, data, 1), { name: 'OperationError' });
  }
  await turn();
  assert.deepEqual(
    kernel.argumentsOf('writeBuffer').map(([, , data]) => data.length),
    [0, 0],
  );
  assert.deepEqual(
    kernel.argumentsOf('writeTexture').map((given) => given[12].length),
    [0, 0],
  );
  device.destroy();
});

test('limits and features of a descriptor reach the standard conditions', async () => {
  const { deviceLimits, defaultLimits } = await import('./limits.ts');
  const adapter = { ...defaultLimits(true), maxBufferSize: 2 ** 30, maxStorageBuffersPerShaderStage: 10 };
  const ask = (limits: Record<string, number | undefined>) =>
    deviceLimits(adapter, Object.entries(limits), true);
  assert.equal((ask({ maxBufferSize: 2 ** 29 }) as { maxBufferSize: number }).maxBufferSize, 2 ** 29);
  assert.equal((ask({ maxBufferSize: 5 }) as { maxBufferSize: number }).maxBufferSize, 268_435_456);
  assert.equal(
    (ask({ maxStorageBuffersPerShaderStage: 10 }) as { maxStorageBuffersInVertexStage: number })
      .maxStorageBuffersInVertexStage,
    10,
  );
  for (const limits of [
    { maxBufferSize: 2 ** 31 },
    { none: 1 },
    { minUniformBufferOffsetAlignment: 128 },
    { minUniformBufferOffsetAlignment: 300 },
  ]) {
    assert.equal(typeof ask(limits), 'string', JSON.stringify(limits));
  }
  assert.notEqual(typeof ask({ none: undefined }), 'string');
});

test('a program that asks a lost device for ever lets timers have their turn', async () => {
  const { device, kernel, turn } = makeFakeDevice();
  device.destroy();
  await turn();
  kernel.answer((writer) => returns.deviceLost(writer, 'destroyed', 'gone'));
  await device.lost;
  let isOver = false;
  setTimeout(() => {
    isOver = true;
  });
  while (!isOver) await device.queue.onSubmittedWorkDone();
});

test('a request that is too long for a record is refused, and not waited for', async () => {
  const { device, core } = makeFakeDevice();
  // Behind 256 MiB, which would take the test too long.
  const refusal = new ProtocolError('too-large', 'record of 67108865 words');
  const send = (): never => {
    throw refusal;
  };
  const request = core.ask('work', send, (resolve) => ({
    done: () => resolve(undefined),
    lost: () => resolve(undefined),
  }));
  await assert.rejects(request, refusal);
  assert.equal(core.requests.size, 0);
  // A name of 16 MiB is no reason.
  const module = device.createShaderModule({ code: '' });
  const constants = { ['x'.repeat(2 ** 24)]: 1 };
  void device.createComputePipelineAsync({ layout: 'auto', compute: { module, constants } }).catch(() => {});
  assert.equal(core.requests.size, 1);
  device.destroy();
});
