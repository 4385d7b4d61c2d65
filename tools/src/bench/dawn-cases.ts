/// <reference types="@webgpu/types" />

/** What the dawn suite measures on one device. The same code runs on local Dawn and through the projection. */
export interface DawnCase {
  readonly name: string;
  /** Bytes that one operation moves. */
  readonly bytes?: number;
  readonly samples: number;
  readonly sampleMs: number;
  readonly maxCount: number;
  /** Makes what the case needs on a device. */
  prepare(device: GPUDevice): DawnRun;
}

export interface DawnRun {
  /** @returns the milliseconds that count; undefined: all of the call. */
  run(count: number): Promise<number | undefined>;
  dispose(): void;
}

const MEBIBYTE = 1 << 20;
const BULK_BYTES = 64 * MEBIBYTE;
const DRAWS = 1000;

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

async function untilDone(device: GPUDevice, work: () => void): Promise<undefined> {
  work();
  await device.queue.onSubmittedWorkDone();
  return undefined;
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

/** Copies a buffer of this size to another one and reads that, every byte of it. */
function createReadback(device: GPUDevice, size: number): DawnRun {
  const source = device.createBuffer({ size, usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST });
  const target = device.createBuffer({ size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  const kept = new Uint8Array(size);
  return {
    async run(count) {
      for (let i = 0; i < count; i++) {
        const encoder = device.createCommandEncoder();
        encoder.copyBufferToBuffer(source, 0, target, 0, size);
        device.queue.submit([encoder.finish()]);
        await target.mapAsync(GPUMapMode.READ);
        kept.set(new Uint8Array(target.getMappedRange()));
        target.unmap();
      }
      return undefined;
    },
    dispose() {
      source.destroy();
      target.destroy();
    },
  };
}

export const dawnCases: readonly DawnCase[] = [
  {
    name: 'empty submit, pipelined',
    ...SHORT,
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
    name: 'writeBuffer 64 B (thread)',
    ...SHORT,
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
    name: 'readback of 256 B',
    ...SHORT,
    maxCount: 500,
    prepare: (device) => createReadback(device, 256),
  },
  {
    name: 'upload of 64 MiB (writeBuffer)',
    bytes: BULK_BYTES,
    samples: 5,
    sampleMs: 1,
    maxCount: 1,
    prepare(device) {
      const buffer = device.createBuffer({ size: BULK_BYTES, usage: GPUBufferUsage.COPY_DST });
      const data = new Uint8Array(BULK_BYTES).fill(7);
      return {
        run: (count) =>
          untilDone(device, () => {
            for (let i = 0; i < count; i++) device.queue.writeBuffer(buffer, 0, data);
          }),
        dispose: () => buffer.destroy(),
      };
    },
  },
  {
    name: 'readback of 64 MiB',
    bytes: BULK_BYTES,
    samples: 5,
    sampleMs: 1,
    maxCount: 1,
    prepare: (device) => createReadback(device, BULK_BYTES),
  },
];
