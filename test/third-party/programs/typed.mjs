// TypeGPU: typed buffers, layouts, slots, compute and render pipelines made from typed parts.
import tgpu, { d } from 'typegpu';
import { report } from './digest.mjs';

const root = await tgpu.init();
const Particle = d.struct({ position: d.vec3f, velocity: d.vec3f, kind: d.u32 });
const Particles = d.arrayOf(Particle, 64);
const initial = Array.from({ length: 64 }, (_, i) => ({
  position: d.vec3f(i, i * 0.5, -i),
  velocity: d.vec3f(0.1 * i, 1, 0),
  kind: i % 3,
}));
const particles = root.createBuffer(Particles, initial).$usage('storage');
const stepSize = root.createBuffer(d.f32, 0.25).$usage('uniform');
const layout = tgpu.bindGroupLayout({
  particles: { storage: Particles, access: 'mutable' },
  stepSize: { uniform: d.f32 },
});
const group = root.createBindGroup(layout, { particles, stepSize });
const code = tgpu.resolve({
  template: `
@compute @workgroup_size(16) fn main(@builtin(global_invocation_id) id: vec3u) {
  let p = &layout.$.particles[id.x];
  (*p).position += (*p).velocity * layout.$.stepSize * f32((*p).kind + 1u);
  (*p).velocity.y -= 9.8 * layout.$.stepSize;
}`,
  externals: { layout },
});
const { device } = root;
const pipeline = device.createComputePipeline({
  layout: device.createPipelineLayout({ bindGroupLayouts: [root.unwrap(layout)] }),
  compute: { module: device.createShaderModule({ code }) },
});
for (let step = 0; step < 5; step++) {
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, root.unwrap(group));
  pass.dispatchWorkgroups(4);
  pass.end();
  device.queue.submit([encoder.finish()]);
}
const result = await particles.read();
report(
  'particles',
  Float32Array.from(result.flatMap(({ position, velocity, kind }) => [...position, ...velocity, kind])),
);
stepSize.write(0.5);
console.log(await stepSize.read());
const copy = root.createBuffer(Particles).$usage('storage');
copy.copyFrom(particles);
const { 5: first } = await copy.read();
console.log(first.position.x, first.kind);
root.destroy();
