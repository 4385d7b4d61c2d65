import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { AllocationKind, encodeContextBlob } from '@dxgwire/protocol/blobs';
import { ops, STREAM_VERSION } from '@dxgwire/protocol/stream';
import type { Backend, BackendContext } from '../contract.ts';
import { createWebgpuBackend } from './index.ts';
import { computePipeline, dispatch, hang } from './testing/recipes.ts';
import { RETURN_EVENT, RETURN_FENCE, Rig } from './testing/rig.ts';

const MAP_READ = 1;
const COPY_SRC = 4;
const COPY_DST = 8;
const STORAGE = 0x80;
const RENDER_ATTACHMENT = 0x10;

const doubleModule = `
@group(0) @binding(0) var<storage, read_write> values: array<u32>;
override factor: u32 = 1;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < arrayLength(&values)) { values[id.x] = values[id.x] * factor; }
}`;

const triangleModule = `
@vertex fn vs(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
  var corners = array(vec2f(-1, -1), vec2f(3, -1), vec2f(-1, 3));
  return vec4f(corners[i], 0, 1);
}
@fragment fn fs() -> @location(0) vec4f { return vec4f(1, 0.5, 0, 1); }`;

let backend: Backend;

before(async () => {
  backend = await createWebgpuBackend({ vulkan: 'bundled' });
});

after(() => backend.close());

/** Runs `body` on a fresh device. */
async function withRig(body: (rig: Rig) => Promise<void>, shared = true): Promise<void> {
  const rig = await Rig.open(backend, shared);
  try {
    await rig.createDevice();
    await body(rig);
  } finally {
    await rig.close();
  }
}

describe('a software device', () => {
  test('says what it is', () => {
    const [adapter] = backend.adapters;
    assert.match(adapter!.description, /software/i);
    assert.equal(adapter!.softwareDevice, true);
    assert.ok(adapter!.segments[0]!.lengthBytes > 0);
  });
});

for (const shared of [true, false]) {
  const how = shared ? 'shared memory' : 'memory that only the host reaches';

  test(`compute: data in, a dispatch, data out, by ${how}`, () =>
    withRig(async (rig) => {
      const { writer } = rig;
      const values = rig.buffer(4096, STORAGE | COPY_SRC | COPY_DST);
      const result = rig.buffer(4096, MAP_READ | COPY_DST);
      new Uint32Array(rig.staging.buffer, rig.staging.byteOffset, 1024).forEach((_, index, all) => {
        all[index] = index;
      });
      ops.writeBufferFrom(writer, values, 0, rig.stagingAddress, 0, 4096);
      ops.writeBuffer(writer, values, 0, new Uint8Array(Uint32Array.of(7).buffer));
      dispatch(rig, computePipeline(rig, doubleModule, [{ key: 'factor', value: 3 }]), values, 16);
      const commands = rig.id();
      ops.beginCommandEncoder(writer, '');
      ops.copyBufferToBuffer(writer, values, 0, result, 0, 4096);
      ops.finish(writer, commands, '');
      ops.queueSubmit(writer, [commands]);
      const bytes = await rig.read(result, 4096);
      const expected = Uint32Array.from({ length: 1024 }, (_, index) => (index === 0 ? 21 : index * 3));
      assert.deepEqual(new Uint32Array(bytes.buffer), expected);
      assert.ok(rig.published > 0);
      assert.deepEqual(rig.returned, []);
    }, shared));
}

