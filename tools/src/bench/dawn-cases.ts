/// <reference types="@webgpu/types" />
import { createBodies } from './dawn-bodies.ts';
import { type DawnCase, demand, demandOfLinks, untilDone } from './dawn-case.ts';
import { transferCases } from './dawn-transfers.ts';

const DRAWS = 1000;
const BODIES = 1024;

const SHORT = { samples: 9, sampleMs: 60 };

/**
 * Times what the program's own thread does: the calls, and what they put off to the end of the turn. Then it waits
 * for the GPU without counting that.
 */
async function threadTime(device: GPUDevice, work: () => void): Promise<number> {
  const begin = performance.now();
  work();
  await nextTurn();
  const elapsed = performance.now() - begin;
  await device.queue.onSubmittedWorkDone();
  return elapsed;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function createComputeStep(device: GPUDevice): { encode(): GPUCommandBuffer; dispose(): void } {
  const buffer = device.createBuffer({ size: 256, usage: GPUBufferUsage.STORAGE });
  const module = device.createShaderModule({
    code: `@group(0) @binding(0) var<storage, read_write> data: array<u32>;
      @compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32) { data[i] += i; }`,
  });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } });
  const bindGroup = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [{ binding: 0, resource: { buffer } }],
  });
  return {
    encode() {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(1);
      pass.end();
      return encoder.finish();
    },
    dispose: () => buffer.destroy(),
  };
}

function createDrawScene(device: GPUDevice): { encode(draws: number): GPUCommandBuffer; dispose(): void } {
  const texture = device.createTexture({
    size: [4, 4],
    format: 'rgba8unorm',
    usage: GPUTextureUsage.RENDER_ATTACHMENT,
  });
  const view = texture.createView();
  const colours = device.createBuffer({ size: 512, usage: GPUBufferUsage.UNIFORM });
  const module = device.createShaderModule({
    code: `@group(0) @binding(0) var<uniform> colour: vec4f;
      @vertex fn vertex(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
        return vec4f(vec2f(f32(i & 1), f32(i >> 1)) * 0.1, 0, 1);
      }
      @fragment fn fragment() -> @location(0) vec4f { return colour; }`,
  });
  const pipeline = device.createRenderPipeline({
    layout: 'auto',
    vertex: { module },
    fragment: { module, targets: [{ format: 'rgba8unorm' }] },
  });
  const layout = pipeline.getBindGroupLayout(0);
  const groups = [0, 256].map((offset) =>
    device.createBindGroup({
      layout,
      entries: [{ binding: 0, resource: { buffer: colours, offset, size: 16 } }],
    }),
  );
  return {
    encode(draws) {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginRenderPass({
        colorAttachments: [{ view, loadOp: 'clear', storeOp: 'store' }],
      });
      pass.setPipeline(pipeline);
      for (let i = 0; i < draws; i++) {
        pass.setBindGroup(0, groups[i & 1]);
        pass.draw(3);
      }
      pass.end();
      return encoder.finish();
    },
    dispose() {
      texture.destroy();
      colours.destroy();
    },
  };
}

export const dawnCases: readonly DawnCase[] = [
  {
    name: 'empty submit, pipelined',
    ...SHORT,
    targets: { 'shared memory': { most: 1 } },
    maxCount: 5000,
    prepare: (device) => ({
      run: (count) =>
        untilDone(device, () => {
          for (let i = 0; i < count; i++) device.queue.submit([]);
        }),
      dispose() {},
    }),
  },
  {
    name: 'record and submit one dispatch, pipelined',
    ...SHORT,
    targets: {},
    maxCount: 2000,
    prepare(device) {
      const step = createComputeStep(device);
      return {
        run: (count) =>
          untilDone(device, () => {
            for (let i = 0; i < count; i++) device.queue.submit([step.encode()]);
          }),
        dispose: step.dispose,
      };
    },
  },
  {
    name: 'record and submit 1,000 draws (thread)',
    targets: demand(0.5),
    samples: 9,
    sampleMs: 20,
    maxCount: 8,
    prepare(device) {
      const scene = createDrawScene(device);
      return {
        run: (count) =>
          threadTime(device, () => {
            for (let i = 0; i < count; i++) device.queue.submit([scene.encode(DRAWS)]);
          }),
        dispose: scene.dispose,
      };
    },
  },
  {
    name: 'createBuffer 256 B (thread)',
    ...SHORT,
    targets: demandOfLinks(1),
    sampleMs: 20,
    maxCount: 2000,
    prepare(device) {
      const buffers: GPUBuffer[] = [];
      return {
        async run(count) {
          const elapsed = await threadTime(device, () => {
            for (let i = 0; i < count; i++) {
              buffers.push(device.createBuffer({ size: 256, usage: GPUBufferUsage.STORAGE }));
            }
          });
          for (const buffer of buffers) buffer.destroy();
          buffers.length = 0;
          await device.queue.onSubmittedWorkDone();
          return elapsed;
        },
        dispose() {},
      };
    },
  },
  {
    name: 'createBindGroup (thread)',
    ...SHORT,
    targets: demand(1),
    sampleMs: 20,
    maxCount: 2000,
    prepare(device) {
      const buffer = device.createBuffer({ size: 256, usage: GPUBufferUsage.UNIFORM });
      const layout = device.createBindGroupLayout({
        entries: [{ binding: 0, visibility: GPUShaderStage.VERTEX, buffer: {} }],
      });
      return {
        run: (count) =>
          threadTime(device, () => {
            for (let i = 0; i < count; i++) {
              device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer } }] });
            }
          }),
        dispose: () => buffer.destroy(),
      };
    },
  },
  {
    name: 'writeBuffer 64 B (thread)',
    ...SHORT,
    targets: demand(1),
    sampleMs: 20,
    maxCount: 5000,
    prepare(device) {
      const buffer = device.createBuffer({ size: 64, usage: GPUBufferUsage.COPY_DST });
      const data = new Uint8Array(64);
      return {
        run: (count) =>
          threadTime(device, () => {
            for (let i = 0; i < count; i++) device.queue.writeBuffer(buffer, 0, data);
          }),
        dispose: () => buffer.destroy(),
      };
    },
  },
  {
    name: `step of ${BODIES} bodies, pipelined`,
    samples: 7,
    sampleMs: 150,
    maxCount: 100,
    targets: { 'shared memory': { most: 1.05 }, WebSocket: { most: 1.15 } },
    prepare(device) {
      const bodies = createBodies(device, BODIES);
      return {
        run: (count) =>
          untilDone(device, () => {
            for (let i = 0; i < count; i++) device.queue.submit([bodies.encode()]);
          }),
        dispose: bodies.dispose,
      };
    },
  },
  ...transferCases,
];
