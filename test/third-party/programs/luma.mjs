// luma.gl: buffers, textures, a compute pipeline and a framebuffer through its portable API.
import { luma } from '@luma.gl/core';
import { Computation, Model } from '@luma.gl/engine';
import { webgpuAdapter } from '@luma.gl/webgpu';
import { numbers, report } from './digest.mjs';

const device = await luma.createDevice({
  type: 'webgpu',
  adapters: [webgpuAdapter],
  createCanvasContext: false,
});
console.log(device.type, device.info.type);
const data = device.createBuffer({ data: numbers(256), usage: 0x80 | 0x8 | 0x4 });
const computation = new Computation(device, {
  source: `@group(0) @binding(0) var<storage, read_write> data: array<f32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) { data[id.x] = data[id.x] * 2.0 + f32(id.x); }`,
  shaderLayout: { bindings: [{ name: 'data', type: 'storage', group: 0, location: 0 }] },
  bindings: { data },
});
const compute = device.beginComputePass({});
computation.dispatch(compute, 4);
compute.end();
device.submit();
report('compute', await data.readAsync());

const framebuffer = device.createFramebuffer({
  width: 64,
  height: 64,
  colorAttachments: [
    device.createTexture({ format: 'rgba8unorm', width: 64, height: 64, usage: 0x10 | 0x1 | 0x4 }),
  ],
});
const model = new Model(device, {
  source: `struct In { @location(0) position: vec2<f32>, @location(1) color: vec3<f32> };
struct Out { @builtin(position) position: vec4<f32>, @location(0) color: vec3<f32> };
@vertex fn vertexMain(v: In) -> Out { return Out(vec4<f32>(v.position, 0.0, 1.0), v.color); }
@fragment fn fragmentMain(v: Out) -> @location(0) vec4<f32> { return vec4<f32>(v.color, 1.0); }`,
  shaderLayout: {
    attributes: [
      { name: 'position', location: 0, type: 'vec2<f32>' },
      { name: 'color', location: 1, type: 'vec3<f32>' },
    ],
    bindings: [],
  },
  bufferLayout: [
    { name: 'position', format: 'float32x2' },
    { name: 'color', format: 'float32x3' },
  ],
  attributes: {
    position: device.createBuffer({
      data: new Float32Array([-0.9, -0.9, 0.9, -0.7, 0, 0.9]),
      usage: 0x20 | 0x8,
    }),
    color: device.createBuffer({ data: new Float32Array([1, 0, 0, 0, 1, 0, 0, 0, 1]), usage: 0x20 | 0x8 }),
  },
  vertexCount: 3,
  colorAttachmentFormats: ['rgba8unorm'],
  depthStencilAttachmentFormat: undefined,
  topology: 'triangle-list',
  parameters: {},
});
const pass = device.beginRenderPass({ framebuffer, clearColor: [0.1, 0.2, 0.3, 1] });
model.draw(pass);
pass.end();
device.submit();
const [{ texture }] = framebuffer.colorAttachments;
const pixels = device.createBuffer({ byteLength: 64 * 256, usage: 0x1 | 0x8 });
texture.readBuffer({ width: 64, height: 64 }, pixels);
report('picture', await pixels.readAsync());
process.exit(0);
