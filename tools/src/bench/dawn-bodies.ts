/// <reference types="@webgpu/types" />

/** Bodies that all attract each other, stepped by a compute shader: work that only the GPU has to do with. */
export interface Bodies {
  encode(): GPUCommandBuffer;
  dispose(): void;
}

const SHADER = `struct Body { place: vec4f, speed: vec4f }
  @group(0) @binding(0) var<storage, read> now: array<Body>;
  @group(0) @binding(1) var<storage, read_write> next: array<Body>;
  @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
    let own = now[id.x];
    var pull = vec3f();
    for (var i = 0u; i < arrayLength(&now); i++) {
      let way = now[i].place.xyz - own.place.xyz;
      let near = inverseSqrt(dot(way, way) + 0.01);
      pull += way * (near * near * near * now[i].place.w);
    }
    let speed = own.speed.xyz + pull * 0.001;
    next[id.x] = Body(vec4f(own.place.xyz + speed * 0.001, own.place.w), vec4f(speed, 0));
  }`;

const BODY_BYTES = 32;

/** @param count a multiple of 64. */
export function createBodies(device: GPUDevice, count: number): Bodies {
  const data = new Float32Array(count * 8);
  for (let i = 0; i < count; i++) data.set([Math.cos(i), Math.sin(i * 2), Math.cos(i * 3), 1 / count], i * 8);
  const buffers = [0, 1].map(() =>
    device.createBuffer({
      size: count * BODY_BYTES,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
    }),
  );
  for (const buffer of buffers) device.queue.writeBuffer(buffer, 0, data);
  const module = device.createShaderModule({ code: SHADER });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } });
  const layout = pipeline.getBindGroupLayout(0);
  const groups = [0, 1].map((first) =>
    device.createBindGroup({
      layout,
      entries: [0, 1].map((binding) => ({ binding, resource: { buffer: buffers[(first + binding) % 2]! } })),
    }),
  );
  let step = 0;
  return {
    encode() {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, groups[step % 2]);
      pass.dispatchWorkgroups(count / 64);
      pass.end();
      step += 1;
      return encoder.finish();
    },
    dispose() {
      for (const buffer of buffers) buffer.destroy();
    },
  };
}
