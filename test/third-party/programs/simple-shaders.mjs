// simple-compute-shaders: its bitonic sort, and buffers that change places between passes.
import { createRequire } from 'node:module';
import { numbers, report } from './digest.mjs';

// Its ES modules name their files without endings, which only bundlers understand.
const simple = createRequire(import.meta.url)('simple-compute-shaders');
const { ComputeShader, Shader, StorageBuffer, UniformBuffer } = simple;
await Shader.initialize();
const count = 1024;
const values = new StorageBuffer({
  dataType: 'array<f32>',
  size: count,
  canCopyDst: true,
  canCopySrc: true,
  initialValue: numbers(count),
});
const stage = new UniformBuffer({ dataType: 'vec2<u32>', canCopyDst: true });
const sort = new ComputeShader({
  code: `
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.x;
  let other = i ^ stage.y;
  if (other > i) {
    let ascending = (i & stage.x) == 0u;
    let a = values[i];
    let b = values[other];
    if ((a > b) == ascending) { values[i] = b; values[other] = a; }
  }
}`,
  workgroupCount: [count / 64, 1],
  bindingLayouts: [
    {
      default: [
        { type: 'storage', name: 'values', binding: values },
        { type: 'uniform', name: 'stage', binding: stage },
      ],
    },
  ],
});
for (let k = 2; k <= count; k *= 2) {
  for (let j = k / 2; j > 0; j >>= 1) {
    stage.write(new Uint32Array([k, j]));
    sort.dispatch();
  }
}
const sorted = await values.read();
report('sorted', Float32Array.from(sorted));
console.log(`in order: ${sorted.every((value, index) => index === 0 || sorted[index - 1] <= value)}`);
process.exit(0);
