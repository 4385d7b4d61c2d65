import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { globals } from '@dxgwire/guest/webgpu';
import { createWebgpuBackend } from '@dxgwire/host/backends/webgpu';
import { linkMakers, Stack } from '../support/stacks.ts';

const { GPUBufferUsage, GPUMapMode, GPUShaderStage, GPUTextureUsage } = globals;

/** The smallest useful job: doubles numbers on the GPU. */
const DOUBLE = /* wgsl */ `
  @group(0) @binding(0) var<storage, read_write> data: array<u32>;
  @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
    if (id.x < arrayLength(&data)) { data[id.x] = data[id.x] * 2u; }
  }`;

for (const linkName of Object.keys(linkMakers)) {
  describe(`WebGPU over ${linkName} on Dawn`, () => {
    let stack: Stack;
    let gpu: ReturnType<Stack['createGPU']>;
    let adapter: GPUAdapter;

    before(async () => {
      stack = await Stack.start(linkName, await createWebgpuBackend());
      gpu = stack.createGPU();
      const found = await gpu.requestAdapter();
      assert.ok(found, 'the host offers an adapter');
      adapter = found;
    });
    after(async () => {
      await gpu.close();
      await stack.close();
    });

    /** Each test gets a device of its own from a fresh adapter, since an adapter gives one device. */
    async function device(descriptor?: GPUDeviceDescriptor): Promise<GPUDevice> {
      const own = await gpu.requestAdapter();
      assert.ok(own);
      return own.requestDevice(descriptor);
    }

    async function readBack(from: GPUDevice, source: GPUBuffer, size: number): Promise<ArrayBuffer> {
      const target = from.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
      const encoder = from.createCommandEncoder();
      encoder.copyBufferToBuffer(source, 0, target, 0, size);
      from.queue.submit([encoder.finish()]);
      await target.mapAsync(GPUMapMode.READ);
      const copy = target.getMappedRange().slice(0);
      target.unmap();
      target.destroy();
      return copy;
    }

    test('the adapter says what it is', () => {
      assert.ok(adapter.info.description.length > 0 || adapter.info.device.length > 0);
      assert.ok(adapter.limits.maxBufferSize >= 1 << 20);
      assert.equal(typeof adapter.features.has('timestamp-query'), 'boolean');
    });

    test('a device that asks for the limits of its adapter has them all', async () => {
      const { limits } = adapter;
      const own = await device({ requiredLimits: limits as unknown as Record<string, number> });
      for (const name in limits) {
        assert.equal(Reflect.get(own.limits, name), Reflect.get(limits, name), name);
      }
      own.destroy();
    });

    test('a compute pass works on data that the program wrote, and it comes back', async () => {
      const own = await device();
      const count = 1000;
      const data = own.createBuffer({
        size: count * 4,
        usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
      });
      own.queue.writeBuffer(
        data,
        0,
        Uint32Array.from({ length: count }, (_, index) => index),
      );
      const pipeline = own.createComputePipeline({
        layout: 'auto',
        compute: { module: own.createShaderModule({ code: DOUBLE }) },
      });
      const group = own.createBindGroup({
        layout: pipeline.getBindGroupLayout(0),
        entries: [{ binding: 0, resource: { buffer: data } }],
      });
      const encoder = own.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(Math.ceil(count / 64));
      pass.end();
      own.queue.submit([encoder.finish()]);
      const result = new Uint32Array(await readBack(own, data, count * 4));
      for (let index = 0; index < count; index++) assert.equal(result[index], index * 2);
      own.destroy();
    });

    test('creating objects and steady steps cost no round trip, a readback one', async () => {
      const own = await device();
      const before = gpu.statistics.roundTrips;
      const data = own.createBuffer({ size: 256, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
      const pipeline = own.createComputePipeline({
        layout: 'auto',
        compute: { module: own.createShaderModule({ code: DOUBLE }) },
      });
      const group = own.createBindGroup({
        layout: pipeline.getBindGroupLayout(0),
        entries: [{ binding: 0, resource: { buffer: data } }],
      });
      const texture = own.createTexture({
        size: [16, 16],
        format: 'rgba8unorm',
        usage: GPUTextureUsage.COPY_DST,
      });
      texture.createView();
      own.createSampler();
      assert.equal(gpu.statistics.roundTrips, before, 'creation');
      for (let step = 0; step < 50; step++) {
        const encoder = own.createCommandEncoder();
        const pass = encoder.beginComputePass();
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(1);
        pass.end();
        own.queue.submit([encoder.finish()]);
      }
      assert.equal(gpu.statistics.roundTrips, before, '50 steps');
      await readBack(own, data, 256);
      assert.ok(gpu.statistics.roundTrips - before <= 1, 'a readback');
      own.destroy();
    });

    test('mappedAtCreation, mapAsync for writing, and uploads larger than any packet', async () => {
      const own = await device();
      const size = 3 << 20;
      const source = own.createBuffer({ size, usage: GPUBufferUsage.COPY_SRC, mappedAtCreation: true });
      const bytes = new Uint8Array(source.getMappedRange());
      for (let index = 0; index < size; index++) bytes[index] = (index * 7 + (index >> 8)) & 255;
      const expected = bytes.slice();
      source.unmap();
      assert.equal(bytes.length, 0, 'unmap detaches');
      assert.deepEqual(new Uint8Array(await readBack(own, source, size)), expected);

      const staging = own.createBuffer({
        size: 64,
        usage: GPUBufferUsage.MAP_WRITE | GPUBufferUsage.COPY_SRC,
      });
      await staging.mapAsync(GPUMapMode.WRITE);
      new Uint32Array(staging.getMappedRange()).fill(0xabcd1234);
      staging.unmap();
      assert.equal(new Uint32Array(await readBack(own, staging, 64))[15], 0xabcd1234);

      const target = own.createBuffer({
        size: 20 << 20,
        usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC,
      });
      const big = new Uint8Array(20 << 20).map((_, index) => (index >> 3) & 255);
      own.queue.writeBuffer(target, 0, big);
      const back = new Uint8Array(await readBack(own, target, 20 << 20));
      assert.ok(Buffer.from(back.buffer).equals(Buffer.from(big.buffer)), '20 MiB come back as written');
      own.destroy();
    });

    test('of a large write that goes beyond its texture nothing is written', async () => {
      const own = await device();
      const texture = own.createTexture({
        size: [2048, 300],
        format: 'rgba32float',
        usage: GPUTextureUsage.COPY_DST | GPUTextureUsage.COPY_SRC,
      });
      const pixels = own.createBuffer({
        size: 2048 * 16,
        usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC,
      });
      const data = new Uint8Array(2048 * 16 * 600).fill(7);
      own.pushErrorScope('validation');
      own.queue.writeTexture({ texture }, data, { bytesPerRow: 2048 * 16 }, [2048, 600]);
      const error = await own.popErrorScope();
      assert.match(error?.message ?? '', /touches outside/);
      const encoder = own.createCommandEncoder();
      encoder.copyTextureToBuffer({ texture }, { buffer: pixels }, [2048, 1]);
      own.queue.submit([encoder.finish()]);
      const back = new Uint8Array(await readBack(own, pixels, 2048 * 16));
      assert.ok(back.every((value) => value === 0));
      own.destroy();
    });

    test('a render pass with depth and MSAA resolve draws the triangle where it belongs', async () => {
      const own = await device();
      const module = own.createShaderModule({
        code: /* wgsl */ `
          @vertex fn vertex(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
            var p = array(vec2f(-1, -1), vec2f(3, -1), vec2f(-1, 3));
            return vec4f(p[i], 0.5, 1);
          }
          @fragment fn fragment() -> @location(0) vec4f { return vec4f(1, 0.5, 0, 1); }`,
      });
      const pipeline = await own.createRenderPipelineAsync({
        layout: 'auto',
        vertex: { module },
        fragment: { module, targets: [{ format: 'rgba8unorm' }] },
        depthStencil: { format: 'depth24plus', depthWriteEnabled: true, depthCompare: 'less' },
        multisample: { count: 4 },
      });
      const size = [64, 64];
      const usage = GPUTextureUsage.RENDER_ATTACHMENT;
      const target = own.createTexture({
        size,
        format: 'rgba8unorm',
        usage: usage | GPUTextureUsage.COPY_SRC,
      });
      const samples = own.createTexture({ size, format: 'rgba8unorm', usage, sampleCount: 4 });
      const depth = own.createTexture({ size, format: 'depth24plus', usage, sampleCount: 4 });
      const pixels = own.createBuffer({
        size: 64 * 256,
        usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
      });
      const encoder = own.createCommandEncoder();
      const pass = encoder.beginRenderPass({
        colorAttachments: [
          {
            view: samples.createView(),
            resolveTarget: target.createView(),
            loadOp: 'clear',
            storeOp: 'discard',
            clearValue: [0, 0, 1, 1],
          },
        ],
        depthStencilAttachment: {
          view: depth.createView(),
          depthLoadOp: 'clear',
          depthStoreOp: 'discard',
          depthClearValue: 1,
        },
      });
      pass.setPipeline(pipeline);
      pass.setViewport(0, 0, 32, 64, 0, 1);
      pass.draw(3);
      pass.end();
      encoder.copyTextureToBuffer({ texture: target }, { buffer: pixels, bytesPerRow: 256 }, size);
      own.queue.submit([encoder.finish()]);
      await pixels.mapAsync(GPUMapMode.READ);
      const rows = new Uint8Array(pixels.getMappedRange());
      assert.deepEqual([...rows.slice(0, 4)], [255, 128, 0, 255], 'left half: the triangle');
      assert.deepEqual([...rows.slice(60 * 4, 60 * 4 + 4)], [0, 0, 255, 255], 'right half: the clear colour');
      own.destroy();
    });

    test('compilation messages carry their place', async () => {
      const own = await device();
      own.pushErrorScope('validation');
      const module = own.createShaderModule({ code: 'fn broken( {\n' });
      const info = await module.getCompilationInfo();
      const error = await own.popErrorScope();
      assert.ok(info.messages.some((message) => message.type === 'error' && message.lineNum >= 1));
      assert.ok(error instanceof globals.GPUValidationError);
      own.destroy();
    });

    test('an async pipeline that cannot be rejects with a GPUPipelineError', async () => {
      const own = await device();
      const module = own.createShaderModule({ code: DOUBLE });
      await assert.rejects(
        own.createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint: 'missing' } }),
        (error: unknown) => error instanceof globals.GPUPipelineError && error.reason === 'validation',
      );
      own.destroy();
    });

    test('error scopes nest and filter; what no scope takes is an uncapturederror event', async () => {
      const own = await device();
      own.pushErrorScope('validation');
      own.pushErrorScope('out-of-memory');
      own.createBuffer({ size: 4, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE });
      assert.equal(await own.popErrorScope(), null);
      assert.ok((await own.popErrorScope()) instanceof globals.GPUValidationError);
      await assert.rejects(own.popErrorScope(), (error: Error) => error.name === 'OperationError');
      const event = new Promise<GPUUncapturedErrorEvent>((resolve) => {
        own.addEventListener(
          'uncapturederror',
          (error) => {
            error.preventDefault(); // no line on the console
            resolve(error);
          },
          { once: true },
        );
      });
      own.createBuffer({ size: 4, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE });
      await own.queue.onSubmittedWorkDone();
      const { error } = await event;
      assert.ok(error instanceof globals.GPUValidationError);
      own.destroy();
    });

    test('bind group layouts, samplers and texture copies of every direction', async () => {
      const own = await device();
      const layout = own.createBindGroupLayout({
        entries: [
          { binding: 0, visibility: GPUShaderStage.COMPUTE, texture: { sampleType: 'float' } },
          { binding: 1, visibility: GPUShaderStage.COMPUTE, sampler: {} },
          { binding: 2, visibility: GPUShaderStage.COMPUTE, buffer: { type: 'storage' } },
        ],
      });
      const pipeline = own.createComputePipeline({
        layout: own.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: {
          module: own.createShaderModule({
            code: /* wgsl */ `
              @group(0) @binding(0) var image: texture_2d<f32>;
              @group(0) @binding(1) var taste: sampler;
              @group(0) @binding(2) var<storage, read_write> result: array<vec4f>;
              override scale: f32 = 1;
              @compute @workgroup_size(1) fn main() {
                result[0] = textureSampleLevel(image, taste, vec2f(0.75, 0.25), 0) * scale;
              }`,
          }),
          constants: { scale: 2 },
        },
      });
      const usage = GPUTextureUsage.COPY_DST | GPUTextureUsage.COPY_SRC | GPUTextureUsage.TEXTURE_BINDING;
      const first = own.createTexture({ size: [2, 2], format: 'rgba8unorm', usage });
      const second = own.createTexture({ size: [2, 2], format: 'rgba8unorm', usage });
      own.queue.writeTexture(
        { texture: first },
        new Uint8Array([0, 0, 0, 0, 51, 102, 153, 204, 0, 0, 0, 0, 0, 0, 0, 0]),
        { bytesPerRow: 8 },
        [2, 2],
      );
      const staging = own.createBuffer({
        size: 512,
        usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC,
      });
      const result = own.createBuffer({ size: 16, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
      const encoder = own.createCommandEncoder();
      encoder.copyTextureToBuffer({ texture: first }, { buffer: staging, bytesPerRow: 256 }, [2, 2]);
      encoder.copyBufferToTexture({ buffer: staging, bytesPerRow: 256 }, { texture: second }, [2, 2]);
      encoder.copyTextureToTexture({ texture: second }, { texture: first }, [2, 2]);
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(
        0,
        own.createBindGroup({
          layout,
          entries: [
            { binding: 0, resource: second.createView() },
            { binding: 1, resource: own.createSampler({ magFilter: 'nearest' }) },
            { binding: 2, resource: { buffer: result } },
          ],
        }),
      );
      pass.dispatchWorkgroups(1);
      pass.end();
      own.queue.submit([encoder.finish()]);
      const values = new Float32Array(await readBack(own, result, 16));
      [0.4, 0.8, 1.2, 1.6].forEach((expected, index) => {
        assert.ok(Math.abs((values[index] ?? 0) - expected) < 1e-6, `component ${index} is ${values[index]}`);
      });
      own.destroy();
    });

    test('device.lost resolves once with the right reason after destroy', async () => {
      const own = await device();
      own.destroy();
      const info = await own.lost;
      assert.equal(info.reason, 'destroyed');
    });

    test('a guest that goes leaves nothing behind, and others go on', async () => {
      // The devices of the tests before are destroyed; the host hears of it in a while.
      await settled(() => stack.host.census()['devices'] === 0);
      const before = stack.host.census();
      assert.equal(before['devices'], 0);
      const other = stack.createGPU();
      const own = await (await other.requestAdapter())?.requestDevice();
      assert.ok(own);
      own.createBuffer({ size: 1 << 16, usage: GPUBufferUsage.COPY_DST });
      await own.queue.onSubmittedWorkDone();
      assert.notDeepEqual(stack.host.census(), before);
      await other.close();
      const info = await own.lost;
      assert.ok(['unknown', 'destroyed'].includes(info.reason));
      await settled(() => JSON.stringify(stack.host.census()) === JSON.stringify(before));
      assert.deepEqual(stack.host.census(), before);
      const mine = await device();
      await mine.queue.onSubmittedWorkDone();
      mine.destroy();
    });
  });
}

/** Lets turns of the event loop pass until something that other parties do has happened. */
async function settled(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 10_000 && !condition(); turn++)
    await new Promise((resolve) => setImmediate(resolve));
}