test('render: a triangle in a texture, read back', () =>
  withRig(async (rig) => {
    const { writer } = rig;
    const [texture, view, module, pipeline, commands] = [rig.id(), rig.id(), rig.id(), rig.id(), rig.id()];
    const width = 64;
    ops.createTexture(writer, {
      id: texture,
      runtimeHandleLow: rig.memory(width * width * 4, AllocationKind.texture),
      runtimeHandleHigh: 0,
      width,
      height: width,
      depthOrArrayLayers: 1,
      mipLevelCount: 1,
      sampleCount: 1,
      dimension: '2d',
      format: 'rgba8unorm',
      usage: RENDER_ATTACHMENT | 1,
      viewFormats: [],
      label: 'target',
    });
    ops.createView(writer, {
      id: view,
      texture,
      usage: 0,
      aspect: 'all',
      baseMipLevel: 0,
      baseArrayLayer: 0,
      swizzle: 'rgba',
      label: '',
    });
    ops.createShaderModule(writer, { id: module, label: '', code: triangleModule, compilationHints: [] });
    ops.createRenderPipeline(writer, {
      id: pipeline,
      label: '',
      layout: 0,
      vertex: { module, constants: [], buffers: [null] },
      primitive: { topology: 'triangle-list', frontFace: 'ccw', cullMode: 'none', unclippedDepth: false },
      multisample: { count: 1, mask: 0xffff_ffff, alphaToCoverageEnabled: false },
      fragment: { module, constants: [], targets: [{ format: 'rgba8unorm', writeMask: 15 }] },
    });
    const result = rig.buffer(width * 256, MAP_READ | COPY_DST);
    ops.beginCommandEncoder(writer, 'frame');
    ops.beginRenderPass(writer, {
      label: '',
      colorAttachments: [
        {
          view,
          resolveTarget: 0,
          clearR: 0,
          clearG: 0,
          clearB: 1,
          clearA: 1,
          loadOp: 'clear',
          storeOp: 'store',
        },
      ],
      occlusionQuerySet: 0,
    });
    ops.setPipeline(writer, pipeline);
    ops.setScissorRect(writer, 0, 0, 32, 64);
    ops.draw(writer, 3, 1, 0, 0);
    ops.endPass(writer);
    ops.copyTextureToBuffer(writer, texture, 0, 0, 0, 0, 'all', result, 0, 256, undefined, width, width, 1);
    ops.finish(writer, commands, '');
    ops.queueSubmit(writer, [commands]);
    const bytes = await rig.read(result, width * 256);
    assert.deepEqual([...bytes.subarray(0, 4)], [255, 128, 0, 255]);
    assert.deepEqual([...bytes.subarray(40 * 4, 41 * 4)], [0, 0, 255, 255]);
    assert.deepEqual(rig.returned, []);
  }));

test('error scopes: order, nesting, injected errors, an empty stack', () =>
  withRig(async (rig) => {
    const { writer } = rig;
    const bad = (): void => {
      rig.buffer(16, 0);
    };
    assert.match((await rig.scope('validation', bad))!.message, /usages/);
    assert.equal(await rig.scope('validation', () => {}), null);
    assert.equal((await rig.scope('validation', () => rig.scope('out-of-memory', bad)))?.type, 'validation');
    const injectedFirst = await rig.scope('validation', () => {
      ops.injectError(writer, 'validation', 'mine');
      bad();
    });
    assert.deepEqual(injectedFirst, { type: 'validation', message: 'mine' });
    const injectedLast = await rig.scope('validation', () => {
      bad();
      ops.injectError(writer, 'validation', 'mine');
    });
    assert.match(injectedLast!.message, /usages/);
    const across = await rig.scope('out-of-memory', () => {
      ops.pushErrorScope(writer, 'validation');
      ops.injectError(writer, 'out-of-memory', 'no room');
      bad();
      ops.popErrorScope(writer, 0);
    });
    assert.deepEqual(across, { type: 'out-of-memory', message: 'no room' });
    assert.equal((await rig.take('errorScopeResult', ([id]) => id === 0))[1], 'error');
    ops.popErrorScope(writer, 99);
    bad();
    ops.injectError(writer, 'internal', 'uncaptured');
    await rig.submit();
    assert.equal((await rig.take('errorScopeResult', ([id]) => id === 99))[1], 'empty-stack');
    assert.equal((await rig.take('uncapturedError', ([type]) => type === 'internal'))[1], 'uncaptured');
    assert.match(String((await rig.take('uncapturedError'))[1]), /usages/);
  }));

