// anime4k-webgpu: image upscaling by convolutional networks in compute shaders.
import anime from 'anime4k-webgpu';
import { readTexture, report } from './digest.mjs';

const adapter = await navigator.gpu.requestAdapter();
const device = await adapter.requestDevice();
const width = 48;
const height = 32;
const inputTexture = device.createTexture({
  size: [width, height],
  format: 'rgba16float',
  usage: GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST | GPUTextureUsage.RENDER_ATTACHMENT,
});
// Half floats between 0.25 and just below 1: exponent 13 or 14, any mantissa.
const texels = new Uint16Array(width * height * 4).map(
  (_, index) => 0x3400 + ((index * 97 + (index >> 7) * 13) & 0x7ff),
);
device.queue.writeTexture({ texture: inputTexture }, texels, { bytesPerRow: width * 8 }, [width, height]);
const pipelines = {
  deblur: new anime.DoG({ device, inputTexture }),
  denoise: new anime.BilateralMean({ device, inputTexture }),
  upscale: new anime.CNNx2M({ device, inputTexture }),
};
for (const [name, pipeline] of Object.entries(pipelines)) {
  const encoder = device.createCommandEncoder();
  pipeline.pass(encoder);
  device.queue.submit([encoder.finish()]);
  const output = pipeline.getOutputTexture();
  report(`${name} ${output.width}x${output.height}`, await readOutput(output));
}
device.destroy();

async function readOutput(texture) {
  if ((texture.usage & GPUTextureUsage.COPY_SRC) !== 0)
    return readTexture(device, texture, { bytesPerTexel: 8 });
  // Its textures cannot be copied: draw them into one that can.
  const module = device.createShaderModule({
    code: `@group(0) @binding(0) var source: texture_2d<f32>;
@vertex fn vs(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
  return vec4f(f32(i & 1) * 4 - 1, f32(i >> 1) * 4 - 1, 0, 1);
}
@fragment fn fs(@builtin(position) at: vec4f) -> @location(0) vec4f { return textureLoad(source, vec2u(at.xy), 0); }`,
  });
  const target = device.createTexture({
    size: [texture.width, texture.height],
    format: 'rgba16float',
    usage: GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.COPY_SRC,
  });
  const pipeline = device.createRenderPipeline({
    layout: 'auto',
    vertex: { module },
    fragment: { module, targets: [{ format: 'rgba16float' }] },
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginRenderPass({
    colorAttachments: [{ view: target.createView(), loadOp: 'clear', storeOp: 'store' }],
  });
  pass.setPipeline(pipeline);
  pass.setBindGroup(
    0,
    device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [{ binding: 0, resource: texture.createView() }],
    }),
  );
  pass.draw(3);
  pass.end();
  device.queue.submit([encoder.finish()]);
  return readTexture(device, target, { bytesPerTexel: 8 });
}
