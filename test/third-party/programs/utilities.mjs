// webgpu-utils: shader reflection, typed uniforms, mip levels, and primitives.
import { readTexture, report } from './digest.mjs';

// It names this class, which older versions of Node lack, in a table; nothing here makes one.
globalThis.Float16Array ??= class Float16Array extends Uint16Array {};
const {
  createBuffersAndAttributesFromArrays,
  createTextureFromSource,
  makeBindGroupLayoutDescriptors,
  makeShaderDataDefinitions,
  makeStructuredView,
  numMipLevels,
  primitives,
} = await import('webgpu-utils');

const adapter = await navigator.gpu.requestAdapter();
const device = await adapter.requestDevice();
const code = `
struct Light { direction: vec3f, color: vec3f };
struct Uniforms { world: mat4x4f, lights: array<Light, 2>, tint: vec4f };
@group(0) @binding(0) var<uniform> uniforms: Uniforms;
@group(0) @binding(1) var picture: texture_2d<f32>;
@group(0) @binding(2) var filtering: sampler;
struct Vertex { @location(0) position: vec4f, @location(1) normal: vec3f, @location(2) texcoord: vec2f };
struct Varying { @builtin(position) position: vec4f, @location(0) normal: vec3f, @location(1) texcoord: vec2f };
@vertex fn vs(v: Vertex) -> Varying {
  return Varying(uniforms.world * v.position, v.normal, v.texcoord);
}
@fragment fn fs(v: Varying) -> @location(0) vec4f {
  var light = vec3f(0.1);
  for (var i = 0; i < 2; i++) {
    light += uniforms.lights[i].color * max(0.0, dot(normalize(v.normal), uniforms.lights[i].direction));
  }
  return textureSample(picture, filtering, v.texcoord) * vec4f(light, 1) * uniforms.tint;
}`;
const definitions = makeShaderDataDefinitions(code);
const uniforms = makeStructuredView(definitions.uniforms.uniforms);
uniforms.set({
  world: [0.7, 0, 0, 0, 0, 0.6, 0.3, 0, 0, -0.3, 0.4, 0, 0, 0, 0.5, 1],
  lights: [
    { direction: [0, 0, 1], color: [0.8, 0.7, 0.6] },
    { direction: [0.7, 0.7, 0], color: [0.2, 0.3, 0.9] },
  ],
  tint: [1, 0.9, 0.8, 1],
});
report('uniforms', uniforms.arrayBuffer);
const pixels = new Uint8Array(32 * 32 * 4).map((_, index) => (index * 29 + (index >> 5) * 3) & 255);
const picture = createTextureFromSource(
  device,
  { data: pixels, width: 32, height: 32 },
  { mips: true, usage: GPUTextureUsage.COPY_SRC },
);
console.log(picture.mipLevelCount, numMipLevels([32, 32]));
for (const mipLevel of [0, 1, 3]) report(`mip ${mipLevel}`, await readTexture(device, picture, { mipLevel }));
const shape = createBuffersAndAttributesFromArrays(device, primitives.createTorusVertices());
const module = device.createShaderModule({ code });
const description = {
  vertex: { module, buffers: shape.bufferLayouts },
  fragment: { module, targets: [{ format: 'rgba8unorm' }] },
  depthStencil: { format: 'depth24plus', depthWriteEnabled: true, depthCompare: 'less' },
  primitive: { cullMode: 'back' },
};
const layouts = makeBindGroupLayoutDescriptors(definitions, description).map((layout) =>
  device.createBindGroupLayout(layout),
);
const pipeline = device.createRenderPipeline({
  layout: device.createPipelineLayout({ bindGroupLayouts: layouts }),
  ...description,
});
const buffer = device.createBuffer({
  size: uniforms.arrayBuffer.byteLength,
  usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
});
device.queue.writeBuffer(buffer, 0, uniforms.arrayBuffer);
const group = device.createBindGroup({
  layout: layouts[0],
  entries: [
    { binding: 0, resource: { buffer } },
    { binding: 1, resource: picture.createView() },
    {
      binding: 2,
      resource: device.createSampler({ minFilter: 'linear', magFilter: 'linear', mipmapFilter: 'linear' }),
    },
  ],
});
const target = device.createTexture({
  size: [128, 96],
  format: 'rgba8unorm',
  usage: GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.COPY_SRC,
});
const depth = device.createTexture({
  size: [128, 96],
  format: 'depth24plus',
  usage: GPUTextureUsage.RENDER_ATTACHMENT,
});
const encoder = device.createCommandEncoder();
const pass = encoder.beginRenderPass({
  colorAttachments: [
    { view: target.createView(), clearValue: [0.2, 0.3, 0.4, 1], loadOp: 'clear', storeOp: 'store' },
  ],
  depthStencilAttachment: {
    view: depth.createView(),
    depthClearValue: 1,
    depthLoadOp: 'clear',
    depthStoreOp: 'store',
  },
});
pass.setPipeline(pipeline);
pass.setBindGroup(0, group);
for (const [slot, vertices] of shape.buffers.entries()) pass.setVertexBuffer(slot, vertices);
pass.setIndexBuffer(shape.indexBuffer, shape.indexFormat);
pass.drawIndexed(shape.numElements);
pass.end();
device.queue.submit([encoder.finish()]);
report('picture', await readTexture(device, target));
device.destroy();