test('compilation messages with their places, and pipelines made asynchronously', () =>
  withRig(async (rig) => {
    const { writer } = rig;
    const [good, bad, pipeline] = [rig.id(), rig.id(), rig.id()];
    ops.createShaderModule(writer, { id: good, label: '', code: doubleModule, compilationHints: [] });
    ops.pushErrorScope(writer, 'validation');
    ops.createShaderModule(writer, {
      id: bad,
      label: '',
      code: 'fn ok() {}\n/*ä*/ fn b() { nope; }',
      compilationHints: [],
    });
    ops.popErrorScope(writer, 1000);
    ops.getCompilationInfo(writer, 1001, bad);
    ops.getCompilationInfo(writer, 1002, good);
    const compute = { module: good, constants: [], entryPoint: 'main' };
    ops.createComputePipelineAsync(writer, { requestId: 1003, id: pipeline, label: '', layout: 0, compute });
    ops.createComputePipelineAsync(writer, {
      requestId: 1004,
      id: rig.id(),
      label: '',
      layout: 0,
      compute: { ...compute, entryPoint: 'missing' },
    });
    await rig.submit();
    interface Info {
      requestId: number;
      messages: { type: string; message: string; lineNum: number; linePos: number }[];
    }
    const infoOf = async (requestId: number) =>
      (await rig.take('compilationInfo', ([value]) => (value as Info).requestId === requestId))[0] as Info;
    const [message] = (await infoOf(1001)).messages;
    assert.equal(message!.type, 'error');
    // In UTF-16 units: in bytes it would be 21.
    assert.deepEqual([message!.lineNum, message!.linePos], [2, 20]);
    assert.deepEqual((await infoOf(1002)).messages, []);
    assert.deepEqual(await rig.take('pipelineResult', ([id]) => id === 1003), [1003, 'success', '']);
    const failed = await rig.take('pipelineResult', ([id]) => id === 1004);
    assert.equal(failed[1], 'validation');
    assert.match(String(failed[2]), /missing/);
    const values = rig.buffer(256, STORAGE);
    assert.equal(await rig.scope('validation', () => dispatch(rig, pipeline, values, 1)), null);
  }));

test('wrong ids, records out of place and exceptions of the binding are validation errors', () =>
  withRig(async (rig) => {
    const { writer } = rig;
    const buffer = rig.buffer(16, COPY_DST);
    const expect = async (pattern: RegExp, record: () => void): Promise<void> => {
      const error = await rig.scope('validation', record);
      assert.equal(error?.type, 'validation');
      assert.match(error.message, pattern);
    };
    await expect(/no buffer of id 4000000000/, () =>
      ops.writeBuffer(writer, 4_000_000_000, 0, new Uint8Array(4)),
    );
    await expect(/no texture of id/, () => {
      ops.createView(writer, {
        id: rig.id(),
        texture: buffer,
        usage: 0,
        aspect: 'all',
        baseMipLevel: 0,
        baseArrayLayer: 0,
        swizzle: 'rgba',
        label: '',
      });
    });
    await expect(/draw: no render pass/, () => ops.draw(writer, 1, 1, 1, 1));
    await expect(/finish: no command encoder/, () => ops.finish(writer, rig.id(), ''));
    await expect(/writeBuffer: .*multiple of 4/, () => ops.writeBuffer(writer, buffer, 0, new Uint8Array(3)));
    await expect(/no command buffer/, () => ops.queueSubmit(writer, [77777]));
    await expect(/ended/, () => {
      ops.beginCommandEncoder(writer, '');
      ops.beginComputePass(writer, { label: '' });
      ops.endPass(writer);
      ops.dispatchWorkgroups(writer, 1, 1, 1);
      ops.finish(writer, rig.id(), '');
    });
    ops.releaseObjects(writer, [buffer]);
    await expect(/no buffer of id/, () => ops.unmap(writer, buffer));
  }));

test('destroying a device loses it once, and later work still ends', () =>
  withRig(async (rig) => {
    const { writer } = rig;
    const buffer = rig.buffer(16, MAP_READ | COPY_DST);
    ops.mapAsync(writer, 7, buffer, 1, 0, 16, rig.stagingAddress, 0);
    ops.destroyDevice(writer);
    assert.deepEqual(await rig.submit(), { kind: 'completed' });
    assert.equal((await rig.take('deviceLost'))[0], 'destroyed');
    assert.equal((await rig.take('mapResult'))[1], 'aborted');
    dispatch(rig, computePipeline(rig, doubleModule), rig.buffer(256, STORAGE), 1);
    ops.onSubmittedWorkDone(writer, 8);
    assert.deepEqual(await rig.submit(), { kind: 'completed' });
    await rig.take('workDone', ([id]) => id === 8);
    assert.deepEqual(
      rig.returned.filter(({ name }) => name === 'deviceLost'),
      [],
    );
  }));

test('a hung shader: reset ends it, its guest is told once, the adapter goes on', () =>
  withRig(async (rig) => {
    const ends = await hang(rig);
    await rig.adapter.reset();
    assert.deepEqual(await Promise.all(ends), Array(2).fill({ kind: 'lost' }));
    assert.equal((await rig.take('deviceLost'))[0], 'unknown');
    assert.deepEqual(await rig.submit(), { kind: 'lost' });
    assert.deepEqual(rig.returned, []);
    assert.deepEqual(rig.lost, []);
  }));

test('each rise of the return fence is followed by the event that tells of it', () =>
  withRig(async (rig) => {
    for (let i = 0; i < 3; i += 1) assert.equal(await rig.scope('validation', () => {}), null);
    assert.ok(rig.signals.length >= 8, `${rig.signals.length} signals`);
    for (const [index, handle] of rig.signals.entries()) {
      assert.equal(handle, index % 2 === 0 ? RETURN_FENCE : RETURN_EVENT);
    }
  }));

test('a GPU process that dies: its guest is told once, the other guest goes on', async () => {
  const [first, second] = [await Rig.open(backend), await Rig.open(backend)];
  try {
    await Promise.all([first.createDevice(), second.createDevice()]);
    const { pid } = (first.adapter as unknown as { server: { pid: number } }).server;
    process.kill(pid, 'SIGKILL');
    const [reason, message] = await first.take('deviceLost');
    assert.equal(reason, 'unknown');
    assert.match(String(message), /ended by SIGKILL/);
    assert.equal(first.lost.length, 1);
    assert.deepEqual(await first.submit(), { kind: 'lost' });
    assert.equal(await second.scope('validation', () => {}), null);
  } finally {
    await Promise.all([first.close(), second.close()]);
  }
  assert.equal(first.lost.length, 1);
});

test('a context with data of another driver or version is refused', () =>
  withRig(async (rig) => {
    const services = { signalFence: () => false, findAllocation: () => null };
    const create = (privateData: Uint8Array) =>
      rig.adapter.createContext({ device: {}, nodeIndex: 0, privateData, services });
    assert.ok('refused' in create(new Uint8Array(0)));
    assert.ok('refused' in create(Uint8Array.of(1, 2, 3)));
  }));

test('a guest has no more contexts than the GPU process can bear; what it destroys makes room', () =>
  withRig(async (rig) => {
    const { adapter } = rig;
    const services = { signalFence: () => false, findAllocation: () => null };
    const privateData = encodeContextBlob({
      streamVersion: STREAM_VERSION,
      returnRing: [1, 0],
      returnFence: 1,
    });
    const create = () => adapter.createContext({ device: {}, nodeIndex: 0, privateData, services });
    const made: BackendContext[] = [];
    let last = create();
    while (!('refused' in last) && made.length < 5000) {
      made.push(last);
      last = create();
    }
    assert.equal(made.length, 2047);
    assert.equal('refused' in last && last.refused, 'a guest has at most 2048 contexts on one GPU');
    adapter.destroyContext(made.pop()!);
    assert.ok(!('refused' in create()));
  }));

test('adapters beyond the last are refused', async () => {
  await assert.rejects(backend.openAdapter(1, {} as never), RangeError);
});
